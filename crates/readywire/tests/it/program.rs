//! The program that readywire was asked to run.

use std::error::Error;
use std::io;
use std::net::TcpListener;

#[test]
fn the_first_program_runs() -> Result<(), Box<dyn Error>> {
    // Somebody may have the port for a moment.
    let mut bound = None;
    testkit::until("the port is free", || {
        bound = match TcpListener::bind("127.0.0.1:34254") {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => None,
            listener => Some(listener),
        };
        bound.is_some()
    });
    let _listener = bound.transpose()?;
    let (poll, mut events, _stream) = program()?;
    if events.is_empty() {
        // The machine was too slow for the program's timeout. That a poll comes back in time is tested
        // elsewhere.
        testkit::collect(&poll, &mut events);
    }
    let writable: Vec<_> = events.iter().map(|event| event.is_writable()).collect();
    assert_eq!(writable, [true]);
    Ok(())
}

type Ran = (
    readywire::Poll,
    readywire::Events,
    readywire::net::TcpStream,
);

fn program() -> Result<Ran, Box<dyn Error>> {
    use readywire::net::TcpStream;
    use readywire::{Events, Poll, PollOpt, Ready, Token};
    use std::time::Duration;

    let stream = TcpStream::connect(&"127.0.0.1:34254".parse()?)?;
    let poll = Poll::new()?;
    let mut events = Events::with_capacity(128);
    poll.register(&stream, Token(0), Ready::writable(), PollOpt::edge())?;
    poll.poll(&mut events, Some(Duration::from_millis(100)))?;

    // Beyond the program: the stream is kept, for its event to be read.
    Ok((poll, events, stream))
}
