//! Several threads poll one `Poll`.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use selector::{
    Backend, Event, Events, IoSource, Poll, PollOpt, Ready, Registration, RegistrationError, Token,
    Waker,
};
use testkit::{DEADLINE, Task, expect_events, expect_silence, spawn, tcp_pair};

use super::clause01_registering::refused;
use crate::setup;

testkit::on_each_backend! {
    an_edge_reaches_one_of_several_pollers,
    a_oneshot_reaches_one_of_several_pollers,
    a_user_space_oneshot_reaches_one_of_several_pollers,
    as_many_wakes_wake_as_many_pollers,
    what_one_batch_has_no_room_for_reaches_other_pollers,
    an_exclusive_source_wakes_one_of_two_polls,
    exclusive_goes_with_level_and_edge_alone,
    exclusive_can_be_changed,
}

const POLLERS: usize = 4;
const STOP: Token = Token(usize::MAX);

/// Threads that poll until they are stopped.
struct Pollers {
    tasks: Vec<Task<()>>,
    seen: Receiver<Event>,
    stop: Waker,
}

impl Pollers {
    /// Starts pollers that handle each event and then send it.
    fn start(poll: &Arc<Poll>, handle: impl Fn(Event) + Send + Sync + 'static) -> Pollers {
        let stop = Waker::new(poll, STOP).unwrap();
        let (sender, seen) = channel();
        let handle = Arc::new(handle);
        let tasks = (0..POLLERS)
            .map(|_| {
                let (poll, stop, sender) = (Arc::clone(poll), stop.clone(), sender.clone());
                let handle = Arc::clone(&handle);
                spawn(move || {
                    let mut events = Events::with_capacity(8);
                    loop {
                        poll.poll(&mut events, None).unwrap();
                        for event in &events {
                            if event.token() == STOP {
                                // For the next one.
                                return stop.wake().unwrap();
                            }
                            handle(event);
                            sender.send(event).unwrap();
                        }
                    }
                })
            })
            .collect();
        Pollers { tasks, seen, stop }
    }

    /// Stops them; returns what they saw that nobody has asked for.
    fn stop(self) -> Vec<Event> {
        self.stop.wake().unwrap();
        self.tasks.into_iter().for_each(Task::join);
        self.seen.try_iter().collect()
    }
}

fn an_edge_reaches_one_of_several_pollers(backend: Backend) {
    let poll = Arc::new(setup(backend).0);
    let (stream, mut peer) = tcp_pair();
    let source = Arc::new(IoSource::new(stream));
    let pollers = Pollers::start(&poll, {
        let source = Arc::clone(&source);
        move |_| {
            let read = || source.try_io(Ready::READABLE, |mut stream| stream.read(&mut [0; 8]));
            assert_eq!(read().expect("the event is ours alone"), 1);
            assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);
        }
    });
    poll.register(&*source, Token(1), Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    for _ in 0..500 {
        peer.write_all(b"x").unwrap();
        let event = pollers.seen.recv_timeout(DEADLINE).expect("an event");
        assert_eq!(event, Event::new(Ready::READABLE, Token(1)));
    }
    assert_eq!(pollers.stop(), []);
}

fn a_oneshot_reaches_one_of_several_pollers(backend: Backend) {
    for opts in [PollOpt::ONESHOT, PollOpt::ONESHOT | PollOpt::EDGE] {
        let poll = Arc::new(setup(backend).0);
        let pollers = Pollers::start(&poll, |_| {});
        let (stream, _peer) = tcp_pair();
        let source = IoSource::new(stream);
        // Ready all the time, so that a second event would have every chance.
        poll.register(&source, Token(0), Ready::WRITABLE, opts)
            .unwrap();
        for round in 0..500 {
            let event = pollers.seen.recv_timeout(DEADLINE).expect("an event");
            assert_eq!(event, Event::new(Ready::WRITABLE, Token(round)));
            poll.reregister(&source, Token(round + 1), Ready::WRITABLE, opts)
                .unwrap();
        }
        pollers.seen.recv_timeout(DEADLINE).expect("the last event");
        assert_eq!(pollers.stop(), []);
    }
}

fn a_user_space_oneshot_reaches_one_of_several_pollers(backend: Backend) {
    let poll = Arc::new(setup(backend).0);
    let pollers = Pollers::start(&poll, |_| {});
    let (source, set) = Registration::new();
    set.set_readiness(Ready::READABLE).unwrap();
    poll.register(&source, Token(0), Ready::READABLE, PollOpt::ONESHOT)
        .unwrap();
    for round in 0..500 {
        set.set_readiness(Ready::READABLE).unwrap();
        let event = pollers.seen.recv_timeout(DEADLINE).expect("an event");
        assert_eq!(event, Event::new(Ready::READABLE, Token(round)));
        poll.reregister(&source, Token(round + 1), Ready::READABLE, PollOpt::ONESHOT)
            .unwrap();
    }
    pollers.seen.recv_timeout(DEADLINE).expect("the last event");
    assert_eq!(pollers.stop(), []);
}

/// Starts pollers that return their first event.
fn sleepers(poll: &Arc<Poll>) -> Vec<Task<Token>> {
    let tasks: Vec<_> = (0..POLLERS)
        .map(|_| {
            let poll = Arc::clone(poll);
            spawn(move || {
                let mut events = Events::with_capacity(1);
                assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
                events
                    .get(0)
                    .expect("nothing ends a registration here")
                    .token()
            })
        })
        .collect();
    tasks.iter().for_each(Task::wait_until_asleep);
    tasks
}

/// Waits until each sleeper has an event of its own.
#[track_caller]
fn expect_one_each(tasks: Vec<Task<Token>>) {
    let mut tokens: Vec<usize> = tasks.into_iter().map(|task| task.join().0).collect();
    tokens.sort_unstable();
    assert!(tokens.iter().copied().eq(0..POLLERS), "{tokens:?}");
}

fn as_many_wakes_wake_as_many_pollers(backend: Backend) {
    let poll = Arc::new(setup(backend).0);
    let wakers: Vec<_> = (0..POLLERS)
        .map(|at| Waker::new(&poll, Token(at)).unwrap())
        .collect();
    for _ in 0..20 {
        let tasks = sleepers(&poll);
        for waker in &wakers {
            waker.wake().unwrap();
        }
        expect_one_each(tasks);
    }
}

fn what_one_batch_has_no_room_for_reaches_other_pollers(backend: Backend) {
    let poll = Arc::new(setup(backend).0);
    let mut pairs: Vec<(IoSource<TcpStream>, TcpStream)> = Vec::new();
    for at in 0..POLLERS {
        let (stream, peer) = tcp_pair();
        let source = IoSource::new(stream);
        poll.register(&source, Token(at), Ready::READABLE, PollOpt::ONESHOT)
            .unwrap();
        pairs.push((source, peer));
    }
    for _ in 0..20 {
        let tasks = sleepers(&poll);
        for (_, peer) in &mut pairs {
            peer.write_all(b"x").unwrap();
        }
        expect_one_each(tasks);
        for (at, (source, _)) in pairs.iter().enumerate() {
            testkit::drain(source.get_ref());
            poll.reregister(source, Token(at), Ready::READABLE, PollOpt::ONESHOT)
                .unwrap();
        }
    }
}

/// Counts how many of two sleeping `Poll`s a connection wakes.
fn count_woken(backend: Backend, opts: PollOpt) -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, seen) = channel();
    let polls: Vec<_> = (0..2)
        .map(|_| {
            let poll = Arc::new(setup(backend).0);
            let source = IoSource::new(listener.try_clone().unwrap());
            poll.register(&source, Token(1), Ready::READABLE, opts)
                .unwrap();
            let stop = Waker::new(&poll, STOP).unwrap();
            let task = spawn({
                let (poll, sender) = (Arc::clone(&poll), sender.clone());
                move || {
                    let mut events = Events::with_capacity(8);
                    let mut woken = 0;
                    loop {
                        poll.poll(&mut events, None).unwrap();
                        for event in &events {
                            if event.token() == STOP {
                                return woken;
                            }
                            woken = 1;
                            // Once is enough, however long it stays ready.
                            poll.deregister(&source).unwrap();
                            sender.send(()).unwrap();
                        }
                    }
                }
            });
            (task, stop, poll)
        })
        .collect();
    polls.iter().for_each(|(task, ..)| task.wait_until_asleep());
    let _client = TcpStream::connect(address).unwrap();
    seen.recv_timeout(DEADLINE).expect("one of them wakes");
    polls.iter().for_each(|(_, stop, _)| stop.wake().unwrap());
    polls.into_iter().map(|(task, ..)| task.join()).sum()
}

fn an_exclusive_source_wakes_one_of_two_polls(backend: Backend) {
    assert_eq!(count_woken(backend, PollOpt::LEVEL), 2);
    if backend == Backend::Epoll {
        for opts in [PollOpt::EXCLUSIVE, PollOpt::EXCLUSIVE | PollOpt::EDGE] {
            // One that is on its way to sleep finds the source ready as well.
            let once = (0..100).any(|_| count_woken(backend, opts) == 1);
            assert!(once, "{opts:?} woke both of two a hundred times");
        }
    }
}

/// Only epoll knows how; where it is not known it is refused as such.
#[track_caller]
fn unsupported(result: std::io::Result<()>) {
    let error = result.expect_err("it is not known how");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.to_string().contains("EXCLUSIVE"), "{error}");
}

fn exclusive_goes_with_level_and_edge_alone(backend: Backend) {
    let (poll, _) = setup(backend);
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    let (registration, _set) = Registration::new();
    unsupported(poll.register(&registration, Token(1), Ready::READABLE, PollOpt::EXCLUSIVE));
    let (interest, opts) = (Ready::READABLE | Ready::PRIORITY, PollOpt::EXCLUSIVE);
    let refusal = poll.register(&source, Token(1), interest, opts);
    if backend == Backend::Epoll {
        let reason = RegistrationError::ExclusiveInterest(Ready::PRIORITY);
        refused(refusal, ErrorKind::InvalidInput, reason);
        for opts in [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::empty()] {
            let opts = opts | PollOpt::EXCLUSIVE;
            poll.register(&source, Token(1), Ready::READABLE, opts)
                .unwrap();
            poll.deregister(&source).unwrap();
        }
    } else {
        unsupported(refusal);
        unsupported(poll.register(&source, Token(1), Ready::READABLE, opts));
        poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        unsupported(poll.reregister(&source, Token(1), Ready::READABLE, opts));
    }
    // Nothing that was refused stands in the way.
    let mine = poll.deregister(&source).is_ok();
    assert_eq!(mine, backend != Backend::Epoll);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
}

fn exclusive_can_be_changed(backend: Backend) {
    if backend != Backend::Epoll {
        // That it is refused is tested above; here the plain options are changed all the same.
        return changed(backend, &[PollOpt::LEVEL, PollOpt::EDGE, PollOpt::LEVEL]);
    }
    let exclusive = PollOpt::EXCLUSIVE;
    let edge = exclusive | PollOpt::EDGE;
    changed(
        backend,
        &[
            exclusive,
            edge,
            PollOpt::LEVEL,
            exclusive,
            PollOpt::ONESHOT,
            edge,
        ],
    );
}

fn changed(backend: Backend, opts: &[PollOpt]) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = tcp_pair();
    peer.write_all(b"x").unwrap();
    let source = IoSource::new(stream);
    poll.register(&source, Token(0), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    for (at, opts) in opts.iter().enumerate() {
        poll.reregister(&source, Token(at), Ready::READABLE, *opts)
            .unwrap();
        expect_events(&poll, &mut events, &[(Token(at), Ready::READABLE)]);
    }
    poll.deregister(&source).unwrap();
    expect_silence(&poll, &mut events);
}
