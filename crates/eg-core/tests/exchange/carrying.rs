//! What is carried when all goes well: heads, bodies with credit both ways, informational responses, trailers.

use eg_core::exchange::Action::{
    Ask, Connect, Discard, DownData, DownEnd, DownHead, DownInfo, DownReply, DownReset, DownTrailers, Grant,
    UpData, UpEnd, UpHead, UpRelease, UpReset, UpTrailers,
};
use eg_core::exchange::{
    Abilities, Connection, Down, Ending, Input, Plan, Question, ResponseFacts, Side, Up, Verdict,
};
use eg_wire::head::BodyLength;

use crate::words::*;

const LAST: bool = true;
const NOT_LAST: bool = false;

#[test]
fn a_get_goes_up_and_its_response_comes_down() {
    USUAL
        .live(GET)
        .gets(up(OK))
        .does([DownHead { last: NOT_LAST }])
        .gets(up(Up::Data(70)))
        .does([DownData(70)])
        .gets(up(Up::End))
        .does([DownEnd, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 200);
}

#[test]
fn a_response_without_a_body_is_complete_with_its_head() {
    USUAL
        .live(GET)
        .gets(up(NO_CONTENT))
        .does([DownHead { last: NOT_LAST }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}

#[test]
fn a_request_body_goes_up_as_fast_as_the_endpoint_takes_it() {
    let record = USUAL
        .live(POST)
        .gets(down(Down::Data(30)))
        .does([UpData(30)])
        .gets(up(Up::Credit(20)))
        .does([Grant(Side::Down, 20)])
        .gets(down(Down::Data(40)))
        .does([UpData(40)])
        .gets(down(Down::End))
        .does([UpEnd])
        .gets(up(NO_CONTENT))
        .does([DownHead { last: NOT_LAST }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
    assert_eq!((record.request_bytes, record.response_bytes), (70, 0));
}

#[test]
fn a_response_body_comes_down_as_fast_as_the_client_takes_it() {
    let record = USUAL
        .answering(GET)
        .gets(up(Up::Data(100)))
        .does([DownData(100)])
        .gets(down(Down::Credit(60)))
        .does([Grant(Side::Up, 60)])
        .gets(up(Up::Data(60)))
        .does([DownData(60)])
        .gets(up(Up::End))
        .does([DownEnd, UpRelease])
        .gets(down(Down::Credit(160)))
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 200);
    assert_eq!((record.request_bytes, record.response_bytes), (0, 160));
}

#[test]
fn both_bodies_run_at_once() {
    USUAL
        .answering(POST)
        .gets(up(Up::Data(1)))
        .does([DownData(1)])
        .gets(down(Down::Data(2)))
        .does([UpData(2)])
        .gets(up(Up::Data(3)))
        .does([DownData(3)])
        .gets(down(Down::End))
        .does([UpEnd])
        .gets(up(Up::End))
        .does([DownEnd, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 200);
}

#[test]
fn nothing_is_granted_before_there_is_somebody_to_grant_it() {
    USUAL
        .connecting(POST)
        .gets(down(Down::Credit(11)))
        .gets(up(Up::Connected { connection: Connection::Fresh, credit: 0 }))
        .does([UpHead, Grant(Side::Up, 111)])
        .gets(up(Up::Credit(7)))
        .does([Grant(Side::Down, 7)])
        .gets(down(Down::Reset))
        .does([UpReset, DownReset])
        .ends(Ending::ClientGone, 499);
}

#[test]
fn no_more_is_taken_than_was_granted() {
    let record = USUAL
        .answering(POST)
        .gets(down(Down::Data(51)))
        .does([UpData(50)])
        .gets(down(Down::Data(1)))
        .gets(up(Up::Data(u32::MAX)))
        .does([DownData(100)])
        .gets(up(Up::Data(1)))
        .gets(down(Down::End))
        .does([UpEnd])
        .gets(up(Up::End))
        .does([DownEnd, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 200);
    assert_eq!((record.request_bytes, record.response_bytes), (50, 100));
}

#[test]
fn no_credit_however_large_grants_more_than_can_be_counted() {
    USUAL
        .answering(POST)
        .gets(down(Down::Credit(u32::MAX)))
        .does([Grant(Side::Up, u32::MAX - 100)])
        .gets(up(Up::Credit(u32::MAX)))
        .does([Grant(Side::Down, u32::MAX - 50)])
        .gets(up(Up::Data(u32::MAX)))
        .does([DownData(u32::MAX)])
        .gets(down(Down::Data(u32::MAX)))
        .does([UpData(u32::MAX)])
        .gets(up(Up::End))
        .does([DownEnd, UpReset])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 200);
}

#[test]
fn nothing_is_no_event() {
    USUAL
        .answering(POST)
        .gets(down(Down::Data(0)))
        .gets(up(Up::Data(0)))
        .gets(down(Down::Credit(0)))
        .gets(up(Up::Credit(0)))
        .gets(up(Up::End))
        .does([DownEnd, UpReset])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 200);
}

#[test]
fn an_answer_to_an_upload_that_is_under_way_is_the_last_unless_it_may_go_on_with_it() {
    for (head, status, body, last) in [
        (POST, 413, BodyLength::Streamed, LAST),
        (POST, 200, BodyLength::Exact(2), LAST),
        (POST, 201, BodyLength::Streamed, NOT_LAST),
        (GET, 413, BodyLength::Exact(2), NOT_LAST),
    ] {
        USUAL
            .live(head)
            .gets(up(Up::Head(ResponseFacts { status, body })))
            .does([DownHead { last }])
            .gets(down(Down::Reset))
            .does([UpReset, DownReset])
            .ends(Ending::ClientGone, status);
    }
}

#[test]
fn an_upload_goes_on_behind_an_early_response() {
    USUAL
        .answering(POST)
        .gets(down(Down::Data(50)))
        .does([UpData(50)])
        .gets(up(Up::Credit(50)))
        .does([Grant(Side::Down, 50)])
        .gets(down(Down::End))
        .does([UpEnd])
        .gets(up(Up::End))
        .does([DownEnd, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 200);
}

#[test]
fn an_upload_is_cut_when_the_response_ends_before_it() {
    let script = USUAL
        .live(POST)
        .gets(down(Down::Data(10)))
        .does([UpData(10)])
        .gets(up(NO_CONTENT))
        .does([DownHead { last: LAST }, UpReset])
        .gets(down(Down::Data(25)))
        .does([Discard(Side::Down, 25)])
        .gets(down(Down::Data(25)))
        .does([Discard(Side::Down, 15)])
        .gets(down(Down::Trailers))
        .gets(down(Down::End));
    assert!(!script.machine().request_complete());
    let record = script.gets(down(Down::Sent)).ends(Ending::Complete, 204);
    assert_eq!(record.request_bytes, 10);
}

#[test]
fn nothing_that_follows_a_complete_request_is_taken_for_its_body() {
    USUAL
        .live(POST)
        .gets(down(Down::End))
        .does([UpEnd])
        .gets(down(Down::Data(1)))
        .gets(up(NO_CONTENT))
        .does([DownHead { last: NOT_LAST }, UpRelease])
        .gets(down(Down::Data(1)))
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}

#[test]
fn a_body_that_ended_before_the_connection_was_there_ends_behind_its_head() {
    let script = USUAL
        .connecting(POST)
        .gets(down(Down::End))
        .gets(connected(Connection::Fresh))
        .does([UpHead, UpEnd, Grant(Side::Up, 100)])
        .due_in(FIRST_BYTE);
    assert!(script.machine().request_complete());
    script
        .gets(up(NO_CONTENT))
        .does([DownHead { last: NOT_LAST }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}

#[test]
fn trailers_that_came_before_the_connection_was_there_go_up_behind_its_head() {
    USUAL
        .picking(POST)
        .gets(down(Down::Trailers))
        .gets(ENDPOINT)
        .does([Connect { fresh: false }])
        .gets(connected(Connection::Fresh))
        .does([UpHead, UpTrailers, Grant(Side::Up, 100)])
        .gets(down(Down::End))
        .does([UpEnd])
        .gets(up(NO_CONTENT))
        .does([DownHead { last: NOT_LAST }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}

#[test]
fn trailers_go_both_ways() {
    USUAL
        .answering(POST)
        .gets(down(Down::Trailers))
        .does([UpTrailers])
        .gets(down(Down::End))
        .does([UpEnd])
        .gets(up(Up::Trailers))
        .does([DownTrailers])
        .gets(up(Up::End))
        .does([DownEnd, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 200);
}

#[test]
fn trailers_are_dropped_for_a_client_that_cannot_hear_them() {
    Setting { client: Abilities { trailers: false, informational: true }, ..USUAL }
        .answering(GET)
        .gets(up(Up::Trailers))
        .gets(up(Up::End))
        .does([DownEnd, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 200);
}

#[test]
fn only_an_end_follows_trailers() {
    USUAL
        .answering(POST)
        .gets(down(Down::Trailers))
        .does([UpTrailers])
        .gets(down(Down::Trailers))
        .gets(down(Down::Data(1)))
        .gets(up(Up::Credit(9)))
        .gets(up(Up::Trailers))
        .does([DownTrailers])
        .gets(up(Up::Trailers))
        .gets(up(Up::Data(1)))
        .gets(down(Down::Credit(9)))
        .gets(up(Up::End))
        .does([DownEnd, UpReset])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 200);
}

#[test]
fn an_informational_response_comes_down_before_the_response() {
    USUAL
        .live(GET)
        .gets(up(Up::Info(103)))
        .does([DownInfo])
        .gets(up(Up::Info(103)))
        .does([DownInfo])
        .gets(up(NO_CONTENT))
        .does([DownHead { last: NOT_LAST }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}

#[test]
fn an_informational_response_is_swallowed_for_a_client_that_cannot_hear_it() {
    Setting { client: Abilities { trailers: true, informational: false }, ..USUAL }
        .live(GET)
        .gets(up(Up::Info(103)))
        .gets(up(NO_CONTENT))
        .does([DownHead { last: NOT_LAST }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}

#[test]
fn a_gateway_that_is_leaving_says_so_in_the_response() {
    USUAL
        .live(GET)
        .gets(Input::Draining)
        .gets(up(NO_CONTENT))
        .does([DownHead { last: LAST }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}

#[test]
fn draining_cuts_nothing_that_is_under_way() {
    USUAL
        .answering(GET)
        .gets(Input::Draining)
        .gets(up(Up::Data(5)))
        .does([DownData(5)])
        .gets(up(Up::End))
        .does([DownEnd, UpRelease])
        .gets(Input::Draining)
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 200);
}

#[test]
fn hooks_are_asked_before_an_endpoint_is_picked() {
    let plan = Plan { hooks: true, ..USUAL.plan };
    USUAL
        .asking(GET)
        .gets(Input::Verdict(Verdict::Route(plan)))
        .does([Ask(Question::Hook)])
        .gets(ENDPOINT)
        .gets(PROCEED)
        .does([Ask(Question::Pick)])
        .gets(reply(503))
        .does([DownReply { status: 503, last: false }])
        .gets(down(Down::Sent))
        .ends(Ending::Replied, 503);
}
