//! Sockets of ours, ready made.

use std::fmt::Debug;
use std::io;
use std::path::PathBuf;

use selector::{Backend, Events, Poll, Token};
use tempfile::TempDir;

/// The token of the socket under test.
pub(crate) const SOCKET: Token = Token(7);

/// Whether the system tells a full backlog or queue from nobody being there.
pub(crate) const FULL_WOULD_BLOCK: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "illumos"
));

/// A folder for the paths of one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    #[track_caller]
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A poll on `backend`.
#[track_caller]
pub(crate) fn poll_on(backend: Backend) -> (Poll, Events) {
    let poll = Poll::with_backend(backend).expect("a poll");
    (poll, Events::with_capacity(8))
}

/// Asserts the kind of an error.
#[track_caller]
pub(crate) fn fails<R: Debug>(result: io::Result<R>, kind: io::ErrorKind) {
    let error = result.expect_err(&format!("expected {kind:?}"));
    assert_eq!(error.kind(), kind, "{error}");
}
