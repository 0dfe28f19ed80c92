//! Leaving HTTP behind, where both sides want it, and not where only one does.

use eg_core::exchange::Action::{DownHead, DownReply, Tunnel, UpEnd, UpRelease, UpReset};
use eg_core::exchange::{Down, Ending, Input, RequestFacts, Up};
use eg_core::time::Moment;
use eg_wire::head::BodyLength;

use crate::words::*;

/// An upgrade that brings a body along.
const UPGRADE_WITH_BODY: Down =
    Down::Head(RequestFacts { body: BodyLength::Streamed, idempotent: false, upgrade: true, waits: false });

#[test]
fn an_upgrade_that_is_granted_becomes_a_tunnel() {
    let record = USUAL
        .live(UPGRADE)
        .gets(up(SWITCHING))
        .does([DownHead { last: false }, Tunnel])
        .waits_for_ever()
        .after(secs(3600))
        .gets(Input::TunnelEnded { up: 12, down: 34 })
        .ends(Ending::Tunnelled, 101);
    assert_eq!((record.request_bytes, record.response_bytes), (12, 34));
    assert_eq!(record.ended, Moment::at(secs(3601)));
}

#[test]
fn what_happens_to_the_sides_of_a_tunnel_is_the_tunnels_concern() {
    USUAL
        .live(UPGRADE)
        .gets(up(SWITCHING))
        .does([DownHead { last: false }, Tunnel])
        .gets(down(Down::Data(1)))
        .gets(down(Down::Credit(1)))
        .gets(down(Down::Sent))
        .gets(down(Down::Malformed(400)))
        .gets(down(Down::Reset))
        .gets(up(Up::Data(1)))
        .gets(up(DIED))
        .gets(Input::TunnelEnded { up: 0, down: 0 })
        .ends(Ending::Tunnelled, 101);
}

#[test]
fn an_upgrade_that_is_declined_is_an_exchange_like_any_other() {
    USUAL
        .live(UPGRADE)
        .gets(up(NO_CONTENT))
        .does([DownHead { last: false }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}

#[test]
fn an_upgrade_that_nobody_asked_for_is_malformed() {
    USUAL
        .live(GET)
        .gets(up(SWITCHING))
        .does([UpReset, DownReply { status: 502, last: false }])
        .gets(down(Down::Sent))
        .ends(Ending::UpstreamMalformed, 502);
}

#[test]
fn an_upgrade_waits_for_the_end_of_its_request() {
    USUAL
        .live(UPGRADE_WITH_BODY)
        .gets(up(SWITCHING))
        .does([UpReset, DownReply { status: 502, last: true }])
        .gets(down(Down::Sent))
        .ends(Ending::UpstreamMalformed, 502);
    USUAL
        .live(UPGRADE_WITH_BODY)
        .gets(down(Down::End))
        .does([UpEnd])
        .gets(up(SWITCHING))
        .does([DownHead { last: false }, Tunnel])
        .gets(Input::TunnelEnded { up: 0, down: 0 })
        .ends(Ending::Tunnelled, 101);
}

#[test]
fn a_tunnel_has_left_the_time_limits_of_its_request_behind() {
    within(secs(15))
        .live(UPGRADE)
        .due_in(FIRST_BYTE)
        .gets(up(SWITCHING))
        .does([DownHead { last: false }, Tunnel])
        .waits_for_ever()
        .gets(Input::TunnelEnded { up: 0, down: 0 })
        .ends(Ending::Tunnelled, 101);
}

#[test]
fn no_tunnel_ends_that_has_not_begun() {
    USUAL
        .live(UPGRADE)
        .gets(Input::TunnelEnded { up: 1, down: 1 })
        .gets(up(NO_CONTENT))
        .does([DownHead { last: false }, UpRelease])
        .gets(down(Down::Sent))
        .ends(Ending::Complete, 204);
}
