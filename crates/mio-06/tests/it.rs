//! The same programs on this crate and on mio itself: what they see must be equal.
//!
//! With `--cfg mio_backend_from_environment` and `MIO_BACKEND=poll`, this crate runs on poll(2).

#![cfg(target_os = "linux")]
#![allow(deprecated, reason = "the deprecated parts are compared, too")]

use std::net;
use std::os::fd::{AsRawFd, OwnedFd};

/// A module of programs for one of the two crates, each returning what it saw as text.
macro_rules! programs {
    ($module:ident, $mio:ident) => {
        mod $module {
            use std::fmt::{Debug, Write as _};
            use std::io::{self, Read, Write};
            use std::net;
            use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
            use std::sync::atomic::{AtomicUsize, Ordering};
            use std::sync::mpsc::TryRecvError;
            use std::thread;
            use std::time::{Duration, Instant};

            use iovec::IoVec;
            use net2::TcpBuilder;
            use $mio::channel::{self, TrySendError};
            use $mio::deprecated::unix::{self, Io};
            use $mio::deprecated::{EventLoop, EventLoopBuilder, Handler, NotifyError};
            use $mio::event::{Event, Evented};
            use $mio::net::{TcpListener, TcpStream, UdpSocket};
            use $mio::timer::Timer;
            use $mio::unix::{EventedFd, UnixReady};
            use $mio::{Events, Poll, PollOpt, Ready, Registration, SetReadiness, Token};

            const NOW: Option<Duration> = Some(Duration::ZERO);
            const DEADLINE: Duration = Duration::from_secs(60);
            /// How long to wait where nothing is to end a poll.
            const SHORT: Duration = Duration::from_millis(30);

            fn both() -> Ready {
                Ready::readable() | Ready::writable()
            }

            /// Errors of options have no number in readywire, which names the option.
            fn kind<T>(result: io::Result<T>) -> Option<io::ErrorKind> {
                result.err().map(|error| error.kind())
            }

            fn error<T>(result: io::Result<T>) -> String {
                let error = result.err();
                let error = error.map(|error| (error.kind(), error.raw_os_error()));
                format!("{error:?}")
            }

            /// Writes a line.
            fn note(seen: &mut String, what: impl Debug) {
                writeln!(seen, "{what:?}").unwrap();
            }

            fn list(events: &Events) -> Vec<Event> {
                events.iter().collect()
            }

            /// Polls at once, and returns what there is.
            fn look(poll: &Poll) -> String {
                look_within(poll, Ready::all())
            }

            fn look_within(poll: &Poll, kinds: Ready) -> String {
                let mut events = Events::with_capacity(8);
                let count = poll.poll(&mut events, NOW).unwrap();
                assert_eq!(count, events.len());
                let mut seen = String::new();
                for event in &events {
                    let mut kinds = UnixReady::from(event.readiness() & kinds);
                    if super::on_poll() && (kinds.is_error() || kinds.is_hup()) {
                        // There all directions come with them.
                        kinds.remove(both());
                    }
                    if super::on_poll() && kinds.is_empty() {
                        continue;
                    }
                    let flags = (kinds.is_error(), kinds.is_hup(), kinds.is_priority());
                    write!(
                        seen,
                        "{:?} {:?} {flags:?} ",
                        event.token(),
                        Ready::from(kinds)
                    )
                    .unwrap();
                }
                seen
            }

            /// Registers a source with each interest and trigger, and returns its first two polls.
            ///
            /// What a source is ready for is known when it is registered.
            pub(super) fn events(source: &impl Evented) -> String {
                let mut seen = String::new();
                let poll = Poll::new().unwrap();
                for interest in [
                    Ready::empty(),
                    Ready::readable(),
                    Ready::writable(),
                    Ready::all(),
                ] {
                    for opts in [
                        PollOpt::empty(),
                        PollOpt::edge(),
                        PollOpt::level(),
                        PollOpt::edge() | PollOpt::level(),
                        PollOpt::oneshot(),
                        PollOpt::all(),
                    ] {
                        poll.register(source, Token(7), interest, opts).unwrap();
                        note(&mut seen, (interest, opts, look(&poll), look(&poll)));
                        poll.deregister(source).unwrap();
                    }
                }
                seen
            }

            /// Registers a stream for edges and changes something; returns what was seen before and after.
            pub(super) fn edges(
                stream: net::TcpStream,
                interest: usize,
                change: &mut dyn FnMut(),
            ) -> String {
                let interest =
                    [Ready::readable(), Ready::writable(), both(), Ready::all()][interest];
                let stream = self::stream(stream);
                let poll = Poll::new().unwrap();
                poll.register(&stream, Token(7), interest, PollOpt::edge())
                    .unwrap();
                let before = look(&poll);
                change();
                let after = look_at_change(&poll);
                format!("{before:?} {after:?} {:?}", look(&poll))
            }

            /// Where epoll has something to report, it reports again that the source is writable; poll(2) does not.
            fn look_at_change(poll: &Poll) -> String {
                let others = Ready::all() - Ready::writable();
                look_within(
                    poll,
                    if super::on_poll() {
                        others
                    } else {
                        Ready::all()
                    },
                )
            }

            pub(super) fn stream(stream: net::TcpStream) -> TcpStream {
                TcpStream::from_stream(stream).unwrap()
            }

            pub(super) fn evented_fd(stream: net::TcpStream) -> String {
                stream.set_nonblocking(true).unwrap();
                events(&EventedFd(&stream.as_raw_fd()))
            }

            fn pair() -> (TcpStream, TcpStream) {
                let (one, other) = super::tcp_pair();
                (stream(one), stream(other))
            }

            pub(super) fn unconnected() -> String {
                events(&stream(
                    TcpBuilder::new_v4().unwrap().to_tcp_stream().unwrap(),
                ))
            }

            pub(super) fn misuse() -> String {
                let mut seen = String::new();
                let (poll, second) = (Poll::new().unwrap(), Poll::new().unwrap());
                let (one, other) = pair();
                let clone = one.try_clone().unwrap();
                let edge = PollOpt::edge();
                let not_open = EventedFd(&-1);
                for result in [
                    poll.register(&one, Token(1), both(), edge),
                    poll.register(&one, Token(1), both(), edge),
                    poll.register(&EventedFd(&one.as_raw_fd()), Token(1), both(), edge),
                    poll.reregister(&other, Token(2), both(), edge),
                    poll.deregister(&other),
                    poll.register(&other, Token(usize::MAX), both(), edge),
                    poll.reregister(&one, Token(usize::MAX), both(), edge),
                    second.register(&one, Token(1), both(), edge),
                    second.reregister(&one, Token(1), both(), edge),
                    second.deregister(&one),
                    poll.register(&clone, Token(2), both(), edge),
                    poll.deregister(&one),
                    poll.deregister(&one),
                    second.register(&one, Token(1), both(), edge),
                    second.register(&one.try_clone().unwrap(), Token(1), both(), edge),
                    poll.register(&not_open, Token(1), both(), edge),
                    poll.register(&EventedFd(&poll.as_raw_fd()), Token(1), both(), edge),
                ] {
                    note(&mut seen, error(result));
                }
                if !super::on_poll() {
                    let null = std::fs::File::open("/dev/null").unwrap();
                    let null = null.as_raw_fd();
                    let result = poll.register(&EventedFd(&null), Token(1), both(), edge);
                    note(&mut seen, error(result));
                }
                let mut none = Events::with_capacity(0);
                note(
                    &mut seen,
                    (none.capacity(), error(poll.poll(&mut none, NOW))),
                );
                seen
            }

            pub(super) fn evented_fds_of_two_polls() -> String {
                let polls = [Poll::new().unwrap(), Poll::new().unwrap()];
                let (one, _other) = super::tcp_pair();
                for poll in &polls {
                    let fd = one.as_raw_fd();
                    poll.register(&EventedFd(&fd), Token(1), both(), PollOpt::edge())
                        .unwrap();
                }
                format!("{} {}", look(&polls[0]), look(&polls[1]))
            }

            pub(super) fn pointers() -> String {
                let poll = Poll::new().unwrap();
                let (one, other) = pair();
                let sources: [Box<dyn Evented>; 2] = [Box::new(one), Box::new(Box::new(other))];
                for source in &sources {
                    poll.register(source, Token(1), both(), PollOpt::edge())
                        .unwrap();
                    poll.reregister(&**source, Token(2), both(), PollOpt::level())
                        .unwrap();
                }
                let seen = look(&poll);
                for source in &sources {
                    poll.deregister(source).unwrap();
                }
                seen + &look(&poll)
            }

            pub(super) fn registration() -> String {
                let mut seen = String::new();
                let (poll, second) = (Poll::new().unwrap(), Poll::new().unwrap());
                let (source, set) = Registration::new2();
                let kinds = both() | UnixReady::hup() | UnixReady::error();
                note(&mut seen, error(Evented::deregister(&source, &poll)));
                note(
                    &mut seen,
                    error(poll.reregister(&source, Token(1), both(), PollOpt::level())),
                );
                note(
                    &mut seen,
                    error(poll.register(&source, Token(2), both(), PollOpt::level())),
                );
                note(
                    &mut seen,
                    error(second.register(&source, Token(2), both(), PollOpt::level())),
                );
                for readiness in [
                    Ready::readable(),
                    kinds,
                    UnixReady::hup().into(),
                    Ready::empty(),
                ] {
                    for interest in [Ready::empty(), Ready::readable(), kinds, Ready::writable()] {
                        for opts in (0..8).map(options) {
                            set.set_readiness(readiness).unwrap();
                            poll.register(&source, Token(3), interest, opts).unwrap();
                            let first = (look_within(&poll, both()), look_within(&poll, both()));
                            // Set again, and of another kind.
                            set.set_readiness(readiness).unwrap();
                            let second = (look_within(&poll, both()), look_within(&poll, both()));
                            set.set_readiness(Ready::writable()).unwrap();
                            let third = (look_within(&poll, both()), look_within(&poll, both()));
                            note(&mut seen, (readiness, interest, opts, first, second, third));
                            note(&mut seen, set.readiness());
                        }
                    }
                }
                poll.deregister(&source).unwrap();
                note(
                    &mut seen,
                    (look_within(&poll, both()), error(poll.deregister(&source))),
                );
                poll.register(&source, Token(4), both(), PollOpt::edge())
                    .unwrap();
                note(&mut seen, look_within(&poll, both()));
                drop(source);
                note(&mut seen, kind(set.set_readiness(Ready::empty())));
                note(&mut seen, (look_within(&poll, both()), set.readiness()));
                seen
            }

            /// What the README says that differs, each as it is here.
            pub(super) fn differences() -> Vec<String> {
                let (poll, second) = (Poll::new().unwrap(), Poll::new().unwrap());
                let register = |source: &dyn Evented| {
                    poll.register(source, Token(1), Ready::writable(), PollOpt::level())
                        .unwrap();
                };
                let (given_up, _other) = pair();
                register(&given_up);
                let fd = given_up.into_raw_fd();
                let after_giving_up = look(&poll);
                // SAFETY: the descriptor was just given up.
                drop(unsafe { TcpStream::from_raw_fd(fd) });

                let (by_number, _other) = pair();
                register(&by_number);
                let fd = by_number.as_raw_fd();
                let ended_by_number = error(poll.deregister(&EventedFd(&fd)));
                drop(by_number);

                let (dropped, _other) = pair();
                let _clone = dropped.try_clone().unwrap();
                register(&dropped);
                drop(dropped);
                let after_drop = look(&poll);

                let (_reader, writer) = unix::pipe().unwrap();
                register(&writer);
                let level = PollOpt::level();
                let twice = second.register(&writer, Token(1), Ready::writable(), level);

                let (option, _other) = pair();
                option
                    .set_linger(Some(Duration::from_secs(100_000)))
                    .unwrap();
                let linger = option.linger().unwrap();
                let number = error(option.set_ttl(0));

                let (source, set) = Registration::new2();
                let third = Poll::new().unwrap();
                third
                    .register(&source, Token(1), both(), PollOpt::edge())
                    .unwrap();
                set.set_readiness(both()).unwrap();
                third.poll(&mut Events::with_capacity(1), NOW).unwrap();
                set.set_readiness(Ready::empty()).unwrap();
                let after_a_full_batch = ends_early(&third, SHORT);
                vec![
                    after_giving_up,
                    ended_by_number,
                    after_drop,
                    error(twice),
                    format!("{linger:?} {number} {:?}", UnixReady::hup()),
                    format!("{after_a_full_batch:?}"),
                ]
            }

            fn options(bits: usize) -> PollOpt {
                let all = [PollOpt::edge(), PollOpt::level(), PollOpt::oneshot()];
                let set = (0..3)
                    .filter(|bit| bits & 1 << bit != 0)
                    .map(|bit| all[bit]);
                set.fold(PollOpt::empty(), |set, option| set | option)
            }

            /// Sets readiness, takes it back, and polls.
            ///
            /// Returns how many events the poll found, and whether it ended before its time.
            fn take_back(
                poll: &Poll,
                opts: PollOpt,
                timeout: Duration,
                take_back: impl FnOnce(Registration, &SetReadiness) -> Option<Registration>,
            ) -> (usize, bool) {
                let (source, set) = Registration::new2();
                poll.register(&source, Token(1), both(), opts).unwrap();
                set.set_readiness(Ready::readable()).unwrap();
                let _kept = take_back(source, &set);
                ends_early(poll, timeout)
            }

            /// Polls; returns how many events there were, and whether the poll ended before its time.
            fn ends_early(poll: &Poll, timeout: Duration) -> (usize, bool) {
                let mut events = Events::with_capacity(8);
                let start = Instant::now();
                let count = poll.poll(&mut events, Some(timeout)).unwrap();
                (count, start.elapsed() < timeout)
            }

            pub(super) fn taken_back() -> String {
                let mut seen = String::new();
                let poll = Poll::new().unwrap();
                for opts in [PollOpt::edge(), PollOpt::level()] {
                    let dropped = take_back(&poll, opts, DEADLINE, |source, _| {
                        drop(source);
                        None
                    });
                    let deregistered = take_back(&poll, opts, DEADLINE, |source, _| {
                        poll.deregister(&source).unwrap();
                        Some(source)
                    });
                    let emptied = take_back(&poll, opts, DEADLINE, |source, set| {
                        set.set_readiness(Ready::empty()).unwrap();
                        Some(source)
                    });
                    let narrowed = take_back(&poll, opts, DEADLINE, |source, _| {
                        poll.reregister(&source, Token(1), Ready::writable(), opts)
                            .unwrap();
                        Some(source)
                    });
                    note(&mut seen, (opts, dropped, deregistered, emptied, narrowed));
                }
                let mut events = Events::with_capacity(8);
                let reported = take_back(&poll, PollOpt::edge(), SHORT, |source, set| {
                    // What has been reported ends no other poll.
                    while poll.poll(&mut events, NOW).unwrap() > 0 {}
                    set.set_readiness(Ready::empty()).unwrap();
                    Some(source)
                });
                let dropped = take_back(&poll, PollOpt::edge(), DEADLINE, |source, _| {
                    while poll.poll(&mut events, NOW).unwrap() > 0 {}
                    drop(source);
                    None
                });
                note(&mut seen, (reported, dropped));
                seen
            }

            /// Takes an edge back that a full batch left in the queue, and polls.
            pub(super) fn taken_back_after_a_full_batch() -> (usize, bool) {
                let poll = Poll::new().unwrap();
                let mut events = Events::with_capacity(1);
                let pairs = [Registration::new2(), Registration::new2()];
                for (token, (source, set)) in pairs.iter().enumerate() {
                    poll.register(source, Token(token), both(), PollOpt::edge())
                        .unwrap();
                    set.set_readiness(Ready::readable()).unwrap();
                }
                assert_eq!(poll.poll(&mut events, NOW).unwrap(), 1);
                let Token(reported) = list(&events)[0].token();
                let (_, left) = &pairs[1 - reported];
                left.set_readiness(Ready::empty()).unwrap();
                ends_early(&poll, DEADLINE)
            }

            /// Lets a oneshot fire, changes something, and polls.
            fn after_a_oneshot(change: impl FnOnce(&Poll, &Registration, &SetReadiness)) -> String {
                let poll = Poll::new().unwrap();
                let (source, set) = Registration::new2();
                let once = PollOpt::edge() | PollOpt::oneshot();
                poll.register(&source, Token(1), Ready::readable(), once)
                    .unwrap();
                set.set_readiness(Ready::readable()).unwrap();
                let first = look(&poll);
                change(&poll, &source, &set);
                let ended = ends_early(&poll, SHORT);
                // Armed again, it reports.
                poll.reregister(&source, Token(2), both(), once).unwrap();
                set.set_readiness(both()).unwrap();
                format!("{first} {ended:?} {} {}", look(&poll), look(&poll))
            }

            pub(super) fn spent_oneshots() -> String {
                let mut seen = String::new();
                let once = PollOpt::edge() | PollOpt::oneshot();
                for opts in [once, PollOpt::edge(), PollOpt::level()] {
                    let cleared = after_a_oneshot(|_, _, set| {
                        set.set_readiness(Ready::readable()).unwrap();
                        set.set_readiness(Ready::empty()).unwrap();
                    });
                    let narrowed = after_a_oneshot(|poll, source, set| {
                        set.set_readiness(Ready::readable()).unwrap();
                        poll.reregister(source, Token(1), Ready::writable(), opts)
                            .unwrap();
                    });
                    let armed = after_a_oneshot(|poll, source, set| {
                        set.set_readiness(Ready::readable()).unwrap();
                        poll.reregister(source, Token(1), both(), opts).unwrap();
                        set.set_readiness(Ready::empty()).unwrap();
                    });
                    note(&mut seen, (opts, cleared, narrowed, armed));
                }
                seen
            }

            /// Two threads reregister at once; returns how often the token and the interest are not of one of them.
            pub(super) fn reregistered_by_two_threads() -> usize {
                let poll = Poll::new().unwrap();
                let (source, set) = Registration::new2();
                let edge = PollOpt::edge();
                poll.register(&source, Token(0), Ready::empty(), edge)
                    .unwrap();
                let terms = [(Token(1), Ready::readable()), (Token(2), Ready::writable())];
                let reregister = |(token, interest)| {
                    poll.reregister(&source, token, interest, edge).unwrap();
                };
                const ROUNDS: usize = 20_000;
                let arrived = AtomicUsize::new(0);
                let meet = |round: usize| {
                    arrived.fetch_add(1, Ordering::SeqCst);
                    for spins in 0_usize.. {
                        if arrived.load(Ordering::SeqCst) >= 2 * round {
                            break;
                        }
                        if spins > 1_000 {
                            thread::yield_now();
                        }
                    }
                };
                let mut mixed = 0;
                thread::scope(|scope| {
                    scope.spawn(|| {
                        for round in 0..ROUNDS {
                            meet(2 * round + 1);
                            reregister(terms[0]);
                            meet(2 * round + 2);
                        }
                    });
                    let mut events = Events::with_capacity(8);
                    for round in 0..ROUNDS {
                        meet(2 * round + 1);
                        reregister(terms[1]);
                        meet(2 * round + 2);
                        set.set_readiness(both()).unwrap();
                        poll.poll(&mut events, NOW).unwrap();
                        let seen: Vec<_> =
                            events.iter().map(|e| (e.token(), e.readiness())).collect();
                        mixed += usize::from(seen != [terms[0]] && seen != [terms[1]]);
                        set.set_readiness(Ready::empty()).unwrap();
                        poll.poll(&mut events, NOW).unwrap();
                    }
                });
                mixed
            }

            pub(super) fn registered_twice() -> String {
                let mut seen = String::new();
                let (_sender, receiver) = channel::channel::<()>();
                let timer = Timer::<()>::default();
                let sources: [&dyn Evented; 2] = [&receiver, &timer];
                for source in sources {
                    let poll = Poll::new().unwrap();
                    let register =
                        || poll.register(source, Token(1), Ready::readable(), PollOpt::edge());
                    note(&mut seen, error(register()));
                    note(&mut seen, (error(register()), ends_early(&poll, SHORT)));
                }
                seen
            }

            pub(super) fn a_drop_ends_a_poll_of_another_thread() -> usize {
                let poll = Poll::new().unwrap();
                let mut events = Events::with_capacity(8);
                let (source, _set) = Registration::new2();
                poll.register(&source, Token(1), both(), PollOpt::edge())
                    .unwrap();
                let dropping = thread::spawn(move || drop(source));
                let count = poll.poll(&mut events, None).unwrap();
                dropping.join().unwrap();
                count
            }

            pub(super) fn batch() -> String {
                let poll = Poll::new().unwrap();
                let mut events = Events::with_capacity(8);
                let (one, other) = pair();
                poll.register(&one, Token(1), Ready::writable(), PollOpt::edge())
                    .unwrap();
                poll.register(&other, Token(2), Ready::writable(), PollOpt::edge())
                    .unwrap();
                poll.poll(&mut events, NOW).unwrap();
                poll.deregister(&one).unwrap();
                drop(other);
                let mut tokens: Vec<_> = (0..3)
                    .map(|index| events.get(index).map(|event| event.token()))
                    .collect();
                tokens.sort();
                let owned = format!("{events:?} {tokens:?} {}", events.len());
                events.clear();
                format!(
                    "{owned} {} {:?}",
                    events.is_empty(),
                    events.into_iter().count()
                )
            }

            pub(super) fn tcp_options() -> String {
                let mut seen = String::new();
                let (one, _other) = pair();
                note(&mut seen, (one.keepalive().unwrap(), one.linger().unwrap()));
                for time in [1500, 500, 0, 7_200_000, 40_000_000] {
                    let set = one.set_keepalive(Some(Duration::from_millis(time)));
                    note(&mut seen, set.map_err(|error| error.kind()));
                }
                one.set_keepalive(Some(Duration::from_millis(1500)))
                    .unwrap();
                note(
                    &mut seen,
                    (one.keepalive().unwrap(), one.keepalive_ms().unwrap()),
                );
                one.set_keepalive_ms(None).unwrap();
                note(&mut seen, one.keepalive_ms().unwrap());
                for time in [300, 1500, 100_000_000] {
                    one.set_linger(Some(Duration::from_millis(time))).unwrap();
                    let linger = one.linger().unwrap();
                    note(&mut seen, linger.filter(|linger| linger.as_secs() < 65_535));
                }
                one.set_linger(None).unwrap();
                one.set_nodelay(true).unwrap();
                one.set_ttl(33).unwrap();
                one.set_recv_buffer_size(20_000).unwrap();
                one.set_send_buffer_size(30_000).unwrap();
                note(
                    &mut seen,
                    (
                        one.linger().unwrap(),
                        one.nodelay().unwrap(),
                        one.ttl().unwrap(),
                    ),
                );
                note(&mut seen, one.recv_buffer_size().unwrap());
                note(&mut seen, one.send_buffer_size().unwrap());
                note(&mut seen, (kind(one.only_v6()), kind(one.set_ttl(0))));
                let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
                note(
                    &mut seen,
                    (kind(listener.only_v6()), error(listener.accept())),
                );
                listener.set_ttl(44).unwrap();
                note(
                    &mut seen,
                    (
                        listener.ttl().unwrap(),
                        listener.take_error().unwrap().is_none(),
                    ),
                );
                seen
            }

            /// Tells whether reading an accepted stream of the standard library waits.
            pub(super) fn accepted_streams_of_the_standard_library_block() -> bool {
                let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
                let _client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                // The handshake is over, but the listener may learn of it a little later.
                let (mut stream, _) = loop {
                    match listener.accept_std() {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            thread::yield_now()
                        }
                        accepted => break accepted.unwrap(),
                    }
                };
                let time = Duration::from_millis(20);
                stream.set_read_timeout(Some(time)).unwrap();
                let start = Instant::now();
                stream.read(&mut [0]).unwrap_err();
                start.elapsed() >= time
            }

            pub(super) fn buffers() -> String {
                let mut seen = String::new();
                let (one, other) = pair();
                let byte = &b"x"[..];
                for count in [0, 1, 3, 64, 65, 1024, 1025, 3000] {
                    let bufs: Vec<&IoVec> = vec![byte.into(); count];
                    let number = |error: io::Error| (error.kind(), error.raw_os_error());
                    let written = one.write_bufs(&bufs).map_err(number);
                    let mut memory = vec![0; count];
                    let mut bufs: Vec<&mut IoVec> =
                        memory.chunks_mut(1).map(|buf| buf.into()).collect();
                    if written.as_ref().is_ok_and(|&count| count > 0) {
                        super::expect_arrival(&other);
                    }
                    let read = other.read_bufs(&mut bufs).map_err(number);
                    note(
                        &mut seen,
                        (
                            count,
                            written,
                            read,
                            memory.iter().all(|&byte| byte == b'x'),
                        ),
                    );
                }
                seen
            }

            pub(super) fn empty_transfers(mut stream: TcpStream) -> String {
                let mut seen = String::new();
                for _ in 0..2 {
                    note(&mut seen, kind(stream.read(&mut [])));
                    note(&mut seen, kind(stream.write(&[])));
                    note(&mut seen, kind(stream.peek(&mut [])));
                }
                seen
            }

            pub(super) fn refused() -> String {
                let address = TcpListener::bind(&"127.0.0.1:0".parse().unwrap());
                let address = address.unwrap().local_addr().unwrap();
                let stream = TcpStream::connect(&address).unwrap();
                let poll = Poll::new().unwrap();
                let mut events = Events::with_capacity(8);
                poll.register(&stream, Token(1), both(), PollOpt::edge())
                    .unwrap();
                poll.poll(&mut events, Some(DEADLINE)).unwrap();
                let taken = stream.take_error().unwrap().map(|error| error.kind());
                format!(
                    "{:?} {taken:?} {}",
                    list(&events),
                    error(stream.peer_addr())
                )
            }

            pub(super) fn connect_stream() -> String {
                let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap();
                let std = TcpBuilder::new_v4().unwrap().to_tcp_stream().unwrap();
                let mut stream = TcpStream::connect_stream(std, &address).unwrap();
                let (mut accepted, _) = listener.accept().unwrap();
                let poll = Poll::new().unwrap();
                let mut events = Events::with_capacity(8);
                poll.register(&stream, Token(1), Ready::writable(), PollOpt::edge())
                    .unwrap();
                poll.poll(&mut events, Some(DEADLINE)).unwrap();
                stream.write_all(b"hello").unwrap();
                let mut buf = [0; 5];
                accepted.read_exact(&mut buf).unwrap();
                let fd = stream.into_raw_fd();
                // SAFETY: the descriptor was just given up.
                let mut stream = unsafe { TcpStream::from_raw_fd(fd) };
                format!(
                    "{:?} {buf:?} {}",
                    list(&events),
                    error(stream.read(&mut buf))
                )
            }

            pub(super) fn udp() -> String {
                let mut seen = String::new();
                let poll = Poll::new().unwrap();
                let address = "127.0.0.1:0".parse().unwrap();
                let (one, other) = (
                    UdpSocket::bind(&address).unwrap(),
                    UdpSocket::bind(&address).unwrap(),
                );
                let gone = UdpSocket::bind(&address).unwrap().local_addr().unwrap();
                poll.register(&one, Token(1), both(), PollOpt::edge())
                    .unwrap();
                note(&mut seen, look(&poll));
                let mut buf = [0; 4];
                note(&mut seen, error(one.recv_from(&mut buf)));
                note(
                    &mut seen,
                    (kind(one.recv_from(&mut [])), kind(one.recv(&mut []))),
                );
                note(&mut seen, error(one.send(b"no address")));
                other.connect(one.local_addr().unwrap()).unwrap();
                note(&mut seen, other.send(b"").unwrap());
                note(
                    &mut seen,
                    other
                        .send_bufs(&[b"da"[..].into(), b"ta"[..].into()])
                        .unwrap(),
                );
                note(&mut seen, look_at_change(&poll));
                note(&mut seen, one.recv_from(&mut buf).unwrap().0);
                let (mut first, mut second) = ([0; 1], [0; 4]);
                let bufs = &mut [(&mut first[..]).into(), (&mut second[..]).into()];
                note(&mut seen, (one.recv_bufs(bufs).unwrap(), first, second));
                one.connect(gone).unwrap();
                one.send(b"refused").unwrap();
                note(&mut seen, look_at_change(&poll));
                note(
                    &mut seen,
                    (error(one.recv(&mut buf)), error(one.recv(&mut buf))),
                );
                one.set_broadcast(true).unwrap();
                one.set_multicast_ttl_v4(3).unwrap();
                one.set_multicast_loop_v4(false).unwrap();
                one.set_ttl(9).unwrap();
                note(
                    &mut seen,
                    (
                        one.broadcast().unwrap(),
                        one.multicast_ttl_v4().unwrap(),
                        one.ttl().unwrap(),
                    ),
                );
                note(
                    &mut seen,
                    (
                        one.multicast_loop_v4().unwrap(),
                        kind(one.multicast_loop_v6()),
                    ),
                );

                let old = $mio::udp::UdpSocket::bind(&address).unwrap();
                poll.register(&old, Token(2), Ready::readable(), PollOpt::level())
                    .unwrap();
                note(&mut seen, old.recv_from(&mut buf).unwrap().is_none());
                note(
                    &mut seen,
                    old.send_to(b"self", &old.local_addr().unwrap()).unwrap(),
                );
                note(
                    &mut seen,
                    (
                        look(&poll),
                        old.recv_from(&mut buf).unwrap().map(|(count, _)| count),
                    ),
                );
                seen
            }

            pub(super) fn values() -> String {
                let mut seen = String::new();
                for bits in 0..128 {
                    let ready = Ready::from_usize(bits);
                    note(
                        &mut seen,
                        (ready, ready.as_usize(), ready.is_error(), ready.is_hup()),
                    );
                }
                note(
                    &mut seen,
                    (Ready::all().as_usize(), PollOpt::all(), PollOpt::urgent()),
                );
                let mut ready = Ready::readable() | UnixReady::hup();
                ready.insert(UnixReady::error());
                ready -= Ready::readable();
                ready ^= both();
                note(
                    &mut seen,
                    (
                        ready,
                        ready & both(),
                        ready.contains(UnixReady::hup()),
                        !ready,
                    ),
                );
                let mut unix = UnixReady::from(ready);
                unix.insert(Ready::writable());
                unix = (unix | UnixReady::priority()) - UnixReady::error();
                note(
                    &mut seen,
                    (
                        Ready::from(unix).as_usize(),
                        unix.is_priority(),
                        unix.is_readable(),
                    ),
                );
                for opts in (0..8).map(options) {
                    note(
                        &mut seen,
                        (opts, opts.bits(), !opts, opts ^ PollOpt::edge()),
                    );
                }
                let event = Event::new(both(), Token(3));
                note(&mut seen, (event, event.kind(), usize::from(event.token())));
                note(
                    &mut seen,
                    (
                        Poll::new().unwrap(),
                        Events::with_capacity(3),
                        Registration::new2(),
                    ),
                );
                note(&mut seen, $mio::would_block().kind());
                seen
            }

            pub(super) fn debug_of_sockets() -> [String; 3] {
                let address = "127.0.0.1:0".parse().unwrap();
                let listener = TcpListener::bind(&address).unwrap();
                let stream =
                    stream(net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
                let debugs = [
                    format!("{listener:?}"),
                    format!("{stream:?}"),
                    format!("{:?}", UdpSocket::bind(&address).unwrap()),
                ];
                // Ports and descriptors differ.
                debugs.map(|debug| debug.replace(|c: char| c.is_ascii_digit(), ""))
            }

            pub(super) fn pipes() -> String {
                let mut seen = String::new();
                let (reader, writer) = unix::pipe().unwrap();
                drop(writer);
                seen += &events(&reader);
                let (reader, writer) = unix::pipe().unwrap();
                drop(reader);
                seen += &events(&writer);
                let (reader, mut writer) = unix::pipe().unwrap();
                // SAFETY: the descriptor was just given up.
                let io = unsafe { Io::from_raw_fd(reader.into_raw_fd()) };
                let clone = io.try_clone().unwrap();
                let mut reader = unix::PipeReader::from(io);
                writer.write_all(b"data").unwrap();
                note(
                    &mut seen,
                    (events(&clone), reader.read(&mut [0; 8]).unwrap()),
                );
                note(&mut seen, error(reader.read(&mut [0; 8])));
                seen
            }

            pub(super) fn unix_streams(path: &std::path::Path) -> String {
                let mut seen = String::new();
                let listener = unix::UnixListener::bind(path).unwrap();
                note(&mut seen, error(listener.accept()));
                let mut client = unix::UnixStream::connect(path).unwrap();
                let mut server = listener.try_clone().unwrap().accept().unwrap();
                let (mut reader, writer) = unix::pipe().unwrap();
                note(&mut seen, client.try_read_recv_fd(&mut [0; 8]).unwrap());
                for not_open in [-1, i32::MAX] {
                    note(&mut seen, error(server.write_send_fd(b"fd", not_open)));
                }
                note(
                    &mut seen,
                    server.write_send_fd(b"fd", writer.as_raw_fd()).unwrap(),
                );
                let (count, fd) = client.read_recv_fd(&mut [0; 8]).unwrap();
                // SAFETY: it was just received.
                let mut received = unsafe { unix::PipeWriter::from_raw_fd(fd.unwrap()) };
                note(&mut seen, (count, received.write(b"through").unwrap()));
                note(&mut seen, reader.read(&mut [0; 16]).unwrap());
                note(&mut seen, events(&client));
                note(&mut seen, server.shutdown(unix::Shutdown::Write).unwrap());
                note(&mut seen, events(&client));
                drop(server);
                note(
                    &mut seen,
                    (events(&client), client.read(&mut [0; 8]).unwrap()),
                );
                note(&mut seen, error(unix::UnixStream::connect("/nowhere")));
                seen
            }

            pub(super) fn channels() -> String {
                let mut seen = String::new();
                let poll = Poll::new().unwrap();
                let (sender, receiver) = channel::channel();
                sender.send(1).unwrap();
                note(&mut seen, error(poll.deregister(&receiver)));
                for opts in [PollOpt::edge(), PollOpt::edge()] {
                    note(
                        &mut seen,
                        error(poll.register(&receiver, Token(1), Ready::readable(), opts)),
                    );
                }
                note(&mut seen, look(&poll));
                sender.clone().send(2).unwrap();
                note(
                    &mut seen,
                    (look(&poll), receiver.try_recv(), receiver.try_recv()),
                );
                note(
                    &mut seen,
                    (
                        look(&poll),
                        receiver.try_recv().unwrap_err() == TryRecvError::Empty,
                    ),
                );
                drop(sender);
                note(&mut seen, (look(&poll), receiver.try_recv()));
                note(
                    &mut seen,
                    error(poll.reregister(
                        &receiver,
                        Token(2),
                        Ready::readable(),
                        PollOpt::level(),
                    )),
                );
                note(
                    &mut seen,
                    (look(&poll), error(poll.deregister(&receiver)), look(&poll)),
                );

                let (sender, receiver) = channel::sync_channel(1);
                sender.send("one").unwrap();
                let full = sender.try_send("two");
                note(&mut seen, matches!(full, Err(TrySendError::Full("two"))));
                note(
                    &mut seen,
                    (
                        full.as_ref().unwrap_err(),
                        format!("{}", full.as_ref().unwrap_err()),
                    ),
                );
                drop(receiver);
                let gone = sender.send("three").unwrap_err();
                note(
                    &mut seen,
                    (
                        format!("{gone} {gone:?}"),
                        sender.try_send("four").unwrap_err(),
                    ),
                );
                seen
            }

            pub(super) fn timers() -> String {
                let mut seen = String::new();
                let poll = Poll::new().unwrap();
                let mut events = Events::with_capacity(8);
                let tick = Duration::from_millis(10);
                let mut timer: Timer<&str> =
                    $mio::timer::Builder::default().tick_duration(tick).build();
                note(&mut seen, error(poll.deregister(&timer)));
                poll.register(&timer, Token(1), Ready::readable(), PollOpt::edge())
                    .unwrap();
                let again = poll.register(&timer, Token(1), Ready::readable(), PollOpt::edge());
                note(&mut seen, (error(again), timer.poll()));
                let canceled = timer.set_timeout(tick, "canceled").unwrap();
                timer.set_timeout(tick * 9, "last").unwrap();
                timer.set_timeout(tick * 3, "first").unwrap();
                note(
                    &mut seen,
                    (
                        timer.cancel_timeout(&canceled),
                        timer.cancel_timeout(&canceled),
                    ),
                );
                let mut states = Vec::new();
                let start = Instant::now();
                while states.len() < 2 {
                    poll.poll(&mut events, Some(DEADLINE)).unwrap();
                    while let Some(state) = timer.poll() {
                        states.push(state);
                    }
                }
                note(
                    &mut seen,
                    (
                        states,
                        start.elapsed() >= tick * 8,
                        start.elapsed() < DEADLINE,
                    ),
                );
                seen
            }

            struct Log(String);

            impl Handler for Log {
                type Timeout = &'static str;
                type Message = u32;

                fn ready(&mut self, event_loop: &mut EventLoop<Log>, token: Token, events: Ready) {
                    note(&mut self.0, (token, events, event_loop.is_running()));
                    event_loop
                        .timeout("later", Duration::from_millis(20))
                        .unwrap();
                }

                fn notify(&mut self, _: &mut EventLoop<Log>, message: u32) {
                    note(&mut self.0, message);
                }

                fn timeout(&mut self, event_loop: &mut EventLoop<Log>, timeout: &'static str) {
                    note(&mut self.0, timeout);
                    event_loop.shutdown();
                }
            }

            pub(super) fn event_loop() -> String {
                let mut log = Log(String::new());
                let mut builder = EventLoopBuilder::new();
                builder
                    .notify_capacity(2)
                    .messages_per_tick(1)
                    .timer_tick(Duration::from_millis(10));
                let mut event_loop: EventLoop<Log> = builder.build().unwrap();
                let sender = event_loop.channel();
                sender.send(1).unwrap();
                sender.clone().send(2).unwrap();
                let full = sender.send(3).unwrap_err();
                note(
                    &mut log.0,
                    (
                        format!("{full} {full:?}"),
                        matches!(full, NotifyError::Full(3)),
                    ),
                );
                let (one, _other) = pair();
                event_loop
                    .register(
                        &one,
                        Token(5),
                        Ready::writable(),
                        PollOpt::edge() | PollOpt::oneshot(),
                    )
                    .unwrap();
                let canceled = event_loop
                    .timeout("canceled", Duration::from_millis(10))
                    .unwrap();
                note(&mut log.0, event_loop.clear_timeout(&canceled));
                event_loop.run(&mut log).unwrap();
                event_loop.deregister(&one).unwrap();
                drop(event_loop);
                note(&mut log.0, sender.send(4).unwrap_err());
                log.0
            }
        }
    };
}

programs!(readywire, mio);
programs!(real, real);

fn tcp_pair() -> (net::TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let one = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (one, listener.accept().unwrap().0)
}

/// Compares line by line, as there are many.
#[track_caller]
fn assert_same(ours: &str, theirs: &str) {
    let (ours, theirs): (Vec<_>, Vec<_>) = (ours.lines().collect(), theirs.lines().collect());
    let first = ours
        .iter()
        .zip(&theirs)
        .find(|(ours, theirs)| ours != theirs);
    assert_eq!(first, None, "ours, and mio's");
    assert_eq!(ours.len(), theirs.len());
}

/// Tells whether this crate runs on poll(2).
fn on_poll() -> bool {
    cfg!(mio_backend_from_environment)
        && std::env::var("MIO_BACKEND").is_ok_and(|backend| backend == "poll")
}

/// Waits until data, the end or the reset of the peer has arrived.
fn expect_arrival(stream: &impl AsRawFd) {
    let fd = stream.as_raw_fd();
    let poll = ::readywire::Poll::new().unwrap();
    let mut events = ::readywire::Events::with_capacity(1);
    let source = ::readywire::unix::EventedFd(&fd);
    let (readable, level) = (::readywire::Ready::READABLE, ::readywire::PollOpt::LEVEL);
    poll.register(&source, ::readywire::Token(0), readable, level)
        .unwrap();
    poll.poll(&mut events, None).unwrap();
}

/// Compares what both see of a stream after `fault`, which has the stream and its peer.
#[track_caller]
fn compare(fault: impl Fn(&net::TcpStream, net::TcpStream) -> Option<OwnedFd>) {
    let run = || {
        let (one, other) = tcp_pair();
        let kept = fault(&one, other);
        (one, kept)
    };
    let ((ours, _one), (theirs, _other)) = (run(), run());
    let ours = readywire::events(&readywire::stream(ours));
    assert_same(&ours, &real::events(&real::stream(theirs)));

    let ((ours, _one), (theirs, _other)) = (run(), run());
    // There its edges are levels.
    if !on_poll() {
        assert_same(&readywire::evented_fd(ours), &real::evented_fd(theirs));
    }

    for interest in 0..4 {
        let run = |edges: fn(net::TcpStream, usize, &mut dyn FnMut()) -> String| {
            let (one, other) = tcp_pair();
            let (mut other, mut kept) = (Some(other), None);
            let registered = one.try_clone().unwrap();
            edges(registered, interest, &mut || {
                kept = other.take().and_then(|other| fault(&one, other));
            })
        };
        assert_same(&run(readywire::edges), &run(real::edges));
    }
}

#[test]
fn an_idle_stream() {
    compare(|_, peer| Some(peer.into()));
}

#[test]
fn a_stream_with_data() {
    compare(|stream, mut peer| {
        std::io::Write::write_all(&mut peer, b"data").unwrap();
        expect_arrival(stream);
        Some(peer.into())
    });
}

#[test]
fn a_stream_with_urgent_data() {
    compare(|stream, peer| {
        socket2::SockRef::from(&peer)
            .send_out_of_band(b"!")
            .unwrap();
        std::io::Write::write_all(&mut &peer, b"data").unwrap();
        expect_arrival(stream);
        Some(peer.into())
    });
}

#[test]
fn a_peer_that_closed() {
    compare(|stream, peer| {
        drop(peer);
        expect_arrival(stream);
        None
    });
}

#[test]
fn a_peer_that_closed_its_half() {
    compare(|stream, peer| {
        peer.shutdown(net::Shutdown::Write).unwrap();
        expect_arrival(stream);
        Some(peer.into())
    });
}

#[test]
fn both_halves_closed() {
    compare(|stream, peer| {
        stream.shutdown(net::Shutdown::Write).unwrap();
        drop(peer);
        expect_arrival(stream);
        None
    });
}

#[test]
fn a_local_shutdown() {
    for how in [net::Shutdown::Read, net::Shutdown::Write] {
        compare(|stream, peer| {
            stream.shutdown(how).unwrap();
            Some(peer.into())
        });
    }
}

#[test]
fn a_reset() {
    compare(|stream, peer| {
        socket2::SockRef::from(&peer)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
        drop(peer);
        expect_arrival(stream);
        None
    });
}

#[test]
fn a_stream_that_never_connected() {
    assert_same(&readywire::unconnected(), &real::unconnected());
}

#[test]
fn misuse_has_the_same_errors() {
    assert_same(&readywire::misuse(), &real::misuse());
}

#[test]
fn a_descriptor_is_registered_with_two_polls() {
    let ours = readywire::evented_fds_of_two_polls();
    assert_same(&ours, &real::evented_fds_of_two_polls());
}

#[test]
fn pointers_to_sources_are_sources() {
    assert_same(&readywire::pointers(), &real::pointers());
}

#[test]
fn readiness_that_a_program_sets() {
    assert_same(&readywire::registration(), &real::registration());
}

/// On epoll mio loses the kinds of such events; with kqueue it does not.
#[test]
fn hang_ups_and_errors_that_a_program_sets_are_reported_within_the_interest() {
    use mio::unix::UnixReady;
    use mio::{Events, Poll, PollOpt, Ready, Registration, Token};

    let poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let (source, set) = Registration::new2();
    let kinds = Ready::from(UnixReady::hup() | UnixReady::error());
    set.set_readiness(kinds).unwrap();
    for interest in [Ready::readable(), UnixReady::hup().into(), kinds] {
        poll.reregister(&source, Token(1), interest, PollOpt::edge())
            .unwrap();
        poll.poll(&mut events, Some(std::time::Duration::ZERO))
            .unwrap();
        let reported = events.iter().map(|event| event.readiness());
        let expected = Some(kinds & interest).filter(|kinds| !kinds.is_empty());
        assert_eq!(reported.collect::<Vec<_>>(), Vec::from_iter(expected));
    }
}

#[test]
fn readiness_that_is_taken_back_ends_a_poll() {
    assert_same(&readywire::taken_back(), &real::taken_back());
    let ours = readywire::a_drop_ends_a_poll_of_another_thread();
    assert_eq!(ours, real::a_drop_ends_a_poll_of_another_thread());
}

#[test]
fn an_edge_that_a_full_batch_left_is_taken_back() {
    let ours = readywire::taken_back_after_a_full_batch();
    assert_eq!(ours, (0, true));
    assert_eq!(ours, real::taken_back_after_a_full_batch());
}

#[test]
fn a_spent_oneshot_ends_no_poll() {
    assert_same(&readywire::spent_oneshots(), &real::spent_oneshots());
}

#[test]
fn threads_that_reregister_at_once_do_not_mix_their_terms() {
    assert_eq!(readywire::reregistered_by_two_threads(), 0);
    assert_eq!(real::reregistered_by_two_threads(), 0);
}

#[test]
fn registering_twice_is_refused_and_ends_no_poll() {
    assert_same(&readywire::registered_twice(), &real::registered_twice());
}

#[test]
fn events_stay_in_their_batch() {
    assert_same(&readywire::batch(), &real::batch());
}

#[test]
fn options_have_the_same_values() {
    assert_same(&readywire::tcp_options(), &real::tcp_options());
}

#[test]
fn accepted_streams_of_the_standard_library() {
    let ours = readywire::accepted_streams_of_the_standard_library_block();
    assert_eq!(ours, real::accepted_streams_of_the_standard_library_block());
}

#[test]
fn what_differs_is_as_the_readme_says() {
    let ours = [
        "",
        "Some((NotFound, Some(2)))",
        "",
        "Some((AlreadyExists, Some(17)))",
        "Some(65535s) Some((InvalidInput, None)) Hup",
        "(0, true)",
    ];
    let theirs = [
        "Token(1) Writable (false, false, false) ",
        "None",
        "Token(1) Writable (false, false, false) ",
        "None",
        "Some(100000s) Some((InvalidInput, Some(22))) Hup | Aio",
        "(0, false)",
    ];
    assert_eq!(readywire::differences(), ours);
    assert_eq!(real::differences(), theirs);
}

#[test]
fn as_many_buffers_as_the_system_takes() {
    assert_same(&readywire::buffers(), &real::buffers());
}

#[test]
fn empty_transfers_ask_the_system() {
    let run = || {
        let (one, other) = tcp_pair();
        drop(other);
        expect_arrival(&one);
        one
    };
    let ours = readywire::empty_transfers(readywire::stream(run()));
    assert_same(&ours, &real::empty_transfers(real::stream(run())));
    let ((ours, _one), (theirs, _other)) = (tcp_pair(), tcp_pair());
    let ours = readywire::empty_transfers(readywire::stream(ours));
    assert_same(&ours, &real::empty_transfers(real::stream(theirs)));
}

#[test]
fn a_refused_connection() {
    assert_same(&readywire::refused(), &real::refused());
}

#[test]
fn a_stream_that_was_made_before_it_connects() {
    assert_same(&readywire::connect_stream(), &real::connect_stream());
}

#[test]
fn datagrams() {
    assert_same(&readywire::udp(), &real::udp());
}

#[test]
fn values_look_the_same() {
    assert_same(&readywire::values(), &real::values());
    assert_eq!(readywire::debug_of_sockets(), real::debug_of_sockets());
}

#[test]
fn pipes_of_the_deprecated_part() {
    assert_same(&readywire::pipes(), &real::pipes());
}

#[test]
fn unix_streams_of_the_deprecated_part() {
    let folder = tempfile::tempdir().unwrap();
    let ours = readywire::unix_streams(&folder.path().join("ours"));
    assert_same(&ours, &real::unix_streams(&folder.path().join("theirs")));
}

#[test]
fn channels() {
    assert_same(&readywire::channels(), &real::channels());
}

#[test]
fn timers() {
    assert_same(&readywire::timers(), &real::timers());
}

#[test]
fn the_event_loop() {
    assert_same(&readywire::event_loop(), &real::event_loop());
}
