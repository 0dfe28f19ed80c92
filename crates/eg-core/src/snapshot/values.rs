//! What single values of a description may be: addresses, names of fields, hosts, path prefixes. An error is the
//! reason, with what to do; whose value it is, the caller knows.

use std::net::SocketAddr;
use std::path::PathBuf;

use eg_wire::fields::FieldId;
use eg_wire::h1::is_authority;

use super::Address;
use crate::route::{EncodedSlashes, MAX_HOST, Normalised, normalise};

/// Longest path of a Unix socket (unix(7)), without its terminator.
const MAX_UNIX_PATH: usize = 107;

/// Where an endpoint is. Host names are not looked up here.
pub(super) fn address(text: &str) -> Result<Address, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return if !path.starts_with('/') || path.contains('\0') {
            Err("give the absolute path of a socket".to_owned())
        } else if path.len() > MAX_UNIX_PATH {
            Err(format!("the path has {} bytes, a socket's at most {MAX_UNIX_PATH}", path.len()))
        } else {
            Ok(Address::Unix(PathBuf::from(path)))
        };
    }
    match text.parse::<SocketAddr>() {
        Err(_) => Err("it is neither IP:PORT, [IPv6]:PORT nor unix:/path".to_owned()),
        Ok(address) if address.port() == 0 => Err("nobody can be reached at port 0".to_owned()),
        Ok(address) => Ok(Address::Tcp(address)),
    }
}

/// Whether a text is a token, as names of fields and methods are (RFC 9110, 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// Whether a text can be the value of a field: no control characters, and no blanks around it (RFC 9110, 5.5).
pub(super) fn is_field_value(text: &str) -> bool {
    text.trim_ascii() == text && text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// The name of a field that the gateway adds.
pub(super) fn field_name(name: &str) -> Result<(), &'static str> {
    if !is_token(name) {
        Err("it is not the name of a field")
    } else if FieldId::of(name.as_bytes()) != FieldId::Other {
        Err("it is a field with a meaning of its own; give another name, such as x-request-id")
    } else {
        Ok(())
    }
}

/// A prefix that a normalised path can have.
pub(super) fn path_prefix(prefix: &str) -> Result<(), String> {
    let is_literal = |byte: u8| byte.is_ascii_graphic() && byte != b'?' && byte != b'#';
    let mut normal = Vec::new();
    if !prefix.starts_with('/') {
        return Err("it would never match; begin it with a slash".to_owned());
    }
    if !prefix.bytes().all(is_literal) {
        return Err(
            "it would never match; write spaces and what is not ASCII as %XX, and no query".to_owned()
        );
    }
    match normalise(prefix.as_bytes(), EncodedSlashes::Reject, &mut normal) {
        Ok(Normalised::Unchanged) => Ok(()),
        Ok(Normalised::Changed) => {
            Err(format!("it would never match; write it as {:?}", String::from_utf8_lossy(&normal)))
        }
        Err(_) => Err("it would never match; requests for such paths are refused".to_owned()),
    }
}

/// A pattern that the host of a request can match: a lower-case name without port, or `*.` and one.
pub(super) fn host(pattern: &str) -> Result<(), &'static str> {
    let name = pattern.strip_prefix("*.").unwrap_or(pattern);
    if name.is_empty() || pattern == "*" {
        Err("leave the hosts out to match any")
    } else if name.contains('*') {
        Err("`*` stands for whole labels and only in front, as in *.example.com")
    } else if !name.is_ascii() {
        Err("write it as it is sent, in ASCII (xn--)")
    } else if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Err("write it in lower case")
    } else if name.ends_with('.') {
        Err("leave out the dot at the end")
    } else if name.contains(':') && !name.ends_with(']') {
        Err("leave out the port; an IPv6 address has brackets")
    } else if name.starts_with('.') || !is_authority(name.as_bytes()) {
        Err("it is not the name of a host")
    } else if pattern.len() > MAX_HOST {
        Err("it is longer than a host can be")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_nobody_can_be_reached_at_is_refused() {
        let table = [
            ("", "it is neither"),
            ("here", "it is neither"),
            ("10.0.0.1", "it is neither"),
            ("::1:80", "it is neither"),
            ("app.example:80", "it is neither"),
            ("10.0.0.1:65536", "it is neither"),
            ("unix", "it is neither"),
            ("[::1]:0", "nobody can be reached"),
            ("unix:", "give the absolute path"),
            ("unix:run/a", "give the absolute path"),
            ("unix:/a\0b", "give the absolute path"),
        ];
        for (text, reason) in table {
            let refusal = address(text).unwrap_err();
            assert!(refusal.starts_with(reason), "{text}: {refusal}");
        }
        let path = |len: usize| format!("/{}", "a".repeat(len - 1));
        assert_eq!(address(&format!("unix:{}", path(107))), Ok(Address::Unix(path(107).into())));
        assert!(address(&format!("unix:{}", path(108))).unwrap_err().contains("108 bytes"));
    }

    #[test]
    fn a_field_that_the_gateway_adds_has_a_name_of_its_own() {
        for good in ["x-request-id", "X_Correlation.ID", "~"] {
            assert_eq!(field_name(good), Ok(()), "{good}");
        }
        for bad in ["", "a b", "a:", "a\r\nb", "\u{e9}", "Host", "content-length", "via"] {
            assert!(field_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_prefix_that_no_path_can_have_is_refused() {
        let table = [
            ("", "it would never match; begin"),
            ("x", "it would never match; begin"),
            ("/a?b", "it would never match; write spaces"),
            ("/a#b", "it would never match; write spaces"),
            ("/a b", "it would never match; write spaces"),
            ("/caf\u{e9}", "it would never match; write spaces"),
            ("/%zz", "it would never match; requests"),
            ("/a%2fb", "it would never match; requests"),
            ("/a\\b", "it would never match; requests"),
            ("/a/../b", "it would never match; write it as \"/b\""),
            ("/%7eme%c3", "it would never match; write it as \"/~me%C3\""),
        ];
        for (prefix, reason) in table {
            let refusal = path_prefix(prefix).unwrap_err();
            assert!(refusal.starts_with(reason), "{prefix}: {refusal}");
        }
        for good in ["/", "/a", "/a/", "/a//b", "/caf%C3%A9", "/a;v=1", "/.well-known"] {
            assert_eq!(path_prefix(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_host_that_no_request_can_have_is_refused() {
        let table = [
            ("", "leave the hosts out"),
            ("*", "leave the hosts out"),
            ("*.", "leave the hosts out"),
            ("a.*", "`*` stands"),
            ("*.*.a", "`*` stands"),
            ("*a", "`*` stands"),
            ("b\u{fc}cher.example", "write it as it is sent"),
            ("Shop.example", "write it in lower case"),
            ("shop.example.", "leave out the dot"),
            ("shop.example:80", "leave out the port"),
            ("::1", "leave out the port"),
            ("[::1]:80", "leave out the port"),
            ("a]", "it is not the name"),
            ("[::1", "leave out the port"),
            ("u@a", "it is not the name"),
            ("a b", "it is not the name"),
            ("a/b", "it is not the name"),
            (".a", "it is not the name"),
            ("*..a", "it is not the name"),
        ];
        for (pattern, reason) in table {
            let refusal = host(pattern).unwrap_err();
            assert!(refusal.starts_with(reason), "{pattern}: {refusal}");
        }
        assert_eq!(host(&"a".repeat(256)), Err("it is longer than a host can be"));
        for good in [
            "a",
            "a.b",
            "*.a",
            "a_b.example",
            "127.0.0.1",
            "[::1]",
            "xn--bcher-kva.example",
            &"a".repeat(255),
        ] {
            assert_eq!(host(good), Ok(()), "{good}");
        }
    }
}
