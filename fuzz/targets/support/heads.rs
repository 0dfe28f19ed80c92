//! Heads that arrive in pieces: the verdict is that of the whole. It refuses to know which of them is right.

use eg_wire::h1::{HeadError, Parsed};

use crate::pieces::{agree, splits};

/// Holds that a head gets one verdict, in however many pieces it comes. `parse` takes what is there and how much of it
/// was looked at before.
pub(crate) fn one_verdict(data: &[u8], parse: impl Fn(&[u8], usize) -> Result<Parsed, HeadError>) {
    let whole = parse(data, 0);
    for ends in splits(data) {
        let (mut seen, mut verdict) = (0, Ok(Parsed::Partial));
        for end in ends {
            verdict = parse(&data[..end], seen);
            if verdict != Ok(Parsed::Partial) {
                break;
            }
            seen = end;
        }
        assert!(agree(whole, verdict), "{whole:?} as a whole, {verdict:?} in pieces");
    }
}
