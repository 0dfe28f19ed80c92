//! [`Story`]: what an input says, and [`World`]: the client and the endpoint that act it out. Both refuse to know what
//! their bytes mean.
//!
//! ```text
//! setting   two bytes: bits (see below), and how everything is cut into pieces and ordered: '0' as it stands
//! client    the bytes of one connection, up to a line that is "%%"
//! answers   each a letter (see below) and bytes, up to the next such line; the endpoint gives one after the other
//! ```

use std::collections::VecDeque;

use crate::chance::Chance;
use crate::stream::{End, Peer};

const LINE: &[u8] = b"\n%%\n";
/// What an endpoint says that was told nothing else.
const USUAL: &[u8] = b"aHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The bits of the setting; '@' is none of them.
pub(crate) const CLIENT_ENDS: u8 = 1;
pub(crate) const CLIENT_BREAKS: u8 = 2;
pub(crate) const LIMITED: u8 = 4;
pub(crate) const TIGHT: u8 = 8;
pub(crate) const SMALL_CREDIT: u8 = 16;
pub(crate) const CLIENT_IS_DEAF: u8 = 32;

/// The bits of an answer's letter; '`' is none of them.
const WAITS: u8 = 1;
const ENDS: u8 = 2;
const BREAKS: u8 = 4;
const REFUSED: u8 = 8;
const UNASKED: u8 = 16;

/// An input, read.
pub(crate) struct Story<'a> {
    pub(crate) bits: u8,
    seed: u8,
    client: &'a [u8],
    answers: Vec<&'a [u8]>,
}

impl<'a> Story<'a> {
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        let ([bits, seed], mut rest) = data.split_first_chunk::<2>()?;
        let mut parts = Vec::new();
        while let Some(at) = rest.windows(LINE.len()).position(|part| part == LINE) {
            parts.push(&rest[..at]);
            rest = &rest[at + LINE.len()..];
        }
        parts.push(rest);
        let client = parts.remove(0);
        Some(Self { bits: *bits, seed: *seed, client, answers: parts })
    }

    pub(crate) fn says(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }
}

/// What an endpoint does when somebody connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connects {
    Taken,
    Refused,
    Unheard,
}

/// The endpoint's side of the connection that is in use.
struct Playing {
    peer: Peer,
    pieces: VecDeque<Vec<u8>>,
    /// It answers once it has the whole request.
    waits: bool,
    end: Option<End>,
}

/// Everything outside of the gateway.
pub(crate) struct World {
    pub(crate) chance: Chance,
    pub(crate) client: Peer,
    whole: bool,
    tight: bool,
    deaf: bool,
    pieces: VecDeque<Vec<u8>>,
    end: Option<End>,
    answers: VecDeque<Vec<u8>>,
    playing: Option<Playing>,
}

impl World {
    pub(crate) fn new(story: &Story<'_>, client: Peer) -> Self {
        let mut chance = Chance::new(u64::from(story.seed));
        let whole = story.seed == b'0';
        let end = match (story.says(CLIENT_BREAKS), story.says(CLIENT_ENDS)) {
            (true, _) => Some(End::Broken),
            (false, ends) => ends.then_some(End::Orderly),
        };
        let deaf = story.says(CLIENT_IS_DEAF);
        client.change().room = if deaf { 40 } else { room(story.says(TIGHT)) };
        Self {
            pieces: cut(story.client, whole, &mut chance),
            chance,
            client,
            whole,
            tight: story.says(TIGHT),
            deaf,
            end,
            answers: story.answers.iter().map(|answer| answer.to_vec()).collect(),
            playing: None,
        }
    }

    /// Somebody connects to the endpoint.
    pub(crate) fn connected(&mut self, peer: &Peer) -> Connects {
        let letter = self.answers.front().and_then(|answer| answer.first()).copied().unwrap_or(0);
        if letter & REFUSED != 0 {
            self.answers.pop_front();
            return if letter & ENDS == 0 { Connects::Refused } else { Connects::Unheard };
        }
        peer.change().room = room(self.tight);
        self.playing = Some(Playing { peer: peer.clone(), pieces: VecDeque::new(), waits: false, end: None });
        self.next_answer();
        Connects::Taken
    }

    /// Another request is about to be sent on the connection that was used last.
    pub(crate) fn is_used_again(&mut self) {
        let Some(playing) = &self.playing else { return };
        if playing.end.is_none() {
            self.next_answer();
        } else if self.chance.one_in(2) {
            while self.arrive() {}
        }
    }

    fn next_answer(&mut self) {
        let answer = self.answers.pop_front().unwrap_or_else(|| USUAL.to_vec());
        let Some((playing, (letter, text))) = self.playing.as_mut().zip(answer.split_first()) else { return };
        playing.waits = letter & WAITS != 0;
        playing.end = match (letter & BREAKS != 0, letter & ENDS != 0) {
            (true, _) => Some(End::Broken),
            (false, ends) => ends.then_some(End::Orderly),
        };
        playing.pieces.extend(cut(text, self.whole, &mut self.chance));
        if letter & UNASKED != 0 {
            self.arrive();
        }
    }

    /// Something happens, if anything can: a piece arrives, somebody ends, or bytes are taken. `begun` and `whole`: how much
    /// of the request the endpoint has.
    pub(crate) fn turn(&mut self, begun: bool, whole: bool) -> bool {
        let speaks = |playing: &Playing| {
            (if playing.waits { whole } else { begun })
                && (!playing.pieces.is_empty() || playing.end.is_some())
                && playing.peer.look().ended.is_none()
        };
        let can = [
            self.playing.as_ref().is_some_and(speaks),
            (!self.pieces.is_empty() || self.end.is_some()) && self.client.look().ended.is_none(),
            self.tight && !self.deaf && self.client.look().room == 0,
            self.playing.as_ref().is_some_and(|playing| playing.peer.look().room == 0),
        ];
        let open: Vec<usize> = (0..can.len()).filter(|place| can[*place]).collect();
        if open.is_empty() {
            return false;
        }
        let chosen = if self.whole { open[0] } else { self.chance.one_of(&open) };
        let more = self.chance.some(300) as usize;
        match chosen {
            0 => {
                self.arrive();
            }
            1 => match self.pieces.pop_front() {
                Some(piece) => self.client.change().arrived.extend(piece),
                None => end(&self.client, self.end, &mut self.chance),
            },
            2 => self.client.change().room = more,
            _ => {
                if let Some(playing) = &self.playing {
                    playing.peer.change().room = more;
                }
            }
        }
        true
    }

    /// The endpoint says the next piece, or ends.
    fn arrive(&mut self) -> bool {
        let Some(playing) = &mut self.playing else { return false };
        match playing.pieces.pop_front() {
            Some(piece) => playing.peer.change().arrived.extend(piece),
            None if playing.end.is_some() => end(&playing.peer, playing.end.take(), &mut self.chance),
            None => return false,
        }
        true
    }
}

fn room(tight: bool) -> usize {
    if tight { 0 } else { usize::MAX }
}

/// A peer ends. What has arrived of one that breaks may be lost.
fn end(peer: &Peer, how: Option<End>, chance: &mut Chance) {
    let mut socket = peer.change();
    socket.ended = how;
    if how == Some(End::Broken) && chance.one_in(2) {
        socket.arrived.clear();
    }
}

fn cut(text: &[u8], whole: bool, chance: &mut Chance) -> VecDeque<Vec<u8>> {
    let (mut pieces, mut rest) = (VecDeque::new(), text);
    let most = if whole { u32::MAX } else { chance.one_of(&[1, 7, 60, 400]) };
    while !rest.is_empty() {
        let n = if whole { rest.len() } else { rest.len().min(chance.some(most) as usize) };
        pieces.push_back(rest[..n].to_vec());
        rest = &rest[n..];
    }
    pieces
}
