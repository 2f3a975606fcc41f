//! The budget: how many system calls an operation costs on Linux.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use selector::{Events, Poll, PollOpt, Ready, Waker};
use tcp_stream::TcpStream;
use testkit::measure;

use crate::support::{STREAM, listener, wait};

#[test]
fn operations_cost_the_system_calls_they_may() {
    testkit::expect_calls(BUDGET, || {
        let (listener, address) = listener();
        operations(&listener, &address);
    });
}

/// musl sets close-on-exec once more.
const DUPLICATE: usize = if cfg!(target_env = "musl") { 2 } else { 1 };

/// How many system calls each operation may cost; which ones depends on the processor.
const BUDGET: &[(&str, usize)] = &[
    ("connect", 2),
    // Makes it non-blocking, and asks whether it is connected.
    ("from_stream", 2),
    ("from_connected", 0),
    ("finish_connect", 1),
    ("finish_connect again", 0),
    ("finish_connect in progress", 2),
    ("register", 1),
    ("reregister", 1),
    ("deregister", 1),
    ("drop registered", 1),
    ("drop registered, after lending", 2),
    ("drop registered, from before a fork", 2),
    ("drop registered, from after a fork", 1),
    ("drop", 1),
    ("poll zero", 1),
    ("poll 1 ms", 1),
    ("poll 100 us", 1),
    ("poll for ever", 1),
    ("wake while awake", 0),
    ("poll after wake", 1),
    ("wake a sleeper", 1),
    ("wake again while pending", 0),
    ("drain a wake", 0),
    ("write", 1),
    ("write_bufs", 1),
    ("peek", 1),
    ("read", 1),
    ("read would block", 1),
    ("read_bufs", 1),
    ("take_error", 1),
    ("local_addr", 1),
    ("peer_addr", 1),
    ("try_clone", DUPLICATE),
    ("shutdown", 1),
    ("nodelay", 1),
    ("set_nodelay", 1),
    ("recv_buffer_size", 1),
    ("set_recv_buffer_size", 1),
    ("send_buffer_size", 1),
    ("set_send_buffer_size", 1),
    ("ttl", 1),
    ("set_ttl", 1),
    ("linger", 1),
    ("set_linger", 1),
    ("keepalive off", 1),
    ("set_keepalive off", 1),
    // Two options of the system.
    ("set_keepalive", 3),
    ("keepalive", 2),
    ("keepalive_interval", 1),
    ("set_keepalive_interval", 1),
    ("keepalive_retries", 1),
    ("set_keepalive_retries", 1),
    ("user_timeout", 1),
    ("set_user_timeout", 1),
    ("quickack", 1),
    ("set_quickack", 1),
    ("notsent_lowat", 1),
    ("set_notsent_lowat", 1),
    ("congestion", 1),
    ("info", 1),
    ("set", 1),
    ("get", 1),
];

fn operations(listener: &net::TcpListener, address: &SocketAddr) {
    // So that the kernel ends no timeout early, after which the rest would take another call.
    // SAFETY: takes numbers, touches no memory.
    let done = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0) };
    assert_eq!(done, 0);
    let poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(16);

    let stream = measure("connect", || TcpStream::connect(address)).unwrap();
    wait(&stream, Ready::WRITABLE);
    measure("finish_connect", || stream.finish_connect()).unwrap();
    measure("finish_connect again", || stream.finish_connect()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let hole = testkit::blackhole();
    let stuck = TcpStream::connect(&hole.address).unwrap();
    measure("finish_connect in progress", || stuck.finish_connect()).unwrap_err();

    // The first registration of a range of numbers makes room for them, after a look whether there
    // is such a descriptor.
    poll.register(&stuck, STREAM, Ready::empty(), PollOpt::EDGE)
        .unwrap();
    poll.deregister(&stuck).unwrap();
    let interest = Ready::READABLE | Ready::WRITABLE;
    measure("register", || {
        poll.register(&stream, STREAM, interest, PollOpt::EDGE)
    })
    .unwrap();
    measure("reregister", || {
        poll.reregister(&stream, STREAM, interest, PollOpt::LEVEL)
    })
    .unwrap();
    // A kernel that does not know epoll_pwait2(2) is asked once.
    let microsecond = Some(Duration::from_micros(1));
    poll.poll(&mut events, microsecond).unwrap();
    let mut poll_for = |name, timeout| {
        measure(name, || poll.poll(&mut events, timeout)).unwrap();
    };
    poll_for("poll zero", Some(Duration::ZERO));
    poll_for("poll 1 ms", Some(Duration::from_millis(1)));
    poll_for("poll 100 us", Some(Duration::from_micros(100)));
    poll_for("poll for ever", None);
    measure("deregister", || poll.deregister(&stream)).unwrap();

    let waker = Waker::new(&poll, STREAM).unwrap();
    measure("wake while awake", || waker.wake()).unwrap();
    poll_for("poll after wake", None);
    let polling = Arc::new(AtomicBool::new(false));
    let about_to_poll = Arc::clone(&polling);
    let sleeper = testkit::spawn(move || {
        let mut events = Events::with_capacity(16);
        about_to_poll.store(true, Ordering::SeqCst);
        poll.poll(&mut events, None).unwrap();
        let woken = measure("drain a wake", || events.iter().count());
        assert_eq!(woken, 1);
        poll
    });
    // From there on it sleeps in the poll, and nowhere else.
    testkit::until("the other polls", || polling.load(Ordering::SeqCst));
    sleeper.wait_until_asleep();
    measure("wake a sleeper", || waker.wake()).unwrap();
    let poll = sleeper.join();
    waker.wake().unwrap();
    measure("wake again while pending", || waker.wake()).unwrap();

    measure("write", || (&stream).write(b"x")).unwrap();
    let bufs = [IoSlice::new(b"x"), IoSlice::new(b"y")];
    measure("write_bufs", || stream.write_bufs(&bufs)).unwrap();
    peer.write_all(b"data").unwrap();
    wait(&stream, Ready::READABLE);
    let mut buf = [0; 2];
    measure("peek", || stream.peek(&mut buf)).unwrap();
    measure("read", || (&stream).read(&mut buf)).unwrap();
    measure("read_bufs", || {
        stream.read_bufs(&mut [IoSliceMut::new(&mut buf)])
    })
    .unwrap();
    measure("read would block", || (&stream).read(&mut buf)).unwrap_err();

    measure("take_error", || stream.take_error()).unwrap();
    measure("local_addr", || stream.local_addr()).unwrap();
    measure("peer_addr", || stream.peer_addr()).unwrap();
    options(&stream);

    let taken = net::TcpStream::connect(address).unwrap();
    measure("from_stream", || TcpStream::from_stream(taken)).unwrap();
    let taken = net::TcpStream::connect(address).unwrap();
    measure("from_connected", || TcpStream::from_connected(taken));
    let other = TcpStream::connect(address).unwrap();
    measure("drop", || drop(other));
    let other = TcpStream::connect(address).unwrap();
    // Options and addresses do not count as duplicating it.
    options_leave_it_sole(&other);
    poll.register(&other, STREAM, interest, PollOpt::EDGE)
        .unwrap();
    measure("drop registered", || drop(other));
    let lent = TcpStream::connect(address).unwrap();
    sockopt::NODELAY.set(&lent, true).unwrap();
    poll.register(&lent, STREAM, interest, PollOpt::EDGE)
        .unwrap();
    measure("drop registered, after lending", || drop(lent));
    let before = TcpStream::connect(address).unwrap();
    // SAFETY: the child ends at once.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(0) };
    }
    let after = TcpStream::connect(address).unwrap();
    for stream in [&before, &after] {
        poll.register(stream, STREAM, interest, PollOpt::EDGE)
            .unwrap();
    }
    measure("drop registered, from before a fork", || drop(before));
    measure("drop registered, from after a fork", || drop(after));
    let clone = measure("try_clone", || stream.try_clone()).unwrap();
    measure("shutdown", || clone.shutdown(Shutdown::Write)).unwrap();
}

fn options(stream: &TcpStream) {
    let second = Duration::from_secs(1);
    measure("nodelay", || stream.nodelay()).unwrap();
    measure("set_nodelay", || stream.set_nodelay(true)).unwrap();
    measure("recv_buffer_size", || stream.recv_buffer_size()).unwrap();
    measure("set_recv_buffer_size", || {
        stream.set_recv_buffer_size(40_000)
    })
    .unwrap();
    measure("send_buffer_size", || stream.send_buffer_size()).unwrap();
    measure("set_send_buffer_size", || {
        stream.set_send_buffer_size(40_000)
    })
    .unwrap();
    measure("ttl", || stream.ttl()).unwrap();
    measure("set_ttl", || stream.set_ttl(9)).unwrap();
    measure("linger", || stream.linger()).unwrap();
    measure("set_linger", || stream.set_linger(None)).unwrap();
    measure("keepalive off", || stream.keepalive()).unwrap();
    measure("set_keepalive off", || stream.set_keepalive(None)).unwrap();
    measure("set_keepalive", || stream.set_keepalive(Some(second))).unwrap();
    measure("keepalive", || stream.keepalive()).unwrap();
    measure("keepalive_interval", || stream.keepalive_interval()).unwrap();
    measure("set_keepalive_interval", || {
        stream.set_keepalive_interval(second)
    })
    .unwrap();
    measure("keepalive_retries", || stream.keepalive_retries()).unwrap();
    measure("set_keepalive_retries", || stream.set_keepalive_retries(2)).unwrap();
    measure("user_timeout", || stream.user_timeout()).unwrap();
    measure("set_user_timeout", || stream.set_user_timeout(None)).unwrap();
    measure("quickack", || stream.quickack()).unwrap();
    measure("set_quickack", || stream.set_quickack(true)).unwrap();
    // Where the system does not know the option, the call is made all the same.
    let lowat = measure("notsent_lowat", || stream.notsent_lowat());
    assert!(lowat.is_ok() || testkit::lacks_option(&lowat));
    measure("set_notsent_lowat", || stream.set_notsent_lowat(1)).unwrap();
    measure("congestion", || stream.congestion()).unwrap();
    measure("info", || stream.info()).unwrap();
    measure("set", || stream.set(sockopt::TOS, 16)).unwrap();
    measure("get", || stream.get(sockopt::TOS)).unwrap();
}

fn options_leave_it_sole(stream: &TcpStream) {
    wait(stream, Ready::WRITABLE);
    stream.finish_connect().unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set(sockopt::TOS, 16).unwrap();
    assert_eq!(stream.get(sockopt::TOS).unwrap(), 16);
    stream.peer_addr().unwrap();
    assert!(!format!("{stream:?}").is_empty());
}
