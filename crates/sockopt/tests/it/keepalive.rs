//! Keepalive as one step.

#![cfg(not(target_os = "openbsd"))]

use std::time::Duration;

use socket2::Socket;
use sockopt::Keepalive;

use crate::support::tcp;

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
    assert_eq!(sockopt::OptionError::from_io(&error), None, "{error}");
    assert!(!sockopt::KEEPALIVE_ENABLED.get(&socket).unwrap());
}

#[cfg(all(target_os = "linux", not(target_env = "musl")))]
#[test]
fn a_last_part_that_the_system_denies_puts_the_others_back() {
    let socket = prepared();
    let before = state(&socket);
    let keepalive = Keepalive::new(Duration::from_secs(60))
        .with_interval(Duration::from_secs(5))
        .with_retries(9);

    // The denial holds for one thread, and ends with it.
    let denied = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            denial::install().then(|| sockopt::KEEPALIVE_PROBES.set(&socket, Some(keepalive)))
        });
        thread.join().expect("the thread that is denied")
    });

    match denied {
        Some(result) => {
            let error = result.expect_err("the denied option was set");
            assert_eq!(error.raw_os_error(), Some(libc::EPERM));
            assert_eq!(state(&socket), before);
        }
        // An emulator may have no filters: then there is nothing that could fail half-way.
        None => sockopt::KEEPALIVE_PROBES
            .set(&socket, Some(keepalive))
            .unwrap(),
    }
}

/// A system that denies `SO_KEEPALIVE`, and nothing else, to the thread that asks for it.
#[cfg(all(target_os = "linux", not(target_env = "musl")))]
mod denial {
    use std::mem::offset_of;

    use libc::{c_int, seccomp_data, sock_filter, sock_fprog};

    const fn load(offset: usize) -> sock_filter {
        let code = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
        sock_filter {
            code: code as u16,
            jt: 0,
            jf: 0,
            k: offset as u32,
        }
    }

    /// Goes on if the loaded word is `value`, and to the end of five otherwise.
    const fn expect(value: c_int, skip: u8) -> sock_filter {
        let code = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        sock_filter {
            code: code as u16,
            jt: 0,
            jf: skip,
            k: value as u32,
        }
    }

    const fn answer(value: u32) -> sock_filter {
        let code = libc::BPF_RET | libc::BPF_K;
        sock_filter {
            code: code as u16,
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

    /// Says whether this system has such filters.
    pub(super) fn install() -> bool {
        let mut filter = [
            load(offset_of!(seccomp_data, nr)),
            expect(libc::SYS_setsockopt as c_int, 5),
            load(argument(1)),
            expect(libc::SOL_SOCKET, 3),
            load(argument(2)),
            expect(libc::SO_KEEPALIVE, 1),
            answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
            answer(libc::SECCOMP_RET_ALLOW),
        ];
        let program = sock_fprog {
            len: filter.len() as u16,
            filter: filter.as_mut_ptr(),
        };
        // SAFETY: this call takes plain numbers.
        let privileges = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        // SAFETY: `program` and the filter it points to are live, and `len` is its length.
        let installed = unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            )
        };
        privileges == 0 && installed == 0
    }
}
