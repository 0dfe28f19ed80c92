//! What may stand in `Host`, `:authority` and absolute targets (RFC 3986, 3.2), less what nobody uses in HTTP and
//! somebody abuses: user information, commas, empty ports.

/// Whether this is a host with an optional port that every reader takes for the same.
#[must_use]
pub fn is_authority(text: &[u8]) -> bool {
    match text.split_first() {
        None => false,
        Some((b'[', rest)) => match memchr::memchr(b']', rest).map(|end| rest.split_at(end)) {
            Some((literal, [b']', port @ ..])) => is_ipv6(literal) && is_port_suffix(port),
            _ => false,
        },
        Some(_) => {
            let (host, port) = text.split_at(memchr::memchr(b':', text).unwrap_or(text.len()));
            !host.is_empty() && is_registered_name(host) && is_port_suffix(port)
        }
    }
}

/// Nothing, or a colon and a number up to 65535.
fn is_port_suffix(text: &[u8]) -> bool {
    match text.split_first() {
        None => true,
        Some((b':', digits)) => {
            (1..=5).contains(&digits.len())
                && digits.iter().all(u8::is_ascii_digit)
                && digits.iter().fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0')) <= 65535
        }
        Some(_) => false,
    }
}

fn is_ipv6(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_registered_name(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = match byte {
            b'%' => match after {
                [high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => after,
                _ => return false,
            },
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';'
            | b'=' => after,
            _ if byte.is_ascii_alphanumeric() => after,
            _ => return false,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_authority;

    #[test]
    fn hosts_with_and_without_port_are_authorities() {
        for good in
            ["a", "a.b", "a.b.", "A-1_b:80", "127.0.0.1:65535", "[::1]", "[2001:db8::1]:8080", "%41.b", "a:0"]
        {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
    }

    #[test]
    fn what_readers_might_disagree_about_is_not() {
        for bad in [
            "",
            ":80",
            "a:",
            "a:b",
            "a:65536",
            "a:000080",
            "a:+8",
            "u@a",
            "u:p@a",
            "a,b",
            "a b",
            "a\t",
            "a/b",
            "a?b",
            "a#b",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:",
            "[a]",
            "[1.2.3.4]",
            "[fe80::1%25eth0]",
            "%4",
            "%zz",
            "a\\b",
            "a:80:80",
            "\u{e9}",
            "<a>",
            "a\0",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad:?}");
        }
    }
}
