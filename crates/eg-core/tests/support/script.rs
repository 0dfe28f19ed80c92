//! [`Script`]: a conversation with a state machine, written down before it happens, on a clock of its own. It
//! refuses to be generous: an action that the script does not name, a deadline that it sleeps through and a
//! conversation that it does not bring to its end are failures, shown beside what was written.

use std::collections::VecDeque;
use std::fmt::{Debug, Write as _};
use std::panic::Location;
use std::time::Duration;

use eg_core::exchange::{self, Exchange};
use eg_core::time::Moment;
use eg_core::tunnel::{self, Tunnel};

/// What a script can talk to.
pub(crate) trait Machine {
    type Input: Debug;
    type Action: Debug + PartialEq;

    fn handle(&mut self, input: Self::Input, now: Moment);
    fn handle_timeout(&mut self, now: Moment);
    fn poll_action(&mut self) -> Option<Self::Action>;
    fn deadline(&self) -> Option<Moment>;
    fn is_over(&self) -> bool;
}

/// One line of both conversations.
struct Line {
    at: Moment,
    written: String,
    happened: String,
}

/// A conversation. Its methods read as its story: `gets` this, `does` that, `after` a while `times_out`.
pub(crate) struct Script<M: Machine> {
    machine: M,
    now: Moment,
    /// What the machine wants done and the script has not named yet.
    unnamed: VecDeque<M::Action>,
    lines: Vec<Line>,
    /// Where the test spoke last, for a failure that only shows when it is over.
    spoke: &'static Location<'static>,
}

impl<M: Machine> Script<M> {
    /// Begins a conversation with a machine that was made at `now`.
    #[track_caller]
    pub(crate) fn new(machine: M, now: Moment) -> Self {
        let mut script =
            Self { machine, now, unnamed: VecDeque::new(), lines: Vec::new(), spoke: Location::caller() };
        script.listen();
        script
    }

    /// Tells the reader of a failure which of several conversations it is.
    pub(crate) fn during(mut self, phase: &str) -> Self {
        self.both(format!("-- while {phase}"));
        self
    }

    /// The machine takes an event.
    #[track_caller]
    pub(crate) fn gets(mut self, input: M::Input) -> Self {
        self.expect_nothing_unnamed();
        self.both(format!(">> {input:?}"));
        self.machine.handle(input, self.now);
        self.listen();
        self
    }

    /// The machine wants these done, in this order; what else it wants, the next line has to name.
    #[track_caller]
    pub(crate) fn does(mut self, actions: impl IntoIterator<Item = M::Action>) -> Self {
        let mut right = true;
        for expected in actions {
            let actual = self.unnamed.pop_front();
            right &= actual.as_ref() == Some(&expected);
            let happened = actual.map_or("(nothing)".to_owned(), |action| format!("<< {action:?}"));
            self.line(format!("<< {expected:?}"), happened);
        }
        if !right {
            self.fail("it did something else");
        }
        self
    }

    /// Time passes in which nothing is due.
    #[track_caller]
    pub(crate) fn after(mut self, span: Duration) -> Self {
        self.expect_nothing_unnamed();
        let deadline = self.machine.deadline();
        if let Some(at) = deadline.filter(|at| *at <= self.now + span) {
            self.fail(&format!("{span:?} is too long: it is due in {:?}", at - self.now));
        }
        self.both(format!("-- {span:?} later"));
        self.now = self.now + span;
        self.wakes_in_vain();
        if self.machine.deadline() != deadline {
            self.fail("its deadline moved though nothing happened");
        }
        self
    }

    /// Time passes until the machine's deadline, at which it acts, and not before.
    #[track_caller]
    pub(crate) fn times_out(mut self) -> Self {
        self.expect_nothing_unnamed();
        let Some(at) = self.machine.deadline() else { self.fail("it waits for no deadline") };
        self.now = Moment::at(at.since_origin().saturating_sub(Duration::from_micros(1))).max(self.now);
        if self.now < at {
            self.wakes_in_vain();
        }
        self.now = at;
        self.both("-- its deadline".to_owned());
        self.machine.handle_timeout(at);
        self.listen();
        self
    }

    /// The machine's deadline is this far away.
    #[track_caller]
    pub(crate) fn due_in(self, span: Duration) -> Self {
        let due = self.machine.deadline().map(|at| at - self.now);
        if due != Some(span) {
            self.fail(&format!("it should be due in {span:?}, not {due:?}"));
        }
        self
    }

    /// The machine would wait for ever.
    #[track_caller]
    pub(crate) fn waits_for_ever(self) -> Self {
        if let Some(at) = self.machine.deadline() {
            self.fail(&format!("it should wait for ever, and is due in {:?}", at - self.now));
        }
        self
    }

    /// The machine, to be looked at.
    pub(crate) fn machine(&self) -> &M {
        &self.machine
    }

    /// Ends the test, showing both conversations.
    #[track_caller]
    #[allow(clippy::panic, reason = "a script that fails is a test that fails")]
    pub(crate) fn fail(&self, why: &str) -> ! {
        panic!("{why}\n{}", self.side_by_side());
    }

    #[track_caller]
    fn wakes_in_vain(&mut self) {
        self.machine.handle_timeout(self.now);
        self.listen();
        if !self.unnamed.is_empty() {
            self.both(format!("-- woken at {:?}, before its deadline", self.now.since_origin()));
            self.expect_nothing_unnamed();
        }
    }

    #[track_caller]
    fn expect_nothing_unnamed(&mut self) {
        self.spoke = Location::caller();
        if self.unnamed.is_empty() {
            return;
        }
        for action in std::mem::take(&mut self.unnamed) {
            self.line("(nothing)".to_owned(), format!("<< {action:?}"));
        }
        self.fail("it did more than was written");
    }

    fn listen(&mut self) {
        self.unnamed.extend(std::iter::from_fn(|| self.machine.poll_action()));
    }

    fn both(&mut self, text: String) {
        self.line(text.clone(), text);
    }

    fn line(&mut self, written: String, happened: String) {
        self.lines.push(Line { at: self.now, written, happened });
    }

    fn side_by_side(&self) -> String {
        let width =
            self.lines.iter().map(|line| line.written.chars().count()).fold("written".len(), usize::max);
        let mut table = format!("    {:>9}  {:width$}  happened\n", "seconds", "written");
        for Line { at, written, happened } in &self.lines {
            let mark = if written == happened { ' ' } else { '!' };
            let seconds = at.since_origin().as_secs_f64();
            // Writing to a String cannot fail.
            let _ = writeln!(table, "  {mark} {seconds:9.3}  {written:width$}  {happened}");
        }
        table
    }
}

impl<M: Machine> Drop for Script<M> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let spoke = self.spoke;
        for action in std::mem::take(&mut self.unnamed) {
            self.line("(the end)".to_owned(), format!("<< {action:?}"));
        }
        if self.lines.last().is_some_and(|line| line.written == "(the end)") {
            self.fail(&format!("it did more than was written, after {spoke}"));
        }
        if !self.machine.is_over() {
            self.fail(&format!("the conversation was not brought to its end, after {spoke}"));
        }
    }
}

impl Machine for Exchange {
    type Input = exchange::Input;
    type Action = exchange::Action;

    fn handle(&mut self, input: Self::Input, now: Moment) {
        self.handle(input, now);
    }

    fn handle_timeout(&mut self, now: Moment) {
        self.handle_timeout(now);
    }

    fn poll_action(&mut self) -> Option<Self::Action> {
        self.poll_action()
    }

    fn deadline(&self) -> Option<Moment> {
        self.deadline()
    }

    fn is_over(&self) -> bool {
        self.is_done()
    }
}

impl Machine for Tunnel {
    type Input = tunnel::Input;
    type Action = tunnel::Action;

    fn handle(&mut self, input: Self::Input, now: Moment) {
        self.handle(input, now);
    }

    fn handle_timeout(&mut self, now: Moment) {
        self.handle_timeout(now);
    }

    fn poll_action(&mut self) -> Option<Self::Action> {
        self.poll_action()
    }

    fn deadline(&self) -> Option<Moment> {
        self.deadline()
    }

    fn is_over(&self) -> bool {
        self.ending().is_some()
    }
}
