//! The same programs with named pipes on this crate and on mio itself: what they see must be equal.

#![cfg(windows)]

use std::fs::{File, OpenOptions};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{io, ptr};

use windows_sys::Win32::System::IO::CancelIoEx;

const DEADLINE: Duration = Duration::from_secs(20);
const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;

/// A module of programs for one of the two crates, each returning what it saw as text.
macro_rules! programs {
    ($module:ident, $mio:ident) => {
        mod $module {
            use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
            use std::os::windows::io::{FromRawHandle, IntoRawHandle};
            use std::time::{Duration, Instant};

            use $mio::windows::NamedPipe;
            use $mio::{Events, Interest, Poll, Token};

            use super::{DEADLINE, cancel, name, open};

            const SERVER: Token = Token(1);
            const CLIENT: Token = Token(2);
            const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

            struct Loop {
                poll: Poll,
                events: Events,
                /// What the two pipes have been reported as ready for, and were not found otherwise since.
                readable: [bool; 3],
                writable: [bool; 3],
            }

            impl Loop {
                fn new() -> Loop {
                    Loop {
                        poll: Poll::new().unwrap(),
                        events: Events::with_capacity(8),
                        readable: [false; 3],
                        writable: [false; 3],
                    }
                }

                fn register(&self, pipe: &mut NamedPipe, token: Token) {
                    self.poll.registry().register(pipe, token, BOTH).unwrap();
                }

                fn poll(&mut self, timeout: Duration) -> bool {
                    self.poll.poll(&mut self.events, Some(timeout)).unwrap();
                    for event in &self.events {
                        let Token(at) = event.token();
                        self.readable[at] |= event.is_readable();
                        self.writable[at] |= event.is_writable();
                        assert!(!event.is_error() && !event.is_read_closed());
                    }
                    !self.events.is_empty()
                }

                /// Takes the events that are pending, and forgets them with all earlier ones.
                fn forget(&mut self) {
                    while self.poll(Duration::ZERO) {}
                    (self.readable, self.writable) = ([false; 3], [false; 3]);
                }

                fn until_readable(&mut self, Token(at): Token) {
                    // mio's poll may return early, with nothing.
                    let end = Instant::now() + DEADLINE;
                    while !std::mem::take(&mut self.readable[at]) {
                        assert!(Instant::now() < end, "not readable");
                        self.poll(DEADLINE);
                    }
                }

                fn until_writable(&mut self, Token(at): Token) {
                    // mio's poll may return early, with nothing.
                    let end = Instant::now() + DEADLINE;
                    while !std::mem::take(&mut self.writable[at]) {
                        assert!(Instant::now() < end, "not writable");
                        self.poll(DEADLINE);
                    }
                }

                /// Reads once, as soon as that does not block.
                fn read(
                    &mut self,
                    mut pipe: &NamedPipe,
                    token: Token,
                    buf: &mut [u8],
                ) -> io::Result<usize> {
                    loop {
                        match pipe.read(buf) {
                            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                                self.until_readable(token)
                            }
                            result => return result,
                        }
                    }
                }

                fn write(
                    &mut self,
                    mut pipe: &NamedPipe,
                    token: Token,
                    buf: &[u8],
                ) -> io::Result<usize> {
                    loop {
                        match pipe.write(buf) {
                            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                                self.until_writable(token)
                            }
                            result => return result,
                        }
                    }
                }

                /// Begins to connect, cancels that, and returns the error.
                fn failed_connect(&mut self, server: &NamedPipe) -> io::Error {
                    assert_eq!(kind(server.connect()), Some(ErrorKind::WouldBlock));
                    cancel(server);
                    let end = Instant::now() + DEADLINE;
                    loop {
                        if let Some(error) = server.take_error().unwrap() {
                            return error;
                        }
                        assert!(Instant::now() < end, "the connect goes on");
                        self.poll(Duration::from_millis(10));
                    }
                }

                fn read_exact(&mut self, pipe: &NamedPipe, token: Token, buf: &mut [u8]) {
                    let mut filled = 0;
                    while filled < buf.len() {
                        let count = self.read(pipe, token, &mut buf[filled..]).unwrap();
                        assert!(count > 0, "the end after {filled} bytes");
                        filled += count;
                    }
                }

                /// A server and a client that are connected.
                fn pair(&mut self) -> (NamedPipe, NamedPipe) {
                    let name = name();
                    let mut server = NamedPipe::new(&name).unwrap();
                    self.register(&mut server, SERVER);
                    let first = kind(server.connect());
                    assert_eq!(first, Some(ErrorKind::WouldBlock));
                    let mut client = client(&name);
                    self.register(&mut client, CLIENT);
                    self.until_writable(SERVER);
                    self.until_writable(CLIENT);
                    assert!(server.take_error().unwrap().is_none());
                    (server, client)
                }
            }

            fn client(name: &str) -> NamedPipe {
                // SAFETY: the handle was given up, and was opened for overlapped operations.
                unsafe { NamedPipe::from_raw_handle(open(name).into_raw_handle()) }
            }

            fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
                result.err().map(|error| error.kind())
            }

            fn seen<T: std::fmt::Debug>(result: io::Result<T>) -> String {
                let result = result.map_err(|error| (error.kind(), error.raw_os_error()));
                format!("{result:?}\n")
            }

            pub(super) fn unregistered() -> String {
                let mut pipe = NamedPipe::new(name()).unwrap();
                let again = NamedPipe::new(name()).is_ok();
                [
                    format!("{again} {:?}", kind(pipe.connect())),
                    format!("{:?}", kind(pipe.read(&mut [0; 8]))),
                    format!("{:?}", kind(pipe.write(b"abc"))),
                    format!("{:?}", pipe.take_error().unwrap().is_none()),
                    format!("{:?}", kind(pipe.flush())),
                ]
                .concat()
            }

            pub(super) fn misuse() -> String {
                let (one, other) = (Poll::new().unwrap(), Poll::new().unwrap());
                let mut pipe = NamedPipe::new(name()).unwrap();
                let mut seen = vec![
                    kind(one.registry().reregister(&mut pipe, SERVER, BOTH)),
                    kind(one.registry().deregister(&mut pipe)),
                    kind(one.registry().register(&mut pipe, SERVER, BOTH)),
                    kind(one.registry().register(&mut pipe, SERVER, BOTH)),
                    kind(other.registry().register(&mut pipe, SERVER, BOTH)),
                ];
                let name = name();
                let first = NamedPipe::new(&name);
                seen.push(kind(NamedPipe::new(&name)));
                drop(first);
                seen.extend([
                    kind(one.registry().deregister(&mut pipe)),
                    kind(one.registry().deregister(&mut pipe)),
                ]);
                format!("{seen:?}")
            }

            /// Without a client nothing is reported, and nothing moves.
            pub(super) fn no_client() -> String {
                let mut events = Loop::new();
                let mut server = NamedPipe::new(name()).unwrap();
                events.register(&mut server, SERVER);
                let mut text = seen(server.read(&mut [0; 8])) + &seen(server.write(b"abc"));
                text += &seen(server.connect());
                text += &seen(server.connect());
                text += &seen(server.disconnect());
                text += &format!("{}", events.poll(Duration::from_millis(50)));
                text
            }

            pub(super) fn ping_and_pong() -> String {
                let mut events = Loop::new();
                let (server, client) = events.pair();
                let mut text = seen((&server).read(&mut [0; 8]));
                for word in [&b"hello"[..], b"w", b"orld and more"] {
                    text += &seen(events.write(&client, CLIENT, word));
                    let mut buf = [0; 5];
                    events.read_exact(&server, SERVER, &mut buf[..word.len().min(5)]);
                    text += &format!("{buf:?}");
                }
                let mut rest = [0; 8];
                events.read_exact(&server, SERVER, &mut rest);
                text += &format!("{rest:?}");
                text += &seen((&server).read(&mut rest));
                text += &seen(events.write(&server, SERVER, b"pong"));
                events.read_exact(&client, CLIENT, &mut rest[..4]);
                text + &format!("{rest:?}")
            }

            pub(super) fn scattered_and_gathered() -> String {
                let mut events = Loop::new();
                let (server, client) = events.pair();
                let parts = [&b"ab"[..], b"", b"cdefg"].map(IoSlice::new);
                let mut text = seen((&client).write_vectored(&parts));
                events.until_readable(SERVER);
                let (mut one, mut other) = ([0; 3], [0; 9]);
                let mut bufs = [&mut one[..], &mut other].map(IoSliceMut::new);
                text += &seen((&server).read_vectored(&mut bufs));
                text += &format!("{one:?} {other:?}");
                events.until_writable(CLIENT);
                text += &seen((&client).write(b""));
                events.until_writable(CLIENT);
                text + &seen((&client).write(b"end"))
            }

            /// More than the buffers of the pipe hold, in both directions at once.
            pub(super) fn large_transfers() -> String {
                const SIZE: usize = 1 << 20;

                let mut events = Loop::new();
                let (server, client) = events.pair();
                let data: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8).collect();
                let mut received = [vec![0; SIZE], vec![0; SIZE]];
                assert_eq!((&client).write(&data).unwrap(), SIZE);
                assert_eq!((&server).write(&data).unwrap(), SIZE);
                let blocked = (kind((&client).write(b"x")), kind((&server).write(b"x")));
                events.read_exact(&server, SERVER, &mut received[0]);
                events.read_exact(&client, CLIENT, &mut received[1]);
                events.until_writable(CLIENT);
                format!(
                    "{blocked:?} {:?}",
                    received.map(|received| received == data)
                )
            }

            pub(super) fn a_client_that_goes() -> String {
                let mut events = Loop::new();
                let (server, client) = events.pair();
                assert_eq!(events.write(&client, CLIENT, b"last words").unwrap(), 10);
                events.until_writable(CLIENT);
                drop(client);
                let mut buf = [0; 10];
                events.read_exact(&server, SERVER, &mut buf);
                let mut text = format!("{buf:?}");
                for _ in 0..2 {
                    text += &seen(events.read(&server, SERVER, &mut buf));
                }
                let failed = (0..100).find_map(|_| kind(events.write(&server, SERVER, b"abc")));
                text + &format!("{failed:?}")
            }

            pub(super) fn clients_one_after_another() -> String {
                let mut events = Loop::new();
                let name = name();
                let mut server = NamedPipe::new(&name).unwrap();
                events.register(&mut server, SERVER);
                let mut text = String::new();
                for round in 0..3 {
                    if let Err(error) = server.connect() {
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    }
                    let mut client = client(&name);
                    events.register(&mut client, CLIENT);
                    events.until_writable(SERVER);
                    text += &seen(server.take_error());
                    text += &seen(events.write(&client, CLIENT, &[round; 4]));
                    let mut buf = [9; 4];
                    events.read_exact(&server, SERVER, &mut buf);
                    text += &format!("{buf:?}");
                    // What is under way for this client does not reach the next.
                    text += &seen(server.write(&[round; 4]));
                    server.disconnect().unwrap();
                    text += &seen(server.read(&mut buf));
                    drop(client);
                    events.forget();
                }
                text
            }

            /// Connects after a connect that failed: nothing is reported until a client comes.
            pub(super) fn connect_after_a_failed_one() -> String {
                let mut events = Loop::new();
                let name = name();
                let mut server = NamedPipe::new(&name).unwrap();
                events.register(&mut server, SERVER);
                let error = seen::<()>(Err(events.failed_connect(&server)));
                events.forget();
                let mut text = error + &seen(server.connect());
                let registry = events.poll.registry();
                registry.reregister(&mut server, SERVER, BOTH).unwrap();
                text += &format!("{}", events.poll(Duration::ZERO));
                let mut client = client(&name);
                events.register(&mut client, CLIENT);
                events.until_writable(SERVER);
                text += &seen(server.take_error());
                text += &seen(events.write(&server, SERVER, b"hello"));
                let mut buf = [0; 5];
                events.read_exact(&client, CLIENT, &mut buf);
                text + &format!("{buf:?}")
            }

            /// Returns whether a connect that fails is reported.
            pub(super) fn reports_a_failed_connect() -> bool {
                let mut events = Loop::new();
                let mut server = NamedPipe::new(name()).unwrap();
                events.register(&mut server, SERVER);
                events.failed_connect(&server);
                while events.poll(Duration::ZERO) {}
                let Token(at) = SERVER;
                events.writable[at]
            }

            /// Connects while the error of an earlier read was reported and not taken: both directions are
            /// reported again.
            pub(super) fn connect_after_a_failed_read() -> String {
                let mut events = Loop::new();
                let name = name();
                let mut server = NamedPipe::new(&name).unwrap();
                events.register(&mut server, SERVER);
                let mut text = seen(server.connect());
                drop(client(&name));
                events.until_writable(SERVER);
                server.disconnect().unwrap();
                let registry = events.poll.registry();
                registry.reregister(&mut server, SERVER, BOTH).unwrap();
                events.until_readable(SERVER);
                events.forget();
                text += &seen(server.connect());
                let mut client = client(&name);
                events.register(&mut client, CLIENT);
                events.until_readable(SERVER);
                events.until_writable(SERVER);
                text += &seen(server.read(&mut [0; 8]));
                events.write(&client, CLIENT, b"hello").unwrap();
                let mut buf = [0; 5];
                events.read_exact(&server, SERVER, &mut buf);
                text + &format!("{buf:?}")
            }

            /// Connects while there is a client, and once it is gone: both are reported again.
            pub(super) fn connected_already() -> String {
                let mut events = Loop::new();
                let (server, mut client) = events.pair();
                client.write_all(b"hello").unwrap();
                events.until_readable(SERVER);
                events.forget();
                let mut text = seen(server.connect());
                events.until_readable(SERVER);
                events.until_writable(SERVER);
                let mut buf = [0; 5];
                events.read_exact(&server, SERVER, &mut buf);
                text += &format!("{buf:?}");
                drop(client);
                text += &seen(events.read(&server, SERVER, &mut buf));
                events.forget();
                text += &seen(server.connect());
                events.until_writable(SERVER);
                text
            }

            /// What has arrived, and what goes on meanwhile, is reported when the pipe is registered again.
            pub(super) fn registered_again() -> String {
                let mut events = Loop::new();
                let (mut server, client) = events.pair();
                events.poll.registry().deregister(&mut server).unwrap();
                events.write(&client, CLIENT, b"hello").unwrap();
                events.until_writable(CLIENT);
                let mut text = String::new();
                events.register(&mut server, SERVER);
                let mut buf = [0; 5];
                events.read_exact(&server, SERVER, &mut buf);
                text += &format!("{buf:?}");
                events.until_writable(SERVER);
                let registry = events.poll.registry();
                registry
                    .reregister(&mut server, Token(0), Interest::READABLE)
                    .unwrap();
                // Events of both directions, whatever the interest.
                events.until_writable(Token(0));
                text + &seen((&server).write(b"abc"))
            }

            /// What was written before a drop goes out, as long as somebody polls.
            pub(super) fn written_before_a_drop() -> String {
                let mut events = Loop::new();
                let (server, client) = events.pair();
                let data = vec![7; 200_000];
                assert_eq!((&client).write(&data).unwrap(), data.len());
                drop(client);
                let mut received = vec![0; data.len()];
                events.read_exact(&server, SERVER, &mut received);
                let end = seen(events.read(&server, SERVER, &mut [0; 8]));
                format!("{} {end}", received == data)
            }

            /// Returns whether a pipe can be registered with another `Poll` after the first, and works there.
            pub(super) fn goes_to_another_poll() -> bool {
                let mut events = Loop::new();
                let (mut server, client) = events.pair();
                let mut other = Loop::new();
                events.poll.registry().deregister(&mut server).unwrap();
                let result = other.poll.registry().register(&mut server, SERVER, BOTH);
                if let Err(error) = result {
                    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
                    return false;
                }
                drop(events.poll);
                (&client).write_all(b"hello").unwrap();
                let mut buf = [0; 5];
                other.read_exact(&server, SERVER, &mut buf);
                buf == *b"hello"
            }

            /// The `Poll` goes first.
            pub(super) fn without_its_poll() -> String {
                let mut events = Loop::new();
                let (server, client) = events.pair();
                (&client).write_all(b"hello").unwrap();
                drop(events);
                drop((server, client));
                String::new()
            }
        }
    };
}

programs!(readywire, mio);
programs!(real, real);

/// Makes a test of each program, which runs on both.
macro_rules! compare {
    ($($program:ident,)*) => {$(
        #[test]
        fn $program() {
            let (ours, theirs) = (readywire::$program(), real::$program());
            assert!(ours == theirs, "ours:\n{ours}\n\nmio's:\n{theirs}");
        }
    )*};
}

compare! {
    unregistered,
    misuse,
    no_client,
    ping_and_pong,
    scattered_and_gathered,
    large_transfers,
    a_client_that_goes,
    clients_one_after_another,
    connect_after_a_failed_one,
    connect_after_a_failed_read,
    connected_already,
    registered_again,
    written_before_a_drop,
    without_its_poll,
}

#[test]
fn a_pipe_goes_to_another_poll_where_mio_refuses() {
    assert!(readywire::goes_to_another_poll());
    assert!(!real::goes_to_another_poll());
}

#[test]
fn a_failed_connect_is_reported_where_mio_is_silent() {
    assert!(readywire::reports_a_failed_connect());
    assert!(!real::reports_a_failed_connect());
}

/// The name of a pipe that no other test has.
fn name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);

    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(r"\\.\pipe\readywire-{}-{next}", process::id())
}

/// Opens a pipe as a client.
fn open(name: &str) -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.custom_flags(FILE_FLAG_OVERLAPPED);
    options.open(name).unwrap()
}

/// Makes all operations of a pipe fail that are under way.
fn cancel(pipe: &impl AsRawHandle) {
    // SAFETY: the handle is open, and no structure is passed.
    let result = unsafe { CancelIoEx(pipe.as_raw_handle(), ptr::null()) };
    assert!(result != 0, "{}", io::Error::last_os_error());
}
