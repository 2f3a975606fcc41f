//! Accepting, and what can go wrong with it.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use readywire::net::{TcpListener, TcpStream};
use readywire::{Poll, PollOpt, Ready, Token};

use crate::system::{attempt, explain, is_listeners_own, is_out_of_descriptors, is_shortage};

/// A listener that takes nobody in while there is no descriptor left.
pub(crate) struct Acceptor {
    listener: TcpListener,
    token: Token,
    paused: bool,
}

impl Acceptor {
    /// Listens on `address`, and has `poll` report under `token` that somebody waits.
    pub(crate) fn bind(poll: &Poll, token: Token, address: SocketAddr) -> Result<Acceptor> {
        let listener = TcpListener::bind(&address)
            .map_err(explain)
            .with_context(|| format!("cannot listen on {address}"))?;
        // Level: clients are accepted in batches, and who is left is reported again.
        poll.register(&listener, token, Ready::READABLE, PollOpt::LEVEL)?;
        Ok(Acceptor {
            listener,
            token,
            paused: false,
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts a client; `None` if there is none, or if none can be accepted at the moment.
    ///
    /// `others` says whether there are connections whose end frees a descriptor.
    ///
    /// # Errors
    /// An error of the listener itself, and `EMFILE` without `others`: nothing here would free a
    /// descriptor. Any other error concerns one connection or passes; the server goes on.
    pub(crate) fn accept(&mut self, poll: &Poll, others: bool) -> Result<Option<TcpStream>> {
        match attempt(|| self.listener.accept()) {
            Ok(accepted) => Ok(accepted.map(|(stream, _)| stream)),
            Err(error) if is_listeners_own(&error) => Err(explain(error).context("cannot accept")),
            Err(error) if is_shortage(&error) && others => {
                self.pause(poll)?;
                Ok(None)
            }
            Err(error) if is_out_of_descriptors(&error) => {
                Err(explain(error).context("cannot accept"))
            }
            Err(error) if is_shortage(&error) => {
                wait_for_memory();
                Ok(None)
            }
            // Reported by the level again if there are more clients.
            Err(_one_connection) => Ok(None),
        }
    }

    /// Lets clients wait in the backlog. Without it a listener that nobody accepts from would be
    /// reported over and over.
    pub(crate) fn pause(&mut self, poll: &Poll) -> io::Result<()> {
        self.paused = true;
        poll.reregister(&self.listener, self.token, Ready::empty(), PollOpt::LEVEL)
    }

    /// Accepts again, as a descriptor was freed.
    pub(crate) fn resume(&mut self, poll: &Poll) -> io::Result<()> {
        if !std::mem::take(&mut self.paused) {
            return Ok(());
        }
        poll.reregister(&self.listener, self.token, Ready::READABLE, PollOpt::LEVEL)
    }
}

/// Waits a moment. The server has no connection that it could serve meanwhile, and the listener would
/// be reported over and over.
#[expect(
    clippy::disallowed_methods,
    reason = "no event reports that the system has memory again"
)]
fn wait_for_memory() {
    thread::sleep(Duration::from_millis(50));
}
