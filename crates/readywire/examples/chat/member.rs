//! A member of the room: lines that come, and a queue of what is to be told.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use readywire::net::TcpStream;
use readywire::{Poll, PollOpt, Ready, Token};

use crate::system::attempt;

/// How long a line may be.
const LINE: usize = 1024;

/// A level, so that what is left after one look is reported again; and oneshot, so that it is not
/// before the room listens again.
const TRIGGER: PollOpt = PollOpt::LEVEL.union(PollOpt::ONESHOT);

pub(crate) struct Member {
    stream: TcpStream,
    /// Empty until it was told.
    pub(crate) name: String,
    /// Until when it is not heard.
    pub(crate) pause: Option<Instant>,
    /// What the next event may be; an event leaves nothing of it.
    armed: Ready,
    /// What has come and is not a whole line, or is not heard yet.
    input: Vec<u8>,
    /// What is to be told, and how much of it was.
    queue: Vec<u8>,
    told: usize,
}

impl Member {
    pub(crate) fn new(stream: TcpStream) -> Member {
        Member {
            stream,
            name: String::new(),
            pause: None,
            armed: Ready::empty(),
            input: Vec::new(),
            queue: Vec::new(),
            told: 0,
        }
    }

    pub(crate) fn register(&mut self, poll: &Poll, token: Token) -> io::Result<()> {
        self.armed = self.interest();
        poll.register(&self.stream, token, self.armed, TRIGGER)
    }

    /// Has an event come for what is needed now.
    pub(crate) fn arm(&mut self, poll: &Poll, token: Token) -> io::Result<()> {
        let interest = self.interest();
        if interest != self.armed {
            poll.reregister(&self.stream, token, interest, TRIGGER)?;
            self.armed = interest;
        }
        Ok(())
    }

    /// Notes that the event has come: there will be no other.
    pub(crate) fn disarm(&mut self) {
        self.armed = Ready::empty();
    }

    fn interest(&self) -> Ready {
        let mut interest = Ready::empty();
        interest.set(Ready::READABLE, self.pause.is_none());
        interest.set(Ready::WRITABLE, self.waiting() > 0);
        interest
    }

    /// Reads once, as much as there is room for; false says that the member is gone.
    pub(crate) fn receive(&mut self) -> io::Result<bool> {
        let held = self.input.len();
        self.input.resize(LINE, 0);
        let received = attempt(|| (&self.stream).read(&mut self.input[held..]));
        let n = received.as_ref().ok().copied().flatten().unwrap_or(0);
        self.input.truncate(held + n);
        Ok(received? != Some(0))
    }

    /// Takes the next line.
    pub(crate) fn line(&mut self) -> Option<String> {
        let end = self.input.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.input.drain(..=end).collect();
        Some(printable(&line))
    }

    /// Returns whether the line that is coming does not fit.
    pub(crate) fn says_too_much(&self) -> bool {
        self.input.len() == LINE && !self.input.contains(&b'\n')
    }

    /// Tells a line, now or when there is room for it.
    pub(crate) fn tell(&mut self, line: &str) -> io::Result<()> {
        self.queue.extend_from_slice(line.as_bytes());
        self.queue.push(b'\n');
        self.flush()
    }

    /// Tells what waits, as far as there is room.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.waiting() > 0 {
            let Some(n) = attempt(|| (&self.stream).write(&self.queue[self.told..]))? else {
                // What was told is not kept for ever.
                self.queue.drain(..self.told);
                self.told = 0;
                return Ok(());
            };
            self.told += n;
        }
        self.queue.clear();
        self.told = 0;
        Ok(())
    }

    /// Has the connection end by a reset, so that the system does not keep for minutes what a member
    /// that does not read will never take.
    pub(crate) fn abort(&self) {
        // Refused where the connection is gone already, which is as good.
        let _gone = self.stream.set_linger(Some(Duration::ZERO)).is_err();
    }

    /// How many bytes wait to be told.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len() - self.told
    }
}

/// Returns the text of a line, without its end and without the characters that control a terminal.
pub(crate) fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars().filter(|c| !c.is_control()).collect()
}
