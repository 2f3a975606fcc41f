//! Connections that come and go: connect, register, accept, deregister, drop.

use std::io;
use std::net::{SocketAddr, TcpListener};

use benches::EventLoop;

use super::{Case, Group, sockets};
use crate::contestants::each;

pub(super) fn cases(group: &mut Group<'_>) {
    group.case("connection", 1, "connection", |case| {
        each!(connecting(case));
    });
    group.case("connection within the loop", 1, "connection", |case| {
        each!(connecting_within(case));
    });
}

const NEAR: usize = 1;
const FAR: usize = 2;
const LISTENER: usize = 3;

fn connecting<L: EventLoop>(case: &mut Case) {
    let mut client = Client::<L>::new().expect("make a listener");
    case.time(L::NAME, move || client.turn().expect("connect and drop"));
}

/// A loop that connects. It is std that accepts, the same for everybody.
struct Client<L: EventLoop> {
    events: L,
    listener: TcpListener,
    address: SocketAddr,
}

impl<L: EventLoop> Client<L> {
    fn new() -> io::Result<Client<L>> {
        let listener = sockets::listener()?;
        Ok(Client {
            events: L::new(64)?,
            address: listener.local_addr()?,
            listener,
        })
    }

    /// Connects, registers, accepts, waits for the connection, deregisters and drops.
    fn turn(&mut self) -> io::Result<()> {
        let mut near = L::connect(self.address)?;
        self.events.register(&mut near, NEAR)?;
        let (far, _) = self.listener.accept()?;
        let mut connected = false;
        while !connected {
            self.events
                .poll(None, |event| connected |= event.token == NEAR)?;
        }
        // First, so that the connection is reset.
        drop(far);
        self.events.deregister(&mut near)
    }
}

fn connecting_within<L: EventLoop>(case: &mut Case) {
    let mut both = Both::<L>::new().expect("make a listener");
    case.time(L::NAME, move || both.turn().expect("connect and drop"));
}

/// A loop that connects to itself.
struct Both<L: EventLoop> {
    events: L,
    listener: L::Listener,
    address: SocketAddr,
}

impl<L: EventLoop> Both<L> {
    fn new() -> io::Result<Both<L>> {
        let mut events = L::new(64)?;
        let listener = sockets::listener()?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut listener = L::listen(listener)?;
        events.register_listener(&mut listener, LISTENER)?;
        Ok(Both {
            events,
            listener,
            address,
        })
    }

    /// Connects, waits for both ends, registers each, deregisters and drops both.
    fn turn(&mut self) -> io::Result<()> {
        let mut near = L::connect(self.address)?;
        self.events.register(&mut near, NEAR)?;
        let (mut connected, mut accepted) = (false, None);
        while !connected || accepted.is_none() {
            let mut incoming = false;
            self.events.poll(None, |event| match event.token {
                LISTENER => incoming = true,
                NEAR => connected = true,
                _ => (),
            })?;
            // An edge is drained.
            while incoming {
                match sockets::unblocked(L::accept(&self.listener))? {
                    Some(mut far) => {
                        self.events.register(&mut far, FAR)?;
                        accepted = Some(far);
                    }
                    None => incoming = false,
                }
            }
        }
        // The accepted end first, so that the connection is reset.
        if let Some(mut far) = accepted {
            self.events.deregister(&mut far)?;
        }
        self.events.deregister(&mut near)
    }
}
