//! Filters that refuse system calls, as in sandboxes: older calls take their place.

use std::sync::Arc;
use std::time::{Duration, Instant};

use selector::{Backend, Events, IoSource, Poll, PollOpt, Ready, Token, Waker};
use testkit::{Call, DEADLINE, Refusal, collect, in_child, refuse, spawn, unix_pair};

use crate::setup;

testkit::on_each_backend! {
    timed_polls_work_where_precise_waits_are_unknown,
    timed_polls_work_where_precise_waits_are_forbidden,
    a_filter_that_kills_is_never_reached_after_the_switch,
    wakes_work_where_eventfd_is_refused,
    descriptors_0_to_2_are_like_any_others,
}

/// The calls that wait in nanoseconds. Where ppoll(2) is the kernel's only poll(2) no sandbox of a
/// program that polls refuses it.
const PRECISE_WAITS: &[Call] = &[
    Call::any(libc::SYS_epoll_pwait2),
    #[cfg(target_arch = "x86_64")]
    Call::any(libc::SYS_ppoll),
];

const TIMEOUTS: [Duration; 4] = [
    Duration::from_nanos(1),
    Duration::from_micros(999),
    Duration::from_millis(1),
    Duration::from_micros(5_001),
];

/// Polls with timeouts, and until an event comes.
#[track_caller]
fn expect_polls_to_work(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (stream, mut peer) = unix_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(1), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    for timeout in TIMEOUTS {
        for _ in 0..2 {
            let start = Instant::now();
            assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 0);
            let elapsed = start.elapsed();
            assert!(elapsed >= timeout, "{elapsed:?} instead of {timeout:?}");
        }
    }
    std::io::Write::write_all(&mut peer, b"x").unwrap();
    assert_eq!(poll.poll(&mut events, Some(DEADLINE)).unwrap(), 1);
}

fn timed_polls_work_where_precise_waits_are_unknown(backend: Backend) {
    in_child(|| {
        if refuse(PRECISE_WAITS, Refusal::Errno(libc::ENOSYS)) {
            expect_polls_to_work(backend);
        }
    });
}

fn timed_polls_work_where_precise_waits_are_forbidden(backend: Backend) {
    in_child(|| {
        if refuse(PRECISE_WAITS, Refusal::Errno(libc::EACCES)) {
            expect_polls_to_work(backend);
        }
    });
}

fn a_filter_that_kills_is_never_reached_after_the_switch(backend: Backend) {
    in_child(|| {
        let timer_slack = Call {
            number: libc::SYS_prctl,
            first: Some(libc::PR_GET_TIMERSLACK),
        };
        let calls = [PRECISE_WAITS, &[timer_slack]].concat();
        if refuse(&calls, Refusal::Kill) {
            Poll::use_millisecond_timeouts();
            expect_polls_to_work(backend);
        }
    });
}

fn wakes_work_where_eventfd_is_refused(backend: Backend) {
    /// More than a pipe holds.
    const WAKES: usize = 70_000;
    in_child(|| {
        if !refuse(
            &[Call::any(libc::SYS_eventfd2)],
            Refusal::Errno(libc::ENOSYS),
        ) {
            return;
        }
        let (poll, mut events) = setup(backend);
        let poll = Arc::new(poll);
        let waker = Waker::new(&poll, Token(1)).unwrap();
        let (seen, next) = std::sync::mpsc::channel();
        let poller = spawn({
            let poll = Arc::clone(&poll);
            move || {
                for _ in 0..WAKES {
                    assert_eq!(collect(&poll, &mut events)[0].token(), Token(1));
                    seen.send(()).unwrap();
                }
            }
        });
        for _ in 0..WAKES {
            waker.wake().unwrap();
            next.recv_timeout(DEADLINE).expect("the wake is seen");
        }
        poller.join();

        // Each wake of a lent poll is written to the handle, and the queue alone is looked at.
        let _lent = std::os::fd::AsFd::as_fd(&*poll);
        let mut one = Events::with_capacity(1);
        for round in 0..WAKES {
            waker.wake().unwrap();
            while poll.poll(&mut one, Some(DEADLINE)).unwrap() == 0 {}
            let token = one.get(0).map(|event| event.token());
            assert_eq!(token, Some(Token(1)), "round {round}");
        }
        expect_polls_to_work(backend);
    });
}

/// A service may be started with them closed, and a runtime other than Rust's leaves them so.
fn descriptors_0_to_2_are_like_any_others(backend: Backend) {
    in_child(|| {
        let streams = [0, 1, 2].map(|fd| {
            // SAFETY: takes a number, touches no memory of ours.
            let kept = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 10) };
            // SAFETY: nothing uses the descriptor until it is restored.
            let closed = unsafe { libc::close(fd) };
            assert!(kept >= 10 && closed == 0);
            kept
        });
        let result = std::panic::catch_unwind(|| {
            let (poll, _) = setup(backend);
            assert!(std::os::fd::AsRawFd::as_raw_fd(&poll) <= 2, "{poll:?}");
            expect_polls_to_work(backend);
            let (poll, mut events) = setup(backend);
            let waker = Waker::new(&poll, Token(0)).unwrap();
            waker.wake().unwrap();
            assert_eq!(collect(&poll, &mut events)[0].token(), Token(0));
        });
        for (fd, kept) in (0..).zip(streams) {
            // SAFETY: whatever had the number is closed by now.
            assert_eq!(unsafe { libc::dup2(kept, fd) }, fd);
        }
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}
