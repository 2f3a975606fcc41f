//! The example servers while `accept(2)` fails, which strace(1) makes it do.

use std::io::{Read, Write};
use std::process::Command;

use selector::Backend;
use tempfile::TempDir;

use crate::process::{Server, example, program};

testkit::on_each_backend! {
    servers_survive_every_error_of_one_connection,
    servers_survive_a_shortage,
    servers_survive_an_error_that_lasts,
    servers_end_by_an_error_of_the_listener,
}

/// Every error that accept(2) lists as one of the connection, and some that it does not list.
const OF_ONE_CONNECTION: &[&str] = &[
    "ECONNABORTED",
    "EPROTO",
    "ENOPROTOOPT",
    "EHOSTDOWN",
    "ENONET",
    "EHOSTUNREACH",
    "EOPNOTSUPP",
    "ENETUNREACH",
    "ENETDOWN",
    "EPERM",
    "ETIMEDOUT",
    "ECONNRESET",
    "EIO",
    "EINTR",
];
const SHORTAGE: &[&str] = &["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"];
const LISTENERS_OWN: &[&str] = &["EBADF", "EINVAL", "ENOTSOCK", "EFAULT"];

/// The examples with their arguments, what a client says and what it is answered first.
struct Example {
    command: Command,
    request: &'static [u8],
    answer: &'static [u8],
}

fn servers(backend: Backend, echo: &Server, site: &TempDir) -> [Example; 4] {
    let target = echo.address.to_string();
    let site = site.path().to_str().expect("UTF-8");
    [
        (
            "echo",
            ["--listen", "127.0.0.1:0"],
            &b"there?"[..],
            &b"there?"[..],
        ),
        ("proxy", ["--connect", &target], b"there?", b"there?"),
        (
            "httpd",
            ["--timeout", "600"],
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"HTTP/1.1 404",
        ),
        ("chat", ["--pause", "0"], b"", b"! your name?"),
    ]
    .map(|(name, options, request, answer)| {
        let mut command = example(name);
        command
            .args(options)
            .args(["--backend", &backend.to_string()]);
        if name == "httpd" {
            command.arg(site);
        }
        Example {
            command,
            request,
            answer,
        }
    })
}

/// Runs a command under strace, which makes `accept4` fail as `fault` says. musl calls `accept` after an
/// EINVAL, for kernels without the flags; not every processor has both.
fn with_fault(command: &Command, fault: &str) -> Command {
    let mut strace = program("strace", "strace");
    // -D: the process that the test starts and ends is the server, not strace.
    strace.args([
        "-D",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=accept4,?accept",
        "-e",
    ]);
    strace.arg(format!("inject=accept4,?accept:{fault}"));
    strace.arg(command.get_program()).args(command.get_args());
    // LeakSanitizer cannot look at a process that is traced.
    strace.env("LSAN_OPTIONS", "detect_leaks=0");
    strace
}

/// Expects every server to answer a client after `fault`.
#[track_caller]
fn answers(backend: Backend, fault: &str) {
    if testkit::lacks_strace() {
        return;
    }
    let echo = Server::start(example("echo").args(["--listen", "127.0.0.1:0"]));
    let site = TempDir::new().expect("a folder");
    for Example {
        command,
        request,
        answer,
    } in servers(backend, &echo, &site)
    {
        let server = Server::start(&mut with_fault(&command, fault));
        let mut client = server.connect();
        client.write_all(request).expect("send");
        let mut begin = vec![0; answer.len()];
        let read = client.read_exact(&mut begin);
        assert!(
            read.is_ok() && begin == answer,
            "{fault}, {command:?}: {read:?}"
        );
    }
}

fn servers_survive_every_error_of_one_connection(backend: Backend) {
    for error in OF_ONE_CONNECTION {
        answers(backend, &format!("error={error}:when=1"));
    }
}

fn servers_survive_a_shortage(backend: Backend) {
    for error in SHORTAGE {
        answers(backend, &format!("error={error}:when=1..2"));
    }
}

/// As a sandbox does that refuses the call.
fn servers_survive_an_error_that_lasts(backend: Backend) {
    answers(backend, "error=EPERM:when=1..40");
}

fn servers_end_by_an_error_of_the_listener(backend: Backend) {
    if testkit::lacks_strace() {
        return;
    }
    let echo = Server::start(example("echo").args(["--listen", "127.0.0.1:0"]));
    let site = TempDir::new().expect("a folder");
    for error in LISTENERS_OWN {
        for Example { command, .. } in servers(backend, &echo, &site) {
            let mut server = Server::start(&mut with_fault(&command, &format!("error={error}")));
            server.turns_away();
            assert_eq!(
                server.process.wait().code(),
                Some(1),
                "{error}, {command:?}"
            );
        }
    }
}
