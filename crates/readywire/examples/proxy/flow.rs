//! One direction of a connection: bytes from one stream to the other.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::ops::Range;

use readywire::net::TcpStream;

use crate::system::attempt;

/// How many buffers are kept for later at most.
const KEPT: usize = 64;

/// What an end may do at the moment, as far as is known: set by an event, cleared by `WouldBlock`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Can {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// One direction of a connection.
#[derive(Default)]
pub(crate) struct Flow {
    /// Taken while there is something to hold, so that an idle connection costs no buffer.
    buffer: Option<Box<[u8]>>,
    held: Range<usize>,
    /// The sender has closed its half.
    ended: bool,
    /// That was passed on to the receiver.
    closed: bool,
    bytes: u64,
}

/// Buffers that are not in use, to be used again.
pub(crate) struct Buffers {
    size: usize,
    free: Vec<Box<[u8]>>,
}

impl Buffers {
    pub(crate) fn new(size: usize) -> Buffers {
        Buffers {
            size,
            free: Vec::new(),
        }
    }

    fn take(&mut self) -> Box<[u8]> {
        self.free.pop().unwrap_or_else(|| vec![0; self.size].into())
    }

    fn give_back(&mut self, buffer: Box<[u8]>) {
        if self.free.len() < KEPT {
            self.free.push(buffer);
        }
    }
}

impl Flow {
    /// Moves bytes until one of the two ends would block or `rounds` are used up; returns whether
    /// there may be more to do.
    ///
    /// Nothing is read while something is held: a receiver that does not read makes the sender
    /// wait, and takes no more memory than one buffer.
    pub(crate) fn pump(
        &mut self,
        (from, from_can): (&TcpStream, &mut Can),
        (to, to_can): (&TcpStream, &mut Can),
        buffers: &mut Buffers,
        mut rounds: usize,
    ) -> io::Result<bool> {
        loop {
            while !self.held.is_empty() {
                let Some(buffer) = self.buffer.as_deref().filter(|_| to_can.write) else {
                    return Ok(false);
                };
                match attempt(|| (&mut &*to).write(&buffer[self.held.clone()]))? {
                    None => to_can.write = false,
                    Some(n) => {
                        self.held.start += n;
                        self.bytes += n as u64;
                    }
                }
            }
            if self.ended {
                self.give_back(buffers);
                if !self.closed {
                    self.closed = true;
                    half_close(to)?;
                }
                return Ok(false);
            }
            if !from_can.read {
                self.give_back(buffers);
                return Ok(false);
            }
            if rounds == 0 {
                return Ok(true);
            }
            rounds -= 1;
            let buffer = self.buffer.get_or_insert_with(|| buffers.take());
            match attempt(|| (&mut &*from).read(buffer))? {
                None => from_can.read = false,
                Some(0) => self.ended = true,
                Some(n) => self.held = 0..n,
            }
        }
    }

    /// Returns whether everything was passed on, the end included.
    pub(crate) fn is_over(&self) -> bool {
        self.closed
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn give_back(&mut self, buffers: &mut Buffers) {
        if let Some(buffer) = self.buffer.take() {
            buffers.give_back(buffer);
        }
    }
}

/// Passes on that nothing more will come.
fn half_close(to: &TcpStream) -> io::Result<()> {
    match to.shutdown(Shutdown::Write) {
        // The receiver is gone already, and has no use for it.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}
