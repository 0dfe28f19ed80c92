//! Tunnels: the world of the simulation, in which chance is what the fuzzer says. The promises are the simulation's;
//! this file refuses to add any.

#![no_main]

#[path = "support/chance.rs"]
mod chance;
#[path = "support/seeds.rs"]
mod seeds;
#[path = "../../crates/eg-core/tests/simulation/tunnel.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((story, choices)) = data.split_first() else { return };
    chance::say(choices);
    let mut log = seeds::Log::default();
    let world = world::World::new(0, &mut log);
    if story % 2 == 0 {
        world.all_goes_well();
    } else {
        world.anything_goes_wrong();
    }
});
