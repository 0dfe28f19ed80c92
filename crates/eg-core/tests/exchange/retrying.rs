//! When a request is tried again, and when it must not be: nothing may happen twice (RFC 9110, 9.2.2).

use eg_core::exchange::Action::{
    Ask, Connect, DownHead, DownInfo, DownReply, DownReset, Grant, UpData, UpEnd, UpHead, UpRelease, UpReset,
    UpTrailers,
};
use eg_core::exchange::{
    Abilities, Connection, Down, Ending, Exchange, Input, Plan, Question, Record, Side, Up, Verdict,
};

use crate::script::Script;
use crate::words::*;

const FRESH: bool = true;
const POOLED_TOO: bool = false;

/// A body of no bytes ended, and the endpoint said that this is all.
#[track_caller]
fn succeeds(script: Script<Exchange>) -> Record {
    script
        .gets(up(NO_CONTENT))
        .does([DownHead { last: false }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204)
}

/// The gateway had to answer itself.
#[track_caller]
fn fails(script: Script<Exchange>, ending: Ending, status: u16) -> Record {
    let last = !script.machine().request_complete();
    script.does([DownReply { status, last }]).gets(down(Down::Sent)).ends(ending, status)
}

#[test]
fn where_one_endpoint_refuses_another_is_tried() {
    let record = succeeds(
        USUAL
            .connecting(GET)
            .gets(up(REFUSED))
            .does([Ask(Question::Pick)])
            .gets(ENDPOINT)
            .does([Connect { fresh: POOLED_TOO }])
            .gets(connected(Connection::Fresh))
            .goes_up(GET),
    );
    assert_eq!(record.attempts, 2);
}

#[test]
fn a_request_that_no_endpoint_accepts_is_a_502() {
    let script = USUAL
        .connecting(POST)
        .gets(up(REFUSED))
        .does([Ask(Question::Pick)])
        .gets(ENDPOINT)
        .does([Connect { fresh: POOLED_TOO }])
        .gets(up(REFUSED));
    let record = fails(script, Ending::ConnectFailed, 502);
    assert_eq!((record.attempts, record.connected, record.first_byte), (2, None, None));
}

#[test]
fn no_more_endpoints_are_tried_than_the_plan_allows() {
    let once = Setting { plan: Plan { connect_attempts: 1, ..USUAL.plan }, ..USUAL };
    fails(once.connecting(GET).gets(up(REFUSED)), Ending::ConnectFailed, 502);
}

#[test]
fn where_nobody_else_can_be_picked_the_failure_stays_the_reason() {
    let script = USUAL.connecting(GET).gets(up(REFUSED)).does([Ask(Question::Pick)]).gets(reply(503));
    fails(script, Ending::ConnectFailed, 502);
    let script = USUAL.connecting(GET).times_out().does([UpReset, Ask(Question::Pick)]).gets(reply(503));
    fails(script, Ending::ConnectTimeout, 504);
}

#[test]
fn where_one_endpoint_is_too_slow_to_connect_to_another_is_tried() {
    let script = USUAL
        .connecting(GET)
        .due_in(CONNECT)
        .times_out()
        .does([UpReset, Ask(Question::Pick)])
        .after(secs(3600))
        .gets(ENDPOINT)
        .does([Connect { fresh: POOLED_TOO }])
        .due_in(CONNECT)
        .times_out()
        .does([UpReset]);
    fails(script, Ending::ConnectTimeout, 504);
}

#[test]
fn the_last_failure_names_the_reason() {
    let script = USUAL
        .connecting(GET)
        .times_out()
        .does([UpReset, Ask(Question::Pick)])
        .gets(ENDPOINT)
        .does([Connect { fresh: POOLED_TOO }])
        .gets(up(REFUSED));
    fails(script, Ending::ConnectFailed, 502);
}

#[test]
fn a_request_on_a_pooled_connection_that_died_is_repeated_on_a_fresh_one() {
    let record = succeeds(
        POOLED
            .live(GET)
            .gets(up(DIED))
            .does([Connect { fresh: FRESH }])
            .due_in(CONNECT)
            .gets(connected(Connection::Fresh))
            .goes_up(GET),
    );
    assert_eq!((record.attempts, record.reused), (2, false));
}

#[test]
fn a_post_is_repeated_if_it_was_never_written() {
    let script = POOLED
        .live(POST)
        .gets(up(DIED_UNWRITTEN))
        .does([Connect { fresh: FRESH }])
        .gets(connected(Connection::Fresh))
        .goes_up(POST)
        .gets(down(Down::End))
        .does([UpEnd]);
    succeeds(script);
}

#[test]
fn a_post_that_was_written_is_not_repeated() {
    fails(POOLED.live(POST).gets(up(DIED)).does([UpReset]), Ending::UpstreamGone, 502);
}

#[test]
fn a_request_is_not_repeated_once_a_byte_of_its_body_has_moved() {
    for death in [DIED, DIED_UNWRITTEN] {
        let script =
            POOLED.live(PUT).gets(down(Down::Data(1))).does([UpData(1)]).gets(up(death)).does([UpReset]);
        fails(script, Ending::UpstreamGone, 502);
    }
}

#[test]
fn a_request_is_not_repeated_once_the_endpoint_has_said_anything() {
    let script = POOLED.live(GET).gets(up(Up::Info(103))).does([DownInfo]).gets(up(DIED)).does([UpReset]);
    fails(script, Ending::UpstreamGone, 502);
    let deaf = Abilities { trailers: true, informational: false };
    let script =
        Setting { client: deaf, ..POOLED }.live(GET).gets(up(Up::Info(103))).gets(up(DIED)).does([UpReset]);
    fails(script, Ending::UpstreamGone, 502);
}

#[test]
fn a_response_that_breaks_off_is_cut() {
    for death in [DIED, NONSENSE] {
        let ending = if death == DIED { Ending::UpstreamGone } else { Ending::UpstreamMalformed };
        POOLED.answering(GET).gets(up(death)).does([UpReset, DownReset]).ends(ending, 200);
    }
}

#[test]
fn a_request_on_a_fresh_connection_that_died_is_not_repeated() {
    fails(USUAL.live(GET).gets(up(DIED_UNWRITTEN)).does([UpReset]), Ending::UpstreamGone, 502);
    let second =
        POOLED.live(GET).gets(up(DIED)).does([Connect { fresh: FRESH }]).gets(connected(Connection::Fresh));
    fails(second.goes_up(GET).gets(up(DIED)).does([UpReset]), Ending::UpstreamGone, 502);
}

#[test]
fn an_endpoint_that_speaks_nonsense_is_not_asked_again() {
    fails(POOLED.live(GET).gets(up(NONSENSE)).does([UpReset]), Ending::UpstreamMalformed, 502);
}

#[test]
fn an_endpoint_that_is_gone_altogether_is_left_for_another() {
    let script = POOLED
        .live(GET)
        .gets(up(DIED))
        .does([Connect { fresh: FRESH }])
        .gets(up(REFUSED))
        .does([Ask(Question::Pick)])
        .gets(ENDPOINT)
        .does([Connect { fresh: POOLED_TOO }])
        .gets(connected(Connection::Reused))
        .goes_up(GET);
    let record = succeeds(script);
    assert_eq!((record.attempts, record.reused), (3, true));
}

#[test]
fn a_failed_attempt_leaves_nothing_in_the_record_of_the_next_one() {
    let script = POOLED
        .live(GET)
        .gets(up(DIED))
        .does([Connect { fresh: FRESH }])
        .gets(up(REFUSED))
        .does([Ask(Question::Pick)])
        .gets(reply(503));
    let record = fails(script, Ending::ConnectFailed, 502);
    assert_eq!((record.connected, record.reused, record.attempts), (None, false, 2));
}

#[test]
fn what_was_granted_for_one_attempt_is_void_in_the_next_and_granted_anew() {
    let script = POOLED
        .live(PUT)
        .gets(up(Up::Credit(7)))
        .does([Grant(Side::Down, 7)])
        .gets(up(DIED))
        .does([Connect { fresh: FRESH }])
        .gets(down(Down::Data(57)))
        .gets(down(Down::Credit(5)))
        .gets(connected(Connection::Fresh))
        .does([UpHead, Grant(Side::Down, 50), Grant(Side::Up, 105)])
        .gets(down(Down::Data(57)))
        .does([UpData(50)])
        .gets(down(Down::End))
        .does([UpEnd]);
    succeeds(script);
}

#[test]
fn what_ended_a_body_of_no_bytes_is_repeated_with_it() {
    let script = POOLED
        .live(PUT)
        .gets(down(Down::Trailers))
        .does([UpTrailers])
        .gets(down(Down::End))
        .does([UpEnd])
        .gets(up(DIED))
        .does([Connect { fresh: FRESH }])
        .gets(connected(Connection::Fresh))
        .does([UpHead, UpTrailers, UpEnd, Grant(Side::Up, 100)]);
    succeeds(script);
}

#[test]
fn hooks_are_not_asked_again_for_another_endpoint() {
    let hooked = Plan { hooks: true, ..USUAL.plan };
    let script = USUAL
        .asking(GET)
        .gets(Input::Verdict(Verdict::Route(hooked)))
        .does([Ask(Question::Hook)])
        .gets(PROCEED)
        .does([Ask(Question::Pick)])
        .gets(ENDPOINT)
        .does([Connect { fresh: POOLED_TOO }])
        .gets(up(REFUSED))
        .does([Ask(Question::Pick)])
        .gets(reply(503));
    fails(script, Ending::ConnectFailed, 502);
}
