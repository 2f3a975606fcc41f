//! The README's echo server as a process.

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::process::{Server, example};

#[test]
fn the_readme_shows_the_example() {
    let program = include_str!("../../examples/minimal.rs");
    let block = format!("```rust,no_run\n{program}```\n");
    assert!(include_str!("../../../../README.md").contains(&block));
}

#[test]
fn it_sends_back_what_it_is_sent() {
    let server = Server::start(example("minimal").arg("127.0.0.1:0"));
    for _ in 0..3 {
        let mut client = server.connect();
        client.write_all(b"hello").expect("write");
        client.shutdown(Shutdown::Write).expect("shut down");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("read");
        assert_eq!(answer, "hello");
    }
}

#[test]
fn clients_that_come_while_others_leave_get_their_own_bytes() {
    let server = Server::start(example("minimal").arg("127.0.0.1:0"));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for round in 0..50 {
                    let text = format!("client {round} of thread {thread}");
                    let mut client = server.connect();
                    client.write_all(text.as_bytes()).expect("write");
                    let mut answer = vec![0; text.len()];
                    client.read_exact(&mut answer).expect("read");
                    assert_eq!(answer, text.as_bytes());
                }
            });
        }
    });
}

#[cfg(unix)]
mod on_unix {
    use std::fs::File;

    use super::*;
    use crate::process::example_short_of_descriptors;

    #[test]
    fn short_of_descriptors_it_serves_in_turn_and_reports_that_seldom() {
        const CLIENTS: usize = 60;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let log = File::create(&path).expect("a file");
        let mut command = example_short_of_descriptors("minimal", 20);
        let server = Server::start(command.arg("127.0.0.1:0").stderr(log));
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.write_all(b"hello").expect("write");
        }
        // While the others wait, one that is served keeps the server awake.
        let mut answer = [0; 5];
        clients[0].read_exact(&mut answer).expect("read");
        for _ in 0..1000 {
            clients[0].write_all(b"again").expect("write");
            clients[0].read_exact(&mut answer).expect("read");
        }
        clients.remove(0);
        for mut client in clients {
            client.read_exact(&mut answer).expect("read");
            assert_eq!(&answer, b"hello");
        }
        let log = std::fs::read_to_string(path).expect("the log");
        let lines = log.lines().count();
        assert!((1..=CLIENTS).contains(&lines), "{lines} lines: {log}");
    }

    /// A client that has left leaves its token to the next one, so that the server does not grow.
    #[test]
    #[cfg(target_os = "linux")]
    fn tokens_are_used_again() {
        const CLIENTS: u64 = 1000;
        let server = Server::start(example("minimal").arg("127.0.0.1:0"));
        let serve = || {
            let mut client = server.connect();
            client.write_all(b"hello").expect("write");
            client.shutdown(Shutdown::Write).expect("shut down");
            // The server has closed its end when this one is read.
            client.read_to_string(&mut String::new()).expect("read");
        };
        serve();
        let before = memory(server.process.0.id());
        (0..CLIENTS).for_each(|_| serve());
        // The allocator may have returned memory to the kernel meanwhile.
        let grown = memory(server.process.0.id()).saturating_sub(before);
        // A place holds a buffer of 4 KiB.
        assert!(grown < 4 * CLIENTS / 2, "{grown} KiB more");
    }

    /// The memory that a process takes, in KiB.
    #[cfg(target_os = "linux")]
    fn memory(id: u32) -> u64 {
        status(id, "VmData:")
    }

    /// How many times the first thread of a process has gone to sleep.
    #[cfg(target_os = "linux")]
    fn sleeps(id: u32) -> u64 {
        status(id, "voluntary_ctxt_switches:")
    }

    /// A number of `/proc/PID/status`.
    #[cfg(target_os = "linux")]
    fn status(id: u32, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.expect(name).parse().expect("a number")
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn short_of_descriptors_it_sleeps() {
        let mut command = example_short_of_descriptors("minimal", 20);
        let mut server = Server::start(
            command
                .arg("127.0.0.1:0")
                .stderr(std::process::Stdio::piped()),
        );
        let clients: Vec<_> = (0..60).map(|_| server.connect()).collect();
        let log = std::io::BufReader::new(server.process.0.stderr.take().expect("a pipe"));
        let (_log, _line) = crate::process::read_line_with(log, "cannot accept");
        // It has nothing to do but to try again, a second apart. A server that spins never sleeps: it is running or would
        // like to at every look, however busy the machine is.
        let id = server.process.0.id();
        let (before, mut looks, mut awake) = (sleeps(id), 0, 0);
        testkit::until("it has slept twice", || {
            looks += 1;
            awake += usize::from(is_awake(id));
            sleeps(id) >= before + 2
        });
        assert!(awake * 2 < looks, "awake at {awake} of {looks} looks");
        drop(clients);
    }

    /// Whether a process runs, or waits for nothing but a processor.
    #[cfg(target_os = "linux")]
    fn is_awake(id: u32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("its figures");
        let (_, rest) = stat.rsplit_once(')').expect("its name");
        rest.trim_start().starts_with('R')
    }
}
