//! [`Chance`], as the simulation uses it, which is not chance: each number is the next that was said. It refuses to
//! make any up; when all are used, what follows is 0.

use std::cell::Cell;

thread_local! {
    static SAID: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What the next [`Chance`] is to be.
pub(crate) fn say(bytes: &[u8]) {
    SAID.set(bytes.to_vec());
}

pub(crate) struct Chance(std::vec::IntoIter<u8>);

impl Chance {
    /// What was said; there is no other seed.
    pub(crate) fn new(_seed: u64) -> Self {
        Self(SAID.take().into_iter())
    }

    /// A number from 0 to `most`; a byte is enough for a small one.
    pub(crate) fn up_to(&mut self, most: u32) -> u32 {
        let bytes = if most < 256 { 1 } else { 3 };
        let number = (0..bytes).fold(0, |number: u32, _| number << 8 | u32::from(self.0.next().unwrap_or(0)));
        (u64::from(number) % (u64::from(most) + 1)) as u32
    }

    /// A number from 1 to `most`, which is at least 1.
    pub(crate) fn some(&mut self, most: u32) -> u32 {
        1 + self.up_to(most - 1)
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.up_to(n - 1) == 0
    }

    /// One of `choices`, which are not none.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.up_to(choices.len() as u32 - 1) as usize]
    }
}
