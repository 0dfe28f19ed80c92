//! [`AddressSet`]: which addresses, by prefix (RFC 4632). Asked of every connection, so it is two sorted lists of
//! ranges that nothing overlaps in. It refuses to mix families: `::/0` says nothing about IPv4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses by prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressSet {
    v4: Vec<(Ipv4Addr, Ipv4Addr)>,
    v6: Vec<(Ipv6Addr, Ipv6Addr)>,
}

impl AddressSet {
    /// Reads prefixes such as `10.0.0.0/8`, or single addresses.
    ///
    /// # Errors
    /// The reason, for the first text that is neither, or has bits behind its prefix.
    pub fn read<'a>(prefixes: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut set = Self::default();
        for text in prefixes {
            match prefix(text)? {
                (IpAddr::V4(first), IpAddr::V4(last)) => set.v4.push((first, last)),
                (IpAddr::V6(first), IpAddr::V6(last)) => set.v6.push((first, last)),
                _ => {}
            }
        }
        merge(&mut set.v4);
        merge(&mut set.v6);
        Ok(set)
    }

    /// Whether an address is among them. An IPv4 client of a dual-stack socket is an IPv4 client.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => within(&self.v4, address),
            IpAddr::V6(address) => within(&self.v6, address),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

fn within<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| address <= *last)
}

/// Sorts, and leaves out what lies within another: prefixes never overlap in part.
fn merge<T: Ord + Copy>(ranges: &mut Vec<(T, T)>) {
    ranges.sort_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
    ranges.dedup_by(|later, earlier| later.1 <= earlier.1);
}

/// First and last address.
fn prefix(text: &str) -> Result<(IpAddr, IpAddr), String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr =
        address.parse().map_err(|_| format!("{text:?} is not an address or a prefix of one"))?;
    let (bits, number) = match address {
        IpAddr::V4(address) => (32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (128, u128::from(address)),
    };
    let length = match length {
        None => bits,
        Some(digits) => digits
            .parse()
            .ok()
            .filter(|length| *length <= bits && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or_else(|| format!("{text:?}: the length of a prefix is a number up to {bits}"))?,
    };
    let host_bits = match bits - length {
        128 => u128::MAX,
        count => (1 << count) - 1,
    };
    if number & host_bits != 0 {
        return Err(format!(
            "{text:?} has bits behind its prefix; write {}/{length}",
            put(address, number & !host_bits)
        ));
    }
    Ok((address, put(address, number | host_bits)))
}

/// A number as an address of the same family.
fn put(family: IpAddr, number: u128) -> IpAddr {
    match family {
        IpAddr::V4(_) => Ipv4Addr::from(number as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from(number).into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_in_a_set_if_a_prefix_of_its_family_covers_it() {
        let set =
            AddressSet::read(["10.0.0.0/8", "10.1.0.0/16", "192.0.2.7", "2001:db8::/32", "::1"]).unwrap();
        let table = [
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("9.255.255.255", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:10.1.2.3", true),
            ("2001:db8:ffff::", true),
            ("2001:db9::", false),
            ("::1", true),
            ("::", false),
        ];
        for (address, expected) in table {
            assert_eq!(set.contains(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn everything_of_one_family_is_nothing_of_the_other() {
        let v4 = AddressSet::read(["0.0.0.0/0"]).unwrap();
        let v6 = AddressSet::read(["::/0"]).unwrap();
        for (address, in_v4) in
            [("255.255.255.255", true), ("0.0.0.0", true), ("::ffff:1.2.3.4", true), ("ff::", false)]
        {
            let address = address.parse().unwrap();
            assert_eq!((v4.contains(address), v6.contains(address)), (in_v4, !in_v4), "{address}");
        }
        assert!(AddressSet::read([]).unwrap().is_empty() && !v4.is_empty() && !v6.is_empty());
    }

    #[test]
    fn what_is_no_prefix_is_refused_with_what_to_write() {
        let table = [
            ("", "\"\" is not"),
            ("a", "\"a\" is not"),
            ("10.0.0.0/", "\"10.0.0.0/\": the length of a prefix is a number up to 32"),
            ("10.0.0.0/33", "\"10.0.0.0/33\": the length of a prefix is a number up to 32"),
            ("10.0.0.0/+8", "\"10.0.0.0/+8\": the length"),
            ("::/129", "\"::/129\": the length of a prefix is a number up to 128"),
            ("10.0.0.1/8", "\"10.0.0.1/8\" has bits behind its prefix; write 10.0.0.0/8"),
            ("::1/0", "\"::1/0\" has bits behind its prefix; write ::/0"),
        ];
        for (text, reason) in table {
            let refusal = AddressSet::read([text]).unwrap_err();
            assert!(refusal.starts_with(reason), "{refusal}");
        }
    }

    proptest! {
        #[test]
        fn a_set_contains_what_one_of_its_prefixes_does(
            prefixes in proptest::collection::vec((any::<u8>(), 0_u32..=8), 0..6),
            address: u8,
        ) {
            // Eight bits of an address are enough to meet every case.
            let cut = |byte: u8, length: u32| if length == 0 { 0 } else { byte & (0xff << (8 - length)) };
            let texts: Vec<String> =
                prefixes.iter().map(|(byte, length)| format!("{}.0.0.0/{length}", cut(*byte, *length))).collect();
            let set = AddressSet::read(texts.iter().map(String::as_str)).unwrap();
            let expected = prefixes.iter().any(|(byte, length)| cut(*byte, *length) == cut(address, *length));
            prop_assert_eq!(set.contains(Ipv4Addr::new(address, 1, 2, 3).into()), expected, "{:?}", texts);
        }
    }
}
