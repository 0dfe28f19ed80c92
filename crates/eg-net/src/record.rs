//! The access log: one JSON object per line and exchange, formatted by the worker into a buffer of its own and
//! written by a thread that nothing waits for.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, SystemTime};

use eg_core::exchange::Record;
use eg_core::snapshot::{Endpoint, Route};
use eg_core::time::Moment;
use eg_wire::fields::FieldId;
use eg_wire::head::RequestHead;

use crate::clock::Clock;
use crate::fd;
use crate::shared::Shared;

/// Bytes of lines that a worker collects before it hands them over.
const BATCH: usize = 32 * 1024;
/// Batches that may wait for the writer; more are dropped and counted.
const WAITING: usize = 256;

/// How long the writer waits for a reader before it looks whether the gateway ends.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What one line says.
pub(crate) struct Line<'a> {
    pub(crate) listener: &'a str,
    /// The client itself.
    pub(crate) client: IpAddr,
    /// Who is connected.
    pub(crate) peer: SocketAddr,
    /// As the client wrote it.
    pub(crate) target: &'a [u8],
    pub(crate) record: &'a Record,
    pub(crate) request: &'a RequestHead,
    pub(crate) request_id: &'a [u8],
    pub(crate) route: Option<&'a Route>,
    pub(crate) endpoint: Option<&'a Endpoint>,
}

/// A worker's end of the log.
pub(crate) struct Log {
    batch: Vec<u8>,
    lines: u64,
    writer: Option<SyncSender<Vec<u8>>>,
}

impl Log {
    pub(crate) fn new(writer: Option<SyncSender<Vec<u8>>>) -> Self {
        Self { batch: Vec::new(), lines: 0, writer }
    }

    /// Appends a line. Returns how many lines were lost because the writer is behind.
    pub(crate) fn append(&mut self, line: &Line<'_>, clock: &Clock) -> u64 {
        if self.writer.is_none() {
            return 0;
        }
        line.write(clock, &mut self.batch);
        self.lines += 1;
        if self.batch.len() >= BATCH { self.flush() } else { 0 }
    }

    /// Hands over what was collected. Returns how many lines were lost.
    pub(crate) fn flush(&mut self) -> u64 {
        if self.batch.is_empty() {
            return 0;
        }
        let lines = std::mem::take(&mut self.lines);
        let batch = std::mem::take(&mut self.batch);
        match self.writer.as_ref().map(|writer| writer.try_send(batch)) {
            Some(Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch))) => {
                self.batch = batch;
                self.batch.clear();
                lines
            }
            _ => 0,
        }
    }
}

impl Line<'_> {
    fn write(&self, clock: &Clock, out: &mut Vec<u8>) {
        let record = self.record;
        let request = self.request;
        let time = SystemTime::UNIX_EPOCH + clock.since_epoch(record.ended);
        out.extend_from_slice(b"{\"time\":\"");
        // Writing to a vector cannot fail, here and below.
        let _ = write!(out, "{}", humantime::format_rfc3339_millis(time));
        out.extend_from_slice(b"\",\"listener\":");
        text(out, self.listener.as_bytes());
        let _ = write!(
            out,
            ",\"client\":\"{}\",\"peer\":\"{}\",\"protocol\":\"{}\",\"method\":",
            self.client.to_canonical(),
            self.peer,
            request.version.as_str()
        );
        text(out, request.method_text());
        out.extend_from_slice(b",\"authority\":");
        text(out, request.authority());
        out.extend_from_slice(b",\"target\":");
        text(out, self.target);
        number(out, "status", u64::from(record.status));
        number(out, "request_bytes", record.request_bytes);
        number(out, "response_bytes", record.response_bytes);
        number(out, "duration_us", micros(record.ended - record.started));
        moment(out, "connect_us", record.connected, record);
        moment(out, "first_byte_us", record.first_byte, record);
        out.extend_from_slice(b",\"route\":");
        text_or_null(out, self.route.map(|route| route.name.as_str()));
        out.extend_from_slice(b",\"pool\":");
        text_or_null(out, self.route.and_then(|route| route.pool()).map(|pool| pool.name.as_str()));
        out.extend_from_slice(b",\"endpoint\":");
        text_or_null(out, self.endpoint.map(|endpoint| endpoint.name.as_str()));
        number(out, "attempts", u64::from(record.attempts));
        let _ = write!(out, ",\"reused\":{},\"ending\":\"{}\"", record.reused, record.ending.as_str());
        let _ = write!(out, ",\"by\":\"{}\",\"user_agent\":", record.ending.by());
        text_or_null(out, request.fields.get(FieldId::UserAgent).map(String::from_utf8_lossy).as_deref());
        out.extend_from_slice(b",\"request_id\":");
        text(out, self.request_id);
        out.extend_from_slice(b"}\n");
    }
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    text_or_null(out, Some(&String::from_utf8_lossy(bytes)));
}

fn text_or_null(out: &mut Vec<u8>, text: Option<&str>) {
    let _ = serde_json::to_writer(out, &text);
}

fn number(out: &mut Vec<u8>, name: &str, value: u64) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn moment(out: &mut Vec<u8>, name: &str, at: Option<Moment>, record: &Record) {
    if let Some(at) = at {
        number(out, name, micros(at - record.started));
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The channel between the workers and the writer.
pub(crate) fn channel() -> (SyncSender<Vec<u8>>, Receiver<Vec<u8>>) {
    sync_channel(WAITING)
}

/// Writes to somebody who may not read: a pipe takes this much at once or none of it (pipe(7)), so that the end of the
/// gateway need not wait for the reader.
fn write_patiently(file: &mut File, batch: &[u8], shared: &Shared) -> io::Result<()> {
    for piece in batch.chunks(libc::PIPE_BUF) {
        while !fd::is_writable(file, LOOK_AGAIN)? {
            if shared.stopping.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        file.write_all(piece)?;
    }
    Ok(())
}

/// Writes until every worker has hung up. A disk that is full costs lines, which are counted, never a worker.
pub(crate) fn write(mut file: File, batches: &Receiver<Vec<u8>>, shared: &Arc<Shared>) {
    let is_file = file.metadata().is_ok_and(|facts| facts.is_file());
    while let Ok(batch) = batches.recv() {
        let written =
            if is_file { file.write_all(&batch) } else { write_patiently(&mut file, &batch, shared) };
        if written.is_err() {
            let lines = batch.iter().filter(|byte| **byte == b'\n').count() as u64;
            shared.log_errors.fetch_add(lines, Ordering::Relaxed);
        }
    }
}
