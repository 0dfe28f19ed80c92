//! Which endpoint? A policy says whose turn it is; health and what this request has already tried are applied here,
//! the same for every policy. It refuses to retry, to wait and to fall back: nobody usable is an answer.

mod round_robin;

use std::sync::Arc;

use crate::ledger::EndpointId;
use crate::snapshot::{Endpoint, Pool};

/// How a pool picks. One file each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Each usable endpoint in turn.
    RoundRobin,
}

/// Endpoints that this request has failed to connect to.
#[derive(Debug, Clone, Copy)]
pub struct Tried {
    ids: [EndpointId; Self::ROOM],
    len: u8,
}

impl Default for Tried {
    fn default() -> Self {
        Self { ids: [EndpointId(0); Self::ROOM], len: 0 }
    }
}

impl Tried {
    /// More attempts than any request is given; the oldest is forgotten beyond that.
    const ROOM: usize = 8;

    /// Remembers an endpoint, once.
    pub fn add(&mut self, id: EndpointId) {
        if self.contains(id) {
            return;
        }
        if self.len() == Self::ROOM {
            self.ids.copy_within(1.., 0);
            self.len -= 1;
        }
        if let Some(slot) = self.ids.get_mut(usize::from(self.len)) {
            *slot = id;
            self.len += 1;
        }
    }

    /// Whether an endpoint was tried.
    #[must_use]
    pub fn contains(&self, id: EndpointId) -> bool {
        self.ids.iter().take(self.len()).any(|tried| *tried == id)
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether this is the first attempt.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Picks an endpoint that is healthy and was not tried; none if there is none.
///
/// `cursor` belongs to the caller, per worker and pool. Workers start theirs apart, so that they do not all send
/// their first request to the first endpoint.
pub fn pick<'a>(pool: &'a Pool, cursor: &mut u32, tried: &Tried) -> Option<&'a Arc<Endpoint>> {
    let usable = |endpoint: &Endpoint| endpoint.state.is_healthy() && !tried.contains(endpoint.id);
    match pool.policy {
        Policy::RoundRobin => round_robin::pick(&pool.endpoints, cursor, usable),
    }
}

/// What every policy must do, whatever else it does.
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::snapshot::fixture;

    /// Every policy there is: a new one does not compile until it is in this chain.
    fn policies() -> Vec<Policy> {
        let after = |policy| match policy {
            None => Some(Policy::RoundRobin),
            Some(Policy::RoundRobin) => None,
        };
        std::iter::successors(after(None), |policy| after(Some(*policy))).collect()
    }

    /// An endpoint as the conformance suite sees it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Kind {
        Usable,
        Sick,
        AlreadyTried,
    }

    /// A pool with an endpoint of each kind, and what its request has tried.
    fn world(policy: Policy, kinds: &[Kind]) -> (Pool, Tried) {
        let pool = fixture::pool_of(policy, kinds.len());
        let mut tried = Tried::default();
        for (kind, endpoint) in kinds.iter().zip(&pool.endpoints) {
            match kind {
                Kind::Usable => {}
                Kind::Sick => endpoint.state.set_healthy(false),
                Kind::AlreadyTried => tried.add(endpoint.id),
            }
        }
        (pool, tried)
    }

    fn any_kinds() -> impl Strategy<Value = Vec<Kind>> {
        let kind = prop_oneof![3 => Just(Kind::Usable), 1 => Just(Kind::Sick), 1 => Just(Kind::AlreadyTried)];
        proptest::collection::vec(kind, 0..12).prop_filter("no more than a request remembers", |kinds| {
            kinds.iter().filter(|kind| **kind == Kind::AlreadyTried).count() <= Tried::ROOM
        })
    }

    proptest! {
        #[test]
        fn every_policy_picks_somebody_usable_if_and_only_if_there_is_one(kinds in any_kinds(), start: u32) {
            for policy in policies() {
                let (pool, tried) = world(policy, &kinds);
                let mut cursor = start;
                for _ in 0..2 * kinds.len() + 1 {
                    let picked = pick(&pool, &mut cursor, &tried);
                    prop_assert_eq!(picked.is_some(), kinds.contains(&Kind::Usable), "{:?}", policy);
                    if let Some(endpoint) = picked {
                        prop_assert!(endpoint.state.is_healthy() && !tried.contains(endpoint.id), "{:?}", policy);
                    }
                }
            }
        }

        #[test]
        fn every_policy_spreads_evenly_over_what_is_usable(kinds in any_kinds(), start: u32) {
            const SHARE: usize = 200;
            for policy in policies() {
                let (pool, tried) = world(policy, &kinds);
                let usable = kinds.iter().filter(|kind| **kind == Kind::Usable).count();
                let (mut cursor, mut shares) = (start, vec![0_usize; kinds.len()]);
                for _ in 0..SHARE * usable {
                    let picked = pick(&pool, &mut cursor, &tried).expect("somebody is usable");
                    let at = pool.endpoints.iter().position(|endpoint| endpoint.id == picked.id);
                    shares[at.expect("of this pool")] += 1;
                }
                for (kind, share) in kinds.iter().zip(shares) {
                    let fair = if *kind == Kind::Usable { SHARE / 2..=SHARE * 3 / 2 } else { 0..=0 };
                    prop_assert!(fair.contains(&share), "{:?}: {} of {:?}", policy, share, kind);
                }
            }
        }
    }

    #[test]
    fn every_policy_obeys_a_change_of_health_at_the_next_pick() {
        for policy in policies() {
            let pool = fixture::pool_of(policy, 1);
            let mut cursor = 0;
            for healthy in [true, false, true] {
                pool.endpoints[0].state.set_healthy(healthy);
                assert_eq!(pick(&pool, &mut cursor, &Tried::default()).is_some(), healthy, "{policy:?}");
            }
        }
    }

    #[test]
    fn every_policy_takes_a_cursor_of_a_pool_that_has_shrunk() {
        for policy in policies() {
            let (large, small) = (fixture::pool_of(policy, 100), fixture::pool_of(policy, 2));
            let mut cursor = 0;
            for _ in 0..99 {
                assert!(pick(&large, &mut cursor, &Tried::default()).is_some(), "{policy:?}");
            }
            assert!(pick(&small, &mut cursor, &Tried::default()).is_some(), "{policy:?}");
        }
    }

    #[test]
    fn an_endpoint_is_remembered_once_and_the_oldest_is_forgotten() {
        let mut tried = Tried::default();
        assert!(tried.is_empty() && !tried.contains(EndpointId(0)), "a slot is not an endpoint");
        for id in [0, 1, 0, 1] {
            tried.add(EndpointId(id));
        }
        assert_eq!(tried.len(), 2);
        for id in 2..=8 {
            tried.add(EndpointId(id));
        }
        assert_eq!(tried.len(), 8);
        let remembered: Vec<u32> = (0..=9).filter(|id| tried.contains(EndpointId(*id))).collect();
        assert_eq!(remembered, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
