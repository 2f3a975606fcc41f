//! The example `echo` as a process, with itself and with others.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::process::Command;

use selector::Backend;

use crate::process::{Server, example, fails, run, succeeds};

/// A small run: what is tested is that it is right, not how fast it is.
const SMALL: &[&str] = &[
    "--connections",
    "20",
    "--bytes",
    "2MiB",
    "--message",
    "3KiB",
];

fn echo() -> Command {
    example("echo")
}

fn server(backend: Backend) -> Server {
    Server::start(echo().args(["--listen", "127.0.0.1:0", "--backend", &backend.to_string()]))
}

/// An echo server of std, which `spoil`s what it sends back from a position on.
fn spoiled(mut spoil: impl FnMut(u64, &mut [u8]) -> io::Result<()> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    testkit::spawn(move || -> io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = [0; 1000];
        let mut position = 0;
        loop {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            let data = &mut buffer[..n];
            spoil(position, data)?;
            position += n as u64;
            stream.write_all(data)?;
        }
    });
    address
}

fn one_client(address: SocketAddr) -> Command {
    let mut command = echo();
    command.args([
        "--connections",
        "1",
        "--bytes",
        "100KiB",
        "--connect",
        &address.to_string(),
    ]);
    command
}

testkit::on_each_backend! {
    both_sides_in_one_process,
    two_processes,
    messages_larger_than_any_buffer,
}

fn both_sides_in_one_process(backend: Backend) {
    let summary = succeeds(echo().args(SMALL).args(["--backend", &backend.to_string()]));
    for line in [
        "connections  20, all closed in order",
        "bytes        2.00 MiB, all came back right",
        // 12 connections have 104,858 bytes, 8 have 104,857: 35 messages each.
        "messages     700 of 3.00 KiB",
        "served       20 connections, 2.00 MiB sent back, 0 lost",
    ] {
        assert!(summary.contains(line), "no {line:?}");
    }
    assert!(summary.contains(&format!("backend {backend},")));
    assert!(summary.contains("throughput") && summary.contains("p50") && summary.contains("p99"));
}

fn two_processes(backend: Backend) {
    let server = server(backend);
    for _ in 0..2 {
        let mut clients = echo();
        clients.args([
            "--connect",
            &server.address.to_string(),
            "--backend",
            &backend.to_string(),
        ]);
        assert!(succeeds(clients.args(SMALL)).contains("20, all closed in order"));
    }
}

fn messages_larger_than_any_buffer(backend: Backend) {
    let summary = succeeds(echo().args([
        "--connections",
        "1",
        "--bytes",
        "24MiB",
        "--message",
        "24MiB",
        "--backend",
        &backend.to_string(),
    ]));
    assert!(summary.contains("messages     1 of 24.00 MiB"));
}

#[test]
fn connections_without_a_byte_are_in_order_too() {
    let summary = succeeds(echo().args(["--connections", "5", "--bytes", "3"]));
    assert!(summary.contains("connections  5, all closed in order"));
    assert!(summary.contains("messages     3 of"));
}

#[test]
fn a_wrong_byte_is_an_error() {
    let address = spoiled(|position, data| {
        let wrong = 50_000_u64.checked_sub(position).map(|at| at as usize);
        if let Some(byte) = wrong.and_then(|at| data.get_mut(at)) {
            *byte ^= 0x20;
        }
        Ok(())
    });
    let error = fails(&mut one_client(address));
    assert!(error.contains("connection 0 to") && error.contains("wrong byte at 50000: 0x"));
}

#[test]
fn a_byte_that_is_left_out_is_an_error() {
    let address = spoiled(|position, data| {
        if position == 0 {
            data.copy_within(10.., 9);
        }
        Ok(())
    });
    assert!(fails(&mut one_client(address)).contains("wrong byte at 9: 0x"));
}

#[test]
fn a_lost_connection_is_an_error() {
    let address = spoiled(|position, _| match position {
        0..20_000 => Ok(()),
        _ => Err(ErrorKind::Other.into()),
    });
    let error = fails(&mut one_client(address));
    assert!(
        error.contains("lost after ") && error.contains("of 102400 bytes"),
        "{error}"
    );
}

#[test]
fn a_server_that_never_answers_is_an_error() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let error = fails(one_client(address).args(["--patience", "1"]));
    assert!(error.contains("nothing has happened for 1 s, 1 connections are unfinished"));
}

#[test]
fn nobody_there_is_an_error() {
    let error = fails(&mut one_client(testkit::refused_address()));
    assert!(error.contains("cannot connect"));
}

#[test]
fn every_address_is_tried_in_turn() {
    let server = server(Backend::available()[0]);
    let nobody = testkit::refused_address();
    let address = server.address.to_string();
    let mut command = one_client(nobody);
    let summary = succeeds(command.args(["--connect", &nobody.to_string(), "--connect", &address]));
    assert!(summary.contains("1, all closed in order"));

    let error = fails(one_client(nobody).args(["--connect", &nobody.to_string()]));
    assert_eq!(error.matches("(os error").count(), 2, "{error}");
    assert!(fails(echo().args(["--connect", "nowhere"])).contains("cannot find nowhere"));
}

#[test]
fn arguments_are_explained_and_checked() {
    let help = succeeds(echo().arg("--help"));
    for option in [
        "--listen",
        "--connect",
        "--backend",
        "--connections",
        "--bytes",
        "--message",
        "--patience",
    ] {
        assert!(help.contains(option), "{option}");
    }
    for wrong in [
        ["--bytes", "many"],
        ["--message", "0"],
        ["--connections", "0"],
        ["--backend", "none"],
    ] {
        assert_eq!(run(echo().args(wrong)).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_client_that_is_cut_off_does_not_end_the_server() {
    let server = server(Backend::available()[0]);
    for _ in 0..3 {
        let mut rude = server.connect();
        rude.write_all(&[1; 100_000]).expect("write");
        drop(rude); // with data unread: the server's side is reset
    }
    let mut polite = server.connect();
    polite.write_all(b"still there?").expect("write");
    polite.shutdown(Shutdown::Write).expect("shutdown");
    let mut answer = String::new();
    polite.read_to_string(&mut answer).expect("the echo");
    assert_eq!(answer, "still there?");
}

#[cfg(unix)]
mod on_unix {
    use super::*;
    use crate::process::example_short_of_descriptors;

    #[test]
    fn an_interrupt_ends_a_server_with_its_summary() {
        let server = server(Backend::available()[0]);
        succeeds(&mut one_client(server.address));
        let summary = server.interrupt();
        assert!(summary.contains("served       1 connections, 100.00 KiB sent back, 0 lost"));
    }

    #[test]
    fn too_few_descriptors_are_explained() {
        let error = fails(&mut example_short_of_descriptors("echo", 60));
        assert!(error.contains("no descriptor is left") && error.contains("ulimit -n"));
    }

    #[test]
    fn more_connections_than_memory_could_list_are_explained_too() {
        let mut command = example_short_of_descriptors("echo", 60);
        let error = fails(command.args(["--connections", &u32::MAX.to_string()]));
        assert!(error.contains("no descriptor is left"), "{error}");
    }

    #[test]
    fn a_server_short_of_descriptors_serves_in_turn() {
        let mut command = example_short_of_descriptors("echo", 16);
        let server = Server::start(command.args(["--listen", "127.0.0.1:0"]));
        let address = server.address.to_string();
        let summary = succeeds(echo().args(SMALL).args(["--connect", &address]));
        assert!(summary.contains("20, all closed in order"));
    }
}

#[cfg(target_os = "linux")]
mod with_others {
    use std::io::BufReader;
    use std::process::Stdio;

    use super::*;
    use crate::process::{finish, program, read_line_with, start, text};

    #[test]
    fn clients_work_against_socat() {
        let mut socat = program("socat", "socat");
        socat.args([
            "-d",
            "-d",
            "TCP-LISTEN:0,fork,bind=127.0.0.1,backlog=64",
            "EXEC:cat",
        ]);
        let mut process = start(socat.stderr(Stdio::piped()));
        let log = BufReader::new(process.0.stderr.take().expect("a pipe"));
        let (mut log, line) = read_line_with(log, "listening on");
        let address = line
            .split_whitespace()
            .last()
            .expect("an address")
            .to_owned();
        // Its children write to the same pipe.
        testkit::spawn(move || io::copy(&mut log, &mut io::sink()));
        let mut clients = echo();
        clients.args([
            "--connections",
            "8",
            "--bytes",
            "1MiB",
            "--connect",
            &address,
        ]);
        assert!(succeeds(&mut clients).contains("8, all closed in order"));
    }

    #[test]
    fn the_server_works_for_socat_and_nc() {
        let server = server(Backend::available()[0]);
        let address = server.address.to_string();
        let mut socat = program("socat", "socat");
        // The end of the input is passed on, and the answer is waited for.
        socat.args(["-t", "60", "-", &format!("TCP:{address}")]);
        assert_eq!(answer(&mut socat), "hello, echo");

        let (host, port) = address.rsplit_once(':').expect("a port");
        let mut nc = program("nc.openbsd", "netcat-openbsd");
        assert_eq!(answer(nc.args(["-N", host, port])), "hello, echo");
    }

    fn answer(command: &mut Command) -> String {
        let mut process = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut input = process.0.stdin.take().expect("a pipe");
        input.write_all(b"hello, echo").expect("write");
        drop(input);
        text(finish(process).stdout)
    }
}
