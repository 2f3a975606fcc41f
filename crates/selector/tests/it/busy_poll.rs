//! Busy polling of network devices.

use std::io::ErrorKind;
use std::time::Duration;

use selector::{Backend, BusyPoll, Poll};

use crate::setup;

testkit::on_each_backend! {
    what_was_set_is_read_back_or_the_error_says_what_it_needs,
}

fn params(time: Duration, budget: u16, prefer: bool) -> BusyPoll {
    let mut params = BusyPoll::default();
    (params.time, params.budget, params.prefer) = (time, budget, prefer);
    params
}

fn what_was_set_is_read_back_or_the_error_says_what_it_needs(backend: Backend) {
    let (poll, mut events) = setup(backend);
    if let Err(error) = poll.busy_poll() {
        let errors = [poll.set_busy_poll(BusyPoll::default()).unwrap_err(), error];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("Linux 6.9"), "{error}");
        }
        return;
    }
    assert_eq!(backend, Backend::Epoll);
    let micros = Duration::from_micros;
    for params in [
        params(micros(64), 16, true),
        params(micros(2_147_483_647), 64, false),
        params(micros(1), 0, true),
        BusyPoll::default(),
    ] {
        poll.set_busy_poll(params).unwrap();
        assert_eq!(poll.busy_poll().unwrap(), params);
        testkit::expect_silence(&poll, &mut events);
    }
    let other = Poll::with_backend(backend).unwrap();
    assert_eq!(other.busy_poll().unwrap(), BusyPoll::default());

    // Fractions are rounded up; a refused value changes nothing.
    poll.set_busy_poll(params(Duration::from_nanos(1001), 0, false))
        .unwrap();
    assert_eq!(poll.busy_poll().unwrap().time, micros(2));
    for time in [micros(2_147_483_648), Duration::MAX] {
        let error = poll.set_busy_poll(params(time, 0, true)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("2147483647"), "{error}");
    }
    assert_eq!(poll.busy_poll().unwrap(), params(micros(2), 0, false));
}

/// As the kernels before 6.9 and those without busy polling fail.
#[cfg(all(target_os = "linux", not(readywire_libkqueue)))]
#[test]
fn an_old_kernel_is_named_with_its_version() {
    const RELEASE: &str = "/proc/sys/kernel/osrelease";
    if testkit::lacks_file(RELEASE) {
        return;
    }
    for errno in [libc::ENOTTY, libc::EOPNOTSUPP] {
        testkit::in_child(|| {
            let calls = [testkit::Call::any(libc::SYS_ioctl)];
            if !testkit::refuse(&calls, testkit::Refusal::Errno(errno)) {
                return;
            }
            let release = std::fs::read_to_string(RELEASE).unwrap();
            let poll = Poll::with_backend(Backend::Epoll).unwrap();
            for error in [
                poll.set_busy_poll(BusyPoll::default()).unwrap_err(),
                poll.busy_poll().unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                let text = error.to_string();
                assert!(text.contains("Linux 6.9"), "{text}");
                assert!(text.contains(release.trim()), "{text}");
            }
        });
    }
}
