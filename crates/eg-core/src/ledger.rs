//! [`Ledger`]: what outlives a Snapshot. Per endpoint, its identity, its health and what is under way on it: relaxed
//! atomics in one cache line each, the only state that workers share on the hot path. It refuses to decide: policies,
//! checks and limits read and write it.
//!
//! An endpoint lives as long as some Snapshot lists it. An exchange that outlives its Snapshot, as a WebSocket does
//! by hours, keeps the state it counts on but not the endpoint: one that was removed and comes back is another, and
//! does not inherit the verdict of checks that stopped watching it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use rustc_hash::FxHashMap;

/// Names an endpoint for as long as the process lives; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EndpointId(pub u32);

/// Live facts of one endpoint, shared by all workers and all generations that list it.
#[derive(Debug)]
#[repr(align(64))]
pub struct EndpointState {
    healthy: AtomicBool,
    in_flight: AtomicU32,
    /// Snapshots that list it.
    listed: AtomicU32,
    requests: AtomicU64,
    failures: AtomicU64,
}

impl Default for EndpointState {
    /// Healthy until a check says otherwise: an endpoint without checks is used.
    fn default() -> Self {
        Self {
            healthy: AtomicBool::new(true),
            in_flight: AtomicU32::new(0),
            listed: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }
}

impl EndpointState {
    /// Whether it may be picked.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Allows or forbids picking it, at once and for every worker.
    pub fn set_healthy(&self, healthy: bool) {
        self.healthy.store(healthy, Ordering::Relaxed);
    }

    /// Exchanges under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Exchanges given to it so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Attempts that failed so far.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Counts an exchange as under way until the guard is dropped.
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// Counts a failed attempt.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts as listed by a Snapshot until the guard is dropped.
    pub(crate) fn list(self: &Arc<Self>) -> Listed {
        self.listed.fetch_add(1, Ordering::Relaxed);
        Listed(self.clone())
    }
}

/// One exchange under way on an endpoint.
#[derive(Debug)]
#[must_use = "the exchange counts as over when this is dropped"]
pub struct InFlight(Arc<EndpointState>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One Snapshot's claim that an endpoint exists.
#[derive(Debug)]
#[must_use = "the endpoint counts as gone when this is dropped"]
pub(crate) struct Listed(Arc<EndpointState>);

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.listed.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who is who: the same pool name and address is the same endpoint, from one Snapshot to the next.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By pool, then by address, so that a look-up borrows both.
    pools: FxHashMap<String, FxHashMap<String, (EndpointId, Arc<EndpointState>)>>,
    next: u32,
}

impl Ledger {
    /// The identity and the state of an endpoint: as it was left, or new.
    pub fn endpoint(&mut self, pool: &str, address: &str) -> (EndpointId, Arc<EndpointState>) {
        if let Some(known) = self.pools.get(pool).and_then(|endpoints| endpoints.get(address)) {
            return known.clone();
        }
        let new = (EndpointId(self.next), Arc::default());
        // `room` is asked before; without it the last identity would be shared, which is less bad than the first.
        self.next = self.next.saturating_add(1);
        self.pools.entry(pool.to_owned()).or_default().insert(address.to_owned(), new.clone());
        new
    }

    /// Forgets the endpoints that no Snapshot lists any more.
    pub fn sweep(&mut self) {
        self.pools.retain(|_, endpoints| {
            endpoints.retain(|_, (_, state)| state.listed.load(Ordering::Relaxed) > 0);
            !endpoints.is_empty()
        });
    }

    /// How many identities have not been given yet.
    pub(crate) fn room(&self) -> u32 {
        u32::MAX - self.next
    }

    /// Endpoints that are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pools.values().map(FxHashMap::len).sum()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A ledger that has this many identities left to give.
    #[cfg(test)]
    pub(crate) fn with_room(room: u32) -> Self {
        Self { next: u32::MAX - room, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_pool_and_address_is_the_same_endpoint() {
        let mut ledger = Ledger::default();
        let (id, state) = ledger.endpoint("a", "10.0.0.1:80");
        state.set_healthy(false);
        let (same, again) = ledger.endpoint("a", "10.0.0.1:80");
        assert_eq!((id, again.is_healthy()), (same, false));
        for (pool, address) in [("b", "10.0.0.1:80"), ("a", "10.0.0.1:8"), ("a1", "0.0.0.1:80"), ("", "")] {
            let (other, state) = ledger.endpoint(pool, address);
            assert_ne!(other, id, "{pool} {address}");
            assert!(state.is_healthy(), "{pool} {address}");
        }
        assert_eq!(ledger.len(), 5);
    }

    #[test]
    fn an_endpoint_lives_as_long_as_a_snapshot_lists_it() {
        let mut ledger = Ledger::default();
        let (id, state) = ledger.endpoint("a", "x");
        let (first, second) = (state.list(), state.list());
        drop(first);
        ledger.sweep();
        assert_eq!(ledger.endpoint("a", "x").0, id, "the second Snapshot lists it");
        drop(second);
        ledger.sweep();
        assert!(ledger.is_empty());
    }

    #[test]
    fn an_endpoint_that_comes_back_is_another_even_if_an_exchange_never_left_it() {
        let mut ledger = Ledger::default();
        let (id, state) = ledger.endpoint("a", "x");
        let listed = state.list();
        let tunnel = state.begin();
        state.set_healthy(false);
        drop(listed);
        ledger.sweep();
        let (back, fresh) = ledger.endpoint("a", "x");
        assert_ne!(back, id);
        assert_eq!((fresh.is_healthy(), fresh.in_flight(), state.in_flight()), (true, 0, 1));
        drop(tunnel);
        assert_eq!(state.in_flight(), 0);
    }

    #[test]
    fn identities_are_counted_so_that_none_is_given_twice() {
        let mut ledger = Ledger::with_room(2);
        let first = ledger.endpoint("a", "x").0;
        assert_eq!(ledger.room(), 1);
        let second = ledger.endpoint("a", "y").0;
        assert_eq!((ledger.room(), first == second), (0, false));
        ledger.sweep();
        assert_eq!(ledger.room(), 0, "what was given stays given");
    }

    #[test]
    fn an_exchange_that_unwinds_is_not_under_way() {
        let state = Arc::<EndpointState>::default();
        let copy = state.clone();
        let unwound = std::panic::catch_unwind(move || {
            let _guard = copy.begin();
            assert_eq!(copy.in_flight(), 1);
            panic!("on purpose");
        });
        assert!(unwound.is_err());
        assert_eq!((state.in_flight(), state.requests()), (0, 1));
    }

    #[test]
    fn workers_count_on_one_endpoint_without_losing_any() {
        let state = Arc::<EndpointState>::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let _guard = state.begin();
                        state.failed();
                    }
                });
            }
        });
        assert_eq!((state.in_flight(), state.requests(), state.failures()), (0, 4000, 4000));
    }

    #[test]
    fn a_state_fills_one_cache_line() {
        assert_eq!((size_of::<EndpointState>(), align_of::<EndpointState>()), (64, 64));
    }
}
