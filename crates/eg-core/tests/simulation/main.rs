//! Thousands of stories that chance writes: two sides and a driver that say anything the vocabulary allows, or
//! anything at all, in any order, while time passes and connections break. Whatever they do, what is promised of
//! the machines holds after every step. It refuses to expect a particular answer: conversations do that.

mod chance;
mod exchange;
mod seeds;
mod tunnel;
mod watch;

use eg_core::exchange::{Ending, Side};
use eg_core::tunnel::Ending as TunnelEnding;

use crate::seeds::{every_seed, only_one};

#[test]
fn every_byte_of_an_exchange_arrives_where_all_goes_well() {
    every_seed(20_000, |seed, log| exchange::World::new(seed, log).all_goes_well());
}

#[test]
fn an_exchange_keeps_its_promises_whatever_goes_wrong() {
    let outcomes = every_seed(100_000, |seed, log| exchange::World::new(seed, log).anything_goes_wrong());
    if only_one() {
        return;
    }
    // A simulation that never gets anywhere would keep every promise.
    let endings = [
        Ending::Complete,
        Ending::Tunnelled,
        Ending::Replied,
        Ending::Malformed,
        Ending::ClientGone,
        Ending::ClientTimeout,
        Ending::ConnectFailed,
        Ending::ConnectTimeout,
        Ending::UpstreamGone,
        Ending::UpstreamMalformed,
        Ending::UpstreamTimeout,
        Ending::RequestTimeout,
    ];
    for ending in endings {
        let count = outcomes.iter().filter(|outcome| outcome.ending == Some(ending)).count();
        assert!(count >= 500, "only {count} stories ended {}", ending.as_str());
    }
    assert!(outcomes.iter().filter(|outcome| outcome.attempts > 2).count() >= 1_000, "hardly any retries");
}

#[test]
fn every_byte_of_a_tunnel_arrives_where_all_goes_well() {
    every_seed(20_000, |seed, log| tunnel::World::new(seed, log).all_goes_well());
}

#[test]
fn a_tunnel_keeps_its_promises_whatever_goes_wrong() {
    let outcomes = every_seed(50_000, |seed, log| tunnel::World::new(seed, log).anything_goes_wrong());
    if only_one() {
        return;
    }
    let reset = [Side::Down, Side::Up].map(TunnelEnding::Reset);
    for ending in reset.into_iter().chain([TunnelEnding::Closed, TunnelEnding::Idle]) {
        let count = outcomes.iter().filter(|outcome| **outcome == Some(ending)).count();
        assert!(count >= 500, "only {count} stories ended {ending:?}");
    }
}
