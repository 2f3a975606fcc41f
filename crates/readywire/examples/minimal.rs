//! An echo server: what a client sends comes back.

use readywire::net::{TcpListener, TcpStream};
use readywire::{Events, Poll, PollOpt, Ready, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

const LISTENER: Token = Token(usize::MAX); // the others are places in a Vec; none is reserved

struct Connection {
    stream: TcpStream,
    buffer: [u8; 4096],
    start: usize,
    end: usize,
}

impl Connection {
    /// Writes what is held and reads only when nothing is, until that would block.
    fn drive(&mut self) -> io::Result<()> {
        loop {
            while self.start < self.end {
                self.start += self.stream.write(&self.buffer[self.start..self.end])?;
            }
            (self.start, self.end) = (0, self.stream.read(&mut self.buffer)?);
            if self.end == 0 {
                return Ok(()); // the client is done
            }
        }
    }
}

fn main() -> io::Result<()> {
    let poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:7007".into());
    let listener = TcpListener::bind(&address.parse().map_err(io::Error::other)?)?;
    poll.register(&listener, LISTENER, Ready::readable(), PollOpt::edge())?;
    println!("listening on {}", listener.local_addr()?);

    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free = Vec::new(); // places of connections that are over
    let mut failing = false; // to accept, because no descriptor is left, for example
    loop {
        // Clients that could not be accepted wait for another to leave, or for a second.
        poll.poll(&mut events, failing.then_some(Duration::from_secs(1)))?;
        for event in &events {
            let Token(place) = event.token();
            if let Some(Some(connection)) = connections.get_mut(place) {
                match connection.drive() {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {} // until the next event
                    _over => {
                        // From here on no event of it is handed out, not even one that is in this
                        // batch: the next client can have its token at once.
                        connections[place] = None;
                        free.push(place);
                    }
                }
            }
        }
        while failing || events.iter().any(|event| event.token() == LISTENER) {
            let place = free.last().copied().unwrap_or(connections.len());
            let accepted = listener.accept().and_then(|(stream, _)| {
                let both = Ready::readable() | Ready::writable();
                poll.register(&stream, Token(place), both, PollOpt::edge())?;
                Ok(stream)
            });
            match accepted {
                Ok(stream) => {
                    let (buffer, start, end) = ([0; 4096], 0, 0);
                    let connection = Connection {
                        stream,
                        buffer,
                        start,
                        end,
                    };
                    match free.pop() {
                        Some(place) => connections[place] = Some(connection),
                        None => connections.push(Some(connection)),
                    }
                }
                Err(error) => {
                    let empty = error.kind() == ErrorKind::WouldBlock;
                    if !empty && !failing {
                        eprintln!("cannot accept: {error}"); // see TcpListener, "When accept fails"
                    }
                    failing = !empty;
                    break;
                }
            }
        }
    }
}
