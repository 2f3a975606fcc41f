//! The program that readywire was asked to run.

use std::error::Error;
use std::io;
use std::net::TcpListener;

#[test]
fn the_first_program_runs() -> Result<(), Box<dyn Error>> {
    // Somebody may have the port for a moment.
    let mut bound = TcpListener::bind("127.0.0.1:34254");
    testkit::until("the port is free", || {
        if in_use(&bound) {
            bound = TcpListener::bind("127.0.0.1:34254");
        }
        !in_use(&bound)
    });
    let _listener = bound?;
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

fn in_use(bound: &io::Result<TcpListener>) -> bool {
    bound
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
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
