//! A `Poll` as a source of another one, where a `Poll` has a descriptor.

use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use selector::{
    Backend, Event, Evented, EventedFd, EventedPoll, Events, IoSource, Poll, PollOpt, Ready,
    RegistrationError, Token, Waker,
};
use testkit::{
    DEADLINE, collect, expect_events, expect_nothing_now, expect_readiness, expect_silence,
    in_child, spawn, tcp_pair, unix_pair,
};

use super::clause01_registering::refused;
use super::clause07_waking::{WOKEN, registration};
use crate::setup;

testkit::on_each_backend! {
    a_poll_in_a_poll_is_readable_when_it_has_something,
    a_poll_in_a_poll_wakes_its_outer_one,
    a_lent_poll_reports_a_level_once_in_a_batch,
    a_poll_cannot_be_registered_with_itself,
    a_cycle_of_polls_is_refused_by_epoll,
    a_poll_in_a_poll_cannot_be_exclusive_and_stays_as_it_was,
    what_cannot_be_made_exclusive_is_watched_as_before,
    a_lent_poll_that_was_looked_at_is_quiet,
    a_watcher_of_a_lent_poll_sees_no_more_reports_than_wakes,
    a_lent_poll_loses_no_wake_while_one_thread_sleeps_and_one_looks,
    a_waker_that_is_made_is_nothing_to_report,
    a_wake_that_was_left_behind_hides_nothing_from_a_batch_of_one,
    elided_wakes_do_not_become_fewer,
    a_reclaimed_poll_elides_wakes_again,
    a_poll_in_a_poll_elides_wakes_again_when_deregistered,
    a_poll_in_a_poll_elides_wakes_again_when_an_error_ends_its_registration,
    a_reclaimed_poll_still_wakes_its_outer_one,
}

/// Whether a `Poll` on `backend` can be registered with another.
fn nests(backend: Backend) -> bool {
    backend != Backend::Poll
}

#[track_caller]
fn expect_no_nesting(outer: &Poll, inner: &Poll) {
    let error = outer
        .register(
            &EventedPoll(inner),
            Token(9),
            Ready::READABLE,
            PollOpt::LEVEL,
        )
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
}

fn a_poll_in_a_poll_is_readable_when_it_has_something(backend: Backend) {
    for &outer in Backend::available() {
        for opts in [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::ONESHOT] {
            let (outer, mut events) = setup(outer);
            let (inner, mut its) = setup(backend);
            if !nests(backend) {
                expect_no_nesting(&outer, &inner);
                continue;
            }
            outer
                .register(&EventedPoll(&inner), Token(9), Ready::READABLE, opts)
                .unwrap();
            let waker = Waker::new(&inner, Token(1)).unwrap();
            let (stream, mut peer) = tcp_pair();
            let source = IoSource::new(stream);
            inner
                .register(&source, Token(2), Ready::READABLE, PollOpt::LEVEL)
                .unwrap();
            for round in 0..6 {
                let expected = if round % 2 == 0 {
                    waker.wake().unwrap();
                    (Token(1), WOKEN)
                } else {
                    peer.write_all(b"x").unwrap();
                    (Token(2), Ready::READABLE)
                };
                expect_readiness(&outer, &mut events, Token(9), Ready::READABLE);
                expect_events(&inner, &mut its, &[expected]);
                testkit::drain(source.get_ref());
                // Until there is nothing more, as an edge wants it.
                while inner.poll(&mut its, Some(Duration::ZERO)).unwrap() > 0 {}
                if opts.is_oneshot() {
                    outer
                        .reregister(&EventedPoll(&inner), Token(9), Ready::READABLE, opts)
                        .unwrap();
                }
            }
            outer.deregister(&EventedPoll(&inner)).unwrap();
            waker.wake().unwrap();
            expect_silence(&outer, &mut events);
        }
    }
}

fn a_poll_in_a_poll_wakes_its_outer_one(backend: Backend) {
    for &outer in Backend::available() {
        let (outer, mut events) = setup(outer);
        let outer = Arc::new(outer);
        let (inner, mut its) = setup(backend);
        if !nests(backend) {
            expect_no_nesting(&outer, &inner);
            continue;
        }
        let waker = Waker::new(&inner, Token(1)).unwrap();
        waker.wake().unwrap();
        // What was pending before is told as well.
        outer
            .register(
                &EventedPoll(&inner),
                Token(9),
                Ready::READABLE,
                PollOpt::LEVEL,
            )
            .unwrap();
        expect_readiness(&outer, &mut events, Token(9), Ready::READABLE);
        expect_events(&inner, &mut its, &[(Token(1), WOKEN)]);
        for _ in 0..20 {
            let poller = spawn({
                let outer = Arc::clone(&outer);
                move || {
                    expect_readiness(&outer, &mut events, Token(9), Ready::READABLE);
                    events
                }
            });
            poller.wait_until_asleep();
            waker.wake().unwrap();
            events = poller.join();
            expect_events(&inner, &mut its, &[(Token(1), WOKEN)]);
            expect_nothing_now(&inner, &mut its);
        }
        drop(inner);
        expect_silence(&outer, &mut events);
    }
}

fn a_lent_poll_reports_a_level_once_in_a_batch(backend: Backend) {
    let (poll, mut events) = setup(backend);
    // Whoever has the descriptor may wait on it, so that wakes go there from now on.
    poll.as_raw_fd();
    let sets = [1, 2].map(|at| {
        let pair = registration(&poll, at, Ready::READABLE, PollOpt::LEVEL);
        pair.1.set_readiness(Ready::READABLE).unwrap();
        pair
    });
    for _ in 0..5 {
        let both = [Token(1), Token(2)].map(|token| Event::new(WOKEN, token));
        assert_eq!(collect(&poll, &mut events), both);
    }
    drop(sets);
    expect_silence(&poll, &mut events);
}

fn a_waker_that_is_made_is_nothing_to_report(backend: Backend) {
    for lent_first in [true, false] {
        let (outer, mut events) = setup(Backend::available()[0]);
        let (inner, mut its) = setup(backend);
        if !nests(backend) {
            return expect_no_nesting(&outer, &inner);
        }
        inner
            .poll(&mut its, Some(Duration::from_millis(1)))
            .unwrap();
        let lend = || {
            let (source, token) = (EventedPoll(&inner), Token(9));
            outer.register(&source, token, Ready::READABLE, PollOpt::LEVEL)
        };
        if lent_first {
            lend().unwrap();
        }
        let _waker = Waker::new(&inner, Token(1)).unwrap();
        if !lent_first {
            lend().unwrap();
        }
        expect_silence(&outer, &mut events);
        outer.deregister(&EventedPoll(&inner)).unwrap();
    }
}

fn a_poll_cannot_be_registered_with_itself(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (fd, lent) = (poll.as_raw_fd(), IoSource::new(&poll));
    let ways: [&dyn Evented; 4] = [&EventedPoll(&poll), &EventedFd(&fd), &poll.as_fd(), &lent];
    for way in ways {
        refused(
            poll.register(way, Token(1), Ready::READABLE, PollOpt::LEVEL),
            ErrorKind::InvalidInput,
            RegistrationError::Itself,
        );
        assert!(!format!("{poll:?}").contains("Token"), "{poll:?}");
    }
    expect_silence(&poll, &mut events);
}

fn a_cycle_of_polls_is_refused_by_epoll(backend: Backend) {
    if backend != Backend::Epoll {
        // poll(2) has no nesting at all; not every kqueue survives a cycle.
        return;
    }
    let polls = [0; 3].map(|_| Poll::with_backend(backend).unwrap());
    let register = |inner: &dyn Evented, outer: &Poll| {
        outer.register(inner, Token(1), Ready::READABLE, PollOpt::LEVEL)
    };
    register(&EventedPoll(&polls[0]), &polls[1]).unwrap();
    register(&EventedPoll(&polls[1]), &polls[2]).unwrap();
    refused(
        register(&EventedPoll(&polls[2]), &polls[0]),
        ErrorKind::InvalidInput,
        RegistrationError::Cycle,
    );
    let duplicate = polls[0].as_fd().try_clone_to_owned().unwrap();
    refused(
        register(&duplicate.as_fd(), &polls[0]),
        ErrorKind::InvalidInput,
        RegistrationError::Itself,
    );
}

fn a_poll_in_a_poll_cannot_be_exclusive_and_stays_as_it_was(backend: Backend) {
    let (outer, mut events) = setup(Backend::available()[0]);
    let (inner, mut its) = setup(backend);
    if !nests(backend) {
        expect_no_nesting(&outer, &inner);
        return;
    }
    outer
        .register(
            &EventedPoll(&inner),
            Token(9),
            Ready::READABLE,
            PollOpt::LEVEL,
        )
        .unwrap();
    let error = outer
        .reregister(
            &EventedPoll(&inner),
            Token(8),
            Ready::READABLE,
            PollOpt::EXCLUSIVE,
        )
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");

    let waker = Waker::new(&inner, Token(1)).unwrap();
    waker.wake().unwrap();
    expect_readiness(&outer, &mut events, Token(9), Ready::READABLE);
    expect_events(&inner, &mut its, &[(Token(1), WOKEN)]);
    outer.deregister(&EventedPoll(&inner)).unwrap();
}

fn what_cannot_be_made_exclusive_is_watched_as_before(backend: Backend) {
    let (outer, mut events) = setup(Backend::available()[0]);
    let (inner, _) = setup(backend);
    outer
        .register(&inner.as_fd(), Token(9), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    let changed = outer.reregister(
        &inner.as_fd(),
        Token(8),
        Ready::READABLE,
        PollOpt::EXCLUSIVE,
    );
    // epoll refuses its own descriptors, after it has removed the watch that there was.
    let is_allowed = outer.backend() == Backend::Epoll && !nests(backend);
    assert_eq!(changed.is_ok(), is_allowed, "{changed:?}");

    let waker = Waker::new(&inner, Token(1)).unwrap();
    waker.wake().unwrap();
    let token = Token(if is_allowed { 8 } else { 9 });
    expect_readiness(&outer, &mut events, token, Ready::READABLE);
    outer.deregister(&inner.as_fd()).unwrap();

    let result = outer.register(
        &inner.as_fd(),
        Token(9),
        Ready::READABLE,
        PollOpt::EXCLUSIVE,
    );
    if outer.backend() == Backend::Epoll && nests(backend) {
        // Not RegistrationError::Itself, which the same error means for other watches.
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EINVAL));
    } else {
        assert_eq!(result.is_ok(), is_allowed, "{result:?}");
    }
}

fn a_lent_poll_that_was_looked_at_is_quiet(backend: Backend) {
    let (outer, mut events) = setup(Backend::available()[0]);
    let (inner, mut its) = setup(backend);
    // As somebody does who drives a loop by the descriptor: on every backend it tells of wakes.
    outer
        .register(&inner.as_fd(), Token(9), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    let waker = Waker::new(&inner, Token(1)).unwrap();
    for _ in 0..3 {
        waker.wake().unwrap();
        expect_readiness(&outer, &mut events, Token(9), Ready::READABLE);
        assert_eq!(inner.poll(&mut its, Some(Duration::ZERO)).unwrap(), 1);
        assert_eq!(inner.poll(&mut its, Some(Duration::ZERO)).unwrap(), 0);
        expect_silence(&outer, &mut events);
    }
}

/// Clause 2: a level is reported at every poll while it holds.
fn a_wake_that_was_left_behind_hides_nothing_from_a_batch_of_one(backend: Backend) {
    let (poll, _) = setup(backend);
    let _lent = poll.as_fd();
    let mut one = Events::with_capacity(1);
    let waker = Waker::new(&poll, Token(2)).unwrap();
    waker.wake().unwrap();
    let (stream, _peer) = tcp_pair();
    let source = IoSource::new(stream);
    for timeout in [Duration::ZERO, Duration::from_nanos(1)] {
        // The queue fills the batch, so that nobody looks into the system, where the wake is.
        while poll.poll(&mut one, Some(Duration::ZERO)).unwrap() == 0 {}
        assert_eq!(one.get(0), Some(Event::new(WOKEN, Token(2))));
        poll.register(&source, Token(1), Ready::WRITABLE, PollOpt::LEVEL)
            .unwrap();
        assert_eq!(poll.poll(&mut one, Some(timeout)).unwrap(), 1);
        assert_eq!(one.get(0), Some(Event::new(Ready::WRITABLE, Token(1))));
        poll.deregister(&source).unwrap();
        waker.wake().unwrap();
    }
}

fn elided_wakes_do_not_become_fewer(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let waker = Waker::new(&poll, Token(1)).unwrap();
    for _ in 0..5 {
        waker.wake().unwrap();
    }
    assert_eq!(collect(&poll, &mut events).len(), 1);
    let counts = |poll: &Poll| (poll.stats().wakes_sent, poll.stats().wakes_elided);
    assert_eq!(counts(&poll), (0, 5));
    let _lent = poll.as_fd();
    waker.wake().unwrap();
    assert_eq!(counts(&poll), (1, 5));
    // Sent: when a poll sees it, it is not one that was elided.
    drop(waker);
    assert_eq!(collect(&poll, &mut events).len(), 1);
    assert_eq!(counts(&poll), (1, 5));
}

/// Wakes `poll`, which nobody polls; returns whether that cost a system call.
#[track_caller]
fn wake_is_sent(poll: &Poll, events: &mut Events, waker: &Waker) -> bool {
    let before = poll.stats().wakes_sent;
    waker.wake().unwrap();
    let sent = poll.stats().wakes_sent - before;
    expect_events(poll, events, &[(Token(1), WOKEN)]);
    sent > 0
}

fn a_reclaimed_poll_elides_wakes_again(backend: Backend) {
    let (mut poll, mut events) = setup(backend);
    let waker = Waker::new(&poll, Token(1)).unwrap();
    for _ in 0..3 {
        assert!(!wake_is_sent(&poll, &mut events, &waker));
        poll.as_raw_fd();
        let _lent = poll.as_fd();
        assert!(wake_is_sent(&poll, &mut events, &waker));
        // One that was sent is pending, which hides none from a poller.
        waker.wake().unwrap();
        poll.reclaim_fd();
        expect_events(&poll, &mut events, &[(Token(1), WOKEN)]);
    }
    // A sleeper is woken as ever.
    let poll = Arc::new(poll);
    let sleeper = spawn({
        let poll = Arc::clone(&poll);
        move || expect_events(&poll, &mut events, &[(Token(1), WOKEN)])
    });
    sleeper.wait_until_asleep();
    waker.wake().unwrap();
    sleeper.join();
}

fn a_poll_in_a_poll_elides_wakes_again_when_deregistered(backend: Backend) {
    let (outer, _) = setup(Backend::available()[0]);
    let (inner, mut its) = setup(backend);
    if !nests(backend) {
        return expect_no_nesting(&outer, &inner);
    }
    let waker = Waker::new(&inner, Token(1)).unwrap();
    let register = || {
        let (interest, opts) = (Ready::READABLE, PollOpt::LEVEL);
        outer.register(&EventedPoll(&inner), Token(9), interest, opts)
    };
    for _ in 0..3 {
        register().unwrap();
        register().unwrap_err();
        assert!(wake_is_sent(&inner, &mut its, &waker));
        outer.deregister(&EventedPoll(&inner)).unwrap();
        outer.deregister(&EventedPoll(&inner)).unwrap_err();
        assert!(!wake_is_sent(&inner, &mut its, &waker));
    }
    // One that was dropped while the inner one was registered with it does not count for ever.
    let (gone, _) = setup(Backend::available()[0]);
    gone.register(
        &EventedPoll(&inner),
        Token(9),
        Ready::READABLE,
        PollOpt::LEVEL,
    )
    .unwrap();
    drop(gone);
    register().unwrap();
    outer.deregister(&EventedPoll(&inner)).unwrap();
    assert!(!wake_is_sent(&inner, &mut its, &waker));

    register().unwrap();
    let _lent = inner.as_fd();
    outer.deregister(&EventedPoll(&inner)).unwrap();
    assert!(wake_is_sent(&inner, &mut its, &waker));
}

fn a_poll_in_a_poll_elides_wakes_again_when_an_error_ends_its_registration(backend: Backend) {
    const TERMS: (Token, Ready, PollOpt) = (Token(9), Ready::READABLE, PollOpt::LEVEL);
    // kqueue adds what it does not watch.
    if !nests(backend) || backend == Backend::Kqueue {
        return;
    }
    type Call = fn(&Poll, &EventedPoll<'_>) -> io::Result<()>;
    let calls: [Call; 3] = [
        |outer, inner| outer.rearm(inner),
        |outer, inner| outer.reregister(inner, TERMS.0, TERMS.1, TERMS.2),
        |outer, inner| outer.deregister(inner),
    ];
    for call in calls {
        in_child(|| {
            let (outer, _) = setup(backend);
            let (inner, mut its) = setup(backend);
            let waker = Waker::new(&inner, Token(1)).unwrap();
            let source = EventedPoll(&inner);
            outer.register(&source, TERMS.0, TERMS.1, TERMS.2).unwrap();
            assert!(wake_is_sent(&inner, &mut its, &waker));

            // The number of the outer one gets another set, which is empty.
            let (empty, _) = setup(backend);
            let (from, to) = (empty.as_raw_fd(), outer.as_raw_fd());
            // SAFETY: both are open, and what `to` was is used no more.
            assert_eq!(unsafe { libc::dup2(from, to) }, to);
            let error = call(&outer, &source).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
            assert!(!wake_is_sent(&inner, &mut its, &waker));
        });
    }
}

fn a_reclaimed_poll_still_wakes_its_outer_one(backend: Backend) {
    let (outer, mut events) = setup(Backend::available()[0]);
    let (mut inner, mut its) = setup(backend);
    if !nests(backend) {
        return expect_no_nesting(&outer, &inner);
    }
    let waker = Waker::new(&inner, Token(1)).unwrap();
    let source = EventedPoll(&inner);
    outer
        .register(&source, Token(9), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    inner.as_raw_fd();
    inner.reclaim_fd();
    waker.wake().unwrap();
    expect_readiness(&outer, &mut events, Token(9), Ready::READABLE);
    expect_events(&inner, &mut its, &[(Token(1), WOKEN)]);
    // The outer one ends the registration with itself.
    drop(outer);
    inner.reclaim_fd();
    assert!(!wake_is_sent(&inner, &mut its, &waker));
}

/// Waits until the descriptor of `poll` is readable.
fn watch(poll: &Poll) {
    let mut pollfd = libc::pollfd {
        fd: poll.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let timeout = DEADLINE.as_millis() as libc::c_int;
    let ready = loop {
        // SAFETY: there is one structure, which outlives the call.
        let ready = unsafe { libc::poll(&mut pollfd, 1, timeout) };
        // A process may get signals.
        if ready != -1 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            break ready;
        }
    };
    assert_eq!(ready, 1, "the descriptor is readable");
}

fn a_watcher_of_a_lent_poll_sees_no_more_reports_than_wakes(backend: Backend) {
    const WAKES: usize = 20_000;
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    let _lent = poll.as_fd();
    let waker = Waker::new(&poll, Token(1)).unwrap();
    let (seen, next) = channel();
    let task = spawn(move || {
        for _ in 0..WAKES {
            waker.wake().unwrap();
            next.recv_timeout(DEADLINE).unwrap();
        }
        waker
    });
    let (mut reports, mut wakes) = (0, 0);
    while wakes < WAKES {
        watch(&poll);
        reports += 1;
        if poll.poll(&mut events, Some(Duration::ZERO)).unwrap() > 0 {
            wakes += 1;
            seen.send(()).unwrap();
        }
    }
    task.join();
    let sent = poll.stats().wakes_sent;
    assert!(reports <= sent, "{reports} reports of {sent} wakes");
}

fn a_lent_poll_loses_no_wake_while_one_thread_sleeps_and_one_looks(backend: Backend) {
    const STOP: Token = Token(2);
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    let _lent = poll.as_fd();
    let waker = Waker::new(&poll, Token(1)).unwrap();
    let stop = Waker::new(&poll, STOP).unwrap();
    let (seen, next) = channel();
    let ended = Arc::new(AtomicBool::new(false));
    let sleeper = spawn({
        let (poll, seen) = (Arc::clone(&poll), seen.clone());
        move || loop {
            poll.poll(&mut events, None).unwrap();
            for event in &events {
                if event.token() == STOP {
                    return;
                }
                seen.send(()).unwrap();
            }
        }
    });
    let looker = spawn({
        let (poll, ended) = (Arc::clone(&poll), Arc::clone(&ended));
        move || {
            let mut events = Events::with_capacity(1);
            while !ended.load(Ordering::Relaxed) {
                if poll.poll(&mut events, Some(Duration::ZERO)).unwrap() > 0 {
                    seen.send(()).unwrap();
                }
            }
        }
    });
    for _ in 0..5_000 {
        // The list that the sleeper watches changes too, which wakes it by the same handle.
        let (stream, _peer) = unix_pair();
        let source = IoSource::new_sole(stream);
        poll.register(&source, Token(3), Ready::READABLE, PollOpt::LEVEL)
            .unwrap();
        waker.wake().unwrap();
        poll.deregister(&source).unwrap();
        next.recv_timeout(DEADLINE).expect("the wake is seen");
    }
    ended.store(true, Ordering::Relaxed);
    looker.join();
    stop.wake().unwrap();
    sleeper.join();
}
