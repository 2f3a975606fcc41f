//! The state of a connection attempt, kept so that its outcome can be read repeatedly although the kernel reports an
//! error only once.

use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use token_ready::Ready;

use crate::os;

/// The calls that an attempt makes on its socket. Tests script the answers of other systems.
pub(crate) trait Attempted {
    /// Whether there is a peer (`getpeername(2)`).
    fn peer(&self) -> io::Result<()>;
    /// Receives a byte and leaves it where it is (`MSG_PEEK`).
    fn peek(&self) -> io::Result<usize>;
    /// Takes the pending error (`SO_ERROR`).
    fn take_error(&self) -> io::Result<Option<io::Error>>;
}

impl Attempted for TcpStream {
    fn peer(&self) -> io::Result<()> {
        self.peer_addr().map(drop)
    }

    fn peek(&self) -> io::Result<usize> {
        self.peek(&mut [0])
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        sockopt::take_error(self)
    }
}

/// The state of an attempt, as the kernel reports it.
pub(crate) enum Probe {
    Connected,
    InProgress,
    /// It failed with this error of the system, which is no longer pending now.
    Failed(i32),
    /// Neither connected nor on the way, and no error is pending (any more).
    Over,
}

impl Probe {
    /// What it means that the end was received: the attempt may have succeeded, and the peer have closed,
    /// since the socket was asked for its peer.
    pub(crate) fn of_end(socket: &impl Attempted) -> Probe {
        if socket.peer().is_ok() {
            Probe::Connected
        } else {
            Probe::Over
        }
    }
}

/// What a stream and its clones remember of their attempt.
///
/// `None` if the stream was connected when it was made and the kernel reports an error only once: then there is
/// nothing to remember. Most streams of a server are like that.
#[derive(Clone)]
pub(crate) struct Known(Option<Arc<Attempt>>);

impl Known {
    /// See [`Attempt::new`].
    pub(crate) fn new(writes_early: bool) -> Known {
        Known(Some(Arc::new(Attempt::new(writes_early))))
    }

    /// An attempt that succeeded.
    #[inline]
    pub(crate) fn connected() -> Known {
        Known(os::ERRORS_STAY.then(|| Arc::new(Attempt::connected())))
    }

    /// The attempt of a stream made elsewhere.
    pub(crate) fn of(stream: &TcpStream) -> Known {
        if stream.peer_addr().is_ok() {
            Known::connected()
        } else {
            Known::new(true)
        }
    }

    /// Runs one operation, and remembers its error.
    #[inline]
    pub(crate) fn watch(
        &self,
        direction: Ready,
        operation: impl FnOnce() -> io::Result<usize>,
    ) -> io::Result<usize> {
        match &self.0 {
            None => operation(),
            Some(attempt) => attempt.watch(direction, operation),
        }
    }

    /// Returns the outcome: `WouldBlock` while there is none.
    pub(crate) fn outcome(&self, socket: &impl Attempted) -> io::Result<()> {
        self.0
            .as_ref()
            .map_or(Ok(()), |attempt| attempt.outcome(socket))
    }

    /// Takes the pending error, also if [`outcome`](Known::outcome) was faster.
    pub(crate) fn take_error(&self, socket: &impl Attempted) -> io::Result<Option<io::Error>> {
        match &self.0 {
            None => socket.take_error(),
            Some(attempt) => attempt.take_error(socket),
        }
    }

    /// Remembers the error of an operation.
    #[inline]
    pub(crate) fn note(&self, error: &io::Error) {
        if let Some(attempt) = &self.0 {
            attempt.note(error);
        }
    }
}

/// What is remembered of an attempt, by all streams of its socket together.
pub(crate) struct Attempt {
    /// Once true it stays so.
    connected: AtomicBool,
    /// A write may go through before there is a connection (fast open).
    writes_early: bool,
    /// Locked from before an error is taken out of the socket until it is written down here, so
    /// that no other thread misses it in between.
    past: Mutex<Past>,
}

#[derive(Default)]
struct Past {
    /// The last error of the socket that a call has returned.
    error: Option<i32>,
    /// The error is the attempt's outcome and changes no more.
    settled: bool,
    /// `take_error` has not returned the error yet, though `SO_ERROR` would have.
    owed: bool,
}

impl Attempt {
    /// An attempt of which nothing is known; `writes_early` unless the first write certainly waits
    /// for the connection.
    pub(crate) fn new(writes_early: bool) -> Attempt {
        Attempt {
            connected: AtomicBool::new(false),
            writes_early,
            past: Mutex::default(),
        }
    }

    /// An attempt that succeeded.
    pub(crate) fn connected() -> Attempt {
        Attempt {
            connected: AtomicBool::new(true),
            ..Attempt::new(false)
        }
    }

    /// Runs one operation, and remembers its error.
    #[inline]
    fn watch(
        &self,
        direction: Ready,
        operation: impl FnOnce() -> io::Result<usize>,
    ) -> io::Result<usize> {
        if self.connected.load(Ordering::Relaxed) {
            // No longer the attempt's; but `take_error` must know which error was returned already.
            operation().inspect_err(|error| self.note(error))
        } else {
            self.watch_closely(direction, operation)
        }
    }

    /// Runs an operation that may meet the error of the attempt, or show that it succeeded.
    #[cold]
    fn watch_closely(
        &self,
        direction: Ready,
        operation: impl FnOnce() -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut past = self.past();
        let result = operation();
        match &result {
            Ok(0) => {}
            Ok(_) if direction.is_writable() && self.writes_early => {}
            Ok(_) if past.settled => {}
            Ok(_) => self.connected.store(true, Ordering::Relaxed),
            Err(error) => past.meet(error),
        }
        result
    }

    /// Returns the outcome: `WouldBlock` while there is none.
    pub(crate) fn outcome(&self, socket: &impl Attempted) -> io::Result<()> {
        if self.connected.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut past = self.past();
        // Another thread may have learnt it meanwhile, and the connection have ended since.
        if self.connected.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !past.settled {
            match os::probe(socket, past.error.is_some())? {
                Probe::Connected => {
                    self.connected.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                Probe::InProgress => return Err(io::ErrorKind::WouldBlock.into()),
                Probe::Failed(code) => {
                    *past = Past {
                        owed: !(os::ERRORS_STAY && past.error == Some(code)),
                        error: Some(code),
                        settled: true,
                    }
                }
                Probe::Over => past.settled = past.error.is_some(),
            }
        }
        Err(past.error.map_or_else(
            || io::ErrorKind::NotConnected.into(),
            io::Error::from_raw_os_error,
        ))
    }

    /// Takes the pending error, also if [`outcome`](Attempt::outcome) was faster.
    pub(crate) fn take_error(&self, socket: &impl Attempted) -> io::Result<Option<io::Error>> {
        let mut past = self.past();
        if std::mem::take(&mut past.owed) {
            return Ok(past.error.map(io::Error::from_raw_os_error));
        }
        let taken = socket.take_error()?;
        let code = taken.as_ref().and_then(io::Error::raw_os_error);
        if os::ERRORS_STAY && code == past.error {
            return Ok(None);
        }
        past.note(taken.as_ref());
        Ok(taken)
    }

    /// Remembers the error of an operation.
    #[inline]
    pub(crate) fn note(&self, error: &io::Error) {
        if error.kind() != io::ErrorKind::WouldBlock {
            self.note_now(error);
        }
    }

    #[cold]
    fn note_now(&self, error: &io::Error) {
        self.past().meet(error);
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Past {
    /// Remembers the error of an operation, which may have been the attempt's.
    fn meet(&mut self, error: &io::Error) {
        // These report the socket's state and leave a pending error where it is.
        use io::ErrorKind::{BrokenPipe, Interrupted, NotConnected, WouldBlock};
        if !matches!(
            error.kind(),
            BrokenPipe | Interrupted | NotConnected | WouldBlock
        ) {
            self.note(Some(error));
        }
    }

    fn note(&mut self, error: Option<&io::Error>) {
        if !self.settled {
            self.error = error.and_then(io::Error::raw_os_error).or(self.error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Shutdown;

    use testkit::tcp_pair;

    use super::*;

    #[test]
    fn peer_close_during_probe_counts_as_connected() {
        // As if the peer had been asked for before there was one.
        let (stream, peer) = tcp_pair();
        peer.shutdown(Shutdown::Write).unwrap();
        testkit::until_read_closed(&stream);
        assert!(matches!(os::receive(&stream), Ok(Probe::Connected)));
    }

    /// A socket with these answers; asked for anything else it panics.
    #[derive(Default)]
    struct Scripted {
        is_refused: bool,
    }

    impl Attempted for Scripted {
        fn peer(&self) -> io::Result<()> {
            Err(io::ErrorKind::NotConnected.into())
        }

        fn peek(&self) -> io::Result<usize> {
            panic!("a settled attempt asks nothing");
        }

        fn take_error(&self) -> io::Result<Option<io::Error>> {
            Ok(self.is_refused.then(refusal))
        }
    }

    #[cfg(unix)]
    fn refusal() -> io::Error {
        io::Error::from_raw_os_error(libc::ECONNREFUSED)
    }

    #[cfg(windows)]
    fn refusal() -> io::Error {
        const WSAECONNREFUSED: i32 = 10061;
        io::Error::from_raw_os_error(WSAECONNREFUSED)
    }

    #[test]
    fn data_shows_that_the_attempt_succeeded_unless_a_write_may_go_first() {
        for (writes_early, direction, connected) in [
            (false, Ready::READABLE, true),
            (false, Ready::WRITABLE, true),
            (true, Ready::READABLE, true),
            (true, Ready::WRITABLE, false),
        ] {
            let attempt = Attempt::new(writes_early);
            attempt.watch(direction, || Ok(1)).unwrap();
            let known = attempt.connected.load(Ordering::Relaxed);
            assert_eq!(known, connected, "{writes_early} {direction:?}");
        }
    }

    #[test]
    fn data_after_the_outcome_does_not_change_it() {
        let attempt = Attempt::new(false);
        attempt
            .watch(Ready::READABLE, || Err(refusal()))
            .unwrap_err();
        attempt.past().settled = true;
        attempt.watch(Ready::READABLE, || Ok(1)).unwrap();
        let outcome = attempt.outcome(&Scripted::default()).unwrap_err();
        assert_eq!(outcome.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn an_error_that_is_pending_again_is_taken_again() {
        let attempt = Attempt::new(false);
        attempt
            .watch(Ready::READABLE, || Err(refusal()))
            .unwrap_err();
        let socket = Scripted { is_refused: true };
        // Where errors stay pending it is the one that the read met.
        let taken = attempt.take_error(&socket).unwrap();
        assert_eq!(taken.is_some(), !os::ERRORS_STAY);
    }
}
