//! Drives one [`Tunnel`]: moves bytes between two wires until the machine says that it is over.

use std::task::{Context, Poll};
use std::time::Duration;

use eg_core::exchange::Side;
use eg_core::tunnel::{Action, Input, Tunnel};
use eg_wire::head::BodyLength;
use tokio::io::AsyncWrite;

use crate::buffer::Then;
use crate::connection::Connection;
use crate::h1::wire::{WINDOW, Wire};
use crate::timer::Timer;

/// Turns of the loop before other connections get theirs.
const TURNS: u32 = 64;

struct Relay<'a> {
    conn: &'a Connection,
    tunnel: Tunnel,
    sides: [End<'a>; 2],
    timer: &'a mut Timer,
}

/// One side of a tunnel.
struct End<'a> {
    side: Side,
    wire: &'a mut Wire,
    grant: u32,
    /// End this side once everything has left.
    finish: bool,
    finished: bool,
    told_end: bool,
}

/// Carries bytes both ways; says how many went up and how many down.
pub(crate) async fn run(
    conn: &Connection,
    down: &mut Wire,
    up: &mut Wire,
    timer: &mut Timer,
    idle: Duration,
) -> (u64, u64) {
    for wire in [&mut *down, &mut *up] {
        wire.expect_body(BodyLength::UntilClose);
        wire.begin_body(BodyLength::UntilClose);
    }
    let end = |side, wire| End { side, wire, grant: 0, finish: false, finished: false, told_end: false };
    let tunnel = Tunnel::new(WINDOW, WINDOW, idle, conn.worker.now());
    let mut relay = Relay { conn, tunnel, sides: [end(Side::Down, down), end(Side::Up, up)], timer };
    std::future::poll_fn(|cx| relay.poll(cx)).await;
    (relay.tunnel.moved_to(Side::Up), relay.tunnel.moved_to(Side::Down))
}

impl Relay<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.conn.worker.now();
        for _ in 0..TURNS {
            while let Some(action) = self.tunnel.poll_action() {
                if action == Action::Done {
                    return Poll::Ready(());
                }
                self.act(action);
            }
            let mut moved = false;
            for end in &mut self.sides {
                for input in end.poll(cx).into_iter().flatten() {
                    moved = true;
                    self.tunnel.handle(input, now);
                }
            }
            if moved {
                continue;
            }
            let Some(deadline) = self.tunnel.deadline() else { return Poll::Pending };
            match self.timer.poll(cx, &self.conn.worker.shared.clock, deadline, now) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.tunnel.handle_timeout(self.conn.worker.now()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn act(&mut self, action: Action) {
        let [down, up] = &mut self.sides;
        match action {
            Action::Grant(Side::Down, n) => down.grant += n,
            Action::Grant(Side::Up, n) => up.grant += n,
            Action::Move(Side::Up, n) => carry(down, up, n),
            Action::Move(Side::Down, n) => carry(up, down, n),
            Action::Finish(Side::Down) => down.finish = true,
            Action::Finish(Side::Up) => up.finish = true,
            Action::Abort(Side::Down) => down.wire.stream.reset_on_close(),
            Action::Abort(Side::Up) => up.wire.stream.reset_on_close(),
            Action::Done => {}
        }
    }
}

fn carry(from: &mut End<'_>, to: &mut End<'_>, n: u32) {
    to.wire.write_data(from.wire.piece(n), n);
    from.wire.consume(n);
}

impl End<'_> {
    /// At most one event of writing and one of reading.
    fn poll(&mut self, cx: &mut Context<'_>) -> [Option<Input>; 2] {
        [self.poll_write(cx), self.poll_read(cx)]
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        if self.finished {
            return None;
        }
        match self.wire.poll_flush(cx, Then::Later) {
            Ok(flushed) if flushed.credit > 0 => Some(Input::Credit(self.side, flushed.credit)),
            Ok(flushed) if flushed.all && self.finish => {
                self.finished = std::pin::Pin::new(&mut self.wire.stream).poll_shutdown(cx).is_ready();
                self.finished.then_some(Input::Finished(self.side))
            }
            Ok(_) => None,
            Err(_) => {
                self.finished = true;
                Some(Input::Reset(self.side))
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        if self.told_end {
            return None;
        }
        if self.wire.input.is_empty() {
            match self.wire.poll_fill(cx) {
                Poll::Pending => return None,
                Poll::Ready(Ok(0)) => {
                    self.told_end = true;
                    return Some(Input::End(self.side));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => {
                    self.told_end = true;
                    return Some(Input::Reset(self.side));
                }
            }
        }
        let n = self.wire.input.len().min(self.grant as usize) as u32;
        (n > 0).then(|| {
            self.grant -= n;
            Input::Data(self.side, n)
        })
    }
}
