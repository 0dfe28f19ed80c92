//! Clients that leave, in every phase, and events that come too late, or too early, to mean anything.

use eg_core::exchange::Action::{
    Ask, Done, DownEnd, DownHead, DownReply, DownReset, Grant, UpHead, UpRelease, UpReset,
};
use eg_core::exchange::{Connection, Down, Ending, Exchange, Input, Plan, Question, Side, Up, Verdict};

use crate::script::Script;
use crate::words::*;

/// Everything that can be said to an exchange, once.
fn everything() -> Vec<Input> {
    let from_client = [
        POST,
        Down::Data(1),
        Down::Trailers,
        Down::End,
        Down::Reset,
        Down::Malformed(400),
        Down::Credit(1),
        Down::Sent,
    ];
    let from_endpoint =
        [OK, SWITCHING, Up::Info(103), Up::Data(1), Up::Trailers, Up::End, Up::Credit(1), REFUSED, DIED];
    let verdicts = [Verdict::Route(USUAL.plan), Verdict::Proceed, Verdict::Endpoint, Verdict::Reply(503)];
    let others = [connected(Connection::Reused), Input::TunnelEnded { up: 1, down: 1 }, Input::Draining];
    from_client
        .map(down)
        .into_iter()
        .chain(from_endpoint.map(up))
        .chain(verdicts.map(Input::Verdict))
        .chain(others)
        .collect()
}

/// Everything but what `means_something` there.
fn everything_but(means_something: impl Fn(&Input) -> bool) -> impl Iterator<Item = Input> {
    everything().into_iter().filter(move |input| !means_something(input))
}

fn hooked() -> Script<Exchange> {
    let plan = Plan { hooks: true, ..USUAL.plan };
    USUAL.asking(GET).gets(Input::Verdict(Verdict::Route(plan))).does([Ask(Question::Hook)])
}

fn delivering() -> Script<Exchange> {
    USUAL.answering(GET).gets(up(Up::End)).does([DownEnd, UpRelease])
}

#[test]
fn a_client_that_leaves_takes_the_attempt_with_it_in_every_phase() {
    let phases = [
        ("the route is asked for", USUAL.asking(GET), vec![DownReset], 499),
        ("the hook is asked", hooked(), vec![DownReset], 499),
        ("the endpoint is picked", USUAL.picking(GET), vec![DownReset], 499),
        ("connecting", USUAL.connecting(GET), vec![UpReset, DownReset], 499),
        ("the endpoint is silent", USUAL.live(GET), vec![UpReset, DownReset], 499),
        ("the request goes up", USUAL.live(POST), vec![UpReset, DownReset], 499),
        ("the response comes down", USUAL.answering(GET), vec![UpReset, DownReset], 200),
        ("both run", USUAL.answering(POST), vec![UpReset, DownReset], 200),
        ("the rest is delivered", delivering(), vec![DownReset], 200),
    ];
    for (phase, script, actions, status) in phases {
        let record =
            script.during(phase).gets(down(Down::Reset)).does(actions).ends(Ending::ClientGone, status);
        assert_eq!(record.response_bytes, 0);
    }
}

#[test]
fn a_client_that_leaves_before_our_answer_has_left_is_gone() {
    USUAL
        .asking(GET)
        .gets(reply(404))
        .does([DownReply { status: 404, last: false }])
        .gets(down(Down::Reset))
        .does([DownReset])
        .ends(Ending::ClientGone, 404);
}

#[test]
fn a_client_that_leaves_without_a_request_leaves_nothing() {
    // The driver drops an exchange that never began; only to end this conversation does one begin.
    USUAL
        .idle()
        .gets(down(Down::Reset))
        .gets(down(Down::Malformed(400)))
        .does([DownReply { status: 400, last: true }])
        .gets(down(Down::Sent))
        .ends(Ending::Malformed, 400);
}

#[test]
fn an_exchange_that_is_over_hears_nothing() {
    let endings = [
        USUAL.asking(POST).gets(down(Down::Reset)).does([DownReset]),
        USUAL.live(POST).gets(down(Down::Reset)).does([UpReset, DownReset]),
        USUAL.answering(POST).gets(up(DIED)).does([UpReset, DownReset]),
        delivering().gets(down(Down::Sent)),
    ];
    for script in endings {
        let script = script.does([Done]).waits_for_ever();
        let record = *script.machine().record();
        let script = everything().into_iter().fold(script, Script::gets).waits_for_ever();
        assert_eq!(*script.machine().record(), record);
    }
}

#[test]
fn what_the_endpoint_says_after_its_response_is_ignored() {
    let meant = |input: &Input| matches!(input, Input::Down(_));
    everything_but(meant).fold(delivering(), Script::gets).gets(down(Down::Sent)).ends(Ending::Complete, 200);
}

#[test]
fn what_the_client_says_after_its_request_does_not_disturb_the_response() {
    let meant =
        |input: &Input| !matches!(input, Input::Down(event) if !matches!(event, Down::Reset | Down::Sent));
    everything_but(meant).fold(delivering(), Script::gets).gets(down(Down::Sent)).ends(Ending::Complete, 200);
}

#[test]
fn only_the_answer_to_the_question_counts() {
    let meant = |input: &Input| {
        matches!(
            input,
            Input::Down(Down::Reset | Down::Malformed(_))
                | Input::Verdict(Verdict::Route(_) | Verdict::Reply(_))
        )
    };
    everything_but(meant)
        .fold(USUAL.asking(GET), Script::gets)
        .gets(reply(404))
        .does([DownReply { status: 404, last: true }])
        .gets(down(Down::Sent))
        .ends(Ending::Replied, 404);
}

#[test]
fn a_verdict_that_comes_after_the_answer_is_ignored() {
    let verdicts = [Verdict::Route(USUAL.plan), Verdict::Proceed, Verdict::Endpoint, Verdict::Reply(503)];
    let replied = within(secs(15)).picking(GET).times_out().does([DownReply { status: 504, last: false }]);
    verdicts
        .into_iter()
        .map(Input::Verdict)
        .fold(replied, Script::gets)
        .gets(down(Down::Sent))
        .ends(Ending::RequestTimeout, 504);
}

#[test]
fn only_a_connection_or_its_failure_counts_while_connecting() {
    let meant = |input: &Input| {
        matches!(
            input,
            Input::Down(Down::Reset | Down::Malformed(_))
                | Input::Up(Up::Connected { .. } | Up::Failed { .. })
        )
    };
    everything_but(meant)
        .filter(|input| *input != Input::Draining)
        .fold(USUAL.connecting(GET), Script::gets)
        .gets(connected(Connection::Fresh))
        .does([UpHead, Grant(Side::Up, 101)])
        .gets(up(NO_CONTENT))
        .does([DownHead { last: false }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}
