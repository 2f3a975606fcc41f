//! Accepting, and what can go wrong with it.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use readywire::net::{TcpListener, TcpStream};
use readywire::{Events, Poll, PollOpt, Ready, Token};

use crate::system::{attempt, explain, is_listeners_own, is_shortage};

/// How many errors in a row are taken for those of connections that are gone.
const ERRORS: u32 = 16;
/// How long a pause lasts if no connection ends before.
const PAUSE: Duration = Duration::from_millis(500);

/// A listener that pauses while the system has no room for another connection.
pub(crate) struct Acceptor {
    listener: TcpListener,
    token: Token,
    /// When accepting is tried again.
    paused: Option<Instant>,
    /// A shortage was reported: the next one is not, or a busy server would write nothing else.
    reported: bool,
}

impl Acceptor {
    /// Listens on `address`, and has `poll` report waiting connections under `token`.
    pub(crate) fn bind(poll: &Poll, token: Token, address: SocketAddr) -> Result<Acceptor> {
        let listener = TcpListener::bind(&address)
            .map_err(explain)
            .with_context(|| format!("cannot listen on {address}"))?;
        // Level: clients are accepted in batches, and the rest is reported again.
        poll.register(&listener, token, Ready::READABLE, PollOpt::LEVEL)?;
        Ok(Acceptor {
            listener,
            token,
            paused: None,
            reported: false,
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Polls, and ends a pause in time.
    pub(crate) fn poll(
        &mut self,
        poll: &Poll,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let now = Instant::now();
        let left = self
            .paused
            .map(|until| until.saturating_duration_since(now));
        poll.poll(events, [timeout, left].into_iter().flatten().min())?;
        if self.paused.is_some_and(|until| until <= Instant::now()) {
            self.resume(poll);
        }
        Ok(())
    }

    /// Accepts a client; `None` if none is waiting, or if the system has no room for one.
    ///
    /// Only an error of the listener itself is returned. Any other is either that of a connection
    /// which was lost while it waited, so that the next one is accepted, or a shortage: of
    /// descriptors, of memory, or of whatever makes `accept` fail again and again.
    pub(crate) fn accept(&mut self, poll: &Poll) -> Result<Option<TcpStream>> {
        for errors in 1.. {
            match attempt(|| self.listener.accept()) {
                Ok(accepted) => return Ok(accepted.map(|(stream, _)| stream)),
                Err(error) if is_listeners_own(&error) => {
                    return Err(explain(error).context("cannot accept"));
                }
                Err(error) if errors < ERRORS && !is_shortage(&error) => {}
                Err(error) => {
                    if !std::mem::replace(&mut self.reported, true) {
                        let error = explain(error);
                        eprintln!("clients have to wait, as accepting fails: {error:#}");
                    }
                    self.pause(poll);
                    break;
                }
            }
        }
        Ok(None)
    }

    /// Lets clients wait in the backlog until a connection ends, or for a while. Without a pause, a
    /// listener that nobody accepts from would be reported by every poll.
    pub(crate) fn pause(&mut self, poll: &Poll) {
        self.paused = Some(Instant::now() + PAUSE);
        self.listen_for(poll, Ready::empty());
    }

    /// Ends a pause: there may be room again.
    pub(crate) fn resume(&mut self, poll: &Poll) {
        if self.paused.take().is_some() {
            self.listen_for(poll, Ready::READABLE);
        }
    }

    fn listen_for(&mut self, poll: &Poll, interest: Ready) {
        let set = poll.reregister(&self.listener, self.token, interest, PollOpt::LEVEL);
        if let Err(error) = set {
            eprintln!("cannot change what the listener is registered for: {error}");
            // Tried again at the end of the pause.
            self.paused = Some(Instant::now() + PAUSE);
        }
    }
}
