//! What the programs share: bytes to send, a comparison that says where two buffers differ, a deadline, and a folder of their own.
#![allow(dead_code, reason = "each program uses a part")]

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Far above what any test needs, so that only a lost event reaches it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Returns `len` bytes that differ from those of every other `seed` (splitmix64).
pub fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Asserts that every byte arrived, and prints the first that differs instead of both buffers.
#[track_caller]
pub fn assert_same(received: impl AsRef<[u8]>, sent: impl AsRef<[u8]>) {
    let (received, sent) = (received.as_ref(), sent.as_ref());
    if received != sent {
        let differs = received.iter().zip(sent).position(|(a, b)| a != b);
        panic!(
            "received {} bytes, sent {}, first difference at {differs:?}",
            received.len(),
            sent.len()
        );
    }
}

/// Runs `test` on a thread of its own and fails if it does not end within the deadline.
#[track_caller]
pub fn within_deadline(test: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let _ended = ended;
        test();
    });
    assert_eq!(
        end.recv_timeout(DEADLINE),
        Err(RecvTimeoutError::Disconnected),
        "the test hangs"
    );
    if let Err(panic) = thread.join() {
        panic::resume_unwind(panic);
    }
}

/// An address where connecting is refused for as long as it lives: a connected socket holds the port, and nobody listens there.
pub struct Refusing(TcpStream);

impl Refusing {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self(TcpStream::connect(listener.local_addr().unwrap()).unwrap())
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }
}

/// A folder that is removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "readywire-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        // Watchers report the path without symbolic links.
        Self(path.canonicalize().unwrap())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.0);
        if !thread::panicking() {
            removed.unwrap();
        }
    }
}
