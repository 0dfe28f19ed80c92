//! [`Engine`]: the data plane as its owner sees it: threads started and joined, Snapshots published and
//! acknowledged, health flipped, state told.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use eg_core::snapshot::Snapshot;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::admin::{self, Admin};
use crate::shared::Shared;
use crate::worker::{self, Message};
use crate::{fd, metrics, record};

/// How long workers may take to acknowledge. They do so between two events, in microseconds; this is for a
/// machine that is out of breath, and then it is better to say so than to wait.
const ACKNOWLEDGE: Duration = Duration::from_secs(30);

/// How an engine is started.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Worker threads, at least 1.
    pub workers: usize,
    /// Where access log lines go; none: nowhere. Duplicated.
    pub access_log: Option<RawFd>,
    /// Listening TCP socket for probes, metrics and status; none: not served. Duplicated.
    pub admin: Option<RawFd>,
}

/// Why a Snapshot was not applied.
#[derive(Debug)]
pub enum ApplyError {
    /// It cannot be run. Nothing has changed.
    Snapshot(String),
    /// The engine cannot take it: stopped, draining, or out of resources. Nothing has changed.
    Engine(String),
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(reason) | Self::Engine(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ApplyError {}

struct Threads {
    workers: Vec<UnboundedSender<Message>>,
    admin: Option<Admin>,
    handles: Vec<JoinHandle<()>>,
    /// Addresses whose sockets the workers have.
    addresses: HashSet<String>,
}

/// One data plane. Dropping it stops it.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Mutex<Threads>,
    stopped: AtomicBool,
}

impl Engine {
    /// Starts the threads; they serve nothing yet.
    ///
    /// # Errors
    /// If a descriptor cannot be duplicated or a thread cannot be started; then none is left running.
    pub fn start(options: &Options) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(options.workers.max(1)));
        let threads =
            Threads { workers: Vec::new(), admin: None, handles: Vec::new(), addresses: HashSet::new() };
        // From here on, an early return drops the engine, which joins what was started.
        let engine =
            Self { shared: shared.clone(), threads: Mutex::new(threads), stopped: AtomicBool::new(false) };
        let mut threads = engine.threads();
        let mut log = None;
        if let Some(access_log) = options.access_log {
            let file = File::from(fd::duplicate(access_log)?);
            let (sender, receiver) = record::channel();
            log = Some(sender);
            let shared = shared.clone();
            threads.handles.push(spawn("eg-log", move || record::write(file, &receiver, &shared))?);
        }
        for index in 0..shared.workers.len() {
            let (sender, inbox) = unbounded_channel();
            let (shared, log, seed) = (shared.clone(), log.clone(), seed());
            let run = move || {
                // A worker that cannot have a runtime never acknowledges, which `apply` reports.
                let _ = worker::run(index, shared, log, seed, inbox);
            };
            threads.handles.push(spawn(&format!("eg-worker-{index}"), run)?);
            threads.workers.push(sender);
        }
        if let Some(socket) = options.admin {
            let (admin, run) = admin::prepare(fd::duplicate(socket)?, shared.clone());
            threads.handles.push(spawn("eg-admin", run)?);
            threads.admin = Some(admin);
        }
        drop(threads);
        Ok(engine)
    }

    /// Compiles a description, publishes it and waits until every worker serves it. Returns its generation.
    ///
    /// `sockets` names the listening descriptors of every address: one per worker, or fewer that they share.
    ///
    /// # Errors
    /// See [`ApplyError`]; in each case what was served before is still served.
    pub fn apply(&self, json: &[u8], sockets: &[(String, Vec<RawFd>)]) -> Result<u64, ApplyError> {
        let mut threads = self.threads();
        if self.stopped.load(Ordering::Relaxed) || self.shared.is_draining() {
            return Err(ApplyError::Engine(
                "the engine is stopping: it takes no new configuration".to_owned(),
            ));
        }
        let refused = |error: &dyn fmt::Display| ApplyError::Snapshot(error.to_string());
        let spec = Snapshot::from_json(json).map_err(|error| refused(&error))?;
        let generation = self.shared.snapshot().generation + 1;
        let snapshot = Snapshot::compile(&spec, generation, &mut self.shared.ledger())
            .map_err(|error| refused(&error))?;
        let snapshot = Arc::new(snapshot);
        let mut shares = self.duplicate(&threads, &snapshot, sockets)?;
        let addresses: HashSet<String> =
            snapshot.listeners.iter().flat_map(|listener| listener.addresses.iter().cloned()).collect();
        self.shared.publish(snapshot.clone());
        threads.addresses = addresses;
        self.tell_all(&threads, |index, done| Message::Apply {
            snapshot: snapshot.clone(),
            sockets: shares.get_mut(index).map(std::mem::take).unwrap_or_default(),
            done,
        })
        .map_err(ApplyError::Engine)?;
        Ok(generation)
    }

    /// Each worker's share of the sockets it does not have yet.
    fn duplicate(
        &self,
        threads: &Threads,
        snapshot: &Snapshot,
        sockets: &[(String, Vec<RawFd>)],
    ) -> Result<Vec<Vec<(String, OwnedFd)>>, ApplyError> {
        let mut shares: Vec<Vec<(String, OwnedFd)>> =
            self.shared.workers.iter().map(|_| Vec::new()).collect();
        for address in snapshot.listeners.iter().flat_map(|listener| &listener.addresses) {
            if threads.addresses.contains(address) {
                continue;
            }
            let given = sockets.iter().find(|(name, _)| name == address).map(|(_, fds)| fds.as_slice());
            let Some(fds @ [_, ..]) = given else {
                return Err(ApplyError::Snapshot(format!(
                    "address {address}: no listening socket was given"
                )));
            };
            for (share, fd) in shares.iter_mut().zip(fds.iter().cycle()) {
                let socket = fd::duplicate(*fd).map_err(|error| {
                    ApplyError::Engine(format!("address {address}: cannot duplicate: {error}"))
                })?;
                share.push((address.clone(), socket));
            }
        }
        Ok(shares)
    }

    fn tell_all(
        &self,
        threads: &Threads,
        mut message: impl FnMut(usize, Sender<()>) -> Message,
    ) -> Result<(), String> {
        let (done, acknowledged) = channel();
        for (index, worker) in threads.workers.iter().enumerate() {
            // A worker that is gone does not acknowledge.
            let _ = worker.send(message(index, done.clone()));
        }
        drop(done);
        let deadline = Instant::now() + ACKNOWLEDGE;
        for count in 0..threads.workers.len() {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Err(error) = acknowledged.recv_timeout(left) {
                let total = threads.workers.len();
                let why =
                    if error == RecvTimeoutError::Timeout { "no answer in time" } else { "a worker is gone" };
                return Err(format!("only {count} of {total} workers acknowledged: {why}"));
            }
        }
        Ok(())
    }

    /// Flips the health of an endpoint; false if there is none of these names.
    pub fn set_health(&self, pool: &str, endpoint: &str, healthy: bool) -> bool {
        let snapshot = self.shared.snapshot();
        let found = snapshot.endpoint(pool, endpoint);
        if let Some(endpoint) = found {
            endpoint.state.set_healthy(healthy);
        }
        found.is_some()
    }

    /// What `/readyz` answers.
    pub fn set_ready(&self, ready: bool) {
        self.shared.set_ready(ready);
    }

    /// Accepts what waits, closes listeners and idle connections, and lets the rest finish.
    ///
    /// # Errors
    /// If a worker did not acknowledge.
    pub fn drain(&self) -> Result<(), String> {
        let threads = self.threads();
        self.shared.set_draining();
        self.shared.set_ready(false);
        self.tell_all(&threads, |_, done| Message::Drain { done })
    }

    /// Downstream connections that are open.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// State as JSON.
    pub fn status(&self) -> String {
        status(&self.shared)
    }

    /// All metrics, in the Prometheus text format.
    pub fn metrics(&self) -> String {
        metrics::render(&self.shared)
    }

    /// Cuts what is left and joins every thread.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.shared.set_ready(false);
        self.shared.stopping.store(true, Ordering::Relaxed);
        let mut threads = self.threads();
        for worker in threads.workers.drain(..) {
            let _ = worker.send(Message::Stop);
        }
        threads.admin = None;
        for handle in threads.handles.drain(..) {
            // A thread that panicked has ended all the same.
            let _ = handle.join();
        }
    }

    /// Whether [`Engine::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Forgets the threads without a word to them. For a forked child: there they do not exist, and another thread
    /// may have held the lock when the process was copied.
    pub fn disown(&mut self) {
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        threads.handles.clear();
        std::mem::forget(std::mem::take(&mut threads.workers));
        std::mem::forget(threads.admin.take());
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// State as JSON, for people and for `expressgateway status`.
pub(crate) fn status(shared: &Shared) -> String {
    let snapshot = shared.snapshot();
    let state = match (shared.is_draining() || shared.is_settling(), shared.is_ready()) {
        (true, _) => "draining",
        (false, true) => "ready",
        (false, false) => "starting",
    };
    let pools = snapshot.pools.iter().map(|pool| {
        let endpoints = pool.endpoints.iter().map(|endpoint| {
            json!({
                "name": endpoint.name,
                "healthy": endpoint.state.is_healthy(),
                "in_flight": endpoint.state.in_flight(),
                "requests": endpoint.state.requests(),
                "failures": endpoint.state.failures(),
            })
        });
        json!({ "name": pool.name, "endpoints": endpoints.collect::<Vec<_>>() })
    });
    let listeners = snapshot
        .listeners
        .iter()
        .map(|listener| json!({ "name": listener.name, "addresses": listener.addresses }));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "build": crate::BUILD,
        "pid": std::process::id(),
        "state": state,
        "generation": snapshot.generation,
        "uptime_seconds": shared.clock.now().since_origin().as_secs(),
        "workers": shared.workers.len(),
        "connections": shared.connections.load(Ordering::Relaxed),
        "panics": shared.panics.load(Ordering::Relaxed),
        "listeners": listeners.collect::<Vec<_>>(),
        "pools": pools.collect::<Vec<_>>(),
    })
    .to_string()
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(run)
}

/// The standard library seeds its hash maps from the operating system; identifiers need no better.
fn seed() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
