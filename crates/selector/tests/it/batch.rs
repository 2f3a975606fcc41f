//! `Events`: what a batch holds, and how it is read.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use selector::{Backend, Event, Events, IoSource, Poll, PollOpt, Ready, Token, Waker};
use testkit::{collect, tcp_pair};

use crate::setup;

testkit::on_each_backend! {
    a_batch_without_room_has_room_for_one,
    a_batch_takes_no_more_than_its_capacity,
    a_new_small_batch_a_poll_starves_nobody,
    every_way_to_read_a_batch_gives_the_same,
    a_poll_replaces_the_batch,
    a_cleared_batch_is_empty,
    a_batch_serves_one_poll_after_the_other,
    a_batch_that_was_never_filled_is_empty,
}

fn writable(poll: &Poll, count: usize) -> Vec<(IoSource<TcpStream>, TcpStream)> {
    let pairs: Vec<_> = (0..count)
        .map(|_| {
            let (stream, peer) = tcp_pair();
            (IoSource::new(stream), peer)
        })
        .collect();
    for (at, (source, _)) in pairs.iter().enumerate() {
        poll.register(source, Token(at), Ready::WRITABLE, PollOpt::LEVEL)
            .unwrap();
    }
    pairs
}

fn a_batch_without_room_has_room_for_one(backend: Backend) {
    let (poll, _) = setup(backend);
    let _pairs = writable(&poll, 3);
    let mut events = Events::with_capacity(0);
    assert_eq!(events.capacity(), 1);
    for _ in 0..3 {
        assert_eq!(collect(&poll, &mut events).len(), 1);
    }
}

fn a_batch_takes_no_more_than_its_capacity(backend: Backend) {
    let (poll, _) = setup(backend);
    let _pairs = writable(&poll, 5);
    let wakers: Vec<_> = (5..10)
        .map(|at| Waker::new(&poll, Token(at)).unwrap())
        .collect();
    for capacity in 1..=12 {
        let mut events = Events::with_capacity(capacity);
        assert_eq!(events.capacity(), capacity);
        wakers.iter().for_each(|waker| waker.wake().unwrap());
        let mut woken = 0;
        while woken < wakers.len() {
            let batch = collect(&poll, &mut events);
            assert!(batch.len() <= capacity, "{batch:?}");
            woken += batch.iter().filter(|event| event.token().0 >= 5).count();
        }
        assert_eq!(woken, wakers.len());
        assert_eq!(events.capacity(), capacity);
    }
}

fn every_way_to_read_a_batch_gives_the_same(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let _pairs = writable(&poll, 4);
    poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap();
    assert_eq!(events.len(), 4);
    assert!(!events.is_empty());
    let batch: Vec<Event> = events.iter().collect();
    assert!(events.iter().eq(&events));
    assert!(
        (0..4)
            .map(|at| events.get(at).expect("an event"))
            .eq(events.iter())
    );
    assert_eq!(events.get(4), None);
    assert_eq!(events.get(usize::MAX), None);
    assert_eq!(format!("{events:?}"), format!("{batch:?}"));
    assert_eq!(events.iter().size_hint().1, Some(4));
    let mut clone = events.iter();
    clone.next();
    assert!(clone.clone().eq(clone));
    let mut owned = events.into_iter();
    for left in (0..4).rev() {
        assert_eq!(owned.next(), Some(batch[3 - left]));
        assert_eq!(owned.size_hint(), (0, Some(left)));
    }
    assert_eq!((owned.next(), owned.size_hint()), (None, (0, Some(0))));
}

fn a_poll_replaces_the_batch(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let pairs = writable(&poll, 2);
    assert_eq!(poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap(), 2);
    drop(pairs);
    assert_eq!(poll.poll(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    assert!(events.is_empty());
    assert_eq!((events.len(), events.iter().count()), (0, 0));
}

fn a_cleared_batch_is_empty(backend: Backend) {
    let (poll, mut events) = setup(backend);
    let _pairs = writable(&poll, 2);
    poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap();
    events.clear();
    assert!(events.is_empty());
    assert_eq!((events.get(0), events.iter().next()), (None, None));
    assert_eq!(poll.poll(&mut events, Some(testkit::DEADLINE)).unwrap(), 2);
}

fn a_batch_serves_one_poll_after_the_other(backend: Backend) {
    let (one, mut events) = setup(backend);
    let (mine, mut peer) = tcp_pair();
    let mine = IoSource::new(mine);
    one.register(&mine, Token(7), Ready::READABLE, PollOpt::LEVEL)
        .unwrap();
    peer.write_all(b"x").unwrap();
    for &backend in Backend::available() {
        let (other, _) = setup(backend);
        let _pairs = writable(&other, 1);
        assert_eq!(
            collect(&one, &mut events),
            [Event::new(Ready::READABLE, Token(7))]
        );
        assert_eq!(
            collect(&other, &mut events),
            [Event::new(Ready::WRITABLE, Token(0))]
        );
    }
}

fn a_batch_that_was_never_filled_is_empty(_: Backend) {
    let events = Events::with_capacity(8);
    assert!(events.is_empty());
    assert_eq!(
        (events.len(), events.get(0), events.iter().next()),
        (0, None, None)
    );
    assert_eq!(format!("{events:?}"), "[]");
    assert_eq!(events.into_iter().next(), None);
}

fn a_new_small_batch_a_poll_starves_nobody(backend: Backend) {
    let (poll, _) = setup(backend);
    let _pairs = writable(&poll, 1);
    let waker = Waker::new(&poll, Token(1)).unwrap();
    let mut seen = [0, 0];
    for _ in 0..20 {
        waker.wake().unwrap();
        let mut events = Events::with_capacity(1);
        seen[collect(&poll, &mut events)[0].token().0] += 1;
    }
    assert_eq!(seen, [10, 10]);
}

#[test]
#[should_panic = "capacity overflow"]
fn a_batch_larger_than_any_memory_is_refused() {
    Events::with_capacity(usize::MAX);
}

#[test]
fn a_batch_can_be_sent_shared_and_used_after_a_panic() {
    fn check<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    check::<Events>();
}
