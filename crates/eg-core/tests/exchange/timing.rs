//! Limits in time: each phase waits for one deadline, which progress moves and nothing else, and whoever could
//! have acted and did not is to blame.

use eg_core::exchange::Action::{
    Ask, DownData, DownEnd, DownHead, DownInfo, DownReply, DownReset, DownTrailers, Grant, UpData, UpEnd,
    UpHead, UpRelease, UpReset, UpTrailers,
};
use eg_core::exchange::{Connection, Down, Ending, Exchange, Input, Plan, Question, Side, Up};

use crate::script::Script;
use crate::words::*;

/// Both a POST and its response are under way, and each side has sent all that the other takes.
fn full_both_ways() -> Script<Exchange> {
    USUAL
        .answering(POST)
        .gets(down(Down::Data(50)))
        .does([UpData(50)])
        .gets(up(Up::Data(100)))
        .does([DownData(100)])
}

#[track_caller]
fn times_out_with_an_answer(script: Script<Exchange>, ending: Ending, status: u16) {
    let last = !script.machine().request_complete();
    script
        .times_out()
        .does([UpReset, DownReply { status, last }])
        .gets(down(Down::Sent))
        .ends(ending, status);
}

#[track_caller]
fn times_out_with_a_cut(script: Script<Exchange>, ending: Ending) {
    script.times_out().does([UpReset, DownReset]).ends(ending, 200);
}

#[test]
fn what_the_client_says_does_not_stretch_the_time_to_connect() {
    USUAL
        .connecting(POST)
        .after(secs(4))
        .gets(down(Down::Credit(1)))
        .gets(down(Down::End))
        .due_in(secs(1))
        .times_out()
        .does([UpReset, Ask(Question::Pick)])
        .gets(reply(503))
        .does([DownReply { status: 504, last: false }])
        .gets(down(Down::Sent))
        .ends(Ending::ConnectTimeout, 504);
}

#[test]
fn an_endpoint_that_does_not_answer_in_time_is_a_504() {
    times_out_with_an_answer(USUAL.live(GET).due_in(FIRST_BYTE), Ending::UpstreamTimeout, 504);
}

#[test]
fn the_time_to_answer_begins_with_the_requests_last_byte() {
    let script = USUAL
        .live(POST)
        .due_in(BODY_IDLE)
        .after(secs(25))
        .gets(down(Down::End))
        .does([UpEnd])
        .due_in(FIRST_BYTE);
    times_out_with_an_answer(script, Ending::UpstreamTimeout, 504);
}

#[test]
fn the_time_to_answer_does_not_begin_before_the_connection() {
    let script = USUAL
        .connecting(GET)
        .after(secs(4))
        .gets(connected(Connection::Fresh))
        .goes_up(GET)
        .due_in(FIRST_BYTE);
    times_out_with_an_answer(script, Ending::UpstreamTimeout, 504);
}

#[test]
fn an_informational_response_is_a_sign_of_life() {
    let script = USUAL.live(GET).after(secs(9)).gets(up(Up::Info(103))).does([DownInfo]).due_in(FIRST_BYTE);
    times_out_with_an_answer(script, Ending::UpstreamTimeout, 504);
}

#[test]
fn a_client_that_waits_to_be_told_to_continue_waits_for_the_endpoint() {
    let script = USUAL.live(HESITANT).due_in(FIRST_BYTE);
    times_out_with_an_answer(script, Ending::UpstreamTimeout, 504);
    let hinted =
        USUAL.live(HESITANT).after(secs(9)).gets(up(Up::Info(103))).does([DownInfo]).due_in(FIRST_BYTE);
    times_out_with_an_answer(hinted, Ending::UpstreamTimeout, 504);
}

#[test]
fn a_client_that_was_told_to_continue_is_waited_for() {
    let told = USUAL.live(HESITANT).gets(up(Up::Info(100))).does([DownInfo]).due_in(BODY_IDLE);
    times_out_with_an_answer(told, Ending::ClientTimeout, 408);
    let impatient = USUAL.live(HESITANT).gets(down(Down::Data(1))).does([UpData(1)]).due_in(BODY_IDLE);
    times_out_with_an_answer(impatient, Ending::ClientTimeout, 408);
}

#[test]
fn credit_does_not_stretch_the_time_to_answer() {
    let script = USUAL
        .live(POST)
        .gets(down(Down::End))
        .does([UpEnd])
        .after(secs(9))
        .gets(down(Down::Credit(5)))
        .does([Grant(Side::Up, 5)])
        .gets(up(Up::Credit(5)))
        .due_in(secs(1));
    times_out_with_an_answer(script, Ending::UpstreamTimeout, 504);
}

#[test]
fn without_a_limit_an_answer_may_take_for_ever() {
    Setting { plan: Plan { first_byte: None, ..USUAL.plan }, ..USUAL }
        .live(GET)
        .waits_for_ever()
        .after(secs(86_400))
        .gets(up(NO_CONTENT))
        .does([DownHead { last: false }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}

#[test]
fn nobody_is_hurried_to_answer_a_question() {
    for script in [USUAL.asking(GET), USUAL.picking(GET)] {
        script.waits_for_ever().gets(down(Down::Reset)).does([DownReset]).ends(Ending::ClientGone, 499);
    }
}

#[test]
fn the_limit_of_the_whole_request_holds_in_every_phase_before_the_response() {
    let limit = within(secs(3));
    let answer = DownReply { status: 504, last: false };
    let phases = [
        ("picking", limit.picking(GET), vec![answer]),
        ("connecting", limit.connecting(GET), vec![UpReset, answer]),
        ("live", limit.live(GET), vec![UpReset, answer]),
    ];
    for (phase, script, actions) in phases {
        script
            .during(phase)
            .due_in(secs(3))
            .times_out()
            .does(actions)
            .gets(down(Down::Sent))
            .ends(Ending::RequestTimeout, 504);
    }
}

#[test]
fn the_limit_of_the_whole_request_is_not_moved_by_progress() {
    let script = within(secs(12))
        .answering(GET)
        .after(secs(7))
        .gets(up(Up::Data(1)))
        .does([DownData(1)])
        .due_in(secs(5));
    times_out_with_a_cut(script, Ending::RequestTimeout);
}

#[test]
fn the_limit_of_the_whole_request_includes_the_responses_last_byte() {
    within(secs(12))
        .answering(GET)
        .gets(up(Up::End))
        .does([DownEnd, UpRelease])
        .due_in(secs(12))
        .times_out()
        .does([DownReset])
        .ends(Ending::RequestTimeout, 200);
}

#[test]
fn the_limit_of_the_whole_request_spares_the_answer_that_tells_of_it() {
    within(secs(3))
        .picking(GET)
        .times_out()
        .does([DownReply { status: 504, last: false }])
        .due_in(BODY_IDLE)
        .times_out()
        .does([DownReset])
        .ends(Ending::ClientTimeout, 504);
}

#[test]
fn of_two_limits_the_earlier_one_counts() {
    let script = within(secs(12)).live(GET).due_in(FIRST_BYTE);
    times_out_with_an_answer(script, Ending::UpstreamTimeout, 504);
    let script = within(secs(12))
        .connecting(GET)
        .after(secs(4))
        .gets(connected(Connection::Fresh))
        .goes_up(GET)
        .due_in(secs(8));
    times_out_with_an_answer(script, Ending::RequestTimeout, 504);
}

#[test]
fn progress_moves_the_deadline_of_a_body() {
    let script = USUAL
        .answering(POST)
        .due_in(BODY_IDLE)
        .after(secs(29))
        .gets(down(Down::Data(10)))
        .does([UpData(10)])
        .due_in(BODY_IDLE)
        .after(secs(29))
        .gets(up(Up::Data(10)))
        .does([DownData(10)])
        .due_in(BODY_IDLE)
        .after(secs(29))
        .gets(up(Up::Credit(10)))
        .does([Grant(Side::Down, 10)])
        .due_in(BODY_IDLE)
        .after(secs(29))
        .gets(down(Down::Credit(10)))
        .does([Grant(Side::Up, 10)])
        .due_in(BODY_IDLE)
        .after(secs(29))
        .gets(down(Down::End))
        .does([UpEnd])
        .due_in(BODY_IDLE);
    times_out_with_a_cut(script, Ending::UpstreamTimeout);
}

#[test]
fn what_is_no_progress_does_not_move_the_deadline_of_a_body() {
    let script = full_both_ways()
        .after(secs(29))
        .gets(down(Down::Data(1)))
        .gets(up(Up::Data(1)))
        .gets(down(Down::Credit(0)))
        .gets(up(Up::Credit(0)))
        .gets(Input::Draining)
        .due_in(secs(1));
    times_out_with_a_cut(script, Ending::ClientTimeout);
}

#[test]
fn a_client_that_stops_sending_is_to_blame() {
    times_out_with_an_answer(USUAL.live(POST).due_in(BODY_IDLE), Ending::ClientTimeout, 408);
}

#[test]
fn an_endpoint_that_stops_reading_is_to_blame() {
    let script = USUAL.live(POST).gets(down(Down::Data(50))).does([UpData(50)]).due_in(BODY_IDLE);
    times_out_with_an_answer(script, Ending::UpstreamTimeout, 504);
    let script = USUAL
        .connecting(POST)
        .gets(up(Up::Connected { connection: Connection::Fresh, credit: 0 }))
        .does([UpHead, Grant(Side::Up, 100)]);
    times_out_with_an_answer(script, Ending::UpstreamTimeout, 504);
}

#[test]
fn an_endpoint_that_stops_sending_is_to_blame() {
    let script = USUAL.answering(GET).gets(up(Up::Data(99))).does([DownData(99)]).due_in(BODY_IDLE);
    times_out_with_a_cut(script, Ending::UpstreamTimeout);
}

#[test]
fn a_client_that_stops_reading_is_to_blame() {
    let script = USUAL.answering(GET).gets(up(Up::Data(100))).does([DownData(100)]).due_in(BODY_IDLE);
    times_out_with_a_cut(script, Ending::ClientTimeout);
}

#[test]
fn a_body_may_take_its_time_from_its_head_on() {
    let script =
        USUAL.live(GET).after(secs(9)).gets(up(OK)).does([DownHead { last: false }]).due_in(BODY_IDLE);
    times_out_with_a_cut(script, Ending::UpstreamTimeout);
}

#[test]
fn an_endpoint_that_waits_for_a_client_to_read_is_not_to_blame() {
    times_out_with_a_cut(full_both_ways().due_in(BODY_IDLE), Ending::ClientTimeout);
}

#[test]
fn an_endpoint_that_neither_reads_nor_sends_is_to_blame() {
    let script = USUAL.answering(POST).gets(down(Down::Data(50))).does([UpData(50)]);
    times_out_with_a_cut(script, Ending::UpstreamTimeout);
}

#[test]
fn whoever_sent_trailers_and_no_end_is_to_blame() {
    let full = USUAL.live(POST).gets(down(Down::Data(50))).does([UpData(50)]);
    times_out_with_an_answer(full.gets(down(Down::Trailers)).does([UpTrailers]), Ending::ClientTimeout, 408);
    let full = USUAL.answering(GET).gets(up(Up::Data(100))).does([DownData(100)]);
    let script = full.gets(up(Up::Trailers)).does([DownTrailers]);
    times_out_with_a_cut(script, Ending::UpstreamTimeout);
}

#[test]
fn a_slow_reader_of_our_own_answer_is_cut() {
    USUAL
        .asking(POST)
        .after(secs(3600))
        .gets(reply(404))
        .does([DownReply { status: 404, last: true }])
        .due_in(BODY_IDLE)
        .times_out()
        .does([DownReset])
        .ends(Ending::ClientTimeout, 404);
}

#[test]
fn a_slow_reader_of_the_rest_is_cut() {
    USUAL
        .answering(GET)
        .gets(up(Up::Data(100)))
        .does([DownData(100)])
        .after(secs(20))
        .gets(up(Up::End))
        .does([DownEnd, UpRelease])
        .due_in(BODY_IDLE)
        .after(secs(29))
        .gets(down(Down::Credit(10)))
        .due_in(BODY_IDLE)
        .times_out()
        .does([DownReset])
        .ends(Ending::ClientTimeout, 200);
}
