//! Input that arrives in pieces: byte by byte, and in pieces of lengths that follow from the input, so that a finding
//! can be repeated from the input alone. It refuses to know what is read.

use eg_wire::h1::HeadError;

#[allow(dead_code, reason = "the simulation, whose it is, asks it for more")]
#[path = "../../../crates/eg-core/tests/simulation/chance.rs"]
mod chance;

pub(crate) use self::chance::Chance;

/// Longer input is not read byte by byte as well.
const SHORT: usize = 512;

/// Chance that follows from the input (FNV-1a).
pub(crate) fn chance_of(data: &[u8]) -> Chance {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    Chance::new(data.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// Ways to split input: each says where the pieces end, the last of them at its end.
pub(crate) fn splits(data: &[u8]) -> Vec<Vec<usize>> {
    let mut chance = chance_of(data);
    let mut cut = |most: u32| {
        let mut ends = vec![0];
        while let Some(end) = ends.last().copied().filter(|end| *end < data.len()) {
            ends.push(data.len().min(end + chance.some(most) as usize));
        }
        ends
    };
    let mut splits = vec![cut(7), cut(200)];
    if data.len() <= SHORT {
        splits.push((0..=data.len()).collect());
    }
    splits
}

/// In pieces, a limit may be noticed before that which is wrong behind it.
pub(crate) fn agree<T: PartialEq>(whole: Result<T, HeadError>, pieces: Result<T, HeadError>) -> bool {
    let limits = [HeadError::TargetTooLong, HeadError::HeadTooLarge];
    match (whole, pieces) {
        (Err(whole), Err(pieces)) => whole == pieces || limits.contains(&pieces),
        (whole, pieces) => whole == pieces,
    }
}
