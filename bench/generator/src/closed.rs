//! The closed loop: every connection asks as soon as it is answered. It finds what a server can do at most, and says
//! nothing about latency, because a slow server is asked less.

use std::error::Error;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::connection::{Connection, Scratch};

/// Asks for so long, and says how often it was answered.
pub fn run(mut connections: Vec<Connection>, lasts: Duration) -> Result<String, Box<dyn Error>> {
    let ready = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (number, connection) in connections.iter().enumerate() {
        epoll::add(
            &ready,
            &connection.stream,
            epoll::EventData::new_u64(number as u64),
            epoll::EventFlags::IN,
        )?;
    }
    let mut events = Vec::with_capacity(connections.len());
    let mut scratch = Scratch::default();
    let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
    let began = Instant::now();
    let mut answered = 0u64;
    for connection in &mut connections {
        connection.ask()?;
    }
    while began.elapsed() < lasts {
        events.clear();
        if epoll::wait(&ready, spare_capacity(&mut events), Some(&patience))? == 0 {
            return Err("nothing was answered for ten seconds".into());
        }
        for event in &events {
            let connection = &mut connections[event.data.u64() as usize];
            if connection.try_finish(&mut scratch)? {
                answered += 1;
                connection.ask()?;
            }
        }
    }
    Ok(format!(r#"{{"requests": {answered}, "seconds": {}}}"#, began.elapsed().as_secs_f64()))
}
