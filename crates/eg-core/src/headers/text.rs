//! [`Text`]: a number or an address, written on the stack. It refuses to be general: the formatter that is takes
//! several times as long for an IPv4 address, which is on the way of every request.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

/// Room for the longest address, an IPv4 one in the clothes of IPv6.
const ROOM: usize = 45;

/// A short text.
pub(super) struct Text {
    bytes: [u8; ROOM],
    len: usize,
}

impl Text {
    const EMPTY: Self = Self { bytes: [0; ROOM], len: 0 };

    pub(super) fn of_number(number: u16) -> Self {
        let mut text = Self::EMPTY;
        text.push_number(number);
        text
    }

    /// An IPv4 client of a dual-stack socket has its IPv4 address, whatever the socket calls it.
    pub(super) fn of_address(address: IpAddr) -> Self {
        let mut text = Self::EMPTY;
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [first, rest @ ..] = address.octets();
                text.push_number(first.into());
                for octet in rest {
                    text.push(b'.');
                    text.push_number(octet.into());
                }
            }
            IpAddr::V6(address) => {
                // There is room for every address, and nothing else can fail.
                let _ = write!(text, "{address}");
            }
        }
        text
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn push_number(&mut self, number: u16) {
        if number >= 10 {
            self.push_number(number / 10);
        }
        self.push(b'0' + (number % 10) as u8);
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.push(byte));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(number: u16) -> String {
        String::from_utf8_lossy(Text::of_number(number).as_bytes()).into_owned()
    }

    fn address(address: IpAddr) -> String {
        String::from_utf8_lossy(Text::of_address(address).as_bytes()).into_owned()
    }

    proptest! {
        #[test]
        fn numbers_and_addresses_read_as_everybody_writes_them(any: u16, client: IpAddr) {
            prop_assert_eq!(number(any), any.to_string());
            prop_assert_eq!(address(client), client.to_canonical().to_string());
        }
    }

    #[test]
    fn the_longest_and_the_shortest_fit() {
        let longest = "1111:2222:3333:4444:5555:6666:7777:8888";
        for text in ["255.255.255.255", "0.0.0.0", "::", "::1", longest] {
            assert_eq!(address(text.parse().unwrap()), text);
        }
        for (value, text) in [(0, "0"), (9, "9"), (10, "10"), (1000, "1000"), (u16::MAX, "65535")] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_client_has_the_address_that_people_know() {
        assert_eq!(address("::ffff:192.0.2.7".parse().unwrap()), "192.0.2.7");
    }
}
