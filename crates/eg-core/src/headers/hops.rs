//! Fields that are meant for one connection and no further (RFC 9110, 7.6.1): the well-known ones, and those that
//! `Connection` names. It refuses to let a sender name what others rely on.

use eg_wire::fields::{FieldId, FieldList};
use eg_wire::h1::MAX_FIELDS;

/// Names in `Connection` that are looked at. No honest sender comes near; a dishonest one shall not make us compare
/// every pair of 30,000 names and 256 fields.
const MAX_NAMED: usize = 64;

/// Fields that `Connection` names, by their place among the fields that are there: one bit for each that a codec may
/// read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Named([u64; MAX_FIELDS.div_ceil(64)]);

impl Named {
    pub(super) fn contains(self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn set(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }
}

/// Finds the fields to be removed because `Connection` names them; not those that routes have `matched`.
pub(super) fn named_by_connection(fields: &FieldList, matched: &[Box<[u8]>]) -> Named {
    let mut named = Named::default();
    let options = fields.values(FieldId::Connection).flat_map(list).take(MAX_NAMED);
    let is_matched = |name: &[u8]| matched.iter().any(|known| known.eq_ignore_ascii_case(name));
    for option in options.filter(|name| !is_end_to_end(name) && !is_matched(name)) {
        for (place, field) in fields.iter().enumerate() {
            if field.name.eq_ignore_ascii_case(option) {
                named.set(place);
            }
        }
    }
    named
}

/// Whether a field is for one connection only, named or not. `TE` and `Upgrade` are too, and are decided by value.
pub(super) fn is_hop_by_hop(id: FieldId) -> bool {
    matches!(id, FieldId::Connection | FieldId::KeepAlive | FieldId::ProxyConnection | FieldId::Http2Settings)
}

/// Whether a value that is a list has an item, in any case.
pub(super) fn lists(value: &[u8], item: &[u8]) -> bool {
    list(value).any(|known| known.eq_ignore_ascii_case(item))
}

/// Whether a value of `Upgrade` asks for HTTP again: an endpoint that switches to `h2c` would read requests that
/// nobody has routed. TLS would hide them.
pub(super) fn leads_to_http(value: &[u8]) -> bool {
    list(value).map(|protocol| protocol.split(|byte| *byte == b'/').next().unwrap_or_default()).any(|name| {
        [b"h2c".as_slice(), b"h2", b"http", b"tls"].iter().any(|refused| name.eq_ignore_ascii_case(refused))
    })
}

fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Whether a name is of a field that `Connection` must not take away: all that the gateway knows by an id, which
/// are framing, routing and its own; and whatever decides who the client is and what it is told.
fn is_end_to_end(name: &[u8]) -> bool {
    let starts_with = |prefix: &&str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    FieldId::of(name) != FieldId::Other
        || END_TO_END.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        || END_TO_END_FAMILIES.iter().any(starts_with)
}

const END_TO_END_FAMILIES: [&str; 13] = [
    "x-forwarded-",
    "content-",
    "if-",
    "sec-",
    "access-control-",
    // What other proxies say of the client.
    "cf-",
    "client-",
    "fastly-",
    "true-client-",
    "x-auth",
    "x-client-",
    "x-original-",
    "x-ssl-",
];

const END_TO_END: [&str; 18] = [
    // Who is there.
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "www-authenticate",
    "set-cookie",
    "origin",
    "x-real-ip",
    "x-request-id",
    // What was asked for, and what is answered.
    "range",
    "accept",
    "accept-encoding",
    "location",
    // How long that is true (RFC 9111).
    "cache-control",
    "vary",
    "etag",
    "date",
    "expires",
    "strict-transport-security",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the fields that `Connection: connection` takes away.
    fn taken(connection: &str, names: &[&str]) -> Vec<String> {
        let mut fields = FieldList::new();
        for name in names {
            fields.push(name.as_bytes(), b"1");
        }
        fields.push(b"Connection", connection.as_bytes());
        let named = named_by_connection(&fields, &[]);
        let taken = fields.iter().enumerate().filter(|(place, _)| named.contains(*place));
        taken.map(|(_, field)| String::from_utf8_lossy(field.name).into_owned()).collect()
    }

    #[test]
    fn what_connection_names_is_taken_in_any_case_and_spacing() {
        assert_eq!(taken("x-a", &["x-a", "x-b", "X-A"]), ["x-a", "X-A"]);
        assert_eq!(taken(" close ,\tX-B,, x-a", &["x-a", "x-b", "x-c"]), ["x-a", "x-b"]);
        for none in ["", ",,", "keep-alive", "x-a b", "\"x-a\"", "x-a;q=1"] {
            assert!(taken(none, &["x-a", "b", "q"]).is_empty(), "{none}");
        }
    }

    #[test]
    fn a_removed_field_does_not_shift_the_marks() {
        let mut fields = FieldList::new();
        for (name, value) in [("Gone", "1"), ("Connection", "x-a"), ("x-b", "1"), ("x-a", "1")] {
            fields.push(name.as_bytes(), value.as_bytes());
        }
        fields.remove_where(|field| field.name == b"Gone");
        let named = named_by_connection(&fields, &[]);
        assert_eq!([0, 1, 2].map(|place| named.contains(place)), [false, false, true]);
    }

    #[test]
    fn what_others_rely_on_is_not_taken() {
        for name in [
            "Host",
            "Content-Length",
            "Transfer-Encoding",
            "Trailer",
            "Via",
            "Expect",
            "Cookie",
            "Authorization",
            "Proxy-Authorization",
            "X-Forwarded-For",
            "X-Forwarded-Anything",
            "Forwarded",
            "Content-Type",
            "Cache-Control",
            "Sec-WebSocket-Key",
            "Set-Cookie",
            "If-Match",
            "X-Request-Id",
        ] {
            assert!(taken(name, &[name]).is_empty(), "{name}");
        }
    }

    #[test]
    fn names_beyond_all_reason_are_not_looked_at() {
        let names = |count: usize| format!("{}x-last", "x, ".repeat(count));
        assert_eq!(taken(&names(MAX_NAMED - 1), &["x-last"]), ["x-last"]);
        assert!(taken(&names(MAX_NAMED), &["x-last"]).is_empty());
    }

    #[test]
    fn an_upgrade_to_another_http_is_recognised() {
        for http in ["h2c", "H2C", "websocket, h2c", "h2", "HTTP/2.0", "TLS/1.0", "x,http"] {
            assert!(leads_to_http(http.as_bytes()), "{http}");
        }
        for other in ["websocket", "WebSocket, tcp", "SPDY/3.1", "", "h2cx", "my-http"] {
            assert!(!leads_to_http(other.as_bytes()), "{other}");
        }
    }
}
