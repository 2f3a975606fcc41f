//! `epoll(7)`.

use std::io::{self, ErrorKind, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// All of its bytes differ, and the highest bit is set.
const DATA: u64 = 0xfedc_ba98_7654_3210;

fn set() -> OwnedFd {
    // SAFETY: takes a number, touches no memory of ours.
    let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    assert_ne!(epoll, -1, "{}", io::Error::last_os_error());
    // SAFETY: the descriptor has just been made and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(epoll) }
}

fn event(events: i32, data: u64) -> libc::epoll_event {
    libc::epoll_event {
        events: events as u32,
        u64: data,
    }
}

/// Watches for being readable.
fn add(set: &OwnedFd, fd: &impl AsRawFd, data: u64) {
    let mut event = event(libc::EPOLLIN, data);
    let add = libc::EPOLL_CTL_ADD;
    // SAFETY: the descriptor is borrowed.
    unsafe { system_call::epoll_ctl(set.as_fd(), add, fd.as_raw_fd(), &mut event) }.unwrap();
}

/// What one call reports of at most `room` events.
fn wait(set: &OwnedFd, room: usize, milliseconds: i32) -> io::Result<Vec<(u32, u64)>> {
    let mut events = vec![MaybeUninit::uninit(); room];
    let count = system_call::epoll_wait(set.as_fd(), &mut events, milliseconds)?;
    Ok(read(&events[..count]))
}

fn read(events: &[MaybeUninit<libc::epoll_event>]) -> Vec<(u32, u64)> {
    // SAFETY: the kernel has written those that the caller kept.
    let event = |event: &MaybeUninit<libc::epoll_event>| unsafe { event.assume_init() };
    events
        .iter()
        .map(event)
        .map(|event| (event.events, event.u64))
        .collect()
}

#[test]
fn an_event_has_all_64_bits_of_its_data() {
    let (set, (one, mut other)) = (set(), testkit::unix_pair());
    add(&set, &one, DATA);
    assert_eq!(wait(&set, 8, 0).unwrap(), []);
    other.write_all(b"x").unwrap();
    assert_eq!(wait(&set, 8, -1).unwrap(), [(libc::EPOLLIN as u32, DATA)]);
}

#[test]
fn a_watch_is_added_once_and_changed_and_removed_only_where_it_is() {
    let (set, (one, _other)) = (set(), testkit::unix_pair());
    let control = |operation| {
        let mut event = event(libc::EPOLLOUT, 1);
        // SAFETY: the descriptor is borrowed.
        unsafe { system_call::epoll_ctl(set.as_fd(), operation, one.as_raw_fd(), &mut event) }
    };
    for operation in [libc::EPOLL_CTL_MOD, libc::EPOLL_CTL_DEL] {
        assert_eq!(control(operation).unwrap_err().kind(), ErrorKind::NotFound);
    }
    control(libc::EPOLL_CTL_ADD).unwrap();
    assert_eq!(
        control(libc::EPOLL_CTL_ADD).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    control(libc::EPOLL_CTL_MOD).unwrap();
    assert_eq!(wait(&set, 8, -1).unwrap(), [(libc::EPOLLOUT as u32, 1)]);
    control(libc::EPOLL_CTL_DEL).unwrap();
    assert_eq!(wait(&set, 8, 0).unwrap(), []);
}

#[test]
fn a_number_that_is_no_descriptor_is_refused() {
    let set = set();
    let mut event = event(libc::EPOLLIN, 0);
    for fd in [-1, i32::MIN, i32::MAX] {
        let (set, add) = (set.as_fd(), libc::EPOLL_CTL_ADD);
        // SAFETY: it is no descriptor.
        let added = unsafe { system_call::epoll_ctl(set, add, fd, &mut event) };
        assert_eq!(added.unwrap_err().raw_os_error(), Some(libc::EBADF), "{fd}");
    }
}

#[test]
fn no_more_events_are_written_than_there_is_room_for() {
    let set = set();
    let pairs: Vec<_> = (0..9).map(|_| testkit::unix_pair()).collect();
    for ((one, other), data) in pairs.iter().zip(0..) {
        let mut other = other;
        other.write_all(b"x").unwrap();
        add(&set, one, data);
    }
    let mut events = [MaybeUninit::new(event(0, DATA)); 4];
    let count = system_call::epoll_wait(set.as_fd(), &mut events[..3], -1).unwrap();
    assert_eq!(count, 3);
    assert_eq!(read(&events[3..]), [(0, DATA)]);
    assert_eq!(wait(&set, 16, 0).unwrap().len(), 9);
}

#[test]
fn no_room_at_all_is_refused() {
    let set = set();
    let error = wait(&set, 0, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn what_is_no_set_is_refused() {
    let (one, _other) = testkit::unix_pair();
    let mut events = [MaybeUninit::uninit(); 8];
    let error = system_call::epoll_wait(one.as_fd(), &mut events, 0).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn minus_one_waits_for_ever() {
    let (set, (one, mut other)) = (set(), testkit::unix_pair());
    add(&set, &one, DATA);
    let task = testkit::spawn(move || wait(&set, 8, -1).unwrap());
    task.wait_until_asleep();
    other.write_all(b"x").unwrap();
    assert_eq!(task.join(), [(libc::EPOLLIN as u32, DATA)]);
}

#[test]
fn a_timeout_runs_out_and_not_early() {
    let (set, start) = (set(), Instant::now());
    assert_eq!(wait(&set, 8, 2).unwrap(), []);
    assert!(
        start.elapsed() >= Duration::from_millis(2),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_signal_ends_a_wait_and_is_told() {
    testkit::in_child(|| {
        let set = set();
        let _interruptions = testkit::interrupt_every(Duration::from_millis(1));
        let error = wait(&set, 8, -1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    });
}

#[cfg(target_os = "linux")]
mod precise {
    use super::*;
    use system_call::Timespec;

    /// What one call reports; `None` if the kernel does not know it.
    fn wait(set: &OwnedFd, room: usize, timeout: Timespec) -> Option<io::Result<Vec<(u32, u64)>>> {
        let mut events = vec![MaybeUninit::uninit(); room];
        match system_call::epoll_pwait2(set.as_fd(), &mut events, &timeout) {
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => None,
            result => Some(result.map(|count| read(&events[..count]))),
        }
    }

    const FOR_EVER: Timespec = Timespec {
        seconds: i64::MAX,
        nanoseconds: 999_999_999,
    };

    #[test]
    fn events_are_those_of_the_other_call() {
        let (set, (one, mut other)) = (set(), testkit::unix_pair());
        add(&set, &one, DATA);
        other.write_all(b"x").unwrap();
        if let Some(events) = wait(&set, 8, FOR_EVER) {
            assert_eq!(events.unwrap(), [(libc::EPOLLIN as u32, DATA)]);
        }
    }

    #[test]
    fn a_timeout_is_in_nanoseconds_and_not_early() {
        let (set, start) = (set(), Instant::now());
        let timeout = Timespec {
            seconds: 0,
            nanoseconds: 1_500_000,
        };
        if let Some(events) = wait(&set, 8, timeout) {
            assert_eq!(events.unwrap(), []);
            assert!(
                start.elapsed() >= Duration::from_micros(1500),
                "{:?}",
                start.elapsed()
            );
        }
    }

    #[test]
    fn no_room_and_a_timeout_that_is_none_are_refused() {
        let set = set();
        let none = Timespec {
            seconds: 0,
            nanoseconds: 0,
        };
        if let Some(events) = wait(&set, 0, none) {
            assert_eq!(events.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        for (seconds, nanoseconds) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            if let Some(events) = wait(
                &set,
                8,
                Timespec {
                    seconds,
                    nanoseconds,
                },
            ) {
                assert_eq!(events.unwrap_err().kind(), ErrorKind::InvalidInput);
            }
        }
    }
}
