//! Runs a story once per seed. A seed whose story breaks a promise is told again, aloud, and named together with
//! the step; `EG_SIM_SEED=123 cargo test` runs that one alone.

use std::fmt::{self, Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};

use eg_core::time::Moment;

/// What happened, for those who have to find out why. Writing it down costs more than running the story.
pub(crate) struct Log {
    pub(crate) step: u32,
    lines: Option<Vec<String>>,
}

impl Log {
    fn new(aloud: bool) -> Self {
        Self { step: 0, lines: aloud.then(Vec::new) }
    }

    pub(crate) fn tell(&mut self, at: Moment, mark: &str, what: &dyn Debug) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:5} {:12.6}  {mark} {what:?}", self.step, at.since_origin().as_secs_f64()));
        }
    }
}

impl Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, " step      seconds  >> heard, << wanted")?;
        self.lines.iter().flatten().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// The outcome of `story` for every seed below `count`, or for the one that was asked for.
pub(crate) fn every_seed<T>(count: u64, story: impl Fn(u64, &mut Log) -> T) -> Vec<T> {
    let seeds = asked_for().map_or(0..count, |seed| seed..seed + 1);
    seeds.map(|seed| told(seed, &story)).collect()
}

/// Whether one seed was asked for, so that nothing can be said of all of them.
pub(crate) fn only_one() -> bool {
    asked_for().is_some()
}

#[allow(clippy::disallowed_methods, reason = "a failing seed is run alone by naming it in the environment")]
fn asked_for() -> Option<u64> {
    std::env::var("EG_SIM_SEED").ok()?.parse().ok()
}

#[allow(clippy::panic, reason = "a promise that was broken is a test that fails")]
fn told<T>(seed: u64, story: &impl Fn(u64, &mut Log) -> T) -> T {
    if let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| story(seed, &mut Log::new(false)))) {
        return outcome;
    }
    let mut log = Log::new(true);
    match catch_unwind(AssertUnwindSafe(|| story(seed, &mut log))) {
        Ok(_) => panic!("seed {seed} failed once and passed once: the story depends on more than its seed"),
        Err(cause) => {
            let text = cause.downcast_ref::<String>().cloned();
            let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            panic!("seed {seed} step {}: {}\n{log}", log.step, text.unwrap_or_default());
        }
    }
}
