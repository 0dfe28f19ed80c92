//! Listening sockets of one worker: each accepts in a task of its own, until it is told to close. Closing accepts
//! what waits in the queue first, because the kernel would reset it.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustc_hash::FxHashMap;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::sleep;

use crate::connection::Arrival;
use crate::panics::Caught;
use crate::serve;
use crate::shared::Place;
use crate::stream::UNSENT;
use crate::worker::Worker;

/// Pause after an accept that failed for want of descriptors or memory: trying again at once would spin.
const BACK_OFF: Duration = Duration::from_millis(50);
/// Pause while the process has as many connections as it may.
const FULL: Duration = Duration::from_millis(10);

#[derive(Default)]
pub(crate) struct Listeners {
    by_address: FxHashMap<String, Accepting>,
}

struct Accepting {
    closing: Rc<Closing>,
    task: JoinHandle<()>,
}

/// Tells an accepting task to end.
#[derive(Default)]
struct Closing {
    asked: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Closing {
    fn ask(&self) {
        self.asked.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if self.asked.get() {
            return Poll::Ready(());
        }
        *self.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Listeners {
    /// Starts to accept on sockets that were not there before.
    pub(crate) fn open(&mut self, worker: &Rc<Worker>, sockets: Vec<(String, OwnedFd)>) {
        for (address, socket) in sockets {
            let closing = Rc::new(Closing::default());
            match adopt(socket) {
                Ok(socket) => {
                    let (worker, key) = (worker.clone(), Rc::from(address.as_str()));
                    let task = spawn_local(accept(worker, key, socket, closing.clone()));
                    self.by_address.insert(address, Accepting { closing, task });
                }
                // The engine has duplicated a listening socket: only a lack of descriptors can end here.
                Err(_) => worker.counters.accept_errors.add(1),
            }
        }
    }

    /// Closes the listeners whose address is not wanted any more, and returns once they are.
    pub(crate) async fn close_all_but(&mut self, wanted: impl Fn(&str) -> bool) {
        let gone: Vec<String> = self.by_address.keys().filter(|address| !wanted(address)).cloned().collect();
        for address in gone {
            if let Some(accepting) = self.by_address.remove(&address) {
                accepting.closing.ask();
                let _ = accepting.task.await;
            }
        }
    }
}

fn adopt(socket: OwnedFd) -> io::Result<TcpListener> {
    let socket = std::net::TcpListener::from(socket);
    socket.set_nonblocking(true)?;
    // Connections inherit both: no call for each of them. The kernel keeps little that it could not send, so that a
    // slow client is seen to move, and one that stands still costs little.
    SockRef::from(&socket).set_tcp_nodelay(true)?;
    SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT)?;
    TcpListener::from_std(socket)
}

/// What came of an accept.
enum Accepted {
    One(TcpStream, SocketAddr, Place),
    Failed(io::Error),
    /// There are as many connections as there may be.
    Full,
    /// Nobody waits, and the listener is to close.
    Closed,
}

async fn accept(worker: Rc<Worker>, address: Rc<str>, socket: TcpListener, closing: Rc<Closing>) {
    let port = socket.local_addr().map_or(0, |local| local.port());
    let Some(mut served) = worker.served(&address) else { return };
    loop {
        let accepted = std::future::poll_fn(|cx| {
            // Who waits when a listener closes is served, however many there are: the kernel would reset it.
            let place =
                if closing.asked.get() { Some(worker.shared.extra_place()) } else { worker.shared.place() };
            let Some(place) = place else { return Poll::Ready(Accepted::Full) };
            match socket.poll_accept(cx) {
                Poll::Ready(Ok((stream, client))) => Poll::Ready(Accepted::One(stream, client, place)),
                Poll::Ready(Err(error)) => Poll::Ready(Accepted::Failed(error)),
                Poll::Pending => closing.poll(cx).map(|()| Accepted::Closed),
            }
        });
        match accepted.await {
            Accepted::Closed => break,
            Accepted::Full => sleep(FULL).await,
            Accepted::One(stream, client, place) => {
                served = worker.served(&address).unwrap_or(served);
                let (address, served) = (address.clone(), served.clone());
                welcome(&worker, stream, Arrival { address, served, client, port, place });
            }
            Accepted::Failed(error) => {
                worker.counters.accept_errors.add(1);
                if !is_of_one_connection(&error) {
                    sleep(BACK_OFF).await;
                }
            }
        }
    }
}

/// Errors that say something about the connection that would have been accepted, not about us (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

fn welcome(worker: &Rc<Worker>, stream: TcpStream, arrival: Arrival) {
    let worker = worker.clone();
    spawn_local(async move {
        let panics = &worker.shared.panics;
        Caught::new(serve::connection(&worker, stream, arrival), panics).await;
    });
}
