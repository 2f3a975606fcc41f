//! What happens to a stream at any moment of an edge: its end, a reset, urgent data.

use std::io::{self, Write};
use std::net::TcpStream;

use selector::{Event, Events, Poll, Ready, Token};
use socket2::SockRef;

use crate::{Sentinel, collect, expect_events, expect_readiness};

/// When something happens to a stream that is registered for edges and has data to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Together with the data.
    BeforeTheEvent,
    /// Between the event of the data and the read.
    BeforeTheRead,
    /// After a short read of the data.
    AfterTheRead,
}

impl Moment {
    /// All of them.
    pub const ALL: [Moment; 3] = [
        Moment::BeforeTheEvent,
        Moment::BeforeTheRead,
        Moment::AfterTheRead,
    ];
}

/// What shows that a stream has ended.
const END: Ready = Ready::READ_CLOSED.union(Ready::HUP).union(Ready::ERROR);

/// Asserts that the end of a stream is reported which comes at `moment`, to a reader that relies on
/// short reads: it makes one read an event, but reads on to the end after an event that shows more
/// than data. The events cease after `strays` more.
///
/// `write` writes four bytes to the stream, `end` ends it and waits until that has arrived, and `read`
/// reads into a buffer that is longer.
#[track_caller]
pub fn expect_end(
    moment: Moment,
    (poll, events, token): (&Poll, &mut Events, Token),
    read: impl Fn() -> io::Result<usize>,
    write: impl FnOnce(),
    end: impl FnOnce(),
    strays: usize,
) {
    write();
    if moment == Moment::BeforeTheEvent {
        end();
    } else {
        expect_events(poll, events, &[(token, Ready::READABLE)]);
        if moment == Moment::BeforeTheRead {
            end();
            // A reset may have taken the data away.
            assert!(matches!(read(), Ok(4) | Err(_)));
        } else {
            assert_eq!(read().expect("read"), 4);
            end();
        }
    }
    let mut seen = Ready::empty();
    let mut serve = |batch: Vec<Event>| {
        for event in batch {
            seen |= event.readiness();
            let on = event.readiness().intersects(END | Ready::PRIORITY);
            while matches!(read(), Ok(1..)) && on {}
        }
        seen.intersects(END)
    };
    while !serve(collect(poll, events)) {}
    let mut sentinel = Sentinel::new();
    let ceased = (0..=strays).any(|_| {
        let batch = sentinel.events_before(poll, events);
        let ceased = batch.is_empty();
        serve(batch);
        ceased
    });
    assert!(
        ceased,
        "{moment:?}: more than {strays} events after the end"
    );
}

/// Asserts that no data is lost around urgent data that `peer` sends at `moment`. At the urgent mark
/// a read is short though more is there, so that the reader goes on until `WouldBlock`.
///
/// `read` reads into a buffer that is longer than four bytes.
#[track_caller]
pub fn expect_data_around_urgent_data(
    moment: Moment,
    (poll, events, token): (&Poll, &mut Events, Token),
    read: impl Fn() -> io::Result<usize>,
    peer: &TcpStream,
) {
    if crate::lacks_urgent_data() {
        return;
    }
    let write = |data: &[u8]| { peer }.write_all(data).expect("write");
    let interrupt = || {
        let sent = SockRef::from(peer).send_out_of_band(b"!");
        assert_eq!(sent.expect("send urgent data"), 1);
        write(b"pong");
    };
    let drain = || std::iter::from_fn(|| read().ok().filter(|count| *count > 0)).sum::<usize>();

    write(b"ping");
    if moment == Moment::BeforeTheEvent {
        interrupt();
    }
    expect_readiness(poll, events, token, Ready::READABLE);
    if moment == Moment::BeforeTheRead {
        interrupt();
    }
    let mut total = read().expect("read");
    if moment == Moment::AfterTheRead {
        interrupt();
        expect_readiness(poll, events, token, Ready::READABLE);
    }
    loop {
        total += drain();
        if total == 8 {
            break;
        }
        collect(poll, events);
    }
    // Spurious events are allowed, but they do not count as that of the next data.
    Sentinel::new().events_before(poll, events);
    write(b"ping");
    expect_readiness(poll, events, token, Ready::READABLE);
    assert_eq!(drain(), 4);
}
