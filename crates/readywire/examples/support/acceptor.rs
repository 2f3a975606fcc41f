//! Accepting, and what can go wrong with it.

use std::io;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use readywire::net::{TcpListener, TcpStream};
use readywire::{Poll, PollOpt, Ready, Token};

use crate::system::{attempt, explain, is_out_of_descriptors};

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

    /// Accepts a client; `None` if nobody waits, or nobody can be taken in at the moment.
    ///
    /// `others` tells whether there are connections whose end gives a descriptor back; without any,
    /// it is an error that there is none.
    pub(crate) fn accept(&mut self, poll: &Poll, others: bool) -> Result<Option<TcpStream>> {
        loop {
            match attempt(|| self.listener.accept()) {
                Ok(accepted) => return Ok(accepted.map(|(stream, _)| stream)),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) if is_out_of_descriptors(&error) && others => {
                    self.pause(poll)?;
                    return Ok(None);
                }
                Err(error) => return Err(explain(error).context("cannot accept")),
            }
        }
    }

    /// Lets clients wait in the backlog. Without it a listener that nobody accepts from would be
    /// reported over and over.
    pub(crate) fn pause(&mut self, poll: &Poll) -> io::Result<()> {
        self.paused = true;
        poll.reregister(&self.listener, self.token, Ready::empty(), PollOpt::LEVEL)
    }

    /// Begins again, a descriptor having been given back.
    pub(crate) fn resume(&mut self, poll: &Poll) -> io::Result<()> {
        if !std::mem::take(&mut self.paused) {
            return Ok(());
        }
        poll.reregister(&self.listener, self.token, Ready::READABLE, PollOpt::LEVEL)
    }
}

/// Tells whether an error of `accept` is that of a connection which went away while it waited, and
/// not the listener's: Linux hands on what the network had to say of it.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable,
        PermissionDenied, TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | HostUnreachable
            | NetworkDown
            | NetworkUnreachable
            | PermissionDenied
            | TimedOut
    )
}
