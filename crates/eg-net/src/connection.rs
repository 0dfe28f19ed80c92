//! [`Connection`]: what is known of one downstream connection for as long as it lives, and its place in the
//! worker's register. Everything that must be undone when it ends is undone by dropping it.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use eg_core::snapshot::Listener;

use crate::metrics::ListenerCounters;
use crate::shared::Place;
use crate::worker::Worker;

/// The listener as one generation describes it.
pub(crate) struct Served {
    pub(crate) listener: Arc<Listener>,
    pub(crate) counters: Arc<ListenerCounters>,
}

/// A connection that was accepted.
pub(crate) struct Arrival {
    /// The key of the socket it came in on.
    pub(crate) address: Rc<str>,
    /// Whose that is, or was at last.
    pub(crate) served: Rc<Served>,
    pub(crate) client: SocketAddr,
    /// The port it came in on.
    pub(crate) port: u16,
    pub(crate) place: Place,
}

pub(crate) struct Connection {
    pub(crate) worker: Rc<Worker>,
    pub(crate) client: SocketAddr,
    /// The port it came in on.
    pub(crate) port: u16,
    /// The key of the socket it came in on.
    address: Rc<str>,
    served: RefCell<(u64, Rc<Served>)>,
    /// The configuration no longer has the address it came in on.
    orphaned: Cell<bool>,
    /// Requests so far.
    requests: Cell<u64>,
    key: usize,
    _place: Place,
}

impl Connection {
    /// Enters the worker's register. None if its listener does not admit the client.
    pub(crate) fn enter(worker: &Rc<Worker>, arrival: Arrival) -> Option<Self> {
        let Arrival { address, served, client, port, place } = arrival;
        served.counters.connections.add(1);
        if !served.listener.client.admits(client.ip()) {
            served.counters.refused.add(1);
            return None;
        }
        let key = worker.register.borrow_mut().insert(None);
        Some(Self {
            worker: worker.clone(),
            client,
            port,
            orphaned: Cell::new(worker.served(&address).is_none()),
            address,
            served: RefCell::new((worker.generation(), served)),
            requests: Cell::new(0),
            key,
            _place: place,
        })
    }

    /// The listener as the present generation describes it, or as the last one did that had it.
    pub(crate) fn served(&self) -> Rc<Served> {
        let generation = self.worker.generation();
        let mut cached = self.served.borrow_mut();
        if cached.0 != generation {
            cached.0 = generation;
            match self.worker.served(&self.address) {
                Some(served) => cached.1 = served,
                None => self.orphaned.set(true),
            }
        }
        cached.1.clone()
    }

    /// Counts a request; the first is 1.
    pub(crate) fn begin_request(&self) -> u64 {
        self.requests.set(self.requests.get() + 1);
        self.requests.get()
    }

    /// Whether it should end as soon as nothing is under way.
    pub(crate) fn is_leaving(&self) -> bool {
        if self.served.borrow().0 != self.worker.generation() {
            self.served();
        }
        self.orphaned.get() || self.worker.is_draining()
    }

    /// Notes whom to wake when the worker's state changes, and says whether this connection is leaving already.
    pub(crate) fn watch(&self, cx: &Context<'_>) -> bool {
        if let Some(slot) = self.worker.register.borrow_mut().get_mut(self.key)
            && !slot.as_ref().is_some_and(|waker: &Waker| waker.will_wake(cx.waker()))
        {
            *slot = Some(cx.waker().clone());
        }
        self.is_leaving()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.worker.register.borrow_mut().try_remove(self.key);
    }
}
