//! The example `proxy` as a process, between this one and servers of its own.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;

use selector::Backend;

use crate::process::{
    Server, example, expect_gone, is_reset, patient, read_line_with, run, succeeds,
};

fn proxy(backend: Backend, target: SocketAddr) -> Server {
    Server::start(example("proxy").args([
        "--backend",
        &backend.to_string(),
        "--connect",
        &target.to_string(),
    ]))
}

/// A server of this process behind a proxy.
struct Behind {
    listener: TcpListener,
    proxy: Server,
}

impl Behind {
    #[track_caller]
    fn new(backend: Backend) -> Behind {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        let proxy = proxy(backend, listener.local_addr().expect("an address"));
        Behind { listener, proxy }
    }

    /// Connects through the proxy: returns the client's end and the server's.
    #[track_caller]
    fn pair(&self) -> (TcpStream, TcpStream) {
        let client = self.proxy.connect();
        let (server, _) = self.listener.accept().expect("accept");
        patient(&server);
        (client, server)
    }

    /// Writes until nothing more goes, neither here nor on the way; returns how much that was.
    #[track_caller]
    fn fill(&self, client: &TcpStream) -> usize {
        // More than the system's buffers of four sockets hold.
        const ENOUGH: usize = 256 << 20;
        let (mut other_client, mut other_server) = self.pair();
        client.set_nonblocking(true).expect("set to non-blocking");
        let (mut sent, mut idle) = (0, 0);
        // What the proxy can move, it has moved when a later message has come through and back.
        // That may have opened windows a little, so one round in which nothing goes proves nothing.
        while idle < 3 {
            let n = testkit::fill(client);
            idle = if n == 0 { idle + 1 } else { 0 };
            sent += n;
            assert!(sent < ENOUGH, "{sent} bytes, and no end");
            other_client.write_all(b"there").expect("write");
            read_exactly(&mut other_server, 5);
            other_server.write_all(b"back").expect("write");
            read_exactly(&mut other_client, 4);
        }
        sent
    }
}

/// Data in which every position looks different from its neighbours.
fn pattern(position: usize, len: usize) -> Vec<u8> {
    // A word at a time: byte by byte a debug build takes long.
    let words = position / 8..(position + len).div_ceil(8);
    let mut data = Vec::with_capacity(words.len() * 8);
    for word in words {
        let word = (word as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        data.extend_from_slice(&word.to_le_bytes());
    }
    data.drain(..position % 8);
    data.truncate(len);
    data
}

#[track_caller]
fn read_exactly(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut data = vec![0; len];
    stream.read_exact(&mut data).expect("read");
    data
}

#[track_caller]
fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut data = Vec::new();
    stream.read_to_end(&mut data).expect("read to the end");
    data
}

testkit::on_each_backend! {
    bytes_go_both_ways,
    a_half_close_of_the_client_is_passed_on,
    a_half_close_of_the_server_is_passed_on,
    what_is_large_arrives_whole_both_ways_at_once,
    a_receiver_that_stops_makes_the_sender_wait,
    a_refused_connection_is_answered_at_once,
    a_reset_is_passed_on,
    a_reset_is_passed_on_though_the_other_side_does_not_read,
    clients_of_a_server_that_dies_are_closed,
}

fn bytes_go_both_ways(backend: Backend) {
    let behind = Behind::new(backend);
    let (mut client, mut server) = behind.pair();
    for round in 0..100 {
        let (question, answer) = (pattern(round, 10), pattern(round + 7, 20));
        client.write_all(&question).expect("write");
        assert_eq!(read_exactly(&mut server, 10), question);
        server.write_all(&answer).expect("write");
        assert_eq!(read_exactly(&mut client, 20), answer);
    }
}

fn a_half_close_of_the_client_is_passed_on(backend: Backend) {
    let behind = Behind::new(backend);
    let (mut client, mut server) = behind.pair();
    client.write_all(b"question").expect("write");
    client.shutdown(Shutdown::Write).expect("shut down");
    assert_eq!(read_all(&mut server), b"question");
    server.write_all(b"answer").expect("write");
    drop(server);
    assert_eq!(read_all(&mut client), b"answer");
}

fn a_half_close_of_the_server_is_passed_on(backend: Backend) {
    let behind = Behind::new(backend);
    let (mut client, mut server) = behind.pair();
    server.write_all(b"all there is").expect("write");
    server.shutdown(Shutdown::Write).expect("shut down");
    assert_eq!(read_all(&mut client), b"all there is");
    client.write_all(b"thanks").expect("write");
    drop(client);
    assert_eq!(read_all(&mut server), b"thanks");
}

fn what_is_large_arrives_whole_both_ways_at_once(backend: Backend) {
    const LEN: usize = 20 << 20;
    let behind = Behind::new(backend);
    let (client, server) = behind.pair();
    // Made once: in a debug build that takes longer than to send it.
    let data = Arc::new(pattern(0, LEN));
    let tasks = [client, server].map(|stream| {
        let mut sender = stream.try_clone().expect("clone");
        let data = Arc::clone(&data);
        let sending = testkit::spawn(move || {
            sender.write_all(&data)?;
            sender.shutdown(Shutdown::Write)
        });
        let mut receiver = stream;
        let receiving = testkit::spawn(move || read_all(&mut receiver));
        (sending, receiving)
    });
    for (sending, receiving) in tasks {
        sending.join().expect("send");
        assert!(receiving.join() == *data, "other bytes arrived");
    }
}

fn a_receiver_that_stops_makes_the_sender_wait(backend: Backend) {
    let behind = Behind::new(backend);
    let (client, mut server) = behind.pair();
    let memory = memory(&behind.proxy);
    let sent = behind.fill(&client);
    // Without a place to read it from, both are zero.
    let grown = self::memory(&behind.proxy).saturating_sub(memory);
    assert!(grown < 2 << 20, "the proxy took {grown} bytes");

    client.shutdown(Shutdown::Write).expect("shut down");
    let received = read_all(&mut server);
    assert_eq!(received.len(), sent);
    assert!(received.iter().all(|byte| *byte == 0xa5));
}

/// The memory that a process has in use, in bytes, where the system tells.
fn memory(server: &Server) -> usize {
    let path = format!("/proc/{}/status", server.process.0.id());
    let Ok(status) = std::fs::read_to_string(path) else {
        return 0;
    };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    kibibytes.map_or(0, |text| text.parse::<usize>().expect("a number") << 10)
}

fn a_refused_connection_is_answered_at_once(backend: Backend) {
    let proxy = proxy(backend, testkit::refused_address());
    for _ in 0..20 {
        proxy.turns_away();
    }
}

fn a_reset_is_passed_on(backend: Backend) {
    let behind = Behind::new(backend);
    let (client, mut server) = behind.pair();
    testkit::reset(client);
    expect_reset(server.read(&mut [0]), 0);

    let (mut client, server) = behind.pair();
    testkit::reset(server);
    expect_reset(client.read(&mut [0]), 0);
}

/// Expects a read to end by a reset. Wine takes the error out of the socket for itself, and leaves
/// the end to whoever reads, after what came before.
#[track_caller]
fn expect_reset(read: io::Result<usize>, before: usize) {
    match read {
        Err(error) => assert!(is_reset(&error), "{error}"),
        Ok(count) => assert!(testkit::on_wine() && count == before, "{count} bytes"),
    }
}

fn a_reset_is_passed_on_though_the_other_side_does_not_read(backend: Backend) {
    let behind = Behind::new(backend);
    testkit::until("a reset leaves data behind", || {
        let (client, mut server) = behind.pair();
        let sent = behind.fill(&client);
        testkit::reset(client);
        // The server is told, and gets what had come that far: all, if a window opened late.
        let mut data = Vec::new();
        let read = server.read_to_end(&mut data);
        expect_reset(read, data.len());
        data.len() < sent
    });
}

fn clients_of_a_server_that_dies_are_closed(backend: Backend) {
    // An echo server, which is killed, at an address that is nobody else's then. Only Linux lets two
    // sockets have one in turn.
    #[cfg(target_os = "linux")]
    let reserved = testkit::reserve();
    #[cfg(target_os = "linux")]
    let address = reserved.address;
    #[cfg(not(target_os = "linux"))]
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut echo = Server::start(example("echo").args(["--listen", &address.to_string()]));
    let proxy = proxy(backend, echo.address);
    let mut clients: Vec<TcpStream> = (0..20).map(|_| proxy.connect()).collect();
    for client in &mut clients {
        client.write_all(b"there?").expect("write");
        assert_eq!(read_exactly(client, 6), b"there?");
    }
    echo.process.kill();
    for client in &mut clients {
        expect_gone(client);
    }
    // And the proxy goes on.
    proxy.turns_away();
}

#[test]
fn every_address_is_tried_in_turn() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let there = listener.local_addr().expect("an address").to_string();
    let nobody = testkit::refused_address().to_string();
    let mut command = example("proxy");
    command.args([
        "--connect",
        &nobody,
        "--connect",
        &nobody,
        "--connect",
        &there,
    ]);
    let behind = Behind {
        listener,
        proxy: Server::start(&mut command),
    };
    let (mut client, mut server) = behind.pair();
    client.write_all(b"question").expect("write");
    assert_eq!(read_exactly(&mut server, 8), b"question");
    server.write_all(b"answer").expect("write");
    assert_eq!(read_exactly(&mut client, 6), b"answer");
}

#[test]
fn an_address_that_does_not_answer_has_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let there = listener.local_addr().expect("an address").to_string();
    // Connections to a listener whose backlog is full are neither made nor refused.
    let full = testkit::blackhole();
    let silent = full.address.to_string();
    let mut command = example("proxy");
    command.args([
        "--connect-timeout",
        "1",
        "--connect",
        &silent,
        "--connect",
        &there,
    ]);
    let behind = Behind {
        listener,
        proxy: Server::start(&mut command),
    };
    let (mut client, mut server) = behind.pair();
    client.write_all(b"question").expect("write");
    assert_eq!(read_exactly(&mut server, 8), b"question");
}

#[test]
fn the_errors_of_all_addresses_are_listed() {
    let nobody = testkit::refused_address().to_string();
    let mut command = example("proxy");
    command.args(["--verbose", "--connect", &nobody, "--connect", &nobody]);
    let mut proxy = Server::start(command.stderr(Stdio::piped()));
    proxy.turns_away();
    let log = BufReader::new(proxy.process.0.stderr.take().expect("a pipe"));
    let (_log, line) = read_line_with(log, "cannot connect to ");
    assert_eq!(line.matches(&nobody).count(), 2, "{line}");
}

#[test]
fn arguments_are_explained_and_checked() {
    let help = succeeds(example("proxy").arg("--help"));
    for option in [
        "--listen",
        "--connect",
        "--connect-timeout",
        "--backend",
        "--buffer",
        "--verbose",
    ] {
        assert!(help.contains(option), "{option}");
    }
    for wrong in [
        &["--listen", "127.0.0.1:0"][..],
        &["--connect", "127.0.0.1:1", "--buffer", "0"],
        &["--connect", "127.0.0.1:1", "--backend", "none"],
    ] {
        let status = run(example("proxy").args(wrong)).status;
        assert_eq!(status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn one_byte_of_buffer_is_enough() {
    let echo = Server::start(example("echo").args(["--listen", "127.0.0.1:0"]));
    let target = echo.address.to_string();
    let proxy =
        Server::start(example("proxy").args(["--buffer", "1", "--connect", target.as_str()]));
    let address = proxy.address.to_string();
    // Few, as every byte takes its own calls, which under Wine ask another process.
    let clients = ["--connections", "3", "--bytes", "4KiB", "--connect"];
    let summary = succeeds(example("echo").args(clients).arg(address));
    assert!(summary.contains("3, all closed in order"));
}

#[cfg(unix)]
mod on_unix {
    use super::*;
    use crate::process::example_short_of_descriptors;

    testkit::on_each_backend! {
        short_of_descriptors_clients_wait_their_turn,
        a_thousand_connections_at_once,
    }

    fn short_of_descriptors_clients_wait_their_turn(backend: Backend) {
        let echo = Server::start(example("echo").args(["--listen", "127.0.0.1:0"]));
        // Of an odd and of an even number, so that both accepting and connecting run short.
        for limit in [17, 18] {
            let target = echo.address.to_string();
            let mut command = example_short_of_descriptors("proxy", limit);
            command.args(["--backend", &backend.to_string(), "--connect", &target]);
            let proxy = Server::start(&mut command);
            let address = proxy.address.to_string();
            let clients = ["--connections", "40", "--bytes", "1MiB", "--connect"];
            let summary = succeeds(example("echo").args(clients).arg(address));
            assert!(summary.contains("40, all closed in order"));
            let totals = proxy.interrupt();
            assert!(totals.contains("clients  40, ") && totals.contains(" 0 could not"));
        }
    }

    fn a_thousand_connections_at_once(backend: Backend) {
        testkit::in_child(|| {
            // Two for each here; the proxy inherits the limit.
            testkit::limit_descriptors(2_100);
            let behind = Behind::new(backend);
            let mut pairs: Vec<_> = (0..1000).map(|_| behind.pair()).collect();
            // First all that is written, then all that is read.
            for (at, (client, server)) in pairs.iter_mut().enumerate() {
                client.write_all(&pattern(at, 1000)).expect("write");
                server.write_all(&pattern(at + 99, 2000)).expect("write");
            }
            let mut seen: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
            for (client, server) in &mut pairs {
                seen.push((read_exactly(client, 2000), read_exactly(server, 1000)));
            }
            for (at, (to_client, to_server)) in seen.iter().enumerate() {
                assert!(*to_client == pattern(at + 99, 2000), "client {at}");
                assert!(*to_server == pattern(at, 1000), "server {at}");
            }
            drop(pairs);
            let totals = behind.proxy.interrupt();
            assert!(totals.contains("1,000, at most 1,000 at once, 0 could not be connected"));
        });
    }

    #[test]
    fn an_interrupt_ends_it_with_a_summary() {
        let behind = Behind::new(Backend::available()[0]);
        let (mut client, mut server) = behind.pair();
        client.write_all(&[1; 1000]).expect("write");
        read_exactly(&mut server, 1000);
        server.write_all(&[2; 50]).expect("write");
        read_exactly(&mut client, 50);
        let totals = behind.proxy.interrupt();
        assert!(totals.contains("clients  1, at most 1 at once"));
        assert!(totals.contains("bytes    1000 B to the server, 50 B to clients"));
        expect_gone(&mut client);
        expect_gone(&mut server);
    }
}
