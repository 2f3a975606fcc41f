//! Channels whose receiving end is a source.

use std::error;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};

use crate::event::Evented;
use crate::{Poll, PollOpt, Ready, Registration, SetReadiness, Token};

/// Makes a channel without a bound.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (inner, receiver) = mpsc::channel();
    let (sender_ctl, ctl) = ctl_pair();
    let sender = Sender {
        inner,
        ctl: sender_ctl,
    };
    let receiver = Receiver {
        inner: receiver,
        ctl,
    };
    (sender, receiver)
}

/// Makes a channel that holds at most `bound` messages.
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (inner, receiver) = mpsc::sync_channel(bound);
    let (sender_ctl, ctl) = ctl_pair();
    let sender = SyncSender {
        inner,
        ctl: sender_ctl,
    };
    let receiver = Receiver {
        inner: receiver,
        ctl,
    };
    (sender, receiver)
}

/// Makes a pair of counters that add readiness to a channel of another crate.
///
/// Call [`inc`](SenderCtl::inc) after each send and [`dec`](ReceiverCtl::dec) after each receive, and register the
/// [`ReceiverCtl`].
pub fn ctl_pair() -> (SenderCtl, ReceiverCtl) {
    let shared = Arc::new(Shared {
        messages: AtomicUsize::new(0),
        senders: AtomicUsize::new(1),
        set_readiness: OnceLock::new(),
    });
    let receiver = ReceiverCtl {
        registration: OnceLock::new(),
        shared: Arc::clone(&shared),
    };
    (SenderCtl { shared }, receiver)
}

struct Shared {
    /// The number of messages in the channel, plus one once the last sender is gone.
    messages: AtomicUsize,
    senders: AtomicUsize,
    set_readiness: OnceLock<SetReadiness>,
}

impl Shared {
    fn set_readiness(&self, ready: Ready) -> io::Result<()> {
        match self.set_readiness.get() {
            Some(handle) => handle.set_readiness(ready),
            None => Ok(()),
        }
    }
}

/// The sending end of a channel without a bound.
pub struct Sender<T> {
    inner: mpsc::Sender<T>,
    ctl: SenderCtl,
}

impl<T> Sender<T> {
    /// Sends a message.
    ///
    /// # Errors
    /// `Disconnected` if there is no receiver.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.inner.send(message)?;
        Ok(self.ctl.inc()?)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender {
            inner: self.inner.clone(),
            ctl: self.ctl.clone(),
        }
    }
}

/// The sending end of a channel with a bound.
pub struct SyncSender<T> {
    inner: mpsc::SyncSender<T>,
    ctl: SenderCtl,
}

impl<T> SyncSender<T> {
    /// Sends a message, and waits until there is room.
    ///
    /// # Errors
    /// `Disconnected` if there is no receiver.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.inner.send(message)?;
        Ok(self.ctl.inc()?)
    }

    /// Sends a message if there is room.
    ///
    /// # Errors
    /// `Full` if there is none; `Disconnected` if there is no receiver.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.inner.try_send(message)?;
        Ok(self.ctl.inc()?)
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> SyncSender<T> {
        SyncSender {
            inner: self.inner.clone(),
            ctl: self.ctl.clone(),
        }
    }
}

/// The receiving end of a channel: readable if there is a message, or no sender.
pub struct Receiver<T> {
    inner: mpsc::Receiver<T>,
    ctl: ReceiverCtl,
}

impl<T> Receiver<T> {
    /// Receives a message.
    ///
    /// # Errors
    /// `Empty` if there is none; `Disconnected` if there is no sender either.
    pub fn try_recv(&self) -> Result<T, mpsc::TryRecvError> {
        let message = self.inner.try_recv()?;
        // The message is there: an error of the readiness must not lose it.
        let _failed = self.ctl.dec().is_err();
        Ok(message)
    }
}

impl<T> Evented for Receiver<T> {
    by_inner!(|receiver| receiver.ctl);
}

/// Counts the messages that are sent.
pub struct SenderCtl {
    shared: Arc<Shared>,
}

impl SenderCtl {
    /// Counts a message that was sent.
    ///
    /// # Errors
    /// Any error from the system that waking a poll has.
    pub fn inc(&self) -> io::Result<()> {
        if self.shared.messages.fetch_add(1, Ordering::AcqRel) == 0 {
            self.shared.set_readiness(Ready::readable())?;
        }
        Ok(())
    }
}

impl Clone for SenderCtl {
    fn clone(&self) -> SenderCtl {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        SenderCtl {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Drop for SenderCtl {
    fn drop(&mut self) {
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // The receiver has to see that no sender is left. Nobody is left to hear of an error.
            let _failed = self.inc().is_err();
        }
    }
}

/// Counts the messages that are received, and is the source of the receiving end.
pub struct ReceiverCtl {
    registration: OnceLock<Registration>,
    shared: Arc<Shared>,
}

impl ReceiverCtl {
    /// Counts a message that was received.
    ///
    /// # Errors
    /// Any error from the system that waking a poll has.
    pub fn dec(&self) -> io::Result<()> {
        let is_last = self.shared.messages.load(Ordering::Acquire) == 1;
        if is_last {
            self.shared.set_readiness(Ready::empty())?;
        }
        // One that was sent meanwhile was not the first, so that its sender has set nothing.
        let before = self.shared.messages.fetch_sub(1, Ordering::AcqRel);
        if is_last && before > 1 {
            self.shared.set_readiness(Ready::readable())?;
        }
        Ok(())
    }

    fn registration(&self) -> io::Result<&Registration> {
        let registration = self.registration.get();
        registration.ok_or_else(|| io::Error::other("the receiver is not registered"))
    }
}

impl Evented for ReceiverCtl {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let refused = || io::Error::other("the receiver is registered already");
        if self.registration.get().is_some() {
            return Err(refused());
        }
        let (registration, set_readiness) = Registration::new(poll, token, interest, opts);
        // Another thread may have registered it since.
        self.registration.set(registration).map_err(|_| refused())?;
        let set_readiness = self.shared.set_readiness.get_or_init(|| set_readiness);
        // A sender whose message is not counted yet finds the handle: both add to one counter.
        if self.shared.messages.fetch_add(0, Ordering::AcqRel) > 0 {
            set_readiness.set_readiness(Ready::readable())?;
        }
        Ok(())
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        let registration = self.registration()?;
        Evented::reregister(registration, poll, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        Evented::deregister(self.registration()?, poll)
    }
}

/// The error of sending a message.
pub enum SendError<T> {
    /// The message is in the channel, but the poll that waits for it could not be woken.
    Io(io::Error),
    /// There is no receiver.
    Disconnected(T),
}

/// The error of sending a message without waiting for room.
pub enum TrySendError<T> {
    /// The message is in the channel, but the poll that waits for it could not be woken.
    Io(io::Error),
    /// There is no room.
    Full(T),
    /// There is no receiver.
    Disconnected(T),
}

impl<T> From<mpsc::SendError<T>> for SendError<T> {
    fn from(error: mpsc::SendError<T>) -> SendError<T> {
        SendError::Disconnected(error.0)
    }
}

impl<T> From<io::Error> for SendError<T> {
    fn from(error: io::Error) -> SendError<T> {
        SendError::Io(error)
    }
}

impl<T> From<mpsc::TrySendError<T>> for TrySendError<T> {
    fn from(error: mpsc::TrySendError<T>) -> TrySendError<T> {
        match error {
            mpsc::TrySendError::Full(message) => TrySendError::Full(message),
            mpsc::TrySendError::Disconnected(message) => TrySendError::Disconnected(message),
        }
    }
}

impl<T> From<mpsc::SendError<T>> for TrySendError<T> {
    fn from(error: mpsc::SendError<T>) -> TrySendError<T> {
        TrySendError::Disconnected(error.0)
    }
}

impl<T> From<io::Error> for TrySendError<T> {
    fn from(error: io::Error) -> TrySendError<T> {
        TrySendError::Io(error)
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Io(error) => error.fmt(f),
            SendError::Disconnected(_) => f.write_str("Disconnected"),
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Io(error) => error.fmt(f),
            TrySendError::Full(_) => f.write_str("Full"),
            TrySendError::Disconnected(_) => f.write_str("Disconnected"),
        }
    }
}

/// Messages need no `Debug`.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Messages need no `Debug`.
impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> error::Error for SendError<T> {}

impl<T> error::Error for TrySendError<T> {}
