//! What the programs share: runtimes with a deadline, bytes that can be told apart, and servers of their own.

use std::fmt::{self, Debug};
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// How long anything may take before its test fails: far longer than it does on a loaded machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Runs `test` on a runtime with one thread, then on one with three.
#[track_caller]
pub fn on_each_runtime<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let runtime = builder.worker_threads(3).enable_all().build();
        run(&runtime.expect("a runtime"), test());
    }
}

fn run(runtime: &Runtime, test: impl Future<Output = ()>) {
    let outcome = runtime.block_on(async { tokio::time::timeout(DEADLINE, test).await });
    outcome.expect("the test took too long");
}

/// `len` bytes that differ for each `seed`, and hardly repeat within.
pub fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Compares byte by byte, and prints the first difference instead of both.
#[track_caller]
pub fn assert_bytes(found: &[u8], expected: &[u8]) {
    let place = found
        .iter()
        .zip(expected)
        .position(|(found, expected)| found != expected);
    assert_eq!(place, None, "the first byte that differs");
    assert_eq!(found.len(), expected.len(), "the number of bytes");
}

/// An address whose IP no other listener of this process has, so that nobody else can take the port, also while
/// nothing listens there.
pub fn unique_address() -> SocketAddr {
    static LAST: AtomicU8 = AtomicU8::new(1);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    let ip = IpAddr::V4(Ipv4Addr::new(127, high | 1, low, number));
    let listener = TcpListener::bind((ip, 0)).expect("bind");
    listener.local_addr().expect("its address")
}

/// A program that ends with its test.
pub struct Server(Child);

impl Server {
    /// Starts `command`, whose log `log` picks, and waits for `ready` in it.
    #[track_caller]
    pub fn start<R: Read + Send + 'static>(
        command: &mut Command,
        log: impl FnOnce(&mut Child) -> Option<R>,
        ready: &'static str,
    ) -> Server {
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = log(&mut child).expect("a pipe");
        let server = Server(child);
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            // Read to its end, so that the server is never held up.
            for line in BufReader::new(log).lines() {
                let Ok(line) = line else { break };
                let _gone_when_ready = sender.send(line);
            }
        });
        loop {
            let line = receiver.recv_timeout(DEADLINE).expect("the server's log");
            println!("{line}");
            if line.contains(ready) {
                return server;
            }
        }
    }

    pub fn kill(&mut self) {
        self.0.kill().expect("kill");
        self.wait();
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.0.wait().expect("wait")
    }
}

impl Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}
