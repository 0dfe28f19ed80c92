//! What changes in the fields of a message between its two sides (RFC 9110, 7.6), and the identity of a request. It
//! refuses to touch framing: codecs write that from what the body is, and the options of their own connection.

mod claims;
mod edits;
mod hops;
mod ids;
mod text;
mod trace;

use std::net::IpAddr;

use eg_wire::fields::{FieldId, FieldList};
use eg_wire::h1::connection_has;
use eg_wire::head::{RequestHead, ResponseHead, Version};

pub use self::claims::{Forms, client_ip};
pub use self::edits::FieldEdits;
pub use self::ids::RequestIds;

/// What an endpoint is told about the client's side.
#[derive(Debug, Clone, Copy)]
pub struct Forwarding<'a> {
    /// Who is connected.
    pub peer: IpAddr,
    /// Whether what it says of others is believed.
    pub trusted: bool,
    /// The port it connected to.
    pub port: u16,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// How this is said.
    pub forms: Forms,
    /// Whether to append to `Via`.
    pub via: bool,
    /// Name and value of the request id field.
    pub request_id: Option<(&'a str, &'a [u8])>,
    /// What this gateway calls the request.
    pub id: &'a [u8; 32],
    /// Names that routes look for: `Connection` cannot have these fields removed.
    pub matched: &'a [Box<[u8]>],
}

/// What becomes of fields with `_` in their names, which some readers take for `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Underscores {
    /// The request is refused.
    Reject,
    /// The fields are left out.
    Drop,
    /// They are fields like others.
    Allow,
}

/// A request has a field that its listener refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// Applies what a listener says about names with an underscore.
///
/// # Errors
/// If there is one and it is to be rejected.
pub fn screen(fields: &mut FieldList, underscores: Underscores) -> Result<(), Refused> {
    // No field that is known by an id has one.
    let is_odd = |id: FieldId, name: &[u8]| id == FieldId::Other && memchr::memchr(b'_', name).is_some();
    match underscores {
        Underscores::Allow => Ok(()),
        Underscores::Reject if fields.iter().any(|field| is_odd(field.id, field.name)) => Err(Refused),
        Underscores::Reject => Ok(()),
        Underscores::Drop => {
            fields.remove_where(|field| is_odd(field.id, field.name));
            Ok(())
        }
    }
}

/// The id that a client has given its request, if it is one that can be logged and searched for.
#[must_use]
pub fn given_request_id<'a>(fields: &'a FieldList, name: &str) -> Option<&'a [u8]> {
    let mut values = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes()));
    let (field, None) = (values.next()?, values.next()) else { return None };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:+/=@".contains(byte);
    ((1..=128).contains(&field.value.len()) && field.value.iter().all(is_plain)).then_some(field.value)
}

/// Whether a request asks to leave HTTP behind (RFC 9110, 7.8), for something that is not HTTP again. One with content
/// does not: there are endpoints that read it as if it had left already.
#[must_use]
pub fn wants_upgrade(request: &RequestHead) -> bool {
    let fields = &request.fields;
    let is_empty = |length: &[u8]| length.iter().all(|digit| *digit == b'0');
    request.version == Version::H11
        && fields.has(FieldId::Upgrade)
        && connection_has(fields, b"upgrade")
        && !fields.values(FieldId::Upgrade).any(hops::leads_to_http)
        && !fields.has(FieldId::TransferEncoding)
        && fields.values(FieldId::ContentLength).all(is_empty)
}

/// Makes a request's trailers what the endpoint shall see: a name that would be refused or replaced at the front is left
/// out at the end, whoever sends it.
pub fn screen_trailers(trailers: &mut FieldList, underscores: Underscores, request_id: Option<&str>) {
    trailers.remove_where(|field| {
        (underscores != Underscores::Allow && field.name.contains(&b'_'))
            || claims::is_about_the_client(field.name, request_id)
    });
}

/// Makes a request's fields what the endpoint shall see.
///
/// What a client says about other clients is believed if it is trusted. If not, its `X-Forwarded-*`, `Forwarded` and
/// request id are replaced, or removed where the listener says nothing in their place. `Upgrade` stays in a request that
/// [`wants_upgrade`].
pub fn to_upstream(head: &mut RequestHead, forwarding: &Forwarding<'_>) {
    let keep_upgrade = wants_upgrade(head);
    let named = hops::named_by_connection(&head.fields, forwarding.matched);
    let believed = claims::Believed::of(&mut head.fields, forwarding);
    let (mut places, mut trailers) = (0_usize.., false);
    head.fields.remove_where(|field| {
        let is_named = places.next().is_some_and(|place| named.contains(place));
        match field.id {
            FieldId::Te => {
                trailers |= hops::lists(field.value, b"trailers");
                true
            }
            FieldId::Upgrade => !keep_upgrade,
            id => is_named || hops::is_hop_by_hop(id) || claims::is_refused(field, forwarding),
        }
    });
    if trailers {
        head.fields.push(b"te", b"trailers");
    }
    claims::push(head, forwarding, &believed);
    trace::go_on(&mut head.fields, forwarding.trusted, forwarding.id);
    if forwarding.via {
        push_via(&mut head.fields, head.version);
    }
    if let Some((name, value)) = forwarding.request_id {
        head.fields.push(name.as_bytes(), value);
    }
}

/// Makes a response's fields what the client shall see.
pub fn to_downstream(head: &mut ResponseHead, via: bool) {
    let named = hops::named_by_connection(&head.fields, &[]);
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
        matched: &[],
        peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        trusted: false,
        port: 8080,
        scheme: "http",
        forms: Forms { x_forwarded: false, forwarded: false },
        via: false,
        request_id: None,
        id: b"0123456789abcdef1111222233334444",
    };
    const X_FORWARDED: Forwarding<'_> =
        Forwarding { forms: Forms { x_forwarded: true, forwarded: false }, ..SILENT };
    const FORWARDED: Forwarding<'_> =
        Forwarding { forms: Forms { x_forwarded: false, forwarded: true }, ..SILENT };

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

    fn upstream(fields: Fields<'_>, forwarding: &Forwarding<'_>) -> Vec<String> {
        let mut head = request(fields);
        to_upstream(&mut head, forwarding);
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
        assert_eq!(upstream(&fields, &SILENT), kept);
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
        assert_eq!(upstream(&fields, &SILENT), [all.as_slice(), &["Via: 1.1 other"]].concat());
        // What the gateway adds is added after that.
        assert!(upstream(&fields, &X_FORWARDED).contains(&"x-forwarded-for: 192.0.2.7".to_owned()));
    }

    #[test]
    fn connection_cannot_have_fields_removed_that_a_route_looks_for() {
        let fields = [("Connection", "x-plan, x-other"), ("X-Plan", "gold"), ("X-Other", "1")];
        let matched: [Box<[u8]>; 1] = [b"x-plan".as_slice().into()];
        assert_eq!(upstream(&fields, &Forwarding { matched: &matched, ..SILENT }), ["X-Plan: gold"]);
        assert!(upstream(&fields, &SILENT).is_empty());
    }

    #[test]
    fn what_is_replaced_at_the_front_cannot_come_at_the_end() {
        let lines = [
            ("X-Forwarded-For", "1.1.1.1"),
            ("X_Forwarded_For", "1.1.1.1"),
            ("x-forwarded-prefix", "/admin"),
            ("Forwarded", "for=1.1.1.1"),
            ("X-Real-IP", "1.1.1.1"),
            ("x_request_id", "1"),
            ("X-Sum", "1"),
            ("x_sum", "1"),
        ];
        for (policy, expected) in [
            (Underscores::Reject, ["X-Sum: 1"].as_slice()),
            (Underscores::Drop, &["X-Sum: 1"]),
            (Underscores::Allow, &["X-Sum: 1", "x_sum: 1"]),
        ] {
            let mut trailers = request(&lines).fields;
            screen_trailers(&mut trailers, policy, Some("x-request-id"));
            assert_eq!(text(&trailers), expected, "{policy:?}");
        }
    }

    #[test]
    fn a_claim_that_would_swallow_what_is_appended_is_none() {
        let trusted = Forwarding { trusted: true, ..FORWARDED };
        let ours = "for=192.0.2.7;host=\"shop.example:8080\";proto=http";
        for (claims, kept) in [
            (["for=\"x, for=6.6.6.6", "for=1.1.1.1"].as_slice(), "for=1.1.1.1, "),
            (&["for=\"x, for=6.6.6.6"], ""),
            (&["for=\"\\\""], ""),
            (&["for=\"\\\"\""], "for=\"\\\"\", "),
            (&[""], ""),
        ] {
            let lines: Vec<_> = claims.iter().map(|claim| ("Forwarded", *claim)).collect();
            assert_eq!(upstream(&lines, &trusted), [format!("forwarded: {kept}{ours}")], "{claims:?}");
        }
        let empty = [("X-Forwarded-For", ","), ("X-Forwarded-For", "1.1.1.1,, ")];
        let trusted = Forwarding { trusted: true, ..X_FORWARDED };
        assert_eq!(upstream(&empty, &trusted)[0], "x-forwarded-for: 1.1.1.1, 192.0.2.7");
        assert_eq!(upstream(&empty[..1], &trusted)[0], "x-forwarded-for: 192.0.2.7");
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
            assert_eq!(upstream(fields, &SILENT), expected, "{fields:?}");
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
        let forwarding = Forwarding { via: true, request_id: Some(("x-request-id", b"77")), ..X_FORWARDED };
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
        assert_eq!(upstream(&fields, &forwarding), expected);
        // A listener that says nothing lets the client say nothing either; only an id without a name of ours is free.
        let expected = [
            "X-Request-ID: forged",
            "x_request-id: forged",
            "X-Forwarded: kept: it is nobody's",
            "Via: 1.0 other",
        ];
        assert_eq!(upstream(&fields, &SILENT), expected);
    }

    #[test]
    fn what_a_trusted_client_says_of_others_goes_on() {
        let fields = [
            ("X-Forwarded-For", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2, 3.3.3.3"),
            ("x-forwarded-proto", "https"),
            ("X-Forwarded-Host", "a.example"),
            ("x-forwarded-port", "443"),
            ("X-Forwarded-Prefix", "/admin"),
            ("X_Forwarded_Host", "evil"),
            ("Forwarded", "for=1.1.1.1"),
        ];
        let trusted = Forwarding { trusted: true, ..X_FORWARDED };
        let expected = [
            "X-Forwarded-Prefix: /admin",
            // A form that this listener does not write passes.
            "Forwarded: for=1.1.1.1",
            "x-forwarded-for: 1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.7",
            "x-forwarded-proto: https",
            "x-forwarded-host: a.example",
            "x-forwarded-port: 443",
        ];
        assert_eq!(upstream(&fields, &trusted), expected);
        let trusted = Forwarding { trusted: true, ..FORWARDED };
        let told = upstream(&[("Forwarded", "for=1.1.1.1;proto=https"), ("forwarded", "for=_x")], &trusted);
        let expected =
            "forwarded: for=1.1.1.1;proto=https, for=_x, for=192.0.2.7;host=\"shop.example:8080\";proto=http";
        assert_eq!(told, [expected]);
    }

    #[test]
    fn a_claim_of_the_wrong_form_is_replaced_even_if_it_is_trusted() {
        let trusted = Forwarding { trusted: true, ..X_FORWARDED };
        let fields = [
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-host", "a, b"),
            ("x-forwarded-port", "443"),
            ("x-forwarded-port", "444"),
        ];
        let expected = [
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-proto: http",
            "x-forwarded-host: shop.example:8080",
            "x-forwarded-port: 8080",
        ];
        assert_eq!(upstream(&fields, &trusted), expected);
    }

    #[test]
    fn the_standard_form_has_brackets_and_quotes_where_it_must() {
        let v6 = Forwarding { peer: "2001:db8::7".parse().unwrap(), ..FORWARDED };
        let expected = ["forwarded: for=\"[2001:db8::7]\";host=\"shop.example:8080\";proto=http"];
        assert_eq!(upstream(&[("Forwarded", "for=evil")], &v6), expected);
        let mapped = Forwarding { peer: "::ffff:192.0.2.7".parse().unwrap(), ..FORWARDED };
        assert!(upstream(&[], &mapped)[0].starts_with("forwarded: for=192.0.2.7;"));
    }

    #[test]
    fn names_with_an_underscore_are_refused_left_out_or_ordinary() {
        let lines = [("X_Odd", "1"), ("x-even", "2"), ("_", "3")];
        let screened = |lines: Fields<'_>, policy| {
            let mut head = request(lines);
            screen(&mut head.fields, policy).map(|()| text(&head.fields))
        };
        assert_eq!(screened(&lines, Underscores::Reject), Err(Refused));
        assert_eq!(screened(&lines[1..2], Underscores::Reject), Ok(vec!["x-even: 2".to_owned()]));
        assert_eq!(screened(&lines, Underscores::Drop), Ok(vec!["x-even: 2".to_owned()]));
        assert_eq!(screened(&lines, Underscores::Allow).map(|lines| lines.len()), Ok(3));
    }

    #[test]
    fn an_id_that_can_be_searched_for_is_one() {
        let given =
            |lines: Fields<'_>| given_request_id(&request(lines).fields, "x-request-id").map(<[u8]>::to_vec);
        assert_eq!(given(&[("X-Request-ID", "a-1:b/c=")]), Some(b"a-1:b/c=".to_vec()));
        let long = "a".repeat(129);
        for bad in ["", "a b", "a\"b", "a,b", "\u{e9}", long.as_str()] {
            assert_eq!(given(&[("x-request-id", bad)]), None, "{bad:?}");
        }
        assert_eq!(given(&[("x-request-id", "a"), ("x-request-id", "a")]), None);
        assert_eq!(given(&[]), None);
    }

    #[test]
    fn a_host_that_was_not_said_is_not_forwarded() {
        let mut head = RequestHead { version: Version::H10, ..RequestHead::default() };
        to_upstream(&mut head, &Forwarding { via: true, ..X_FORWARDED });
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
        assert_eq!(upstream(&upgrade("websocket"), &SILENT), ["Upgrade: websocket"]);
        assert!(upstream(&[("Upgrade", "websocket")], &SILENT).is_empty(), "nobody asked the connection");
        assert!(upstream(&upgrade("websocket, h2c"), &SILENT).is_empty(), "requests behind our back");
        let with = |name, value| upstream(&[upgrade("tcp").as_slice(), &[(name, value)]].concat(), &SILENT);
        assert_eq!(with("Content-Length", "0"), ["Upgrade: tcp", "Content-Length: 0"]);
        assert_eq!(with("Content-Length", "1"), ["Content-Length: 1"]);
        assert_eq!(with("Transfer-Encoding", "chunked"), ["Transfer-Encoding: chunked"]);
        for version in [Version::H10, Version::H2, Version::H3] {
            let mut head = RequestHead { version, ..request(&upgrade("websocket")) };
            to_upstream(&mut head, &SILENT);
            assert!(head.fields.is_empty(), "{version:?} has no such thing");
        }
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
            prop_assert_eq!(upstream(&sent, &SILENT), expected);
        }
    }
}
