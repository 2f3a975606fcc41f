//! Keepalive as one step.

#![cfg(not(target_os = "openbsd"))]

use std::time::Duration;

use socket2::Socket;
use sockopt::Keepalive;

use crate::support::{keepalive_has_times, tcp};

/// All that keepalive consists of.
#[track_caller]
fn state(socket: &Socket) -> (bool, Duration, Duration, u32) {
    (
        sockopt::KEEPALIVE_ENABLED.get(socket).unwrap(),
        sockopt::KEEPALIVE_IDLE.get(socket).unwrap(),
        sockopt::KEEPALIVE_INTERVAL.get(socket).unwrap(),
        sockopt::KEEPALIVE_RETRIES.get(socket).unwrap(),
    )
}

fn prepared() -> Socket {
    let socket = tcp();
    sockopt::KEEPALIVE_IDLE
        .set(&socket, Duration::from_secs(11))
        .unwrap();
    sockopt::KEEPALIVE_INTERVAL
        .set(&socket, Duration::from_secs(12))
        .unwrap();
    sockopt::KEEPALIVE_RETRIES.set(&socket, 3).unwrap();
    socket
}

#[test]
fn a_part_that_is_refused_puts_the_parts_before_it_back() {
    if !keepalive_has_times() {
        return;
    }
    let idle = Keepalive::new(Duration::from_secs(60));
    let refused = [
        idle.with_interval(Duration::ZERO),
        idle.with_interval(Duration::from_secs(5)).with_retries(0),
        idle.with_interval(Duration::MAX).with_retries(5),
        idle.with_retries(u32::MAX),
    ];
    for keepalive in refused {
        let socket = prepared();
        let before = state(&socket);
        sockopt::KEEPALIVE_PROBES
            .set(&socket, Some(keepalive))
            .unwrap_err();
        assert_eq!(state(&socket), before, "{keepalive:?}");
    }
}

#[test]
fn parts_that_are_not_given_stay_as_they_are() {
    if !keepalive_has_times() {
        return;
    }
    let socket = prepared();
    sockopt::KEEPALIVE_PROBES
        .set(&socket, Some(Duration::from_secs(60).into()))
        .unwrap();
    let seconds = Duration::from_secs;
    assert_eq!(state(&socket), (true, seconds(60), seconds(12), 3));

    sockopt::KEEPALIVE.set(&socket, Some(seconds(70))).unwrap();
    assert_eq!(state(&socket), (true, seconds(70), seconds(12), 3));

    sockopt::KEEPALIVE_PROBES.set(&socket, None).unwrap();
    assert_eq!(state(&socket), (false, seconds(70), seconds(12), 3));
}

#[cfg(unix)]
#[test]
fn a_socket_without_these_times_is_left_alone() {
    let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let error = sockopt::KEEPALIVE
        .set(&socket, Some(Duration::from_secs(60)))
        .unwrap_err();
    // The value is not the reason.
    let reason = sockopt::OptionError::from_io(&error);
    let unknown = matches!(reason, None | Some(sockopt::OptionError::Unknown { .. }));
    assert!(unknown, "{error}");
    assert!(!sockopt::KEEPALIVE_ENABLED.get(&socket).unwrap());
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_part_that_the_kernel_denies_puts_the_parts_before_it_back() {
    let idle = Duration::from_secs(60);
    let keepalive = Keepalive::new(idle)
        .with_interval(Duration::from_secs(5))
        .with_retries(9);
    let probes = |socket: &Socket| sockopt::KEEPALIVE_PROBES.set(socket, Some(keepalive));
    let enabled = (libc::SOL_SOCKET, libc::SO_KEEPALIVE);
    denied(enabled, probes);
    denied((libc::IPPROTO_TCP, libc::TCP_KEEPCNT), probes);
    denied((libc::IPPROTO_TCP, libc::TCP_KEEPINTVL), probes);
    denied(enabled, |socket| sockopt::KEEPALIVE.set(socket, Some(idle)));
}

/// Asserts that `set` changes nothing while the kernel denies the option of that level and number.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[track_caller]
fn denied(
    (level, number): (libc::c_int, libc::c_int),
    set: impl Fn(&Socket) -> std::io::Result<()> + Sync,
) {
    let socket = prepared();
    let before = state(&socket);
    // The denial holds for one thread, and ends with it.
    let denied = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            denial::install(level, number);
            denial::holds(level, number).then(|| set(&socket))
        });
        thread.join().expect("the thread that is denied")
    });
    match denied {
        Some(result) => {
            let error = result.expect_err("the denied option was set");
            assert_eq!(error.raw_os_error(), Some(libc::EPERM));
            assert_eq!(state(&socket), before);
        }
        // An emulator has no filters, and some C libraries make the call by another number: then
        // nothing fails half-way.
        None => set(&socket).unwrap(),
    }
}

/// A kernel that denies setting one option to the thread that asks for it.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod denial {
    use std::mem::offset_of;
    use std::os::fd::AsRawFd;

    use libc::{c_int, seccomp_data, sock_filter, sock_fprog};

    // Instructions, as `linux/bpf_common.h` puts them together; not every libc does.
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;

    const fn load(offset: usize) -> sock_filter {
        sock_filter {
            code: LOAD_WORD,
            jt: 0,
            jf: 0,
            k: offset as u32,
        }
    }

    /// Goes on if the loaded word is `value`, and skips so many instructions otherwise.
    const fn expect(value: c_int, skip: u8) -> sock_filter {
        sock_filter {
            code: JUMP_IF_EQUAL,
            jt: 0,
            jf: skip,
            k: value as u32,
        }
    }

    const fn answer(value: u32) -> sock_filter {
        sock_filter {
            code: RETURN,
            jt: 0,
            jf: 0,
            k: value,
        }
    }

    /// Where the low half of an argument is.
    const fn argument(index: usize) -> usize {
        let low = if cfg!(target_endian = "little") { 0 } else { 4 };
        offset_of!(seccomp_data, args) + 8 * index + low
    }

    /// Asks for it; the caller finds out whether it holds.
    pub(super) fn install(level: c_int, number: c_int) {
        let mut filter = [
            load(offset_of!(seccomp_data, nr)),
            expect(libc::SYS_setsockopt as c_int, 5),
            load(argument(1)),
            expect(level, 3),
            load(argument(2)),
            expect(number, 1),
            answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
            answer(libc::SECCOMP_RET_ALLOW),
        ];
        let program = sock_fprog {
            len: filter.len() as u16,
            filter: filter.as_mut_ptr(),
        };
        // SAFETY: this call takes plain numbers.
        unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        // SAFETY: `program` and the filter it points to are live, and `len` is its length.
        unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            )
        };
    }

    /// Whether the denial is in force: setting the option fails with its error.
    pub(super) fn holds(level: c_int, number: c_int) -> bool {
        let (socket, on) = (crate::support::tcp(), 1_i32.to_ne_bytes());
        // SAFETY: `on` is live, and the length is its own.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                level,
                number,
                on.as_ptr().cast(),
                size_of_val(&on) as libc::socklen_t,
            )
        };
        result == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
    }
}
