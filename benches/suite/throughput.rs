//! Bytes over one connection over loopback: to the other end, or there and back.
//!
//! Behind the loops come two for reference that are no contestants: the blocking streams of std, and
//! tokio.

mod blocking;
mod tokio;

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::ops::Range;

use benches::EventLoop;

use super::{Case, Group, sockets};
use crate::contestants::each;

/// The sizes of the messages, and their names.
const SIZES: [(usize, &str); 4] = [
    (64, "64 B"),
    (4 << 10, "4 KiB"),
    (64 << 10, "64 KiB"),
    (1 << 20, "1 MiB"),
];

/// How a message travels.
#[derive(Clone, Copy)]
struct Way {
    /// The far end sends back what it reads.
    back: bool,
    /// A call takes several buffers.
    vectored: bool,
}

pub(super) fn cases(group: &mut Group<'_>) {
    for (back, what) in [(true, "echo of"), (false, "one way")] {
        for (vectored, how) in [(false, ""), (true, "vectored ")] {
            let way = Way { back, vectored };
            for (size, name) in SIZES {
                let name = format!("{how}{what} {name}");
                group.case(name, size as u64, "byte", |case| {
                    each!(add(case, way, size));
                    tokio::add(case, way, size);
                    blocking::add(case, way, size);
                });
            }
        }
    }
}

fn add<L: EventLoop>(case: &mut Case, way: Way, size: usize) {
    let mut link = Link::<L>::new(way, size).expect("make a connection");
    case.time(L::NAME, move || link.exchange().expect("send a message"));
}

/// One connection over loopback with both its ends in one loop.
///
/// One thread does it all, so that no scheduler takes part in what is measured.
struct Link<L: EventLoop> {
    events: L,
    ends: Ends<L>,
}

const NEAR: usize = 1;
const FAR: usize = 2;

/// How much is read at a time.
const BUFFER: usize = 64 * 1024;

impl<L: EventLoop> Link<L> {
    /// Makes the connection.
    fn new(way: Way, size: usize) -> io::Result<Link<L>> {
        let (near, far) = sockets::pair()?;
        let mut events = L::new(64)?;
        let mut ends = Ends {
            near: L::adopt(near)?,
            far: L::adopt(far)?,
            way,
            message: vec![7; size],
            sent: 0,
            arrived: 0,
            held: 0..0,
            near_buffer: vec![0; BUFFER],
            far_buffer: vec![0; BUFFER],
        };
        events.register(&mut ends.near, NEAR)?;
        events.register(&mut ends.far, FAR)?;
        Ok(Link { events, ends })
    }

    /// Sends a message and waits until all of it is where it is to end.
    fn exchange(&mut self) -> io::Result<()> {
        self.ends.sent = 0;
        self.ends.arrived = 0;
        self.ends.send()?;
        while self.ends.arrived < self.ends.message.len() {
            let mut result = Ok(());
            self.events.poll(None, |event| {
                let driven = self.ends.drive(event.token);
                if driven.is_err() {
                    result = driven;
                }
            })?;
            result?;
        }
        Ok(())
    }
}

/// Both ends of a connection, and the message that is on its way.
struct Ends<L: EventLoop> {
    near: L::Stream,
    far: L::Stream,
    way: Way,
    message: Vec<u8>,
    /// How much of the message the near end has written.
    sent: usize,
    /// How much of the message is where it is to end.
    arrived: usize,
    /// What the far end has read and not sent back yet.
    held: Range<usize>,
    near_buffer: Vec<u8>,
    far_buffer: Vec<u8>,
}

impl<L: EventLoop> Ends<L> {
    /// Does what an event is for, until it would block.
    fn drive(&mut self, token: usize) -> io::Result<()> {
        match (token, self.way.back) {
            (NEAR, true) => {
                self.send()?;
                self.receive_back()
            }
            (NEAR, false) => self.send(),
            (_, true) => self.send_back(),
            (_, false) => self.receive(),
        }
    }

    /// The near end writes what it has not written yet.
    fn send(&mut self) -> io::Result<()> {
        while self.sent < self.message.len() {
            match write::<L>(&mut self.near, &self.message[self.sent..], self.way)? {
                Some(n) => self.sent += n,
                None => break,
            }
        }
        Ok(())
    }

    /// The far end reads the message.
    fn receive(&mut self) -> io::Result<()> {
        while let Some(n) = read::<L>(&mut self.far, &mut self.far_buffer, self.way)? {
            self.arrived += n;
        }
        Ok(())
    }

    /// The far end reads the message, and writes what it has read before it reads on.
    fn send_back(&mut self) -> io::Result<()> {
        loop {
            while !self.held.is_empty() {
                let held = &self.far_buffer[self.held.clone()];
                match write::<L>(&mut self.far, held, self.way)? {
                    Some(n) => self.held.start += n,
                    None => return Ok(()),
                }
            }
            match read::<L>(&mut self.far, &mut self.far_buffer, self.way)? {
                Some(n) => self.held = 0..n,
                None => return Ok(()),
            }
        }
    }

    /// The near end reads what comes back.
    fn receive_back(&mut self) -> io::Result<()> {
        while let Some(n) = read::<L>(&mut self.near, &mut self.near_buffer, self.way)? {
            self.arrived += n;
        }
        Ok(())
    }
}

/// Writes once; `None` if it would block.
fn write<L: EventLoop>(
    stream: &mut L::Stream,
    bytes: &[u8],
    way: Way,
) -> io::Result<Option<usize>> {
    sockets::unblocked(if way.vectored && bytes.len() >= PIECES {
        L::write_vectored(stream, &pieces(bytes))
    } else {
        stream.write(bytes)
    })
}

/// Reads once; `None` if it would block.
fn read<L: EventLoop>(
    stream: &mut L::Stream,
    buffer: &mut [u8],
    way: Way,
) -> io::Result<Option<usize>> {
    let read = sockets::unblocked(if way.vectored {
        L::read_vectored(stream, &mut pieces_mut(buffer))
    } else {
        stream.read(buffer)
    })?;
    match read {
        Some(0) => Err(ErrorKind::UnexpectedEof.into()),
        read => Ok(read),
    }
}

/// How many buffers a vectored call takes.
const PIECES: usize = 8;

/// Cuts a message up. Fewer bytes than there are pieces leave some empty, which not everybody takes.
fn pieces(bytes: &[u8]) -> [IoSlice<'_>; PIECES] {
    let mut rest = bytes;
    std::array::from_fn(|at| {
        let (piece, after) = rest.split_at(rest.len() / (PIECES - at));
        rest = after;
        IoSlice::new(piece)
    })
}

/// Cuts a buffer up, as [`pieces`].
fn pieces_mut(buffer: &mut [u8]) -> [IoSliceMut<'_>; PIECES] {
    let mut rest = buffer;
    std::array::from_fn(|at| {
        let middle = rest.len() / (PIECES - at);
        let (piece, after) = std::mem::take(&mut rest).split_at_mut(middle);
        rest = after;
        IoSliceMut::new(piece)
    })
}
