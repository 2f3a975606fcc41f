//! The listener of an arena, which takes part in the test: it is edge-triggered.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use readywire::net::{TcpListener, TcpStream};
use readywire::{Event, PollOpt, Ready, Token};
use testkit::Random;

use crate::arena::{Arena, Target};
use crate::starvation::is_starved;

pub(crate) struct Acceptor {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
    token: Token,
    /// By the address of the client.
    accepted: Mutex<HashMap<SocketAddr, TcpStream>>,
    /// Accepting stopped for want of a descriptor: nothing reports when there is one again.
    starved: AtomicBool,
}

impl Acceptor {
    pub(crate) fn register(arena: &Arena) -> io::Result<Arc<Acceptor>> {
        let listener = TcpListener::bind(&SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let token = arena.new_token();
        let acceptor = Arc::new(Acceptor {
            address: listener.local_addr()?,
            listener,
            token,
            accepted: Mutex::default(),
            starved: AtomicBool::new(false),
        });
        arena.route(token, acceptor.clone());
        let (interest, opts) = (Ready::READABLE, PollOpt::EDGE);
        arena
            .poll
            .register(&acceptor.listener, token, interest, opts)?;
        Ok(acceptor)
    }

    pub(crate) fn deregister(&self, arena: &Arena) {
        let deregistered = arena.poll.deregister(&self.listener);
        deregistered.expect("deregister the listener");
        arena.retire(self.token);
    }

    /// Returns the server's end of a client's connection, once it has been accepted.
    pub(crate) fn take(&self, client: SocketAddr) -> Option<TcpStream> {
        if self.starved.swap(false, Ordering::Relaxed) {
            self.accept();
        }
        self.accepted.lock().expect("no panic").remove(&client)
    }

    /// Drops the connections that nobody has taken: their clients are gone.
    pub(crate) fn clear(&self) {
        self.accepted.lock().expect("no panic").clear();
    }

    fn accept(&self) {
        loop {
            match self.listener.accept() {
                Ok((stream, client)) => {
                    let mut accepted = self.accepted.lock().expect("no panic");
                    accepted.insert(client, stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) if is_starved(&error) => {
                    self.starved.store(true, Ordering::Relaxed);
                    return;
                }
                Err(error) => panic!("accept: {error}"),
            }
        }
    }
}

impl Target for Acceptor {
    fn handle(&self, _arena: &Arena, _event: Event, _random: &mut Random) {
        self.accept();
    }
}
