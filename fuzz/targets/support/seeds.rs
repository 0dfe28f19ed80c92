//! [`Log`], as the simulation uses it: it counts steps, and prints a story where `EG_FUZZ_ALOUD` is set, for whoever
//! has to find out why one ends badly. It refuses to run stories.

use std::fmt::Debug;
use std::sync::OnceLock;

use eg_core::time::Moment;

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) step: u32,
}

impl Log {
    pub(crate) fn tell(&self, at: Moment, mark: &str, what: &dyn Debug) {
        static ALOUD: OnceLock<bool> = OnceLock::new();
        if *ALOUD.get_or_init(|| std::env::var_os("EG_FUZZ_ALOUD").is_some()) {
            eprintln!("{:5} {:12.6}  {mark} {what:?}", self.step, at.since_origin().as_secs_f64());
        }
    }
}
