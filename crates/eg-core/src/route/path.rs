//! The one form of a path, which routes are chosen by and endpoints see: what matches a route here and what an
//! origin makes of it cannot differ. It refuses to repair: a path with two readings is an error.

/// What [`normalise`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalised {
    /// The path is normal as it is; nothing was written.
    Unchanged,
    /// The normal form was written.
    Changed,
}

/// A path that readers may take for different ones: not absolute, an escape that is none, or one of `/`, `\` or NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPath;

/// What becomes of `%2F` and `%5C`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodedSlashes {
    /// They are errors: some servers decode them to a separator, and some do not.
    Reject,
    /// They stay as they are.
    Pass,
}

/// Gives the normal form of an absolute path without query: dot segments removed (RFC 3986, 5.2.4), unreserved
/// characters decoded, other escapes in upper case (6.2.2). If that is not the path itself, it replaces what is in
/// `out`; a path that is normal already costs one scan and no write.
///
/// # Errors
/// For `%2F` and `%5C` unless they may pass, and for `%00`, a backslash and invalid escapes: no two servers agree on
/// what they mean.
pub fn normalise(path: &[u8], slashes: EncodedSlashes, out: &mut Vec<u8>) -> Result<Normalised, BadPath> {
    if !path.starts_with(b"/") {
        return Err(BadPath);
    }
    if is_normal(path, slashes)? {
        return Ok(Normalised::Unchanged);
    }
    out.clear();
    decode(path, slashes, out)?;
    remove_dot_segments(out);
    Ok(Normalised::Changed)
}

/// Looks at all of the path, so that an error in it is found whether or not something else has to change.
fn is_normal(path: &[u8], slashes: EncodedSlashes) -> Result<bool, BadPath> {
    let mut normal = true;
    for at in memchr::memchr3_iter(b'%', b'.', b'\\', path) {
        let (before, from) = path.split_at(at);
        normal &= match from {
            [b'%', digits @ ..] => match escape(digits, slashes)? {
                Escape::Decoded(_) => false,
                Escape::Kept(upper_case) => digits.starts_with(&upper_case),
            },
            [b'.', ..] => !(before.ends_with(b"/") && starts_with_dot_segment(from)),
            _ => return Err(BadPath),
        };
    }
    Ok(normal)
}

fn starts_with_dot_segment(text: &[u8]) -> bool {
    matches!(text, [b'.'] | [b'.', b'/', ..] | [b'.', b'.'] | [b'.', b'.', b'/', ..])
}

/// What a `%` and two digits are in a normal path.
enum Escape {
    /// A character that needs no escape.
    Decoded(u8),
    /// An escape with these digits.
    Kept([u8; 2]),
}

/// Reads the two digits behind a `%`.
fn escape(text: &[u8], slashes: EncodedSlashes) -> Result<Escape, BadPath> {
    let [high, low, ..] = text else { return Err(BadPath) };
    match value(*high)? << 4 | value(*low)? {
        0 => Err(BadPath),
        b'/' | b'\\' if slashes == EncodedSlashes::Reject => Err(BadPath),
        byte if is_unreserved(byte) => Ok(Escape::Decoded(byte)),
        _ => Ok(Escape::Kept([high.to_ascii_uppercase(), low.to_ascii_uppercase()])),
    }
}

fn value(digit: u8) -> Result<u8, BadPath> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(BadPath),
    }
}

/// RFC 3986, 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn decode(path: &[u8], slashes: EncodedSlashes, out: &mut Vec<u8>) -> Result<(), BadPath> {
    let mut rest = path;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let (before, from) = rest.split_at(at);
        let Some((escaped, after)) = from.split_at_checked(3) else { return Err(BadPath) };
        out.extend_from_slice(before);
        match escape(escaped.get(1..).unwrap_or_default(), slashes)? {
            Escape::Decoded(byte) => out.push(byte),
            Escape::Kept([high, low]) => out.extend_from_slice(&[b'%', high, low]),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// In place. The path starts with a slash, and so does what is left of it.
fn remove_dot_segments(path: &mut Vec<u8>) {
    let (mut read, mut write) = (0, 0);
    while let Some([_, segment @ ..]) = path.get(read..) {
        let end = memchr::memchr(b'/', segment).map_or(path.len(), |at| read + 1 + at);
        let is_last = end == path.len();
        let keep = match path.get(read + 1..end) {
            Some(b".") => false,
            Some(b"..") => {
                write = memchr::memrchr(b'/', path.get(..write).unwrap_or_default()).unwrap_or(0);
                false
            }
            _ => true,
        };
        if keep {
            path.copy_within(read..end, write);
            write += end - read;
        } else if is_last && let Some(slot) = path.get_mut(write) {
            // What a dot segment at the end leaves is a directory.
            *slot = b'/';
            write += 1;
        }
        read = end;
    }
    path.truncate(write);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(path: &str) -> Result<String, BadPath> {
        let mut out = b"left over".to_vec();
        Ok(match normalise(path.as_bytes(), EncodedSlashes::Reject, &mut out)? {
            Normalised::Unchanged => {
                assert_eq!(out, b"left over", "{path}: nothing is written for nothing");
                path.to_owned()
            }
            Normalised::Changed => {
                assert_ne!(out, path.as_bytes(), "{path}: nothing has changed");
                String::from_utf8(out).expect("ASCII in, ASCII out")
            }
        })
    }

    #[test]
    fn a_path_has_one_form() {
        let table = [
            // Nothing to do.
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a//b/", "/a//b/"),
            ("/.well-known/x", "/.well-known/x"),
            ("/...", "/..."),
            ("/..a/.b/c./d../e.js", "/..a/.b/c./d../e.js"),
            ("/a;v=1/..;/b", "/a;v=1/..;/b"),
            ("/%20%25%3F", "/%20%25%3F"),
            // Dot segments.
            ("/a/./b", "/a/b"),
            ("/./", "/"),
            ("/.", "/"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/../", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/..", "/"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("/a/b/c/./../../g", "/a/g"),
            ("/a//../b", "/a/b"),
            ("//..", "/"),
            // Escapes.
            ("/%7Eme/%41%2d%5F", "/~me/A-_"),
            ("/a%3fb%c3%a9", "/a%3Fb%C3%A9"),
            ("/%2541", "/%2541"),
            ("/%0d%0A", "/%0D%0A"),
            // Both, one behind the other.
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e", "/"),
            ("/a/%2e", "/a/"),
            ("/a/%2e%2e%2e", "/a/..."),
        ];
        for (path, form) in table {
            assert_eq!(normal(path).as_deref(), Ok(form), "{path}");
        }
    }

    #[test]
    fn a_path_with_two_readings_is_none() {
        for bad in [
            "",
            "*",
            "a",
            "a/b",
            "%2F",
            "/%2f",
            "/%2F",
            "/%5c",
            "/%5C",
            "/%00",
            "/a\\b",
            "\\",
            "/%",
            "/%4",
            "/%zz",
            "/%%41",
            "/%4g",
            "/%g4",
            "/%+1",
            "/a/../%",
            "/%41%",
            "/%41\\",
            "/\u{e9}/%",
        ] {
            assert_eq!(normal(bad), Err(BadPath), "{bad}");
        }
    }

    #[test]
    fn encoded_slashes_that_may_pass_stay_encoded() {
        let table = [
            ("/a%2Fb", Ok("/a%2Fb")),
            ("/a%2fb%5c", Ok("/a%2Fb%5C")),
            ("/a/..%2f../b", Ok("/a/..%2F../b")),
            ("/%00", Err(BadPath)),
            ("/a\\b", Err(BadPath)),
            ("/%2", Err(BadPath)),
        ];
        for (path, expected) in table {
            let mut out = Vec::new();
            let form = normalise(path.as_bytes(), EncodedSlashes::Pass, &mut out).map(|found| match found {
                Normalised::Unchanged => path.to_owned(),
                Normalised::Changed => String::from_utf8(out).unwrap(),
            });
            assert_eq!(form.as_deref(), expected.as_ref().copied(), "{path}");
        }
    }

    /// RFC 3986, 5.2.4, by its letter.
    fn without_dot_segments(path: &str) -> String {
        let (mut input, mut output) = (path.to_owned(), String::new());
        while !input.is_empty() {
            if input.starts_with("/./") {
                input.drain(..2);
            } else if input == "/." {
                input = "/".to_owned();
            } else if input.starts_with("/../") || input == "/.." {
                input.replace_range(..3, "");
                if input.is_empty() {
                    input.push('/');
                }
                output.truncate(output.rfind('/').unwrap_or(0));
            } else {
                let end =
                    input.char_indices().skip(1).find(|(_, c)| *c == '/').map_or(input.len(), |(at, _)| at);
                output.extend(input.drain(..end));
            }
        }
        output
    }

    proptest! {
        #[test]
        fn dot_segments_go_as_the_rfc_says(path in "(/(\\.|\\.\\.|[ab.]{0,3})){1,8}") {
            prop_assert_eq!(normal(&path), Ok(without_dot_segments(&path)));
        }

        #[test]
        fn the_form_of_a_form_is_itself(path in "/([a-c./;]|%[2-7][0-9a-fA-F]){0,24}") {
            if let Ok(form) = normal(&path) {
                let again = normalise(form.as_bytes(), EncodedSlashes::Reject, &mut Vec::new());
                prop_assert_eq!(again, Ok(Normalised::Unchanged));
                prop_assert!(form.starts_with('/') && form.len() <= path.len());
                prop_assert!(!form.split('/').any(|segment| segment == "." || segment == ".."));
            }
        }

        #[test]
        fn bytes_of_any_kind_are_a_path_or_not_but_never_a_panic(
            path in proptest::collection::vec(prop_oneof![Just(b'/'), Just(b'.'), Just(b'%'), Just(b'2'), any::<u8>()], 0..32),
        ) {
            let mut out = Vec::new();
            if normalise(&path, EncodedSlashes::Reject, &mut out) == Ok(Normalised::Changed) {
                prop_assert_eq!(normalise(&out, EncodedSlashes::Reject, &mut Vec::new()), Ok(Normalised::Unchanged));
            }
        }
    }
}
