//! Conversations: a client's bytes and an endpoint's, and between them the machine and both sides of HTTP/1 as the
//! product has them, from bytes to bytes. Whatever both say, in whatever pieces: the endpoint gets exactly the
//! requests that were accepted, the client one response to each or a connection that visibly breaks, nobody waits
//! for ever, and no more waits than was credited. It refuses to say what should be accepted.
//!
//! With `EG_FUZZ_ACCEPTED` it writes every message that was accepted, as it came, as it was taken and as it was
//! written, into a file of this folder for each input: tests/spec/http1/test_second_opinion.py has them read by others.

#![no_main]

#[path = "support/conversation/accepted.rs"]
mod accepted;
#[allow(dead_code, reason = "the product's, which has another side as well")]
#[path = "../../crates/eg-net/src/buffer.rs"]
mod buffer;
#[path = "support/conversation/carry.rs"]
mod carry;
#[allow(dead_code, reason = "the simulation, whose it is, asks it for more")]
#[path = "../../crates/eg-core/tests/simulation/chance.rs"]
mod chance;
#[path = "support/conversation/downstream.rs"]
mod downstream;
#[path = "support/conversation/gateway.rs"]
mod gateway;
#[allow(dead_code, reason = "the product's, whose driver asks them for more")]
#[path = "support/conversation/h1.rs"]
mod h1;
#[path = "support/conversation/oracle.rs"]
mod oracle;
#[path = "support/conversation/pipe.rs"]
mod pipe;
#[path = "support/conversation/reader.rs"]
mod reader;
#[allow(dead_code, reason = "the product's, whose routes answer too")]
#[path = "../../crates/eg-net/src/reply.rs"]
mod reply;
#[path = "support/conversation/story.rs"]
mod story;
#[path = "support/conversation/stream.rs"]
mod stream;
#[path = "support/conversation/told.rs"]
mod told;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(story) = story::Story::read(data) else { return };
    let told = gateway::converse(&story, data.len());
    let places = oracle::holds(&told);
    if let Some(folder) = std::env::var_os("EG_FUZZ_ACCEPTED") {
        accepted::write(folder.as_ref(), data, &told, &places);
    }
});
