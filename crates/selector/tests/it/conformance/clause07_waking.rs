//! Wakers and user-space readiness, from any thread.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use selector::{
    Backend, Event, Events, IoSource, Poll, PollOpt, Ready, Registration, SetReadiness, Token,
    Waker,
};
use testkit::{collect, expect_events, expect_nothing_now, expect_silence, spawn, tcp_pair};

use crate::setup;

testkit::on_each_backend! {
    a_wake_before_the_poll_is_not_lost,
    a_wake_ends_a_sleep,
    wakes_nobody_has_seen_are_one_event,
    each_waker_has_its_own_token,
    clones_of_a_waker_are_one,
    a_wake_arrives_although_its_waker_is_dropped_at_once,
    a_silent_wake_ends_a_sleep_without_an_event,
    a_silent_wake_before_the_poll_ends_one_poll,
    a_silent_wake_hides_no_event,
    a_wake_costs_nothing_while_nobody_sleeps,
    one_wake_is_sent_to_a_sleeper,
    what_was_written_before_a_wake_is_visible,
    no_wake_is_lost_among_many_threads,
    a_waker_outlives_its_poll,
    a_level_set_by_hand_holds_until_it_is_cleared,
    an_edge_set_by_hand_comes_with_each_setting,
    a_oneshot_set_by_hand_is_silent_until_reregistered,
    readiness_is_remembered_while_unregistered,
    readiness_set_by_a_thread_ends_a_sleep,
    reregistering_reports_what_was_set,
    what_was_set_is_kept_when_deregistered,
    nothing_is_lost_while_threads_set_and_register,
    what_is_set_last_is_reported_wherever_the_source_went,
    a_source_is_reported_by_the_poll_that_it_went_to,
    neither_side_starves_the_other_in_a_batch_of_one,
    a_full_queue_leaves_the_system_its_half,
    both_sides_have_half_of_a_batch_that_either_would_fill,
    what_has_no_event_hides_no_source_in_a_batch_of_one,
    what_has_no_event_makes_no_poll_longer,
    a_batch_that_is_kept_makes_no_wake_dearer,
    no_source_starves_in_a_batch_of_one,
    levels_take_turns_in_the_order_in_which_they_were_set,
    handles_go_between_threads,
    the_waker_of_a_future_wakes_under_its_token,
}

pub(super) const WOKEN: Ready = Ready::READABLE;

fn a_wake_before_the_poll_is_not_lost(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let waker = Waker::new(&poll, Token(1)).unwrap();
    expect_nothing_now(&poll, &mut events);
    for timeout in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
        waker.wake().unwrap();
        assert_eq!(poll.poll(&mut events, timeout).unwrap(), 1);
        let batch: Vec<Event> = events.iter().collect();
        assert_eq!(batch, [Event::new(WOKEN, Token(1))]);
        expect_silence(&poll, &mut events);
    }
}

fn a_wake_ends_a_sleep(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    let waker = Waker::new(&poll, Token(1)).unwrap();
    for _ in 0..50 {
        let poller = spawn({
            let poll = Arc::clone(&poll);
            move || {
                assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
                events
            }
        });
        poller.wait_until_asleep();
        waker.wake().unwrap();
        events = poller.join();
        assert_eq!(events.get(0), Some(Event::new(WOKEN, Token(1))));
    }
}

fn wakes_nobody_has_seen_are_one_event(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let waker = Waker::new(&poll, Token(1)).unwrap();
    for _ in 0..3 {
        for _ in 0..1000 {
            waker.wake().unwrap();
        }
        assert_eq!(collect(&poll, &mut events), [Event::new(WOKEN, Token(1))]);
        expect_silence(&poll, &mut events);
    }
}

fn each_waker_has_its_own_token(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let wakers: Vec<_> = (0..50)
        .map(|at| Waker::new(&poll, Token(at)).unwrap())
        .collect();
    for step in [1, 2, 7] {
        let woken = || wakers.iter().enumerate().step_by(step);
        woken().for_each(|(_, waker)| waker.wake().unwrap());
        let expected: Vec<_> = woken().map(|(at, _)| (Token(at), WOKEN)).collect();
        expect_events(&poll, &mut events, &expected);
        expect_silence(&poll, &mut events);
    }
}

fn clones_of_a_waker_are_one(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let waker = Waker::new(&poll, Token(1)).unwrap();
    let clone = waker.clone();
    waker.wake().unwrap();
    clone.wake().unwrap();
    assert_eq!(collect(&poll, &mut events), [Event::new(WOKEN, Token(1))]);
    drop(waker);
    clone.wake().unwrap();
    assert_eq!(collect(&poll, &mut events), [Event::new(WOKEN, Token(1))]);
    clone.wake().unwrap();
    drop(clone);
    assert_eq!(collect(&poll, &mut events), [Event::new(WOKEN, Token(1))]);
    expect_silence(&poll, &mut events);
}

/// The thread that wakes has the only waker, and ends.
fn a_wake_arrives_although_its_waker_is_dropped_at_once(backend: Backend) {
    let (poll, mut events) = setup(backend);
    for round in 0..500 {
        let waker = Waker::new(&poll, Token(round)).unwrap();
        let task = spawn(move || waker.wake());
        expect_events(&poll, &mut events, &[(Token(round), WOKEN)]);
        task.join().unwrap();
    }
    expect_silence(&poll, &mut events);
    assert!(!format!("{poll:?}").contains("Token"), "{poll:?}");
}

fn a_silent_wake_ends_a_sleep_without_an_event(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    for timeout in [None, Some(Duration::MAX)] {
        let waker = Waker::silent(&poll).unwrap();
        let poller = spawn({
            let poll = Arc::clone(&poll);
            move || {
                assert_eq!(poll.poll(&mut events, timeout).unwrap(), 0);
                events
            }
        });
        poller.wait_until_asleep();
        // It is dropped right afterwards.
        std::thread::spawn(move || waker.wake())
            .join()
            .unwrap()
            .unwrap();
        events = poller.join();
        assert!(events.is_empty() && events.iter().next().is_none());
    }
    expect_silence(&poll, &mut events);
}

fn a_silent_wake_before_the_poll_ends_one_poll(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let waker = Waker::silent(&poll).unwrap();
    assert!(!format!("{poll:?}").contains("Token"), "{poll:?}");
    for _ in 0..3 {
        waker.wake().unwrap();
        waker.clone().wake().unwrap();
        assert_eq!(poll.poll(&mut events, None).unwrap(), 0);
        expect_silence(&poll, &mut events);
    }
    let stats = poll.stats();
    assert_eq!((stats.wakes_sent, stats.wakes_elided), (0, 6));
}

/// Neither a waker's nor a source's, also where there is room for one event alone.
fn a_silent_wake_hides_no_event(backend: Backend) {
    for capacity in [1, 2, 8] {
        let poll = Poll::with_backend(backend).unwrap();
        let mut events = Events::with_capacity(capacity);
        let silent = Waker::silent(&poll).unwrap();
        let waker = Waker::new(&poll, Token(1)).unwrap();
        let (stream, _peer) = tcp_pair();
        let stream = IoSource::new(stream);
        poll.register(&stream, Token(2), Ready::WRITABLE, PollOpt::EDGE)
            .unwrap();
        silent.wake().unwrap();
        waker.wake().unwrap();
        let mut seen = Vec::new();
        while seen.len() < 2 {
            poll.poll(&mut events, None).unwrap();
            seen.extend(events.iter().map(|event| event.token().0));
        }
        seen.sort();
        assert_eq!(seen, [1, 2]);
    }
}

fn a_wake_costs_nothing_while_nobody_sleeps(backend: Backend) {
    let (poll, mut events) = setup(backend);
    // It sleeps while there is nobody to wake it, and gets up.
    poll.poll(&mut events, Some(Duration::from_millis(1)))
        .unwrap();
    let waker = Waker::new(&poll, Token(1)).unwrap();
    for round in 1..=3 {
        for _ in 0..100 {
            waker.wake().unwrap();
        }
        collect(&poll, &mut events);
        let stats = poll.stats();
        assert_eq!(
            (stats.wakes_sent, stats.wakes_elided),
            (0, round * 100),
            "{stats:?}"
        );
    }
}

fn one_wake_is_sent_to_a_sleeper(backend: Backend) {
    testkit::until("a wake comes to a sleeper", || wakes_sent(backend) > 0);
}

/// Wakes a poller a thousand times, which nearly always sleeps until the first; returns how many of
/// them cost a system call.
fn wakes_sent(backend: Backend) -> usize {
    let (poll, mut events) = setup(backend);
    let poll = Arc::new(poll);
    let wakers: Vec<_> = (0..10)
        .map(|at| Waker::new(&poll, Token(at)).unwrap())
        .collect();
    let poller = spawn({
        let poll = Arc::clone(&poll);
        move || {
            poll.poll(&mut events, None).unwrap();
            events
        }
    });
    poller.wait_until_asleep();
    for _ in 0..100 {
        wakers.iter().for_each(|waker| waker.wake().unwrap());
    }
    let mut events = poller.join();
    let left = events.len() < wakers.len();
    assert_eq!(
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap() > 0,
        left || !events.is_empty()
    );
    let stats = poll.stats();
    // A waker may see the poller asleep just before it gets up, and send one more, in vain. A wake may
    // be seen before or after it is counted as sent.
    assert!(stats.wakes_sent <= 2, "{stats:?}");
    let elided = 1_000 - stats.wakes_sent..=1_000 - stats.wakes_sent.min(1);
    assert!(elided.contains(&stats.wakes_elided), "{stats:?}");
    stats.wakes_sent
}

fn what_was_written_before_a_wake_is_visible(backend: Backend) {
    // Wine, which stands in for Windows here, asks another process to wake.
    const ROUNDS: usize = if cfg!(windows) { 500 } else { 5_000 };
    // Two threads wake each other in turn: a wake that is lost stops both.
    let sides = [0, 1].map(|_| Arc::new(setup(backend).0));
    let value = Arc::new(AtomicUsize::new(0));
    let wakers = [0, 1].map(|at| Waker::new(&sides[at], Token(at)).unwrap());
    let play = |own: usize| {
        let (poll, value) = (Arc::clone(&sides[own]), Arc::clone(&value));
        let other = wakers[1 - own].clone();
        move || {
            let mut events = Events::with_capacity(8);
            for round in 0..ROUNDS {
                poll.poll(&mut events, None).unwrap();
                assert_eq!(events.get(0), Some(Event::new(WOKEN, Token(own))));
                // The wake alone orders these.
                assert_eq!(value.load(Ordering::Relaxed), 2 * round + own);
                value.store(2 * round + own + 1, Ordering::Relaxed);
                other.wake().unwrap();
            }
        }
    };
    let tasks = [spawn(play(0)), spawn(play(1))];
    wakers[0].wake().unwrap();
    tasks.into_iter().for_each(testkit::Task::join);
}

fn no_wake_is_lost_among_many_threads(backend: Backend) {
    const THREADS: usize = 4;
    const WAKES: usize = 5_000;
    let poll = Arc::new(setup(backend).0);
    let counts: Arc<Vec<AtomicUsize>> = Arc::new((0..THREADS).map(|_| 0.into()).collect());
    let tasks: Vec<_> = (0..THREADS)
        .map(|at| {
            let waker = Waker::new(&poll, Token(at)).unwrap();
            let counts = Arc::clone(&counts);
            spawn(move || {
                for _ in 0..WAKES {
                    counts[at].fetch_add(1, Ordering::Relaxed);
                    waker.wake().unwrap();
                }
                // It ends with its thread's last handle, which must not take a wake along.
                waker
            })
        })
        .collect();
    let mut events = Events::with_capacity(2);
    let mut seen = [0; THREADS];
    while seen != [WAKES; THREADS] {
        for event in collect(&poll, &mut events) {
            let at = event.token().0;
            seen[at] = counts[at].load(Ordering::Relaxed);
        }
    }
    let _wakers: Vec<Waker> = tasks.into_iter().map(testkit::Task::join).collect();
}

fn a_waker_outlives_its_poll(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let waker = Waker::new(&poll, Token(1)).unwrap();
    waker.wake().unwrap();
    drop(poll);
    for _ in 0..3 {
        waker.wake().unwrap();
    }
    let (poll, _) = setup(backend);
    expect_silence(&poll, &mut events);
    drop(waker);
}

pub(super) fn registration(
    poll: &Poll,
    token: usize,
    interest: Ready,
    opts: PollOpt,
) -> (Registration, SetReadiness) {
    let (registration, set) = Registration::new();
    poll.register(&registration, Token(token), interest, opts)
        .unwrap();
    (registration, set)
}

/// Registers a stream that is ready at every poll, and is as long as both ends are there.
fn always_writable(poll: &Poll, token: usize) -> (IoSource<TcpStream>, TcpStream) {
    let (stream, peer) = tcp_pair();
    let source = IoSource::new(stream);
    poll.register(&source, Token(token), Ready::WRITABLE, PollOpt::LEVEL)
        .unwrap();
    (source, peer)
}

fn a_level_set_by_hand_holds_until_it_is_cleared(backend: Backend) {
    for opts in [PollOpt::LEVEL, PollOpt::empty()] {
        let (poll, mut events) = setup(backend);
        let (_registration, set) = registration(&poll, 1, Ready::READABLE, opts);
        for _ in 0..3 {
            expect_silence(&poll, &mut events);
            set.set_readiness(Ready::READABLE).unwrap();
            for _ in 0..3 {
                assert_eq!(collect(&poll, &mut events), [Event::new(WOKEN, Token(1))]);
            }
            set.set_readiness(Ready::WRITABLE).unwrap();
        }
        expect_silence(&poll, &mut events);
    }
}

fn an_edge_set_by_hand_comes_with_each_setting(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let interest = Ready::READABLE | Ready::WRITABLE;
    let (_registration, set) = registration(&poll, 1, interest, PollOpt::EDGE);
    for readiness in [
        Ready::READABLE,
        Ready::READABLE,
        interest,
        Ready::WRITABLE,
        Ready::HUP,
    ] {
        set.set_readiness(readiness).unwrap();
        assert_eq!(set.readiness(), readiness);
        expect_events(&poll, &mut events, &[(Token(1), readiness)]);
        expect_silence(&poll, &mut events);
    }
    // What was cleared before anybody looked was never there.
    set.set_readiness(Ready::READABLE).unwrap();
    set.set_readiness(Ready::empty()).unwrap();
    expect_silence(&poll, &mut events);
}

fn a_oneshot_set_by_hand_is_silent_until_reregistered(backend: Backend) {
    for opts in [PollOpt::ONESHOT, PollOpt::ONESHOT | PollOpt::EDGE] {
        let (poll, mut events) = setup(backend);
        let (source, set) = registration(&poll, 1, Ready::READABLE, opts);
        for _ in 0..3 {
            set.set_readiness(Ready::READABLE).unwrap();
            expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
            set.set_readiness(Ready::READABLE).unwrap();
            expect_silence(&poll, &mut events);
            set.set_readiness(Ready::empty()).unwrap();
            poll.reregister(&source, Token(1), Ready::READABLE, opts)
                .unwrap();
            expect_silence(&poll, &mut events);
        }
    }
}

fn readiness_is_remembered_while_unregistered(backend: Backend) {
    for opts in [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::ONESHOT] {
        let (poll, mut events) = setup(backend);
        let (source, set) = Registration::new();
        set.set_readiness(Ready::WRITABLE).unwrap();
        poll.register(&source, Token(1), Ready::WRITABLE, opts)
            .unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)]);
    }
}

fn readiness_set_by_a_thread_ends_a_sleep(backend: Backend) {
    for opts in [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::ONESHOT] {
        let (poll, mut events) = setup(backend);
        let poll = Arc::new(poll);
        let (_source, set) = registration(&poll, 1, Ready::WRITABLE, opts);
        let poller = spawn({
            let poll = Arc::clone(&poll);
            move || expect_events(&poll, &mut events, &[(Token(1), Ready::WRITABLE)])
        });
        poller.wait_until_asleep();
        // Of no interest to anybody.
        set.set_readiness(Ready::READABLE).unwrap();
        set.set_readiness(Ready::READABLE | Ready::WRITABLE)
            .unwrap();
        poller.join();
    }
}

fn reregistering_reports_what_was_set(backend: Backend) {
    for opts in [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::ONESHOT] {
        let (poll, mut events) = setup(backend);
        let (source, set) = registration(&poll, 1, Ready::READABLE, opts);
        set.set_readiness(Ready::READABLE | Ready::WRITABLE)
            .unwrap();
        expect_events(&poll, &mut events, &[(Token(1), Ready::READABLE)]);
        let interest = Ready::READABLE | Ready::WRITABLE;
        poll.reregister(&source, Token(2), interest, opts).unwrap();
        expect_events(&poll, &mut events, &[(Token(2), interest)]);
        poll.reregister(&source, Token(3), Ready::PRIORITY, opts)
            .unwrap();
        expect_silence(&poll, &mut events);
        poll.reregister(&source, Token(4), Ready::WRITABLE, opts)
            .unwrap();
        expect_events(&poll, &mut events, &[(Token(4), Ready::WRITABLE)]);
    }
}

fn what_was_set_is_kept_when_deregistered(backend: Backend) {
    for opts in [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::ONESHOT] {
        let (one, mut events) = setup(backend);
        let (other, _) = setup(backend);
        let (source, set) = registration(&one, 1, Ready::READABLE, opts);
        set.set_readiness(Ready::READABLE).unwrap();
        one.deregister(&source).unwrap();
        expect_silence(&one, &mut events);
        other
            .register(&source, Token(2), Ready::READABLE, opts)
            .unwrap();
        expect_silence(&one, &mut events);
        expect_events(&other, &mut events, &[(Token(2), Ready::READABLE)]);
        drop(source);
        expect_silence(&other, &mut events);
        set.set_readiness(Ready::READABLE).unwrap();
        expect_silence(&other, &mut events);
    }
}

fn nothing_is_lost_while_threads_set_and_register(backend: Backend) {
    for opts in [PollOpt::LEVEL, PollOpt::EDGE, PollOpt::ONESHOT] {
        let (poll, mut events) = setup(backend);
        let (source, set) = Registration::new();
        let setters: Vec<_> = (0..2)
            .map(|_| {
                let set = set.clone();
                spawn(move || {
                    for _ in 0..2_000 {
                        set.set_readiness(Ready::READABLE).unwrap();
                        set.set_readiness(Ready::empty()).unwrap();
                    }
                    set.set_readiness(Ready::READABLE).unwrap();
                })
            })
            .collect();
        for round in 0..500 {
            poll.register(&source, Token(round), Ready::READABLE, opts)
                .unwrap();
            poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            assert!(events.iter().all(|event| event.token() == Token(round)));
            poll.reregister(&source, Token(round), Ready::READABLE, opts)
                .unwrap();
            poll.deregister(&source).unwrap();
            assert_eq!(events.iter().count(), 0);
        }
        poll.register(&source, Token(7), Ready::READABLE, opts)
            .unwrap();
        setters.into_iter().for_each(testkit::Task::join);
        if opts.is_oneshot() {
            poll.reregister(&source, Token(7), Ready::READABLE, opts)
                .unwrap();
        }
        expect_events(&poll, &mut events, &[(Token(7), Ready::READABLE)]);
    }
}

/// Readiness that another thread sets while the source goes from one `Poll` to another and back.
fn what_is_set_last_is_reported_wherever_the_source_went(backend: Backend) {
    const ROUNDS: usize = 2_000;
    const TRIGGERS: [PollOpt; 3] = [PollOpt::EDGE, PollOpt::ONESHOT, PollOpt::LEVEL];

    let last = Ready::READABLE | Ready::HUP;
    let ((one, mut events), (other, _)) = (setup(backend), setup(backend));
    let polls = [one, other];
    let (registration, set_readiness) = Registration::new();
    let (begin, begun) = channel();
    let (done, ended) = channel();
    let setter = spawn(move || {
        for () in begun {
            for readiness in [Ready::READABLE, Ready::empty(), last] {
                set_readiness.set_readiness(readiness).unwrap();
            }
            done.send(()).unwrap();
        }
    });
    for round in 0..ROUNDS {
        begin.send(()).unwrap();
        let moves = round % 4;
        let at = |step: usize| {
            let token = Token(round * 10 + step);
            (
                &polls[(round + step) % 2],
                token,
                TRIGGERS[(round + step) % 3],
            )
        };
        for step in 0..=moves {
            let (poll, token, opts) = at(step);
            poll.register(&registration, token, Ready::READABLE, opts)
                .unwrap();
            if step < moves {
                poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                assert!(events.iter().all(|event| event.token() == token));
                poll.deregister(&registration).unwrap();
                assert_eq!(events.iter().count(), 0);
            }
        }
        ended.recv().unwrap();
        let (poll, token, opts) = at(moves);
        poll.reregister(&registration, token, Ready::READABLE, opts)
            .unwrap();
        expect_events(poll, &mut events, &[(token, last)]);
        expect_nothing_now(at(moves + 1).0, &mut events);
        poll.deregister(&registration).unwrap();
    }
    drop(begin);
    setter.join();
}

fn a_source_is_reported_by_the_poll_that_it_went_to(backend: Backend) {
    let polls = [0; 3].map(|_| setup(backend).0);
    let mut events = Events::with_capacity(8);
    let (registration, set_readiness) = Registration::new();
    for at in [0, 1, 2, 1, 0, 2, 0, 1] {
        polls[at]
            .register(&registration, Token(at), WOKEN, PollOpt::EDGE)
            .unwrap();
        set_readiness.set_readiness(WOKEN).unwrap();
        expect_events(&polls[at], &mut events, &[(Token(at), WOKEN)]);
        for poll in &polls {
            expect_nothing_now(poll, &mut events);
        }
        polls[at].deregister(&registration).unwrap();
        set_readiness.set_readiness(Ready::empty()).unwrap();
    }
}

fn neither_side_starves_the_other_in_a_batch_of_one(backend: Backend) {
    let (poll, _) = setup(backend);
    let _source = always_writable(&poll, 0);
    let (_registration, set) = registration(&poll, 1, Ready::WRITABLE, PollOpt::LEVEL);
    set.set_readiness(Ready::WRITABLE).unwrap();
    for capacity in [0, 1, 2] {
        let mut events = Events::with_capacity(capacity);
        let mut counts = [0; 2];
        for _ in 0..20 {
            for event in collect(&poll, &mut events) {
                counts[event.token().0] += 1;
            }
        }
        assert!(
            counts.iter().all(|count| *count >= 8),
            "{capacity}: {counts:?}"
        );
    }
}

fn a_full_queue_leaves_the_system_its_half(backend: Backend) {
    for capacity in 1..6 {
        let (poll, _) = setup(backend);
        let sets: Vec<_> = (1..=2 * capacity)
            .map(|at| {
                let pair = registration(&poll, at, Ready::WRITABLE, PollOpt::LEVEL);
                pair.1.set_readiness(Ready::WRITABLE).unwrap();
                pair
            })
            .collect();
        let _source = always_writable(&poll, 0);
        let mut events = Events::with_capacity(capacity);
        let mut batches = (0..10).map(|_| collect(&poll, &mut events));
        let among = |batch: &[Event]| batch.iter().any(|event| event.token() == Token(0));
        let count = batches.by_ref().filter(|batch| among(batch)).count();
        assert!(count >= 5, "{capacity}: {count}");
        drop(sets);
    }
}

fn both_sides_have_half_of_a_batch_that_either_would_fill(backend: Backend) {
    for half in 1..4 {
        let (poll, _) = setup(backend);
        let _sources: Vec<_> = (0..10).map(|_| always_writable(&poll, 0)).collect();
        let sets: Vec<_> = (0..10)
            .map(|_| {
                let pair = registration(&poll, 1, Ready::WRITABLE, PollOpt::LEVEL);
                pair.1.set_readiness(Ready::WRITABLE).unwrap();
                pair
            })
            .collect();
        let mut events = Events::with_capacity(2 * half);
        for _ in 0..4 {
            let batch = collect(&poll, &mut events);
            let queued = batch.iter().filter(|event| event.token() == Token(1));
            assert_eq!((queued.count(), batch.len()), (half, 2 * half));
        }
        drop(sets);
    }
}

fn what_has_no_event_hides_no_source_in_a_batch_of_one(backend: Backend) {
    let (poll, _) = setup(backend);
    let mut events = Events::with_capacity(1);
    let _source = always_writable(&poll, 0);
    let (_registration, set) = registration(&poll, 1, WOKEN, PollOpt::EDGE);
    for timeout in [Duration::ZERO, Duration::from_nanos(1)] {
        // The queue and the system take turns, so that it is the queue's at every second poll.
        for _ in 0..4 {
            set.set_readiness(WOKEN).unwrap();
            set.set_readiness(Ready::empty()).unwrap();
            assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 1);
            assert_eq!(events.get(0).map(|event| event.token()), Some(Token(0)));
        }
    }
}

fn what_has_no_event_makes_no_poll_longer(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let (_registration, set) = registration(&poll, 1, WOKEN, PollOpt::EDGE);
    for timeout in [Duration::ZERO, Duration::from_millis(1)] {
        set.set_readiness(WOKEN).unwrap();
        set.set_readiness(Ready::empty()).unwrap();
        assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 0);
    }
}

fn a_batch_that_is_kept_makes_no_wake_dearer(backend: Backend) {
    let (poll, mut kept) = setup(backend);
    poll.poll(&mut kept, Some(Duration::from_millis(1)))
        .unwrap();
    let waker = Waker::new(&poll, Token(1)).unwrap();
    let mut events = Events::with_capacity(8);
    for _ in 0..10 {
        waker.wake().unwrap();
        assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
    }
    assert_eq!(poll.stats().wakes_sent, 0, "nobody slept");
}

fn no_source_starves_in_a_batch_of_one(backend: Backend) {
    let (poll, _) = setup(backend);
    let streams: Vec<_> = (0..5).map(|at| always_writable(&poll, at)).collect();
    let sets: Vec<_> = (5..10)
        .map(|at| {
            let pair = registration(&poll, at, Ready::WRITABLE, PollOpt::LEVEL);
            pair.1.set_readiness(Ready::WRITABLE).unwrap();
            pair
        })
        .collect();
    let mut events = Events::with_capacity(1);
    let mut counts = [0; 10];
    for _ in 0..100 {
        let batch = collect(&poll, &mut events);
        assert_eq!(batch.len(), 1);
        counts[batch[0].token().0] += 1;
    }
    assert!(counts.iter().all(|count| *count >= 5), "{counts:?}");
    drop((streams, sets));
}

fn levels_take_turns_in_the_order_in_which_they_were_set(backend: Backend) {
    let (poll, _) = setup(backend);
    let _sets: Vec<_> = (0..5)
        .map(|at| {
            let pair = registration(&poll, at, WOKEN, PollOpt::LEVEL);
            pair.1.set_readiness(WOKEN).unwrap();
            pair
        })
        .collect();
    let turn = |capacity, expected: &[usize]| {
        let mut events = Events::with_capacity(capacity);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        let tokens: Vec<usize> = events.iter().map(|event| event.token().0).collect();
        assert_eq!(tokens, expected);
    };
    turn(8, &[0, 1, 2, 3, 4]);
    // With too little room for all, who had no turn comes first at the next one.
    turn(3, &[0, 1, 2]);
    turn(3, &[3, 4, 0]);
    turn(2, &[1, 2]);
    turn(8, &[3, 4, 0, 1, 2]);
    turn(8, &[3, 4, 0, 1, 2]);
}

fn handles_go_between_threads(_: Backend) {
    fn send_and_sync<T: Send + Sync>() {}
    fn send<T: Send>() {}
    send_and_sync::<Poll>();
    send_and_sync::<Waker>();
    send_and_sync::<Registration>();
    send_and_sync::<SetReadiness>();
    send_and_sync::<IoSource<std::net::TcpStream>>();
    send::<Events>();
}

fn the_waker_of_a_future_wakes_under_its_token(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let wakers = [1, 2].map(|at| {
        let waker = Waker::new(&poll, Token(at)).unwrap();
        std::task::Waker::from(waker)
    });
    let [one, other] = &wakers;
    assert!(one.will_wake(&one.clone()));
    assert!(!one.will_wake(other));
    for _ in 0..3 {
        one.wake_by_ref();
        expect_events(&poll, &mut events, &[(Token(1), WOKEN)]);
        let clone = one.clone();
        one.wake_by_ref();
        clone.wake();
        expect_events(&poll, &mut events, &[(Token(1), WOKEN)]);
    }
    // The future and its waker are gone before the poll.
    let [one, other] = wakers;
    let worker = spawn(move || {
        one.wake();
        other.wake();
    });
    worker.join();
    let both = [(Token(1), WOKEN), (Token(2), WOKEN)];
    expect_events(&poll, &mut events, &both);

    let late = std::task::Waker::from(Waker::new(&poll, Token(3)).unwrap());
    drop(poll);
    late.wake();
}
