//! The script is held to its word: every way to be careless with a conversation makes a test fail, and shows why.

#[allow(dead_code, reason = "every test binary speaks its own part of the vocabulary")]
#[path = "support/script.rs"]
mod script;

use std::time::Duration;

use eg_core::exchange::Side::{Down, Up};
use eg_core::time::Moment;
use eg_core::tunnel::Action::{Abort, Done, Grant, Move};
use eg_core::tunnel::Input::{Data, Reset};
use eg_core::tunnel::Tunnel;

use crate::script::Script;

const IDLE: Duration = Duration::from_secs(60);

/// A tunnel that takes three bytes up and none down.
fn tunnel() -> Script<Tunnel> {
    let now = Moment::default();
    Script::new(Tunnel::new(0, 3, IDLE, now), now)
}

#[test]
fn a_conversation_as_written_passes() {
    tunnel()
        .does([Grant(Down, 3)])
        .gets(Data(Down, 2))
        .does([Move(Up, 2)])
        .after(Duration::from_secs(59))
        .due_in(Duration::from_secs(1))
        .times_out()
        .does([Abort(Down), Abort(Up), Done])
        .waits_for_ever();
}

#[test]
#[should_panic(expected = "\
  !     0.000  << Grant(Down, 4)  << Grant(Down, 3)
")]
fn another_action_fails_and_is_shown_beside_the_one_written() {
    tunnel().does([Grant(Down, 4)]);
}

#[test]
#[should_panic(expected = "  !     0.000  << Done            (nothing)\n")]
fn a_missing_action_fails() {
    tunnel().does([Grant(Down, 3), Done]);
}

#[test]
#[should_panic(expected = "it did more than was written\n")]
fn an_action_that_the_next_line_passes_over_fails() {
    tunnel().gets(Reset(Up));
}

#[test]
#[should_panic(expected = "it did more than was written, after")]
fn an_action_that_nobody_names_until_the_end_fails() {
    tunnel().does([Grant(Down, 3)]).gets(Reset(Up)).does([Abort(Down)]);
}

#[test]
#[should_panic(expected = "the conversation was not brought to its end")]
fn an_unfinished_conversation_fails() {
    tunnel().does([Grant(Down, 3)]);
}

#[test]
#[should_panic(expected = "61s is too long: it is due in 60s")]
fn sleeping_through_a_deadline_fails() {
    tunnel().does([Grant(Down, 3)]).after(Duration::from_secs(61));
}

#[test]
#[should_panic(expected = "it waits for no deadline")]
fn waiting_for_a_deadline_that_is_not_there_fails() {
    tunnel().does([Grant(Down, 3)]).gets(Reset(Up)).does([Abort(Down), Done]).times_out();
}

#[test]
#[should_panic(expected = "it should be due in 1s, not Some(60s)")]
fn another_deadline_fails() {
    tunnel().does([Grant(Down, 3)]).due_in(Duration::from_secs(1));
}

#[test]
#[should_panic(expected = "it should wait for ever, and is due in 60s")]
fn a_deadline_where_none_should_be_fails() {
    tunnel().does([Grant(Down, 3)]).waits_for_ever();
}
