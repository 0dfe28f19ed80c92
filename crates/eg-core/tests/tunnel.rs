//! Conversations with a tunnel, one promise each: half-closes stay half, aborts stay aborts, nobody is owed more
//! than was promised.

#[allow(dead_code, reason = "every test binary speaks its own part of the vocabulary")]
#[path = "support/script.rs"]
mod script;

use std::time::Duration;

use eg_core::exchange::Side::{Down, Up};
use eg_core::time::Moment;
use eg_core::tunnel::Action::{Abort, Done, Finish, Grant, Move};
use eg_core::tunnel::Input::{Credit, Data, End, Finished, Reset};
use eg_core::tunnel::{Ending, Tunnel};

use crate::script::Script;

const IDLE: Duration = secs(60);

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A tunnel whose client takes 100 bytes and whose endpoint takes 50.
#[track_caller]
fn tunnel() -> Script<Tunnel> {
    let now = Moment::at(secs(1));
    Script::new(Tunnel::new(100, 50, IDLE, now), now).does([Grant(Down, 50), Grant(Up, 100)])
}

/// The tunnel has said that nothing follows, and why.
#[track_caller]
fn ends(script: Script<Tunnel>, ending: Ending) -> Tunnel {
    let script = script.does([Done]).waits_for_ever();
    if script.machine().ending() != Some(ending) {
        script.fail(&format!("it should end {ending:?}, not {:?}", script.machine().ending()));
    }
    script.machine().clone()
}

#[test]
fn bytes_move_both_ways_as_fast_as_the_other_side_takes_them() {
    let script = tunnel()
        .gets(Data(Down, 50))
        .does([Move(Up, 50)])
        .gets(Data(Up, 60))
        .does([Move(Down, 60)])
        .gets(Credit(Up, 20))
        .does([Grant(Down, 20)])
        .gets(Data(Down, 20))
        .does([Move(Up, 20)])
        .gets(Data(Up, 40))
        .does([Move(Down, 40)])
        .gets(Credit(Down, 30))
        .does([Grant(Up, 30)])
        .gets(Data(Up, 5))
        .does([Move(Down, 5)])
        .gets(Reset(Down))
        .does([Abort(Up)]);
    let tunnel = ends(script, Ending::Reset(Down));
    assert_eq!((tunnel.moved_to(Up), tunnel.moved_to(Down)), (70, 105));
}

#[test]
fn a_side_that_takes_nothing_yet_is_sent_nothing() {
    let now = Moment::default();
    let script = Script::new(Tunnel::new(0, 0, IDLE, now), now)
        .gets(Data(Down, 1))
        .gets(Data(Up, 1))
        .gets(Credit(Down, 1))
        .does([Grant(Up, 1)])
        .gets(Data(Up, 1))
        .does([Move(Down, 1)])
        .gets(Reset(Up))
        .does([Abort(Down)]);
    assert_eq!(ends(script, Ending::Reset(Up)).moved_to(Down), 1);
}

#[test]
fn no_more_moves_than_was_granted() {
    let script = tunnel()
        .gets(Data(Down, 51))
        .does([Move(Up, 50)])
        .gets(Data(Down, 1))
        .gets(Data(Up, u32::MAX))
        .does([Move(Down, 100)])
        .gets(Data(Up, 1))
        .gets(Reset(Up))
        .does([Abort(Down)]);
    let tunnel = ends(script, Ending::Reset(Up));
    assert_eq!((tunnel.moved_to(Up), tunnel.moved_to(Down)), (50, 100));
}

#[test]
fn no_credit_however_large_grants_more_than_can_be_counted() {
    let script = tunnel()
        .gets(Credit(Up, u32::MAX))
        .does([Grant(Down, u32::MAX - 50)])
        .gets(Credit(Up, 1))
        .gets(Data(Down, u32::MAX))
        .does([Move(Up, u32::MAX)])
        .gets(Reset(Up))
        .does([Abort(Down)]);
    ends(script, Ending::Reset(Up));
}

#[test]
fn a_client_that_ends_first_still_hears_the_rest() {
    let script = tunnel()
        .gets(End(Down))
        .does([Finish(Up)])
        .gets(Finished(Up))
        .gets(Data(Up, 10))
        .does([Move(Down, 10)])
        .gets(Credit(Down, 10))
        .does([Grant(Up, 10)])
        .gets(End(Up))
        .does([Finish(Down)])
        .gets(Finished(Down));
    ends(script, Ending::Closed);
}

#[test]
fn an_endpoint_that_ends_first_still_hears_the_rest() {
    let script = tunnel()
        .gets(End(Up))
        .does([Finish(Down)])
        .gets(Finished(Down))
        .gets(Data(Down, 10))
        .does([Move(Up, 10)])
        .gets(Credit(Up, 10))
        .does([Grant(Down, 10)])
        .gets(End(Down))
        .does([Finish(Up)])
        .gets(Finished(Up));
    ends(script, Ending::Closed);
}

#[test]
fn a_tunnel_is_over_only_when_the_last_byte_has_left_both_ways() {
    for (first, second) in [(Up, Down), (Down, Up)] {
        let script = tunnel()
            .gets(Data(Down, 1))
            .does([Move(Up, 1)])
            .gets(End(Down))
            .does([Finish(Up)])
            .gets(End(Up))
            .does([Finish(Down)])
            .gets(Finished(first))
            .gets(Finished(first))
            .gets(Finished(second));
        ends(script, Ending::Closed);
    }
}

#[test]
fn nothing_comes_after_an_end() {
    let script = tunnel()
        .gets(End(Down))
        .does([Finish(Up)])
        .gets(End(Down))
        .gets(Data(Down, 1))
        .gets(Credit(Up, 1))
        .gets(Finished(Up))
        .gets(Data(Down, 1))
        .gets(Credit(Up, 1))
        .gets(End(Down))
        .gets(Reset(Up))
        .does([Abort(Down)]);
    assert_eq!(ends(script, Ending::Reset(Up)).moved_to(Up), 0);
}

#[test]
fn a_side_is_not_finished_that_was_not_told_to() {
    let script = tunnel()
        .gets(Finished(Up))
        .gets(Finished(Down))
        .gets(Data(Down, 1))
        .does([Move(Up, 1)])
        .gets(Reset(Down))
        .does([Abort(Up)]);
    ends(script, Ending::Reset(Down));
}

#[test]
fn a_side_that_breaks_breaks_the_other() {
    for (broken, other) in [(Up, Down), (Down, Up)] {
        ends(tunnel().gets(Reset(broken)).does([Abort(other)]), Ending::Reset(broken));
    }
}

#[test]
fn a_side_that_breaks_after_its_end_breaks_the_other_too() {
    for (broken, other) in [(Up, Down), (Down, Up)] {
        let script =
            tunnel().gets(End(broken)).does([Finish(other)]).gets(Reset(broken)).does([Abort(other)]);
        ends(script, Ending::Reset(broken));
    }
}

#[test]
fn a_tunnel_that_carries_nothing_for_too_long_is_idle() {
    let script = tunnel().due_in(IDLE).times_out().does([Abort(Down), Abort(Up)]);
    ends(script, Ending::Idle);
}

#[test]
fn every_progress_of_either_side_keeps_a_tunnel_alive() {
    let alive = [
        (Data(Down, 1), Some(Move(Up, 1))),
        (Data(Up, 1), Some(Move(Down, 1))),
        (Credit(Down, 1), Some(Grant(Up, 1))),
        (Credit(Up, 1), Some(Grant(Down, 1))),
        (End(Down), Some(Finish(Up))),
        // The rest still leaves.
        (Credit(Up, 1), None),
    ];
    let script = alive.into_iter().fold(tunnel(), |script, (input, action)| {
        script.after(secs(59)).gets(input).does(action).due_in(IDLE)
    });
    ends(script.times_out().does([Abort(Down), Abort(Up)]), Ending::Idle);
}

#[test]
fn what_is_no_progress_does_not_keep_a_tunnel_alive() {
    let idle = [Data(Down, 0), Data(Up, 1), Credit(Up, 0), Credit(Down, 0), Finished(Up)];
    let full = tunnel().gets(Data(Up, 100)).does([Move(Down, 100)]).after(secs(59));
    let script = idle.into_iter().fold(full, |script, input| script.gets(input).due_in(secs(1)));
    ends(script.times_out().does([Abort(Down), Abort(Up)]), Ending::Idle);
}

#[test]
fn a_half_closed_tunnel_may_be_idle_no_longer_than_an_open_one() {
    let script =
        tunnel().after(secs(30)).gets(End(Up)).does([Finish(Down)]).gets(Finished(Down)).due_in(IDLE);
    ends(script.times_out().does([Abort(Down), Abort(Up)]), Ending::Idle);
}

#[test]
fn a_tunnel_that_is_over_hears_nothing() {
    let everything =
        [Data(Down, 1), Data(Up, 1), Credit(Down, 1), End(Up), Finished(Down), Reset(Down), Reset(Up)];
    let over = tunnel().gets(Reset(Up)).does([Abort(Down), Done]);
    let script = everything.into_iter().fold(over, Script::gets).waits_for_ever();
    assert_eq!(script.machine().ending(), Some(Ending::Reset(Up)));
}
