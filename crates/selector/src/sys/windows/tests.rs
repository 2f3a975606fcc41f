//! What the driver asks of the system, and what it holds of it.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::windows::io::{AsRawSocket, RawSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use testkit::{drain, refused_address, reset, tcp_pair, until};
use token_ready::{PollOpt, Ready};
use windows_sys::Win32::Foundation::ERROR_INVALID_HANDLE;
use windows_sys::Win32::Networking::WinSock::{WSAENOTSOCK, WSAEWOULDBLOCK};

use super::device::Device;
use super::driver::{AfdDriver, Scratch};
use super::{RawEvent, flags, socket};
use crate::key::Key;
use crate::sys::{Drained, Driver};
use crate::table::Table;

const EVERYTHING: u32 = flags::RECEIVE
    | flags::RECEIVE_EXPEDITED
    | flags::SEND
    | flags::DISCONNECT
    | flags::ABORT
    | flags::ACCEPT
    | flags::CONNECT_FAIL;

/// Looks at a socket until it is ready for all of `flags`; returns what it is ready for.
#[track_caller]
fn look_until(socket: RawSocket, flags: u32) -> u32 {
    let device = Device::synchronous().unwrap();
    let socket = socket::base(socket).unwrap();
    let mut seen = 0;
    until(&format!("flags {flags:#x}"), || {
        seen = device.look(socket, EVERYTHING).unwrap();
        seen & flags == flags
    });
    seen
}

#[test]
fn a_look_tells_what_a_socket_is_ready_for() {
    let (one, other) = tcp_pair();
    let raw = one.as_raw_socket();
    assert_eq!(look_until(raw, flags::SEND), flags::SEND);
    (&other).write_all(b"x").unwrap();
    let both = flags::SEND | flags::RECEIVE;
    assert_eq!(look_until(raw, flags::RECEIVE), both);
    assert_eq!(drain(&one), 1);
    assert_eq!(look_until(raw, flags::SEND), flags::SEND);
    other.shutdown(Shutdown::Write).unwrap();
    let closed = look_until(raw, flags::DISCONNECT);
    assert_eq!(closed & (flags::ABORT | flags::CONNECT_FAIL), 0);
    reset(other);
}

#[test]
fn a_look_tells_of_resets_and_refusals_and_whoever_waits() {
    let (one, other) = tcp_pair();
    reset(other);
    look_until(one.as_raw_socket(), flags::ABORT);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _waits = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    look_until(listener.as_raw_socket(), flags::ACCEPT);

    let refused = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    refused.set_nonblocking(true).unwrap();
    let begun = refused.connect(&refused_address().into()).unwrap_err();
    assert_eq!(begun.raw_os_error(), Some(WSAEWOULDBLOCK));
    look_until(refused.as_raw_socket(), flags::CONNECT_FAIL);
}

#[test]
fn what_is_no_socket_is_refused() {
    let Fixture { driver, sockets } = Fixture::new(1);
    let (_, _, key) = sockets[0];
    let (interest, opts) = (Ready::READABLE, PollOpt::LEVEL);
    let error = driver
        .register(0x7fff_fffc, key, interest, opts, true, None)
        .unwrap_err();
    // Asked for the base, Windows says the one; Wine takes any number for its own base.
    let codes = [WSAENOTSOCK, ERROR_INVALID_HANDLE as i32];
    assert!(codes.map(Some).contains(&error.raw_os_error()), "{error}");
}

/// A driver, and sockets that are registered with it and ready for nothing.
struct Fixture {
    driver: AfdDriver,
    sockets: Vec<(TcpStream, TcpStream, Key)>,
}

impl Fixture {
    fn new(count: usize) -> Fixture {
        let driver = AfdDriver::new().unwrap();
        let table = Table::default();
        let sockets = (0..count).map(|_| {
            let (one, other) = tcp_pair();
            let key = Key::new(1, table.give());
            let (interest, opts) = (Ready::READABLE, PollOpt::EDGE);
            driver
                .register(one.as_raw_socket(), key, interest, opts, true, None)
                .unwrap();
            (one, other, key)
        });
        let sockets = sockets.collect();
        Fixture { driver, sockets }
    }

    /// A registered socket, its peer, and its key.
    fn socket(&self, at: usize) -> (&TcpStream, &TcpStream, Key) {
        let (socket, peer, key) = &self.sockets[at];
        (socket, peer, *key)
    }

    fn wait(&self, room: usize) -> Vec<RawEvent> {
        let mut events = Vec::new();
        let timeout = Some(Duration::ZERO);
        self.driver
            .wait(&mut events, room, &mut Scratch::default(), timeout)
            .unwrap();
        events
    }
}

#[test]
fn many_sockets_share_few_handles() {
    let Fixture { driver, sockets } = Fixture::new(200);
    assert_eq!(driver.open_devices(), 200_usize.div_ceil(32));
    for (socket, _, key) in &sockets[..190] {
        driver.deregister(socket.as_raw_socket(), *key).unwrap();
    }
    // Those whose polls are cancelled keep theirs until the packets were taken.
    until("the others are closed", || {
        let mut events = Vec::new();
        let timeout = Some(Duration::ZERO);
        driver
            .wait(&mut events, 8, &mut Scratch::default(), timeout)
            .unwrap();
        driver.open_devices() <= 2
    });
}

#[test]
fn a_dropped_driver_takes_every_poll_back() {
    let fixture = Fixture::new(40);
    let lent: Vec<Weak<_>> = fixture.driver.lent().iter().map(Arc::downgrade).collect();
    assert_eq!(lent.len(), 40);
    // Some have completed, and nobody has taken their packets.
    for (_, other, _) in &fixture.sockets[..20] {
        { other }.write_all(b"x").unwrap();
    }
    drop(fixture.driver);
    assert!(lent.iter().all(|lent| lent.strong_count() == 0));
}

#[test]
fn the_memory_of_a_cancelled_poll_is_kept_until_its_packet_was_taken() {
    let fixture = Fixture::new(1);
    let (socket, mut other, key) = fixture.socket(0);
    let lent = Arc::downgrade(&fixture.driver.lent()[0]);
    fixture.driver.forget(socket.as_raw_socket(), key);
    assert!(lent.strong_count() > 0, "the system has a count");
    assert_eq!(fixture.driver.pending(), 1);
    other.write_all(b"x").unwrap();
    until("the packet", || {
        assert!(fixture.wait(8).is_empty());
        lent.strong_count() == 0
    });
}

#[test]
fn packets_of_cancelled_polls_are_bounded_though_no_thread_polls() {
    let fixture = Fixture::new(2);
    let (socket, _, key) = fixture.socket(0);
    let (_, mut sentinel, last) = fixture.socket(1);
    sentinel.write_all(b"x").unwrap();
    let (interest, opts) = (Ready::READABLE, PollOpt::EDGE);
    let driver = &fixture.driver;
    for round in 0..1000 {
        let (source, peer) = tcp_pair();
        let key = Key::new(1, crate::key::Index(key.index().0 + 2));
        let raw = source.as_raw_socket();
        driver
            .register(raw, key, interest, opts, true, None)
            .unwrap();
        driver.deregister(raw, key).unwrap();
        assert!(
            driver.pending() <= 100,
            "round {round}: {}",
            driver.pending()
        );
        // Both are closed only now: a number that is used again would wait for its packet.
        drop((source, peer));
    }
    // What was in the port is not lost.
    until("the sentinel", || {
        let events = fixture.wait(8);
        assert!(events.iter().all(|event| event.key() == last));
        !events.is_empty()
    });
    drop(socket.try_clone());
}

#[test]
fn a_socket_that_is_registered_twice_is_refused() {
    let fixture = Fixture::new(1);
    let (socket, _, key) = fixture.socket(0);
    let other = Key::new(1, crate::key::Index(key.index().0 + 1));
    let (interest, opts) = (Ready::READABLE, PollOpt::EDGE);
    let raw = socket.as_raw_socket();
    let error = fixture
        .driver
        .register(raw, other, interest, opts, true, None)
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    fixture.driver.deregister(raw, key).unwrap();
    fixture
        .driver
        .register(raw, other, interest, opts, true, None)
        .unwrap();
}

/// A handle that was a socket's may be anything's: an event object refuses polls in a way of its own.
#[test]
fn a_closed_socket_whose_number_is_an_event_objects_fails_no_poll() {
    let fixture = Fixture::new(2);
    let (socket, _, key) = fixture.socket(0);
    let (_, mut sentinel, last) = fixture.socket(1);
    let raw = socket.as_raw_socket();
    let (interest, opts) = (Ready::READABLE, PollOpt::LEVEL);
    let driver = &fixture.driver;
    driver.reregister(raw, key, interest, opts).unwrap();
    let (_, peer, _) = fixture.socket(0);
    { peer }.write_all(b"x").unwrap();
    // Its next poll is due with the next wait, and finds the event object.
    until("the event", || !fixture.wait(8).is_empty());
    // SAFETY: the socket is not used again but as a number; it is leaked below.
    unsafe { windows_sys::Win32::Networking::WinSock::closesocket(raw as usize) };
    let mut events = Vec::new();
    until("the number comes again", || {
        // SAFETY: makes an object without a name; touches no memory of ours.
        let event = unsafe {
            windows_sys::Win32::System::Threading::CreateEventW(
                std::ptr::null(),
                0,
                0,
                std::ptr::null(),
            )
        };
        events.push(event as RawSocket);
        event as RawSocket == raw
    });
    for _ in 0..3 {
        assert!(fixture.wait(8).is_empty());
    }
    sentinel.write_all(b"x").unwrap();
    until("the sentinel", || {
        let events = fixture.wait(8);
        assert!(events.iter().all(|event| event.key() == last));
        !events.is_empty()
    });
    // What ends the registration later forgets the number.
    assert_eq!(driver.known(), 2);
    driver.deregister(raw, key).unwrap();
    assert_eq!(driver.known(), 1);
    // The number is the event object's now.
    std::mem::forget(fixture.sockets);
}

#[test]
fn a_packet_of_a_condition_that_is_gone_reports_nothing() {
    let fixture = Fixture::new(2);
    let (one, mut other, _) = fixture.socket(0);
    let (_, mut sentinel, last) = fixture.socket(1);
    for _ in 0..20 {
        other.write_all(b"x").unwrap();
        look_until(one.as_raw_socket(), flags::RECEIVE);
        assert_eq!(drain(one), 1);
    }
    sentinel.write_all(b"x").unwrap();
    until("the sentinel", || {
        let events = fixture.wait(8);
        assert!(events.iter().all(|event| event.key() == last));
        !events.is_empty()
    });
}

#[test]
fn after_an_event_nothing_is_asked_for_until_the_next_wait() {
    let fixture = Fixture::new(1);
    let (one, mut other, key) = fixture.socket(0);
    for _ in 0..3 {
        other.write_all(b"x").unwrap();
        until("the event", || !fixture.wait(8).is_empty());
        assert_eq!(fixture.driver.lent().len(), 0);
        // So that one poll of the device does, whatever is armed meanwhile.
        assert_eq!(drain(one), 1);
        let raw = one.as_raw_socket();
        assert!(
            fixture
                .driver
                .mark_drained(raw, key, Ready::READABLE, Drained::Blocked)
        );
        assert_eq!(fixture.driver.lent().len(), 0);
        assert!(fixture.wait(8).is_empty());
        assert_eq!(fixture.driver.lent().len(), 1);
    }
}

#[test]
fn what_was_drained_during_a_wait_is_not_reported_by_it_and_stays_armed() {
    let fixture = Fixture::new(1);
    let (one, mut other, key) = fixture.socket(0);
    let raw = one.as_raw_socket();
    other.write_all(b"x").unwrap();
    until("the byte", || fixture.wait(8).len() == 1);
    assert_eq!(drain(one), 1);
    assert!(
        fixture
            .driver
            .mark_drained(raw, key, Ready::READABLE, Drained::Blocked)
    );
    // This wait begins the poll of the device, and is still under way, so to say.
    assert!(fixture.wait(8).is_empty());
    other.write_all(b"x").unwrap();
    look_until(raw, flags::RECEIVE);
    assert_eq!(drain(one), 1);
    assert!(
        !fixture
            .driver
            .mark_drained(raw, key, Ready::READABLE, Drained::Blocked)
    );
    assert!(fixture.driver.go_on_waiting().is_empty());

    other.write_all(b"x").unwrap();
    until("the byte after", || fixture.wait(8).len() == 1);
}

#[test]
fn a_level_that_cannot_be_begun_again_is_tried_by_those_who_wait() {
    let fixture = Fixture::new(1);
    let (one, mut other, key) = fixture.socket(0);
    let (interest, opts) = (Ready::READABLE, PollOpt::LEVEL);
    let driver = &fixture.driver;
    driver
        .reregister(one.as_raw_socket(), key, interest, opts)
        .unwrap();
    let served = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (mut events, mut scratch) = (Vec::new(), Scratch::default());
                until("an event", || {
                    // Who comes too early is told that the system is short of memory.
                    let _short = driver
                        .wait(&mut events, 1, &mut scratch, Some(testkit::DEADLINE))
                        .is_err();
                    !events.is_empty()
                });
                served.fetch_add(1, Ordering::SeqCst);
                driver.exhausted.store(false, Ordering::SeqCst);
            });
        }
        until("both wait", || driver.waiting() == 2);
        driver.exhausted.store(true, Ordering::SeqCst);
        other.write_all(b"x").unwrap();
    });
    assert_eq!(served.into_inner(), 2);
}

#[test]
fn a_level_is_begun_again_for_those_who_wait_already() {
    let fixture = Fixture::new(1);
    let (one, mut other, key) = fixture.socket(0);
    let (interest, opts) = (Ready::READABLE, PollOpt::LEVEL);
    fixture
        .driver
        .reregister(one.as_raw_socket(), key, interest, opts)
        .unwrap();
    // Each wait has one event at most, and nothing is read: both can only end if the level that one thread took is
    // still reported to the other.
    let driver = &fixture.driver;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut events = Vec::new();
                while events.is_empty() {
                    driver
                        .wait(&mut events, 1, &mut Scratch::default(), None)
                        .unwrap();
                }
            });
        }
        other.write_all(b"x").unwrap();
    });
}

#[test]
fn a_reregistration_that_memory_is_short_for_begins_with_the_next_wait() {
    let fixture = Fixture::new(1);
    let (one, mut other, key) = fixture.socket(0);
    let (raw, interest) = (one.as_raw_socket(), Ready::READABLE);
    fixture
        .driver
        .reregister(raw, key, interest, PollOpt::ONESHOT)
        .unwrap();
    other.write_all(b"x").unwrap();
    until("the oneshot", || fixture.wait(8).len() == 1);
    // No poll is under way after this, since nothing is left to report.
    assert!(fixture.wait(8).is_empty());

    fixture.driver.exhausted.store(true, Ordering::SeqCst);
    fixture
        .driver
        .reregister(raw, key, interest, PollOpt::LEVEL)
        .unwrap();
    fixture.driver.exhausted.store(false, Ordering::SeqCst);
    until("the level", || fixture.wait(8).len() == 1);
}
