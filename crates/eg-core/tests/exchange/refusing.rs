//! Answers of our own: no route, no endpoint, a hook that objects, requests and responses that break the rules.

use eg_core::exchange::Action::{
    Ask, Discard, DownHead, DownInfo, DownReply, DownReset, UpData, UpEnd, UpReset,
};
use eg_core::exchange::{Down, Ending, Input, Plan, Question, Side, Up, Verdict};

use crate::words::*;

#[test]
fn a_request_without_a_route_is_a_404() {
    let record = USUAL
        .asking(GET)
        .gets(reply(404))
        .does([DownReply { status: 404, last: false }])
        .gets(down(Down::Sent))
        .ends(Ending::Replied, 404);
    assert_eq!((record.attempts, record.connected, record.first_byte), (0, None, None));
}

#[test]
fn a_request_that_a_hook_objects_to_gets_the_hooks_answer() {
    let plan = Plan { hooks: true, ..USUAL.plan };
    USUAL
        .asking(GET)
        .gets(Input::Verdict(Verdict::Route(plan)))
        .does([Ask(Question::Hook)])
        .gets(reply(403))
        .does([DownReply { status: 403, last: false }])
        .gets(down(Down::Sent))
        .ends(Ending::Replied, 403);
}

#[test]
fn a_pool_without_a_usable_endpoint_is_a_503() {
    USUAL
        .picking(GET)
        .gets(reply(503))
        .does([DownReply { status: 503, last: false }])
        .gets(down(Down::Sent))
        .ends(Ending::Replied, 503);
}

#[test]
fn an_answer_to_a_request_whose_body_was_not_read_is_the_connections_last() {
    USUAL
        .asking(POST)
        .gets(reply(404))
        .does([DownReply { status: 404, last: true }])
        .gets(down(Down::Sent))
        .ends(Ending::Replied, 404);
}

#[test]
fn an_answer_to_a_request_that_was_read_to_its_end_is_not() {
    USUAL
        .asking(POST)
        .gets(down(Down::End))
        .gets(reply(404))
        .does([DownReply { status: 404, last: false }])
        .gets(down(Down::Sent))
        .ends(Ending::Replied, 404);
}

#[test]
fn an_answer_of_a_gateway_that_is_leaving_is_the_connections_last() {
    USUAL
        .asking(GET)
        .gets(Input::Draining)
        .gets(reply(404))
        .does([DownReply { status: 404, last: true }])
        .gets(down(Down::Sent))
        .ends(Ending::Replied, 404);
}

#[test]
fn what_was_granted_before_an_answer_of_ours_is_dropped() {
    USUAL
        .live(POST)
        .gets(down(Down::Data(10)))
        .does([UpData(10)])
        .gets(up(DIED))
        .does([UpReset, DownReply { status: 502, last: true }])
        .gets(down(Down::Data(40)))
        .does([Discard(Side::Down, 40)])
        .gets(down(Down::Data(1)))
        .gets(down(Down::Sent))
        .ends(Ending::UpstreamGone, 502);
}

#[test]
fn what_is_no_request_is_answered_nevertheless() {
    USUAL
        .idle()
        .gets(down(Down::Malformed(431)))
        .does([DownReply { status: 431, last: true }])
        .gets(down(Down::Sent))
        .ends(Ending::Malformed, 431);
}

#[test]
fn a_request_that_breaks_the_rules_is_answered_in_every_phase_before_the_response() {
    let refusal = DownReply { status: 400, last: true };
    let phases = [
        ("asking", USUAL.asking(POST), vec![refusal]),
        ("picking", USUAL.picking(POST), vec![refusal]),
        ("connecting", USUAL.connecting(POST), vec![UpReset, refusal]),
        ("live", USUAL.live(POST), vec![UpReset, refusal]),
    ];
    for (phase, script, actions) in phases {
        script
            .during(phase)
            .gets(down(Down::Malformed(400)))
            .does(actions)
            .gets(down(Down::Sent))
            .ends(Ending::Malformed, 400);
    }
}

#[test]
fn a_request_that_breaks_the_rules_after_the_responses_head_is_cut() {
    USUAL
        .answering(POST)
        .gets(down(Down::Malformed(400)))
        .does([UpReset, DownReset])
        .ends(Ending::Malformed, 200);
}

#[test]
fn a_client_that_breaks_the_rules_after_the_response_still_gets_it() {
    USUAL
        .live(POST)
        .gets(up(NO_CONTENT))
        .does([DownHead { last: true }, UpReset])
        .gets(down(Down::Malformed(400)))
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}

#[test]
fn an_endpoint_that_only_ever_clears_its_throat_is_malformed() {
    let patient = (0..16).fold(USUAL.live(GET), |script, _| script.gets(up(Up::Info(103))).does([DownInfo]));
    patient
        .gets(up(Up::Info(103)))
        .does([UpReset, DownReply { status: 502, last: false }])
        .gets(down(Down::Sent))
        .ends(Ending::UpstreamMalformed, 502);
}

#[test]
fn an_endpoint_that_speaks_nonsense_is_a_502_even_with_the_request_complete() {
    USUAL
        .live(POST)
        .gets(down(Down::End))
        .does([UpEnd])
        .gets(up(NONSENSE))
        .does([UpReset, DownReply { status: 502, last: false }])
        .gets(down(Down::Sent))
        .ends(Ending::UpstreamMalformed, 502);
}

#[test]
fn a_response_out_of_order_is_not_forwarded() {
    USUAL
        .live(GET)
        .gets(up(Up::Data(5)))
        .gets(up(Up::Trailers))
        .gets(up(Up::End))
        .gets(up(OK))
        .does([DownHead { last: false }])
        .gets(up(OK))
        .gets(up(Up::Info(103)))
        .gets(up(DIED))
        .does([UpReset, DownReset])
        .ends(Ending::UpstreamGone, 200);
}
