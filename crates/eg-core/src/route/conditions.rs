//! [`Conditions`]: what a route asks of a request beside host and path. All of them must hold; a route that asks for
//! nothing pays for one look.

use std::borrow::Cow;

use regex::bytes::Regex;

use super::Asked;
use crate::addresses::AddressSet;

/// What is asked of a text.
#[derive(Debug, Clone)]
pub enum TextMatch {
    /// To be there.
    Present,
    /// To be this.
    Equal(Box<[u8]>),
    /// To be matched by this from end to end.
    Pattern(Regex),
}

impl TextMatch {
    fn holds(&self, text: &[u8]) -> bool {
        match self {
            Self::Present => true,
            Self::Equal(expected) => **expected == *text,
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

/// What is asked of a request.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// Its method is one of these; empty: any.
    pub methods: Vec<Box<[u8]>>,
    /// For each, a field of this name has such a value.
    pub fields: Vec<(Box<[u8]>, TextMatch)>,
    /// For each, a parameter of the query of this name has such a value; both decoded.
    pub query: Vec<(Box<[u8]>, TextMatch)>,
    /// Its client is one of these; none: any.
    pub clients: Option<AddressSet>,
}

impl Conditions {
    pub(super) fn hold(&self, asked: &Asked<'_>) -> bool {
        (self.methods.is_empty() || self.methods.iter().any(|method| **method == *asked.head.method_text()))
            && self.clients.as_ref().is_none_or(|clients| clients.contains(asked.client))
            && self.fields.iter().all(|(name, value)| has_field(asked, name, value))
            && self.query.iter().all(|(name, value)| has_parameter(asked, name, value))
    }
}

fn has_field(asked: &Asked<'_>, name: &[u8], value: &TextMatch) -> bool {
    asked.head.fields.iter().any(|field| field.name.eq_ignore_ascii_case(name) && value.holds(field.value))
}

fn has_parameter(asked: &Asked<'_>, name: &[u8], value: &TextMatch) -> bool {
    asked.head.query().split(|byte| *byte == b'&').any(|pair| {
        let (key, text) = match memchr::memchr(b'=', pair) {
            Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
            None => (pair, b"".as_slice()),
        };
        !pair.is_empty() && *decoded(key) == *name && value.holds(&decoded(text))
    })
}

/// A name or value of a query as forms mean it (WHATWG URL, 5.1): `+` is a blank, an escape that is none stays.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'%', b'+', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        out.push(match (byte, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, behind @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = behind;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => *byte,
        });
    }
    Cow::Owned(out)
}

fn digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use eg_wire::head::RequestHead;

    use super::*;

    fn head(method: &str, target: &str, fields: &[(&str, &str)]) -> RequestHead {
        let mut head = RequestHead::default();
        head.method_text = head.fields.store(method.as_bytes());
        head.target = head.fields.store(target.as_bytes());
        for (name, value) in fields {
            head.fields.push(name.as_bytes(), value.as_bytes());
        }
        head
    }

    fn hold(conditions: &Conditions, head: &RequestHead, client: &str) -> bool {
        let client: IpAddr = client.parse().unwrap();
        conditions.hold(&Asked { head, path: b"/", client })
    }

    fn equal(text: &str) -> TextMatch {
        TextMatch::Equal(text.as_bytes().into())
    }

    fn pattern(text: &str) -> TextMatch {
        TextMatch::Pattern(Regex::new(&format!("\\A(?:{text})\\z")).unwrap())
    }

    #[test]
    fn all_that_is_asked_must_hold() {
        let conditions = Conditions {
            methods: vec![b"GET".as_slice().into(), b"PURGE".as_slice().into()],
            fields: vec![(b"x-plan".as_slice().into(), equal("gold"))],
            query: vec![(b"beta".as_slice().into(), TextMatch::Present)],
            clients: Some(AddressSet::read(["10.0.0.0/8"]).unwrap()),
        };
        let gold = [("X-Plan", "gold")];
        type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, bool);
        let table: [Row<'_>; 8] = [
            ("GET", "/?beta", &gold, "10.0.0.1", true),
            ("PURGE", "/?a=1&beta=2", &gold, "10.0.0.1", true),
            ("get", "/?beta", &gold, "10.0.0.1", false),
            ("GET", "/", &gold, "10.0.0.1", false),
            ("GET", "/?betax", &gold, "10.0.0.1", false),
            ("GET", "/?beta", &[("X-Plan", "Gold")], "10.0.0.1", false),
            ("GET", "/?beta", &[("X-Plan", "lead"), ("x-plan", "gold")], "10.0.0.1", true),
            ("GET", "/?beta", &gold, "192.0.2.1", false),
        ];
        for (method, target, fields, client, expected) in table {
            let head = head(method, target, fields);
            assert_eq!(hold(&conditions, &head, client), expected, "{method} {target} {fields:?} {client}");
        }
        assert!(hold(&Conditions::default(), &head("X", "*", &[]), "::1"));
    }

    #[test]
    fn parameters_are_compared_as_forms_mean_them() {
        let table = [
            ("/?q=a+b", equal("a b"), true),
            ("/?q=a%20b", equal("a b"), true),
            ("/?%71=x", equal("x"), true),
            ("/?q=%zz%", equal("%zz%"), true),
            ("/?q", equal(""), true),
            ("/?q=1&q=2", equal("2"), true),
            ("/?q=a=b", equal("a=b"), true),
            ("/?Q=1", TextMatch::Present, false),
            ("/?", TextMatch::Present, false),
            ("/", TextMatch::Present, false),
            ("/?q=v12", pattern("v[0-9]+"), true),
            ("/?q=xv12", pattern("v[0-9]+"), false),
            ("/?q=v1%0A", pattern("v[0-9]+"), false),
        ];
        for (target, value, expected) in table {
            let conditions =
                Conditions { query: vec![(b"q".as_slice().into(), value)], ..Conditions::default() };
            assert_eq!(hold(&conditions, &head("GET", target, &[]), "::1"), expected, "{target}");
        }
    }
}
