//! The open loop: requests are due at a rate, on each connection in turn, whatever has been answered. One whose
//! connection still waits for an answer is put in line there, and its time runs: a server that stops for a while
//! delays all that were due meanwhile, and not just the one that it kept (what is called coordinated omission).

use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use crate::connection::{Connection, Scratch};

/// What is no connection.
const TIMER: u64 = u64::MAX;
/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(10);
const ZERO: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Requests that wait on a connection, the first of them for its answer: when each was due.
type Line = VecDeque<Instant>;

/// Sends so many requests at a rate per second, and says how long they took.
pub fn run(mut connections: Vec<Connection>, rate: f64, requests: usize) -> Result<String, Box<dyn Error>> {
    let ready = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (number, connection) in connections.iter().enumerate() {
        epoll::add(
            &ready,
            &connection.stream,
            epoll::EventData::new_u64(number as u64),
            epoll::EventFlags::IN,
        )?;
    }
    // Waiting with epoll alone is exact to a millisecond, in which many are due.
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    // Reported once each time it is set, without being read.
    epoll::add(
        &ready,
        &timer,
        epoll::EventData::new_u64(TIMER),
        epoll::EventFlags::IN | epoll::EventFlags::ET,
    )?;

    let mut lines: Vec<Line> = vec![Line::new(); connections.len()];
    let mut scratch = Scratch::default();
    let mut events = Vec::with_capacity(connections.len() + 1);
    let mut took = Vec::with_capacity(requests);
    let mut late = Vec::with_capacity(requests);
    let began = Instant::now();
    let due = |number: usize| began + Duration::from_secs_f64(number as f64 / rate);
    let ends = due(requests) + PATIENCE;
    while took.len() < requests {
        let mut now = Instant::now();
        if now > ends {
            return Err("not every request was answered within ten seconds".into());
        }
        while late.len() < requests && due(late.len()) <= now {
            let (at, number) = (due(late.len()), late.len() % connections.len());
            lines[number].push_back(at);
            if lines[number].len() == 1 {
                connections[number].ask()?;
            }
            late.push(now - at);
            now = Instant::now();
        }
        let next = if late.len() < requests { due(late.len()) } else { ends };
        // Without a wait there is nothing to be woken from.
        events.clear();
        if epoll::wait(&ready, spare_capacity(&mut events), Some(&ZERO))? == 0 {
            let Some(rest) = next.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero())
            else {
                continue;
            };
            let it_value = Timespec { tv_sec: rest.as_secs() as i64, tv_nsec: rest.subsec_nanos().into() };
            timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: ZERO, it_value })?;
            epoll::wait(&ready, spare_capacity(&mut events), None)?;
        }
        for event in events.iter().filter(|event| event.data.u64() != TIMER) {
            let number = event.data.u64() as usize;
            if connections[number].try_finish(&mut scratch)? {
                let at = lines[number].pop_front().ok_or("an answer came to no request")?;
                took.push(at.elapsed());
                if !lines[number].is_empty() {
                    connections[number].ask()?;
                }
            }
        }
    }
    Ok(summary(&mut took, &mut late))
}

/// Microseconds, as JSON.
fn summary(took: &mut [Duration], late: &mut [Duration]) -> String {
    took.sort_unstable();
    late.sort_unstable();
    format!(
        r#"{{"p50": {}, "p99": {}, "p999": {}, "most": {}, "late_p50": {}, "late_p99": {}}}"#,
        percentile(took, 500),
        percentile(took, 990),
        percentile(took, 999),
        percentile(took, 1000),
        percentile(late, 500),
        percentile(late, 990),
    )
}

/// The least of the ordered values that so many thousandths of them do not exceed (nearest rank), in microseconds.
fn percentile(ordered: &[Duration], thousandths: usize) -> f64 {
    let rank = (ordered.len() * thousandths).div_ceil(1000).max(1);
    ordered.get(rank - 1).map_or(0.0, |value| value.as_nanos() as f64 / 1000.0)
}
