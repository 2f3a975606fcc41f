//! Bytes over one connection over loopback: a message goes out, and comes back from the other end.

use std::io::{self, ErrorKind, Read, Write};
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

pub(super) fn cases(group: &mut Group<'_>) {
    for (size, name) in SIZES {
        group.case(format!("echo of {name}"), size as u64, "byte", |case| {
            each!(echo(case, size));
        });
    }
}

fn echo<L: EventLoop>(case: &mut Case, size: usize) {
    let mut echo = Echo::<L>::new().expect("make a connection");
    let message = vec![7; size];
    case.time(L::NAME, move || {
        echo.exchange(&message).expect("exchange a message");
    });
}

/// One connection over loopback with both its ends in one loop: what one end sends the other sends
/// back.
///
/// One thread does it all, so that no scheduler takes part in what is measured.
struct Echo<L: EventLoop> {
    events: L,
    near: L::Stream,
    far: L::Stream,
    /// What the far end has read and not sent back yet.
    held: Range<usize>,
    far_buffer: Vec<u8>,
    near_buffer: Vec<u8>,
}

const NEAR: usize = 1;
const FAR: usize = 2;
const BUFFER: usize = 64 * 1024;

impl<L: EventLoop> Echo<L> {
    /// Makes the connection.
    fn new() -> io::Result<Echo<L>> {
        let (near, far) = sockets::pair()?;
        let mut events = L::new(64)?;
        let (mut near, mut far) = (L::adopt(near)?, L::adopt(far)?);
        events.register(&mut near, NEAR)?;
        events.register(&mut far, FAR)?;
        Ok(Echo {
            events,
            near,
            far,
            held: 0..0,
            far_buffer: vec![0; BUFFER],
            near_buffer: vec![0; BUFFER],
        })
    }

    /// Sends a message and waits until all of it is back.
    fn exchange(&mut self, message: &[u8]) -> io::Result<()> {
        let (mut sent, mut received) = (0, 0);
        drive_near(
            &mut self.near,
            message,
            &mut sent,
            &mut received,
            &mut self.near_buffer,
        )?;
        while received < message.len() {
            let mut result = Ok(());
            self.events.poll(None, |event| {
                let driven = match event.token {
                    NEAR => drive_near(
                        &mut self.near,
                        message,
                        &mut sent,
                        &mut received,
                        &mut self.near_buffer,
                    ),
                    _ => drive_far(&mut self.far, &mut self.held, &mut self.far_buffer),
                };
                if driven.is_err() {
                    result = driven;
                }
            })?;
            result?;
        }
        Ok(())
    }
}

fn drive_near(
    stream: &mut impl ReadWrite,
    message: &[u8],
    sent: &mut usize,
    received: &mut usize,
    buffer: &mut [u8],
) -> io::Result<()> {
    while *sent < message.len() {
        match unblocked(stream.write(&message[*sent..]))? {
            Some(n) => *sent += n,
            None => break,
        }
    }
    while let Some(n) = unblocked(stream.read(buffer))? {
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        *received += n;
    }
    Ok(())
}

fn drive_far(
    stream: &mut impl ReadWrite,
    held: &mut Range<usize>,
    buffer: &mut [u8],
) -> io::Result<()> {
    loop {
        while held.start < held.end {
            match unblocked(stream.write(&buffer[held.clone()]))? {
                Some(n) => held.start += n,
                None => return Ok(()),
            }
        }
        match unblocked(stream.read(buffer))? {
            Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Some(n) => *held = 0..n,
            None => return Ok(()),
        }
    }
}

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

fn unblocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}
