//! What changes in the fields of a message between its two sides (RFC 9110, 7.6), and the identity of a request. It
//! refuses to touch framing: codecs write that from what the body is, and the options of their own connection.

mod hops;
mod ids;
mod text;

use std::net::IpAddr;

use eg_wire::fields::{Field, FieldId, FieldList};
use eg_wire::head::{RequestHead, ResponseHead, Version};

pub use self::ids::RequestIds;
use self::text::Text;

/// What an endpoint is told about the client's side.
#[derive(Debug, Clone, Copy)]
pub struct Forwarding<'a> {
    /// The client's address.
    pub client_ip: IpAddr,
    /// The port it connected to.
    pub port: u16,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Whether to say so in `X-Forwarded-*`.
    pub x_forwarded: bool,
    /// Whether to append to `Via`.
    pub via: bool,
    /// Name and value of the request id field.
    pub request_id: Option<(&'a str, &'a str)>,
}

/// Makes a request's fields what the endpoint shall see.
///
/// What a client says about other clients is not believed: its `X-Forwarded-*`, `Forwarded` and request id are
/// replaced, or removed where the listener says nothing in their place. `keep_upgrade`: the request asks to leave
/// HTTP, and may; `Upgrade` is kept then unless it leads back to HTTP.
pub fn to_upstream(head: &mut RequestHead, forwarding: &Forwarding<'_>, keep_upgrade: bool) {
    let named = hops::named_by_connection(&head.fields);
    let id_name = forwarding.request_id.map_or("", |(name, _)| name);
    let (mut places, mut trailers) = (0_usize.., false);
    head.fields.remove_where(|field| {
        let is_named = places.next().is_some_and(|place| named.contains(place));
        match field.id {
            FieldId::Te => {
                trailers |= hops::lists(field.value, b"trailers");
                true
            }
            FieldId::Upgrade => !keep_upgrade || hops::leads_to_http(field.value),
            id => is_named || hops::is_hop_by_hop(id) || is_claim(field, id_name),
        }
    });
    if trailers {
        head.fields.push(b"te", b"trailers");
    }
    if forwarding.x_forwarded {
        push_x_forwarded(head, forwarding);
    }
    if forwarding.via {
        push_via(&mut head.fields, head.version);
    }
    if let Some((name, value)) = forwarding.request_id {
        head.fields.push(name.as_bytes(), value.as_bytes());
    }
}

/// Makes a response's fields what the client shall see.
pub fn to_downstream(head: &mut ResponseHead, via: bool) {
    let named = hops::named_by_connection(&head.fields);
    let switches = head.status == 101;
    let mut places = 0_usize..;
    head.fields.remove_where(|field| {
        let is_named = places.next().is_some_and(|place| named.contains(place));
        match field.id {
            FieldId::Upgrade => !switches,
            FieldId::Te => true,
            id => is_named || hops::is_hop_by_hop(id),
        }
    });
    if via {
        push_via(&mut head.fields, head.version);
    }
}

/// Whether a field says what only the gateway can know.
fn is_claim(field: Field<'_>, id_name: &str) -> bool {
    const PREFIX: &[u8] = b"x-forwarded-";
    match field.id {
        FieldId::Forwarded
        | FieldId::XForwardedFor
        | FieldId::XForwardedHost
        | FieldId::XForwardedPort
        | FieldId::XForwardedProto => true,
        FieldId::Other => {
            field.name.get(..PREFIX.len()).is_some_and(|start| is_same_variable(start, PREFIX))
                || is_same_variable(field.name, id_name.as_bytes())
        }
        _ => false,
    }
}

/// Whether two names are one to a CGI program (RFC 3875, 4.1.18) and what descends from it: `X_Forwarded_For` would
/// be read where `X-Forwarded-For` was replaced.
fn is_same_variable(one: &[u8], other: &[u8]) -> bool {
    let fold = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.len() == other.len() && one.iter().map(fold).eq(other.iter().map(fold))
}

fn push_x_forwarded(head: &mut RequestHead, forwarding: &Forwarding<'_>) {
    head.fields.push(b"x-forwarded-for", Text::of_address(forwarding.client_ip).as_bytes());
    head.fields.push(b"x-forwarded-proto", forwarding.scheme.as_bytes());
    // An HTTP/1.0 client may not say which host it wants.
    if !head.authority.is_empty() {
        let name = head.fields.store(b"x-forwarded-host");
        head.fields.push_spans(name, head.authority);
    }
    head.fields.push(b"x-forwarded-port", Text::of_number(forwarding.port).as_bytes());
}

/// RFC 9110, 7.6.3: the version it came by, and who we are. A field of its own, which is what appending means (5.3).
fn push_via(fields: &mut FieldList, received: Version) {
    let value: &[u8] = match received {
        Version::H10 => b"1.0 expressgateway",
        Version::H11 => b"1.1 expressgateway",
        Version::H2 => b"2 expressgateway",
        Version::H3 => b"3 expressgateway",
    };
    fields.push(b"via", value);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    type Fields<'a> = &'a [(&'a str, &'a str)];

    const SILENT: Forwarding<'_> = Forwarding {
        client_ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        port: 8080,
        scheme: "http",
        x_forwarded: false,
        via: false,
        request_id: None,
    };

    fn request(fields: Fields<'_>) -> RequestHead {
        let mut head = RequestHead::default();
        head.authority = head.fields.store(b"shop.example:8080");
        for (name, value) in fields {
            head.fields.push(name.as_bytes(), value.as_bytes());
        }
        head
    }

    fn text(fields: &FieldList) -> Vec<String> {
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields.iter().map(|field| format!("{}: {}", show(field.name), show(field.value))).collect()
    }

    fn upstream(fields: Fields<'_>, forwarding: &Forwarding<'_>, keep_upgrade: bool) -> Vec<String> {
        let mut head = request(fields);
        to_upstream(&mut head, forwarding, keep_upgrade);
        text(&head.fields)
    }

    fn downstream(status: u16, fields: Fields<'_>, via: bool) -> Vec<String> {
        let mut head = ResponseHead { status, ..ResponseHead::default() };
        for (name, value) in fields {
            head.fields.push(name.as_bytes(), value.as_bytes());
        }
        to_downstream(&mut head, via);
        text(&head.fields)
    }

    #[test]
    fn hop_by_hop_fields_stay_behind_and_all_others_keep_order_and_case() {
        let fields = [
            ("ACCEPT", "*/*"),
            ("Connection", "keep-alive, X-Private"),
            ("Keep-Alive", "5"),
            ("x-private", "1"),
            ("Upgrade", "h2c"),
            ("HTTP2-Settings", "x"),
            ("Proxy-Connection", "close"),
            ("Trailer", "x-sum"),
            ("accept", "text/html"),
            ("connection", "x-other"),
            ("X-Other", "2"),
            ("Proxy-Authorization", "Basic x"),
            ("Cookie", "a=b"),
        ];
        let kept = [
            "ACCEPT: */*",
            "Trailer: x-sum",
            "accept: text/html",
            "Proxy-Authorization: Basic x",
            "Cookie: a=b",
        ];
        assert_eq!(upstream(&fields, &SILENT, false), kept);
        assert_eq!(downstream(200, &fields, false), kept);
    }

    #[test]
    fn connection_cannot_have_fields_removed_that_others_rely_on() {
        let fields = [
            (
                "Connection",
                "host, content-length, cookie, authorization, x-forwarded-for, transfer-encoding, via",
            ),
            ("Host", "a"),
            ("Content-Length", "3"),
            ("Transfer-Encoding", "chunked"),
            ("Cookie", "a=b"),
            ("Authorization", "x"),
            ("Via", "1.1 other"),
        ];
        let all =
            ["Host: a", "Content-Length: 3", "Transfer-Encoding: chunked", "Cookie: a=b", "Authorization: x"];
        assert_eq!(upstream(&fields, &SILENT, false), [all.as_slice(), &["Via: 1.1 other"]].concat());
        // What the gateway adds is added after that.
        let forwarding = Forwarding { x_forwarded: true, ..SILENT };
        assert!(upstream(&fields, &forwarding, false).contains(&"x-forwarded-for: 192.0.2.7".to_owned()));
    }

    #[test]
    fn a_wish_for_trailers_is_passed_on_and_no_other_transfer_coding() {
        let table: [(Fields<'_>, &[&str]); 7] = [
            (&[("TE", "gzip, Trailers")], &["te: trailers"]),
            (&[("te", "trailers"), ("Connection", "te")], &["te: trailers"]),
            (&[("TE", "gzip"), ("TE", "trailers")], &["te: trailers"]),
            (&[("TE", "trailers"), ("TE", "gzip")], &["te: trailers"]),
            (&[("TE", "gzip;q=0.5")], &[]),
            (&[("TE", "")], &[]),
            (&[("X-TE", "trailers")], &["X-TE: trailers"]),
        ];
        for (fields, expected) in table {
            assert_eq!(upstream(fields, &SILENT, false), expected, "{fields:?}");
        }
        assert!(downstream(200, &[("TE", "trailers")], false).is_empty());
    }

    #[test]
    fn what_the_client_says_of_others_is_replaced() {
        let fields = [
            ("X-Forwarded-For", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("X-Forwarded-Prefix", "/admin"),
            ("X_Forwarded_Host", "evil"),
            ("Forwarded", "for=1.1.1.1"),
            ("X-Request-ID", "forged"),
            ("x_request-id", "forged"),
            ("X-Forwarded", "kept: it is nobody's"),
            ("Via", "1.0 other"),
        ];
        let forwarding =
            Forwarding { x_forwarded: true, via: true, request_id: Some(("x-request-id", "77")), ..SILENT };
        let expected = [
            "X-Forwarded: kept: it is nobody's",
            "Via: 1.0 other",
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-proto: http",
            "x-forwarded-host: shop.example:8080",
            "x-forwarded-port: 8080",
            "via: 1.1 expressgateway",
            "x-request-id: 77",
        ];
        assert_eq!(upstream(&fields, &forwarding, false), expected);
        // A listener that says nothing lets the client say nothing either; only an id without a name of ours is free.
        let expected = [
            "X-Request-ID: forged",
            "x_request-id: forged",
            "X-Forwarded: kept: it is nobody's",
            "Via: 1.0 other",
        ];
        assert_eq!(upstream(&fields, &SILENT, false), expected);
    }

    #[test]
    fn a_host_that_was_not_said_is_not_forwarded() {
        let mut head = RequestHead { version: Version::H10, ..RequestHead::default() };
        to_upstream(&mut head, &Forwarding { x_forwarded: true, via: true, ..SILENT }, false);
        let expected = [
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-proto: http",
            "x-forwarded-port: 8080",
            "via: 1.0 expressgateway",
        ];
        assert_eq!(text(&head.fields), expected);
    }

    #[test]
    fn an_upgrade_is_kept_only_where_it_may_happen() {
        let upgrade = |protocol| [("Connection", "Upgrade"), ("Upgrade", protocol)];
        assert_eq!(upstream(&upgrade("websocket"), &SILENT, true), ["Upgrade: websocket"]);
        assert!(upstream(&upgrade("websocket"), &SILENT, false).is_empty());
        assert!(upstream(&upgrade("websocket, h2c"), &SILENT, true).is_empty(), "requests behind our back");
        assert_eq!(downstream(101, &upgrade("websocket"), false), ["Upgrade: websocket"]);
        assert_eq!(downstream(200, &upgrade("h2,h2c"), true), ["via: 1.1 expressgateway"]);
    }

    #[test]
    fn via_names_the_version_that_the_message_came_by() {
        for (version, expected) in [
            (Version::H10, "via: 1.0 expressgateway"),
            (Version::H11, "via: 1.1 expressgateway"),
            (Version::H2, "via: 2 expressgateway"),
            (Version::H3, "via: 3 expressgateway"),
        ] {
            let mut head = ResponseHead { version, ..ResponseHead::default() };
            to_downstream(&mut head, true);
            assert_eq!(text(&head.fields), [expected]);
        }
    }

    fn any_fields() -> impl Strategy<Value = Vec<(String, String)>> {
        let name = prop_oneof![
            Just("Connection".to_owned()),
            Just("Cookie".to_owned()),
            Just("X-Forwarded-For".to_owned()),
            "[xX]-[ab]".prop_map(|name| name),
        ];
        proptest::collection::vec((name, "(x-a|X-B|cookie|close|, ){0,3}"), 0..10)
    }

    proptest! {
        #[test]
        fn what_is_neither_of_a_hop_nor_a_claim_arrives_as_it_was_sent(fields in any_fields()) {
            let named = |name: &str| fields.iter().filter(|(field, _)| field == "Connection").any(|(_, options)| {
                options.split(',').any(|option| option.trim().eq_ignore_ascii_case(name))
            });
            let expected: Vec<String> = fields
                .iter()
                .filter(|(name, _)| name == "Cookie" || (name.len() == 3 && !named(name)))
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            let sent: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(upstream(&sent, &SILENT, false), expected);
        }
    }
}
