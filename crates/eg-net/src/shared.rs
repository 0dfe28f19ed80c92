//! [`Shared`]: the few things that threads of one engine share. Nothing here is locked on the hot path.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eg_core::ledger::Ledger;
use eg_core::snapshot::Snapshot;

use crate::clock::Clock;
use crate::metrics::{ListenerCounters, WorkerCounters};

pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) workers: Vec<Arc<WorkerCounters>>,
    /// Downstream connections that are open.
    pub(crate) connections: AtomicUsize,
    /// Most of them, from the Snapshot.
    pub(crate) max_connections: AtomicUsize,
    pub(crate) panics: AtomicU64,
    pub(crate) log_errors: AtomicU64,
    /// Threads shall end; nobody is waited for any more.
    pub(crate) stopping: AtomicBool,
    ready: AtomicBool,
    was_ready: AtomicBool,
    draining: AtomicBool,
    published: Mutex<Arc<Snapshot>>,
    ledger: Mutex<Ledger>,
    listeners: Mutex<BTreeMap<String, Vec<Arc<ListenerCounters>>>>,
}

/// A thread that panicked while it held the lock cannot have left a half-made value: all are replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection among those that are open.
#[must_use = "the connection counts as closed when this is dropped"]
pub(crate) struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            clock: Clock::start(),
            workers: (0..workers).map(|_| Arc::default()).collect(),
            connections: AtomicUsize::new(0),
            max_connections: AtomicUsize::new(usize::MAX),
            panics: AtomicU64::new(0),
            log_errors: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            ready: AtomicBool::new(false),
            was_ready: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            published: Mutex::new(Arc::new(Snapshot::empty())),
            ledger: Mutex::default(),
            listeners: Mutex::default(),
        }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        lock(&self.published).clone()
    }

    pub(crate) fn publish(&self, snapshot: Arc<Snapshot>) {
        self.max_connections.store(snapshot.max_connections as usize, Ordering::Relaxed);
        *lock(&self.published) = snapshot;
    }

    /// A place among the connections that there may be; none while all are taken.
    pub(crate) fn place(self: &Arc<Self>) -> Option<Place> {
        let most = self.max_connections.load(Ordering::Relaxed);
        let taken = |count: usize| (count < most).then_some(count + 1);
        let took = self.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
        took.is_ok().then(|| Place(self.clone()))
    }

    /// A place for one that has waited and would be turned away otherwise.
    pub(crate) fn extra_place(self: &Arc<Self>) -> Place {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Place(self.clone())
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// A worker's counters for a listener it has not counted for before.
    pub(crate) fn counters(&self, listener: &str) -> Arc<ListenerCounters> {
        let counters = Arc::<ListenerCounters>::default();
        lock(&self.listeners).entry(listener.to_owned()).or_default().push(counters.clone());
        counters
    }

    /// Every listener that has ever counted, with each worker's part.
    pub(crate) fn listeners(&self) -> Vec<(String, Vec<Arc<ListenerCounters>>)> {
        lock(&self.listeners).iter().map(|(name, parts)| (name.clone(), parts.clone())).collect()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Whether it was ready, and is not to be again.
    pub(crate) fn is_settling(&self) -> bool {
        self.was_ready.load(Ordering::Relaxed) && !self.is_ready()
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.was_ready.fetch_or(ready, Ordering::Relaxed);
        self.ready.store(ready, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}
