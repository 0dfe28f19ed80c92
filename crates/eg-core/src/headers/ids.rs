//! [`RequestIds`]: names for requests, to find one again in the logs of every program it passed. A name is not a
//! secret: whoever has seen a few can tell the next.

/// A sequence of identities, each 32 lower-case hexadecimal digits.
///
/// No two are equal within a sequence; nor in two sequences, unless the lower halves of their seeds are equal and by
/// chance they also count through the same numbers.
#[derive(Debug, Clone)]
pub struct RequestIds {
    seed: u64,
    next: u64,
}

impl RequestIds {
    /// A sequence of its own for each seed, of which the lower 64 bits matter most.
    #[must_use]
    pub fn new(seed: impl Into<u128>) -> Self {
        let seed = seed.into();
        let (high, low) = ((seed >> 64) as u64, seed as u64);
        Self { seed: mix(low), next: mix(high ^ mix(low.wrapping_add(STEP))) }
    }

    /// The next identity.
    ///
    /// The first half is a bijection of the count; the second, for each count, one of the seed: that is what makes
    /// equal identities impossible, rather than improbable. Either half is fit to sample or to shard by.
    #[allow(clippy::should_implement_trait, reason = "a sequence without end needs no Option")]
    pub fn next(&mut self) -> [u8; 32] {
        self.next = self.next.wrapping_add(STEP);
        let (first, second) = (mix(self.next), mix(self.next.rotate_left(32) ^ self.seed));
        let mut text = [0; 32];
        let quarters = [first >> 32, first, second >> 32, second];
        for (digits, quarter) in text.chunks_exact_mut(8).zip(quarters) {
            digits.copy_from_slice(&hexadecimal(quarter as u32));
        }
        text
    }
}

/// The golden ratio, odd: SplitMix64 (Steele, Lea and Flood, 2014) counts in such steps through all 64-bit numbers.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64: a bijection in which every bit of the input moves half of the output.
fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Eight digits in one word: spread to one per byte, then lifted to `0`, and those above nine on to `a`.
fn hexadecimal(number: u32) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut digits = u64::from(number);
    digits = (digits | digits << 16) & 0x0000_ffff_0000_ffff;
    digits = (digits | digits << 8) & 0x00ff_00ff_00ff_00ff;
    digits = (digits | digits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (digits + EACH * 6) >> 4 & EACH;
    (digits + EACH * u64::from(b'0') + letters * u64::from(b'a' - b'9' - 1)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn identities_do_not_repeat_in_one_sequence_or_in_neighbours() {
        let mut sequences: Vec<RequestIds> = (0_u64..8).map(RequestIds::new).collect();
        sequences.extend((1_u128..8).map(|high| RequestIds::new(high << 64)));
        let mut seen = HashSet::new();
        for _ in 0..2000 {
            for ids in &mut sequences {
                assert!(seen.insert(ids.next()));
            }
        }
    }

    #[test]
    fn identities_of_neighbours_do_not_look_alike() {
        let mut firsts: Vec<String> = Vec::new();
        for seed in 0_u64..64 {
            let id = RequestIds::new(seed).next();
            firsts.push(String::from_utf8(id[..8].to_vec()).unwrap());
            firsts.push(String::from_utf8(id[16..24].to_vec()).unwrap());
        }
        assert_eq!(firsts.iter().collect::<HashSet<_>>().len(), firsts.len());
    }

    #[test]
    fn every_digit_of_an_identity_moves() {
        let mut ids = RequestIds::new(7_u64);
        let mut seen = [const { [false; 256] }; 32];
        for _ in 0..1000 {
            for (place, digit) in ids.next().into_iter().enumerate() {
                seen[place][usize::from(digit)] = true;
            }
        }
        for (place, digits) in seen.iter().enumerate() {
            let known: Vec<u8> = (0..=255).filter(|digit| digits[usize::from(*digit)]).collect();
            assert_eq!(known, b"0123456789abcdef", "at {place}");
        }
    }

    #[test]
    fn the_same_seed_is_the_same_sequence() {
        let (mut one, mut same) = (RequestIds::new(9_u64), RequestIds::new(9_u128));
        assert_eq!([one.next(), one.next()], [same.next(), same.next()]);
    }

    proptest! {
        #[test]
        fn digits_are_those_of_the_number(number: u32) {
            let digits = hexadecimal(number);
            prop_assert_eq!(String::from_utf8_lossy(&digits), format!("{number:08x}"));
        }
    }
}
