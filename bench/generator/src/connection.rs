//! One connection: a request that is always the same, and answers of which only the heads are looked at.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use rustix::net::{RecvFlags, recv};

/// Enough for any head that a balancer passes on.
const HEAD: usize = 8 * 1024;
/// What is taken of a body at once.
const BODY: usize = 1 << 20;

/// Where reading is.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// So much of a head has been read.
    Head(usize),
    /// So much of a body is to come.
    Body(usize),
}

/// A connection that asks again and again.
pub struct Connection {
    pub stream: TcpStream,
    request: Vec<u8>,
    answer: Answer,
    head: Box<[u8; HEAD]>,
}

/// So many connections to a port of this machine.
pub fn open(port: u16, path: &str, count: usize) -> io::Result<Vec<Connection>> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").into_bytes();
    (0..count)
        .map(|_| {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(Connection {
                stream,
                request: request.clone(),
                answer: Answer::Head(0),
                head: Box::new([0; HEAD]),
            })
        })
        .collect()
}

impl Connection {
    /// Asks. A request is smaller than any socket's buffer, which is empty.
    pub fn ask(&mut self) -> io::Result<()> {
        let sent = (&self.stream).write(&self.request)?;
        if sent == self.request.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// Reads what there is; whether that was the end of the answer.
    pub fn try_finish(&mut self, scratch: &mut Scratch) -> Result<bool, Box<dyn Error>> {
        loop {
            let taken = match self.answer {
                Answer::Head(read) => (&self.stream).read(&mut self.head[read..]),
                // The kernel drops these bytes without copying them: what a client does with them is not measured.
                Answer::Body(left) => {
                    let most = left.min(BODY);
                    recv(&self.stream, &mut scratch.0[..most], RecvFlags::TRUNC)
                        .map(|(_, count)| count)
                        .map_err(io::Error::from)
                }
            };
            let taken = match taken {
                Ok(0) => return Err("a connection was closed before its answer was complete".into()),
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            self.answer = match self.answer {
                Answer::Head(read) => after(&self.head[..read + taken])?,
                Answer::Body(left) => Answer::Body(left - taken),
            };
            if let Answer::Body(0) = self.answer {
                self.answer = Answer::Head(0);
                return Ok(true);
            }
        }
    }
}

/// Where bytes of bodies would go.
pub struct Scratch(Vec<u8>);

impl Default for Scratch {
    fn default() -> Self {
        Self(vec![0; BODY])
    }
}

/// What is to be read next, after so much of an answer.
fn after(read: &[u8]) -> Result<Answer, Box<dyn Error>> {
    let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if read.len() < HEAD {
            Ok(Answer::Head(read.len()))
        } else {
            Err("a head is too long".into())
        };
    };
    let head = std::str::from_utf8(&read[..end])?;
    let mut lines = head.split("\r\n");
    if lines.next().and_then(|line| line.split(' ').nth(1)) != Some("200") {
        return Err(format!("not every request was answered with 200:\n{head}").into());
    }
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .ok_or("an answer has no length")?;
    let length: usize = length.1.trim().parse()?;
    let body = read.len() - end - 4;
    match length.checked_sub(body) {
        Some(left) => Ok(Answer::Body(left)),
        None => Err("more was answered than was asked".into()),
    }
}
