//! Normal forms of paths: a form is its own form, means what the path meant, and has nothing left that readers take
//! for different things. It refuses to share code with what it checks.

#![no_main]

use eg_core::route::{EncodedSlashes, Normalised, normalise};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (strict, lenient) = (form(data, EncodedSlashes::Reject), form(data, EncodedSlashes::Pass));
    if let Some(form) = &strict {
        assert!(lenient.as_ref() == Some(form), "what may pass changes what has nothing to pass");
        let escapes = [b"%2f", b"%2F", b"%5c", b"%5C"];
        assert!(!form.windows(3).any(|part| escapes.iter().any(|it| *it == part)), "an encoded slash");
    }
    let Some(form) = lenient else { return };
    assert!(form.starts_with(b"/") && form.len() <= data.len(), "{form:?}");
    assert!(!form.contains(&b'\\'), "a backslash");
    assert!(!form.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b"..")), "{form:?}");
    assert!(meaning(&form) == meaning(data), "{form:?} is another path");
});

/// The normal form, for which nothing is left to do.
fn form(path: &[u8], slashes: EncodedSlashes) -> Option<Vec<u8>> {
    const BEFORE: &[u8] = b"left over";
    let mut out = BEFORE.to_vec();
    let form = match normalise(path, slashes, &mut out).ok()? {
        Normalised::Unchanged => {
            assert!(out == BEFORE, "written for nothing");
            path.to_vec()
        }
        Normalised::Changed => {
            assert!(out != path, "nothing has changed");
            out
        }
    };
    assert!(normalise(&form, slashes, &mut Vec::new()) == Ok(Normalised::Unchanged), "{form:?} has a form");
    Some(form)
}

/// The segments that a path leads through, decoded (RFC 3986, 5.2.4 and 2.1).
fn meaning(path: &[u8]) -> Vec<Vec<u8>> {
    let mut places: Vec<Vec<u8>> = Vec::new();
    let mut segments = path.split(|byte| *byte == b'/').skip(1).map(decoded).peekable();
    while let Some(segment) = segments.next() {
        let dots = match segment.as_slice() {
            b"." => true,
            b".." => {
                places.pop();
                true
            }
            _ => false,
        };
        if !dots {
            places.push(segment);
        } else if segments.peek().is_none() {
            places.push(Vec::new());
        }
    }
    places
}

fn decoded(segment: &[u8]) -> Vec<u8> {
    let mut parts = segment.split(|byte| *byte == b'%');
    let mut text = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        let digits = part.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        text.push(byte.expect("an escape that was accepted"));
        text.extend_from_slice(&part[2..]);
    }
    text
}
