//! The least speed of a client: 10 bytes a second here, with ten seconds of grace. Only time in which the client alone
//! could move its bytes counts against it.

use eg_core::exchange::Action::{
    DownData, DownEnd, DownInfo, DownReply, DownReset, Grant, UpData, UpRelease, UpReset,
};
use eg_core::exchange::{Down, Ending, GRACE, Side, Up};

use crate::words::*;

const SLOW: Setting = Setting { min_rate: Some(10), ..USUAL };

#[test]
fn an_upload_that_drips_is_cut_although_it_never_stands_still() {
    SLOW.live(POST)
        .due_in(GRACE)
        .after(secs(4))
        .gets(down(Down::Data(10)))
        .does([UpData(10)])
        // Four seconds were lost and one was earned.
        .due_in(secs(7))
        .after(secs(5))
        .gets(down(Down::Data(10)))
        .does([UpData(10)])
        .due_in(secs(3))
        .times_out()
        .does([UpReset, DownReply { status: 408, last: true }])
        .gets(down(Down::Sent))
        .ends(Ending::ClientTimeout, 408);
}

#[test]
fn a_fast_beginning_does_not_buy_a_slow_end() {
    SLOW.live(POST)
        .gets(down(Down::Data(40)))
        .does([UpData(40)])
        .due_in(GRACE)
        .after(secs(9))
        .gets(down(Down::Data(5)))
        .does([UpData(5)])
        .due_in(std::time::Duration::from_millis(1_500))
        .times_out()
        .does([UpReset, DownReply { status: 408, last: true }])
        .gets(down(Down::Sent))
        .ends(Ending::ClientTimeout, 408);
}

#[test]
fn a_client_that_may_not_send_is_not_too_slow() {
    SLOW.live(POST)
        .gets(down(Down::Data(50)))
        .does([UpData(50)])
        // The endpoint takes no more: now it is the endpoint that is waited for.
        .due_in(BODY_IDLE)
        .after(secs(20))
        .gets(up(Up::Credit(5)))
        .does([Grant(Side::Down, 5)])
        .due_in(GRACE)
        .gets(down(Down::Reset))
        .does([UpReset, DownReset])
        .ends(Ending::ClientGone, 499);
}

#[test]
fn a_client_that_waits_to_be_told_to_continue_is_not_too_slow() {
    SLOW.live(HESITANT)
        .due_in(FIRST_BYTE)
        .after(secs(9))
        .gets(up(Up::Info(100)))
        .does([DownInfo])
        .due_in(GRACE)
        .gets(down(Down::Reset))
        .does([UpReset, DownReset])
        .ends(Ending::ClientGone, 499);
}

#[test]
fn a_response_that_its_client_takes_too_slowly_is_cut() {
    SLOW.answering(GET)
        .gets(up(Up::Data(100)))
        .does([DownData(100)])
        .due_in(GRACE)
        .after(secs(8))
        .gets(down(Down::Credit(10)))
        .does([Grant(Side::Up, 10)])
        .gets(up(Up::Data(10)))
        .does([DownData(10)])
        .due_in(secs(3))
        .times_out()
        .does([UpReset, DownReset])
        .ends(Ending::ClientTimeout, 200);
}

#[test]
fn an_endpoint_that_streams_slowly_is_nobodys_fault() {
    SLOW.answering(GET)
        .gets(up(Up::Data(1)))
        .does([DownData(1)])
        .due_in(BODY_IDLE)
        .after(secs(29))
        .gets(up(Up::Data(1)))
        .does([DownData(1)])
        .due_in(BODY_IDLE)
        .gets(down(Down::Reset))
        .does([UpReset, DownReset])
        .ends(Ending::ClientGone, 200);
}

#[test]
fn the_last_bytes_must_be_taken_too() {
    SLOW.answering(GET)
        .gets(up(Up::Data(100)))
        .does([DownData(100)])
        .gets(up(Up::End))
        .does([DownEnd, UpRelease])
        .due_in(GRACE)
        .times_out()
        .does([DownReset])
        .ends(Ending::ClientTimeout, 200);
}
