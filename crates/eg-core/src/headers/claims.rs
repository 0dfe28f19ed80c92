//! What a request says about the client's side: `X-Forwarded-*` and `Forwarded` (RFC 7239). Anybody can write them,
//! so they are believed from trusted proxies, and replaced otherwise. It refuses to guess: a claim that is not of the
//! form that it should have is no claim.

use std::net::IpAddr;

use eg_wire::fields::{Field, FieldId, FieldList, Span};
use eg_wire::h1::is_authority;
use eg_wire::head::RequestHead;

use super::Forwarding;
use super::text::Text;
use crate::addresses::AddressSet;

/// How endpoints learn of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forms {
    /// `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`.
    pub x_forwarded: bool,
    /// `Forwarded`.
    pub forwarded: bool,
}

/// The address of the client itself: the last one in the list of addresses that no trusted proxy has. `peer` is who
/// is connected; from somebody who is not trusted, it is the client.
#[must_use]
pub fn client_ip(fields: &FieldList, peer: IpAddr, trusted: &AddressSet, forms: Forms) -> IpAddr {
    if !trusted.contains(peer) {
        return peer;
    }
    // One form is read, the first that is in use: who is trusted writes that, and may pass on the other unread.
    let hops: Vec<Option<IpAddr>> = if forms.x_forwarded {
        fields.values(FieldId::XForwardedFor).flat_map(list).map(address).collect()
    } else if forms.forwarded {
        fields.values(FieldId::Forwarded).flat_map(list).map(forwarded_for).collect()
    } else {
        Vec::new()
    };
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        // Behind what cannot be read, nothing can be believed.
        let Some(hop) = hop else { break };
        client = hop;
        if !trusted.contains(hop) {
            break;
        }
    }
    client
}

/// Whether a field says what only the gateway can know, and goes because of it.
pub(super) fn is_refused(field: Field<'_>, forwarding: &Forwarding<'_>) -> bool {
    let Forms { x_forwarded, forwarded } = forwarding.forms;
    // What is trusted and not written anew passes as it is.
    let unread = |in_use: bool| !forwarding.trusted || in_use;
    match field.id {
        FieldId::Forwarded => unread(forwarded),
        FieldId::XForwardedFor
        | FieldId::XForwardedHost
        | FieldId::XForwardedPort
        | FieldId::XForwardedProto => unread(x_forwarded),
        FieldId::Other => {
            let spelt_otherwise =
                || is_x_forwarded(field.name) && (!forwarding.trusted || field.name.contains(&b'_'));
            let is_id = |(name, _): (&str, &[u8])| is_same_variable(field.name, name.as_bytes());
            forwarding.request_id.is_some_and(is_id) || spelt_otherwise()
        }
        _ => false,
    }
}

/// Whether a name of a field is one by which endpoints learn who the client is, or what its request is called.
pub(super) fn is_about_the_client(name: &[u8], request_id: Option<&str>) -> bool {
    is_x_forwarded(name)
        || [Some("forwarded"), Some("x-real-ip"), request_id]
            .into_iter()
            .flatten()
            .any(|known| is_same_variable(name, known.as_bytes()))
}

fn is_x_forwarded(name: &[u8]) -> bool {
    const PREFIX: &[u8] = b"x-forwarded-";
    name.get(..PREFIX.len()).is_some_and(|start| is_same_variable(start, PREFIX))
}

/// Whether two names are one to a CGI program (RFC 3875, 4.1.18) and what descends from it: `X_Forwarded_For` would
/// be read where `X-Forwarded-For` was replaced.
fn is_same_variable(one: &[u8], other: &[u8]) -> bool {
    let fold = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.len() == other.len() && one.iter().map(fold).eq(other.iter().map(fold))
}

/// What is believed of a request, found before the fields that say it are removed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Believed {
    addresses: Option<Span>,
    proto: Option<Span>,
    host: Option<Span>,
    port: Option<Span>,
    forwarded: Option<Span>,
}

impl Believed {
    pub(super) fn of(fields: &mut FieldList, forwarding: &Forwarding<'_>) -> Self {
        if !forwarding.trusted {
            return Self::default();
        }
        let is_port =
            |text: &[u8]| text.len() <= 5 && !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        let is_proto = |text: &[u8]| matches!(text, b"http" | b"https");
        Self {
            addresses: joined(fields, FieldId::XForwardedFor),
            proto: only(fields, FieldId::XForwardedProto, is_proto),
            host: only(fields, FieldId::XForwardedHost, is_authority),
            port: only(fields, FieldId::XForwardedPort, is_port),
            forwarded: joined(fields, FieldId::Forwarded),
        }
    }
}

/// All values of a field that say something as one list. What has a quote without its other half is no claim: it would
/// swallow what is appended to it.
fn joined(fields: &mut FieldList, id: FieldId) -> Option<Span> {
    let first = fields.span_of(id)?;
    let is_sound = |value: &[u8]| has_whole_quotes(value) && list(value).all(|item| !item.is_empty());
    if fields.values(id).nth(1).is_none() && is_sound(fields.text(first)) {
        return Some(first);
    }
    let sound = fields.values(id).filter(|value| has_whole_quotes(value));
    let items: Vec<&[u8]> = sound.flat_map(list).filter(|item| !item.is_empty()).collect();
    let all = items.join(b", ".as_slice());
    (!all.is_empty()).then(|| fields.store(&all))
}

/// The value of a field that is there once and has the right form.
fn only(fields: &FieldList, id: FieldId, has_form: impl Fn(&[u8]) -> bool) -> Option<Span> {
    let mut values = fields.values(id);
    let is_one = values.next().is_some_and(has_form) && values.next().is_none();
    if is_one { fields.span_of(id) } else { None }
}

/// Says in the forms that are in use who the client is.
pub(super) fn push(head: &mut RequestHead, forwarding: &Forwarding<'_>, believed: &Believed) {
    if forwarding.forms.x_forwarded {
        push_x_forwarded(head, forwarding, believed);
    }
    if forwarding.forms.forwarded {
        push_forwarded(head, forwarding, believed);
    }
}

fn push_x_forwarded(head: &mut RequestHead, forwarding: &Forwarding<'_>, believed: &Believed) {
    let fields = &mut head.fields;
    let peer = Text::of_address(forwarding.peer);
    let peer = fields.store(peer.as_bytes());
    let addresses = believed.addresses.map_or(peer, |before| {
        let list = [fields.text(before), fields.text(peer)].join(b", ".as_slice());
        fields.store(&list)
    });
    push_as(fields, b"x-forwarded-for", addresses);
    match believed.proto {
        Some(proto) => push_as(fields, b"x-forwarded-proto", proto),
        None => fields.push(b"x-forwarded-proto", forwarding.scheme.as_bytes()),
    }
    // An HTTP/1.0 client may not say which host it wants.
    match believed.host {
        Some(host) => push_as(fields, b"x-forwarded-host", host),
        None if head.authority.is_empty() => {}
        None => push_as(fields, b"x-forwarded-host", head.authority),
    }
    match believed.port {
        Some(port) => push_as(fields, b"x-forwarded-port", port),
        None => fields.push(b"x-forwarded-port", Text::of_number(forwarding.port).as_bytes()),
    }
}

fn push_as(fields: &mut FieldList, name: &[u8], value: Span) {
    let name = fields.store(name);
    fields.push_spans(name, value);
}

/// RFC 7239, 4: an element for this hop, behind those of the proxies that are believed.
fn push_forwarded(head: &mut RequestHead, forwarding: &Forwarding<'_>, believed: &Believed) {
    let fields = &mut head.fields;
    let mut element = believed.forwarded.map_or(Vec::new(), |before| fields.text(before).to_vec());
    if !element.is_empty() {
        element.extend_from_slice(b", ");
    }
    let peer = Text::of_address(forwarding.peer);
    // An IPv6 address has brackets, and what has colons has quotes (6).
    if forwarding.peer.to_canonical().is_ipv6() {
        element.extend_from_slice(&[b"for=\"[", peer.as_bytes(), b"]\""].concat());
    } else {
        element.extend_from_slice(&[b"for=", peer.as_bytes()].concat());
    }
    if !head.authority.is_empty() {
        element.extend_from_slice(&[b";host=\"", fields.text(head.authority), b"\""].concat());
    }
    element.extend_from_slice(&[b";proto=", forwarding.scheme.as_bytes()].concat());
    fields.push(b"forwarded", &element);
}

/// The items of a list; a comma between quotes separates nothing. Where a quote lacks its other half, all commas do:
/// what a proxy has appended must not be swallowed by what a client has begun.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quotes = Quotes::default();
    let whole = has_whole_quotes(value);
    value
        .split(move |byte| {
            let quoted = quotes.are_open_after(*byte) && whole;
            *byte == b',' && !quoted
        })
        .map(<[u8]>::trim_ascii)
}

fn has_whole_quotes(value: &[u8]) -> bool {
    let mut quotes = Quotes::default();
    !value.iter().fold(false, |_, byte| quotes.are_open_after(*byte))
}

/// Where a text is between quotes (RFC 9110, 5.6.4).
#[derive(Debug, Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    fn are_open_after(&mut self, byte: u8) -> bool {
        let escapes = self.open && !self.escaped && byte == b'\\';
        if byte == b'"' && !self.escaped {
            self.open = !self.open;
        }
        self.escaped = escapes;
        self.open
    }
}

/// An address as `X-Forwarded-For` has it, some with a port, which all the world writes and no standard knows.
fn address(item: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(item).ok()?;
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse().ok()
}

/// The address that an element of `Forwarded` is for. A name that hides it (RFC 7239, 6.3) is none.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut pairs = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let value = pairs.find_map(|pair| {
        let (name, value) = pair.split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then_some(value)
    })?;
    address(value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> FieldList {
        let mut fields = FieldList::new();
        for (name, value) in lines {
            fields.push(name.as_bytes(), value.as_bytes());
        }
        fields
    }

    #[test]
    fn the_client_is_the_last_address_that_no_trusted_proxy_has() {
        let trusted = AddressSet::read(["10.0.0.0/8", "2001:db8::/32"]).unwrap();
        let x = Forms { x_forwarded: true, forwarded: true };
        let rfc = Forms { x_forwarded: false, forwarded: true };
        let none = Forms::default();
        type Row<'a> = (&'a str, Forms, &'a [(&'a str, &'a str)], &'a str);
        let table: [Row<'_>; 18] = [
            // Who is not trusted is the client, whatever it says.
            ("192.0.2.1", x, &[("x-forwarded-for", "1.1.1.1")], "192.0.2.1"),
            ("10.0.0.1", x, &[], "10.0.0.1"),
            ("10.0.0.1", x, &[("x-forwarded-for", "1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", x, &[("x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.0.0.2")], "1.1.1.1"),
            ("10.0.0.1", x, &[("x-forwarded-for", "6.6.6.6"), ("X-Forwarded-For", "1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", x, &[("x-forwarded-for", "10.0.0.3,10.0.0.2")], "10.0.0.3"),
            // Behind what cannot be read, nothing is believed.
            ("10.0.0.1", x, &[("x-forwarded-for", "1.1.1.1, unknown, 10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", x, &[("x-forwarded-for", "unknown")], "10.0.0.1"),
            ("10.0.0.1", x, &[("x-forwarded-for", "1.1.1.1:4711")], "1.1.1.1"),
            ("10.0.0.1", x, &[("x-forwarded-for", "[2001::1]:4711, 2001:db8::9")], "2001::1"),
            ("10.0.0.1", x, &[("forwarded", "for=1.1.1.1")], "10.0.0.1"),
            ("10.0.0.1", rfc, &[("x-forwarded-for", "6.6.6.6"), ("forwarded", "for=1.1.1.1")], "1.1.1.1"),
            (
                "10.0.0.1",
                rfc,
                &[("forwarded", "for=1.1.1.1;proto=http, For=\"[2001:db8::1]:1\";by=x")],
                "1.1.1.1",
            ),
            ("10.0.0.1", rfc, &[("forwarded", "for=6.6.6.6, for=_hidden")], "10.0.0.1"),
            ("10.0.0.1", rfc, &[("forwarded", "host=\"a, for=6.6.6.6\";for=1.1.1.1")], "1.1.1.1"),
            // Nor does a quote that a client opens hide what the proxy says.
            ("10.0.0.1", rfc, &[("forwarded", "for=\"x, for=1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", rfc, &[("forwarded", "by=\"\\\", for=6.6.6.6\";for=1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", none, &[("x-forwarded-for", "1.1.1.1")], "10.0.0.1"),
        ];
        for (peer, forms, lines, expected) in table {
            let client = client_ip(&fields(lines), peer.parse().unwrap(), &trusted, forms);
            assert_eq!(client.to_string(), expected, "{peer} {lines:?}");
        }
    }
}
