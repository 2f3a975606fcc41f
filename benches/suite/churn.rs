//! Connections that come and go: connect, register, accept, deregister, drop.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use benches::EventLoop;
use readywire::sockopt;

use super::{Case, Group};
use crate::contestants::each;

pub(super) fn cases(group: &mut Group<'_>) {
    group.case("connection", 1, "connection", |case| {
        each!(add(case));
    });
}

fn add<L: EventLoop>(case: &mut Case) {
    let mut churn = Churn::<L>::new().expect("make a listener");
    case.time(L::NAME, move || churn.turn().expect("connect and drop"));
}

struct Churn<L: EventLoop> {
    events: L,
    listener: TcpListener,
    address: SocketAddr,
}

impl<L: EventLoop> Churn<L> {
    fn new() -> io::Result<Churn<L>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Churn {
            events: L::new(64)?,
            address: listener.local_addr()?,
            listener,
        })
    }

    /// Connects, registers, accepts, waits for the connection, deregisters and drops.
    fn turn(&mut self) -> io::Result<()> {
        const NEAR: usize = 1;

        let mut stream = L::connect(self.address)?;
        self.events.register(&mut stream, NEAR)?;
        let (accepted, _) = self.listener.accept()?;
        // The connection is reset, lest its port stays taken for a minute.
        sockopt::LINGER.set(&accepted, Some(Duration::ZERO))?;
        let mut connected = false;
        while !connected {
            self.events
                .poll(None, |event| connected |= event.token == NEAR)?;
        }
        drop(accepted);
        self.events.deregister(&mut stream)
    }
}
