//! [`Redirect`]: an answer that sends the client elsewhere, to a place made from its own request. What is filled in
//! was validated when the request was read, so that no part of it can end the line.

use std::io::Write as _;

use eg_wire::head::RequestHead;

use super::spec::PartSpec;

/// An answer that sends the client elsewhere.
#[derive(Debug)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    pub(super) to: Vec<PartSpec>,
}

impl Redirect {
    /// Where a request is sent to.
    #[must_use]
    pub fn location(&self, head: &RequestHead, scheme: &str, port: u16) -> Vec<u8> {
        let mut location = Vec::with_capacity(64);
        for part in &self.to {
            match part {
                PartSpec::Text(text) => location.extend_from_slice(text.as_bytes()),
                PartSpec::Scheme => location.extend_from_slice(scheme.as_bytes()),
                PartSpec::Host => location.extend_from_slice(head.host()),
                // Writing to a vector cannot fail.
                PartSpec::Port => drop(write!(location, "{port}")),
                // `*` is the server itself (RFC 9110, 7.1), which has no other path.
                PartSpec::Path if head.target() == b"*" => location.push(b'/'),
                PartSpec::Path => location.extend_from_slice(head.path()),
                PartSpec::Query => {
                    location.extend_from_slice(head.target().get(head.path().len()..).unwrap_or_default());
                }
            }
        }
        location
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_made_from_texts_and_the_request() {
        let mut head = RequestHead::default();
        head.authority = head.fields.store(b"Shop.example:8080");
        head.target = head.fields.store(b"/a/b?c=d?e");
        let text = |text: &str| PartSpec::Text(text.to_owned());
        let table = [
            (
                vec![text("https://"), PartSpec::Host, PartSpec::Path, PartSpec::Query],
                "https://Shop.example/a/b?c=d?e",
            ),
            (vec![PartSpec::Scheme, text("://x:"), PartSpec::Port, text("/")], "http://x:80/"),
            (vec![text("/new"), PartSpec::Query], "/new?c=d?e"),
        ];
        for (to, expected) in table {
            let location = Redirect { status: 308, to }.location(&head, "http", 80);
            assert_eq!(String::from_utf8(location).unwrap(), expected);
        }
        head.target = head.fields.store(b"*");
        let to = vec![text("https://"), PartSpec::Host, PartSpec::Path, PartSpec::Query];
        let location = Redirect { status: 308, to }.location(&head, "http", 80);
        assert_eq!(String::from_utf8(location).unwrap(), "https://Shop.example/");
    }
}
