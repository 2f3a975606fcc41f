//! What is known of a connection attempt, so that it can be asked for any number of times though
//! the system tells an error only once.

use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::os;

/// What the system says of an attempt.
pub(crate) enum Probe {
    Connected,
    InProgress,
    /// It failed with this error of the system, which is no longer pending now.
    Failed(i32),
    /// Neither connected nor on the way, and no error is pending (any more).
    Over,
}

/// What is remembered of an attempt.
pub(crate) struct Attempt {
    /// Once true it stays so.
    connected: AtomicBool,
    /// Locked from before an error is taken out of the socket until it is written down here, so
    /// that no other thread misses it in between.
    past: Mutex<Past>,
}

#[derive(Clone, Copy, Default)]
struct Past {
    /// The last error of the socket that anybody was told.
    error: Option<i32>,
    /// The error is the attempt's outcome and changes no more.
    settled: bool,
    /// `take_error` has not told the error yet, though the system would have.
    owed: bool,
}

impl Attempt {
    /// An attempt of which nothing is known.
    pub(crate) fn new() -> Attempt {
        Attempt {
            connected: AtomicBool::new(false),
            past: Mutex::default(),
        }
    }

    /// An attempt that succeeded.
    pub(crate) fn connected() -> Attempt {
        Attempt {
            connected: AtomicBool::new(true),
            past: Mutex::default(),
        }
    }

    /// What a clone of the stream starts from; the error that is owed is told by the original.
    pub(crate) fn duplicate(&self) -> Attempt {
        let past = *self.past();
        Attempt {
            connected: AtomicBool::new(self.connected.load(Ordering::Relaxed)),
            past: Mutex::new(Past {
                owed: false,
                ..past
            }),
        }
    }

    /// Tells the outcome: `WouldBlock` while there is none.
    pub(crate) fn outcome(&self, stream: &TcpStream) -> io::Result<()> {
        if self.connected.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut past = self.past();
        if !past.settled {
            match os::probe(stream, past.error.is_some())? {
                Probe::Connected => {
                    self.connected.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                Probe::InProgress => return Err(io::ErrorKind::WouldBlock.into()),
                Probe::Failed(code) => {
                    *past = Past {
                        error: Some(code),
                        settled: true,
                        owed: true,
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
    pub(crate) fn take_error(&self, stream: &TcpStream) -> io::Result<Option<io::Error>> {
        let mut past = self.past();
        if std::mem::take(&mut past.owed) {
            return Ok(past.error.map(io::Error::from_raw_os_error));
        }
        let taken = sockopt::take_error(stream)?;
        let code = taken.as_ref().and_then(io::Error::raw_os_error);
        if os::ERRORS_STAY && code == past.error {
            return Ok(None);
        }
        past.note(taken.as_ref());
        Ok(taken)
    }

    /// Remembers the error of an operation, which may have been the attempt's.
    #[inline]
    pub(crate) fn note(&self, error: &io::Error) {
        if error.kind() != io::ErrorKind::WouldBlock {
            self.note_now(error);
        }
    }

    #[cold]
    fn note_now(&self, error: &io::Error) {
        // These tell of the socket's state and leave a pending error where it is.
        use io::ErrorKind::{BrokenPipe, Interrupted, NotConnected};
        if !matches!(error.kind(), BrokenPipe | Interrupted | NotConnected) {
            self.past().note(Some(error));
        }
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Past {
    fn note(&mut self, error: Option<&io::Error>) {
        if !self.settled {
            self.error = error.and_then(io::Error::raw_os_error).or(self.error);
        }
    }
}
