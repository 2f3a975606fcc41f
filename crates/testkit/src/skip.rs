//! Tests that this machine cannot run, and why.
//!
//! A skipped test passes, and the end of `cargo xtask test` counts it with its reason. What a platform never
//! has is not skipped: its tests assert what it does instead.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::panic::Location;
use std::path::Path;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::process::Command;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::OnceLock;
use std::{env, thread};

use socket2::{Domain, SockRef, Socket, Type};

use crate::Test;

/// The file that lists what was skipped; `cargo xtask` sets it.
const LIST: &str = "READYWIRE_SKIPPED";

/// Records that this test is skipped, wholly or in part, for a reason such as "no IPv6". The test then
/// returns, or leaves out the part.
///
/// Adds a line to the file that the environment variable `READYWIRE_SKIPPED` names: the test, with its
/// package, a tab, and the reason.
///
/// ```no_run
/// if std::fs::metadata("/dev/ptmx").is_err() {
///     return testkit::skip("no terminals");
/// }
/// ```
#[track_caller]
pub fn skip(reason: &str) {
    let test = name(Location::caller());
    // Tests in a process of their own show it, and so does `--nocapture`.
    println!("{test} is skipped: {reason}");
    let Some(list) = env::var_os(LIST) else {
        return;
    };
    let package = env::var("CARGO_PKG_NAME").unwrap_or_default();
    // One call that appends, so that lines of several tests do not mix.
    let line = format!("{package} {test}\t{reason}\n");
    let file = OpenOptions::new().create(true).append(true).open(list);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .expect("list the skipped test");
}

/// Whether this machine has no IPv6 loopback, for tests that bind or connect. Records that the test is skipped
/// then.
#[must_use]
#[track_caller]
pub fn lacks_ipv6() -> bool {
    let lacks = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err();
    if lacks {
        skip("no IPv6");
    }
    lacks
}

/// Whether this system makes no IPv6 sockets (`EAFNOSUPPORT`), for tests that need no more than that: where IPv6
/// is turned off, sockets are made all the same. Records that the test is skipped then.
#[must_use]
#[track_caller]
pub fn lacks_ipv6_sockets() -> bool {
    let lacks = Socket::new(Domain::IPV6, Type::DGRAM, None).is_err();
    if lacks {
        skip("no IPv6");
    }
    lacks
}

/// The loopback addresses of this machine. Records that a part of the test is skipped where there is none of
/// IPv6.
#[track_caller]
pub fn loopbacks() -> Vec<IpAddr> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    if !lacks_ipv6() {
        addresses.push(IpAddr::V6(Ipv6Addr::LOCALHOST));
    }
    addresses
}

/// Whether strace(1) cannot trace the programs of tests: it is missing, the system forbids it, or an emulator
/// would be traced instead. Records that the test is skipped then.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[must_use]
#[track_caller]
pub fn lacks_strace() -> bool {
    static TRACES: OnceLock<bool> = OnceLock::new();
    let traces = *TRACES.get_or_init(|| {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "true"]);
        !crate::on_qemu() && strace.output().is_ok_and(|output| output.status.success())
    });
    if !traces {
        skip("no strace");
    }
    !traces
}

/// Whether this machine has no such file, such as one of `/proc` in a small root directory. Records that the
/// test is skipped then.
#[must_use]
#[track_caller]
pub fn lacks_file(path: &str) -> bool {
    let lacks = !Path::new(path).exists();
    if lacks {
        skip(&format!("no {path}"));
    }
    lacks
}

/// Whether this system does not know an option, by the result of reading or setting it on a socket of the right
/// kind. Records that the test is skipped then, or a part of it.
///
/// # Panics
/// If the error does not name the option.
#[must_use]
#[track_caller]
pub fn lacks_option<T>(result: &io::Result<T>) -> bool {
    let error = match result {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => error.to_string(),
        _ => return false,
    };
    let named = error.split_once(": unknown to this system");
    let (option, _) = named.unwrap_or_else(|| panic!("not by name: {error}"));
    skip(&format!("no {option}"));
    true
}

/// Whether this system sends no urgent data. Records that the test is skipped then, or a part of it.
#[must_use]
#[track_caller]
pub fn lacks_urgent_data() -> bool {
    let (_stream, peer) = crate::tcp_pair();
    let lacks = SockRef::from(&peer).send_out_of_band(b"!").is_err();
    if lacks {
        skip("no urgent data");
    }
    lacks
}

/// Whether a program cannot start itself, as under an emulator. Records that the test is skipped then.
#[cfg(test)]
pub(crate) fn lacks_processes() -> bool {
    let lacks = crate::on_qemu();
    if lacks {
        skip("no program that starts itself");
    }
    lacks
}

/// The name of the test that this thread runs: the test runner gives it to the thread, except with
/// `--test-threads=1`. An example in the docs has none: it is known by its line.
fn name(line: &Location<'_>) -> String {
    let this = thread::current();
    let name = this.name().filter(|name| *name != "main");
    let name = name
        .map(str::to_owned)
        .or_else(|| Test::current().map(str::to_owned));
    #[cfg(unix)]
    let name = name.or_else(|| env::var(crate::unix::CHILD).ok());
    name.unwrap_or_else(|| format!("{}:{}", line.file(), line.line()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::{env, fs, process, thread};

    #[test]
    fn a_skipped_test_is_listed_with_its_reason() {
        if env::var_os("READYWIRE_TEST_SKIPS").is_some() {
            return super::skip("nothing to test");
        }
        if super::lacks_processes() {
            return;
        }
        let name = thread::current().name().expect("a test").to_owned();
        let list = env::temp_dir().join(format!("readywire-skipped-{}", process::id()));
        for _ in 0..2 {
            let output = Command::new(env::current_exe().expect("the path of this program"))
                .args([&*name, "--exact", "--test-threads=2"])
                .env("READYWIRE_TEST_SKIPS", "yes")
                .env("CARGO_PKG_NAME", "testkit")
                .env(super::LIST, &list)
                .output()
                .expect("start the program");
            assert!(output.status.success(), "{output:?}");
        }
        let lines = fs::read_to_string(&list).expect("a list");
        fs::remove_file(&list).expect("remove the list");
        let line = format!("testkit {name}\tnothing to test\n");
        assert_eq!(lines, line.repeat(2));
    }
}
