//! The streams of std, which block, and a thread for the far end: what there is without any loop.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;

use super::{PIECES, Way, pieces, pieces_mut};
use crate::suite::{Case, sockets};

pub(super) fn add(case: &mut Case, way: Way, size: usize) {
    // Not before it is needed: the start of the thread would show in what is counted of others.
    let mut link = None;
    case.on_threads();
    case.time("std", move || {
        let link = link.get_or_insert_with(|| Link::new(way, size).expect("make a connection"));
        link.exchange().expect("send a message");
    });
}

struct Link {
    near: TcpStream,
    way: Way,
    message: Vec<u8>,
    answer: Vec<u8>,
}

impl Link {
    /// Makes the connection, and the thread for its far end, which ends with the connection.
    fn new(way: Way, size: usize) -> io::Result<Link> {
        let (near, far) = sockets::pair()?;
        for end in [&near, &far] {
            end.set_nonblocking(false)?;
        }
        // Of a message that goes one way the far end says by a byte that it has arrived.
        let answer = vec![0; if way.back { size } else { 1 }];
        let mut far = Far {
            stream: far,
            way,
            message: vec![0; size],
            answer: answer.len(),
        };
        thread::spawn(move || while far.exchange().expect("take in a message") {});
        Ok(Link {
            near,
            way,
            message: vec![7; size],
            answer,
        })
    }

    /// Sends a message and waits for the answer.
    fn exchange(&mut self) -> io::Result<()> {
        write_all(&mut self.near, &self.message, self.way)?;
        let answered = read_exact(&mut self.near, &mut self.answer, self.way)?;
        if !answered {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

struct Far {
    stream: TcpStream,
    way: Way,
    message: Vec<u8>,
    /// How long the answer is.
    answer: usize,
}

impl Far {
    /// Takes in a message, all of it before it answers: otherwise both ends might wait for the other to
    /// read. Tells whether there was one.
    fn exchange(&mut self) -> io::Result<bool> {
        if !read_exact(&mut self.stream, &mut self.message, self.way)? {
            return Ok(false);
        }
        write_all(&mut self.stream, &self.message[..self.answer], self.way)?;
        Ok(true)
    }
}

/// Writes all of it.
fn write_all(stream: &mut TcpStream, mut bytes: &[u8], way: Way) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = if way.vectored && bytes.len() >= PIECES {
            stream.write_vectored(&pieces(bytes))?
        } else {
            stream.write(bytes)?
        };
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Fills the buffer; tells whether that was possible before the end.
fn read_exact(stream: &mut TcpStream, mut buffer: &mut [u8], way: Way) -> io::Result<bool> {
    while !buffer.is_empty() {
        let read = if way.vectored {
            stream.read_vectored(&mut pieces_mut(buffer))?
        } else {
            stream.read(buffer)?
        };
        if read == 0 {
            return Ok(false);
        }
        buffer = &mut buffer[read..];
    }
    Ok(true)
}
