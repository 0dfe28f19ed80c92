//! [`Worker`]: one thread, one runtime, and everything its connections share: nothing here is locked, because
//! nothing here leaves the thread. Other threads speak to it through [`Message`]s.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use eg_core::headers::RequestIds;
use eg_core::ledger::EndpointId;
use eg_core::snapshot::{Pool, Snapshot};
use eg_core::time::Moment;
use rustc_hash::FxHashMap;
use slab::Slab;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::connection::Served;
use crate::h1::up::Origin;
use crate::listener::Listeners;
use crate::metrics::{ListenerCounters, WorkerCounters};
use crate::pipe::Pipes;
use crate::record::{Line, Log};
use crate::shared::Shared;
use crate::upstream::Idle;

/// How often a worker hands over log lines.
const TICK: Duration = Duration::from_millis(100);
/// Ticks between two looks at idle upstream connections.
const TICKS_PER_SWEEP: u32 = 10;

/// What a worker is told.
pub(crate) enum Message {
    /// Serve this Snapshot from now on; these sockets are new.
    Apply { snapshot: Arc<Snapshot>, sockets: Vec<(String, OwnedFd)>, done: Sender<()> },
    /// Accept what waits and close the listeners; let connections finish what they are at.
    Drain { done: Sender<()> },
    /// End now.
    Stop,
}

pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Arc<WorkerCounters>,
    /// Every downstream connection, with whom to wake if it is idle.
    pub(crate) register: RefCell<Slab<Option<Waker>>>,
    index: usize,
    snapshot: RefCell<Arc<Snapshot>>,
    generation: Cell<u64>,
    draining: Cell<bool>,
    /// Listeners of the present generation by the address of their sockets.
    served: RefCell<FxHashMap<String, Rc<Served>>>,
    /// By name, over all generations.
    listener_counters: RefCell<FxHashMap<String, Arc<ListenerCounters>>>,
    /// By pool index of the present generation.
    cursors: RefCell<Vec<u32>>,
    idle: RefCell<Idle>,
    ids: RefCell<RequestIds>,
    log: RefCell<Log>,
    scratch: RefCell<Vec<u8>>,
    pub(crate) pipes: Pipes,
}

impl Worker {
    fn new(index: usize, shared: Arc<Shared>, log: Option<SyncSender<Vec<u8>>>, seed: u64) -> Option<Self> {
        Some(Self {
            counters: shared.workers.get(index)?.clone(),
            register: RefCell::default(),
            index,
            snapshot: RefCell::new(shared.snapshot()),
            generation: Cell::new(0),
            draining: Cell::new(false),
            served: RefCell::default(),
            listener_counters: RefCell::default(),
            cursors: RefCell::default(),
            idle: RefCell::default(),
            ids: RefCell::new(RequestIds::new(seed)),
            log: RefCell::new(Log::new(log)),
            scratch: RefCell::default(),
            pipes: Pipes::default(),
            shared,
        })
    }

    // --- for connections -------------------------------------------------------------------------------

    pub(crate) fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.get()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    pub(crate) fn served(&self, address: &str) -> Option<Rc<Served>> {
        self.served.borrow().get(address).cloned()
    }

    pub(crate) fn next_request_id(&self) -> [u8; 32] {
        self.ids.borrow_mut().next()
    }

    /// Lends a buffer for the length of a call.
    pub(crate) fn with_scratch<T>(&self, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut scratch = self.scratch.borrow_mut();
        scratch.clear();
        work(&mut scratch)
    }

    /// Lends this worker's cursor of a pool for the length of a call.
    pub(crate) fn with_cursor<T>(&self, pool: &Pool, work: impl FnOnce(&mut u32) -> T) -> T {
        match self.cursors.borrow_mut().get_mut(pool.index as usize) {
            Some(cursor) => work(cursor),
            // A route of a generation that is gone: its pool has no place here any more.
            None => work(&mut (self.index as u32)),
        }
    }

    pub(crate) fn take_idle(&self, endpoint: EndpointId, now: Moment) -> Option<Box<Origin>> {
        self.idle.borrow_mut().take(endpoint, now)
    }

    pub(crate) fn keep_idle(&self, origin: Box<Origin>, expires: Moment) {
        if !self.draining.get() {
            self.idle.borrow_mut().put(origin, expires);
        }
    }

    pub(crate) fn log(&self, line: &Line<'_>) {
        let lost = self.log.borrow_mut().append(line, &self.shared.clock);
        self.counters.records_dropped.add(lost);
    }

    // --- for the thread --------------------------------------------------------------------------------

    fn adopt(&self, snapshot: Arc<Snapshot>) {
        let old = self.snapshot.replace(snapshot.clone());
        let mut before: FxHashMap<&str, u32> = FxHashMap::default();
        let mut cursors = self.cursors.borrow_mut();
        for (pool, cursor) in old.pools.iter().zip(cursors.iter()) {
            before.insert(&pool.name, *cursor);
        }
        let first = self.index as u32;
        *cursors = snapshot
            .pools
            .iter()
            .map(|pool| before.get(pool.name.as_str()).copied().unwrap_or(first))
            .collect();
        drop(cursors);
        let mut served = self.served.borrow_mut();
        served.clear();
        for listener in &snapshot.listeners {
            let counters = self.counters_of(&listener.name);
            let entry = Rc::new(Served { listener: listener.clone(), counters });
            served.extend(listener.addresses.iter().map(|address| (address.clone(), entry.clone())));
        }
        drop(served);
        self.generation.set(snapshot.generation);
        self.wake_all();
    }

    fn counters_of(&self, listener: &str) -> Arc<ListenerCounters> {
        let mut known = self.listener_counters.borrow_mut();
        known.entry(listener.to_owned()).or_insert_with(|| self.shared.counters(listener)).clone()
    }

    fn wake_all(&self) {
        for (_, waker) in self.register.borrow().iter() {
            if let Some(waker) = waker {
                waker.wake_by_ref();
            }
        }
    }

    fn sweep(&self) {
        self.pipes.release();
        let snapshot = self.snapshot.borrow().clone();
        let known = |id: EndpointId| {
            snapshot.pools.iter().flat_map(|pool| &pool.endpoints).any(|endpoint| endpoint.id == id)
        };
        let mut idle = self.idle.borrow_mut();
        idle.sweep(self.now(), known);
        self.counters.upstream_idle.add((idle.len() as u64).wrapping_sub(self.counters.upstream_idle.get()));
    }

    fn flush_log(&self) {
        let lost = self.log.borrow_mut().flush();
        self.counters.records_dropped.add(lost);
    }
}

/// The life of a worker's thread.
pub(crate) fn run(
    index: usize,
    shared: Arc<Shared>,
    log: Option<SyncSender<Vec<u8>>>,
    seed: u64,
    mut inbox: UnboundedReceiver<Message>,
) -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let Some(worker) = Worker::new(index, shared, log, seed) else { return Ok(()) };
    let worker = Rc::new(worker);
    runtime.block_on(async {
        let mut listeners = Listeners::default();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = 0;
        loop {
            match std::future::poll_fn(|cx| poll_next(&mut inbox, &mut ticks, cx)).await {
                Next::Tick => {
                    worker.flush_log();
                    count += 1;
                    if count % TICKS_PER_SWEEP == 0 {
                        worker.sweep();
                    }
                }
                Next::Message(Message::Apply { snapshot, sockets, done }) => {
                    worker.adopt(snapshot);
                    listeners.open(&worker, sockets);
                    listeners.close_all_but(|address| worker.served(address).is_some()).await;
                    worker.sweep();
                    // The other end waits for all workers, or has given up: nothing to do about that here.
                    let _ = done.send(());
                }
                Next::Message(Message::Drain { done }) => {
                    worker.draining.set(true);
                    listeners.close_all_but(|_| false).await;
                    worker.wake_all();
                    *worker.idle.borrow_mut() = Idle::default();
                    let _ = done.send(());
                }
                Next::Message(Message::Stop) => break,
            }
        }
    });
    // Connections end here, with their guards; the last lines are written.
    drop(runtime);
    worker.flush_log();
    Ok(())
}

enum Next {
    Tick,
    Message(Message),
}

fn poll_next(
    inbox: &mut UnboundedReceiver<Message>,
    ticks: &mut Interval,
    cx: &mut Context<'_>,
) -> Poll<Next> {
    match inbox.poll_recv(cx) {
        Poll::Ready(Some(message)) => Poll::Ready(Next::Message(message)),
        // The engine is gone without a word.
        Poll::Ready(None) => Poll::Ready(Next::Message(Message::Stop)),
        Poll::Pending => ticks.poll_tick(cx).map(|_| Next::Tick),
    }
}
