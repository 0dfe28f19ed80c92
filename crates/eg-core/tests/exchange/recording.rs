//! What an exchange leaves behind: phases, amounts, and the words that logs and metrics use for its end.

use eg_core::exchange::Action::{Ask, Connect, DownHead, DownReset, UpRelease};
use eg_core::exchange::{Connection, Down, Ending, Input, Question, Verdict};
use eg_core::time::Moment;

use crate::words::*;

#[test]
fn the_record_tells_what_happened_when() {
    let record = POOLED
        .asking(GET)
        .after(secs(1))
        .gets(Input::Verdict(Verdict::Route(USUAL.plan)))
        .does([Ask(Question::Pick)])
        .gets(ENDPOINT)
        .does([Connect { fresh: false }])
        .after(secs(2))
        .gets(connected(Connection::Reused))
        .goes_up(GET)
        .after(secs(3))
        .gets(up(NO_CONTENT))
        .does([DownHead { last: false }, UpRelease])
        .after(secs(4))
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
    assert_eq!(record.started, Moment::at(secs(1)));
    assert_eq!(record.connected, Some(Moment::at(secs(4))));
    assert_eq!(record.first_byte, Some(Moment::at(secs(7))));
    assert_eq!(record.ended, Moment::at(secs(11)));
    assert_eq!((record.attempts, record.reused), (1, true));
}

#[test]
fn the_record_begins_with_the_request_not_with_the_wait_for_it() {
    let record = USUAL
        .idle()
        .after(secs(20))
        .gets(down(GET))
        .does([Ask(Question::Route)])
        .gets(down(Down::Reset))
        .does([DownReset])
        .ends(Ending::ClientGone, 499);
    assert_eq!((record.started, record.ended), (Moment::at(secs(21)), Moment::at(secs(21))));
}

#[test]
fn every_ending_has_a_name_and_somebody_to_blame() {
    let words = [
        (Ending::Complete, "complete", "upstream"),
        (Ending::Tunnelled, "tunnelled", "upstream"),
        (Ending::Replied, "replied", "gateway"),
        (Ending::Malformed, "malformed", "client"),
        (Ending::ClientGone, "client_gone", "client"),
        (Ending::ClientTimeout, "client_timeout", "client"),
        (Ending::ConnectFailed, "connect_failed", "upstream"),
        (Ending::ConnectTimeout, "connect_timeout", "upstream"),
        (Ending::UpstreamGone, "upstream_gone", "upstream"),
        (Ending::UpstreamMalformed, "upstream_malformed", "upstream"),
        (Ending::UpstreamTimeout, "upstream_timeout", "upstream"),
        (Ending::RequestTimeout, "request_timeout", "gateway"),
    ];
    for (ending, name, by) in words {
        assert_eq!((ending.as_str(), ending.by()), (name, by));
    }
}
