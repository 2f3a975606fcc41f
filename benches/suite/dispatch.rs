//! One poll that hands out the events of some ready sources among many, on level: the cost of an event.

use std::hint::black_box;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use benches::EventLoop;

use super::{Case, Group, sockets};
use crate::contestants::each;

/// How many sources are ready, of how many.
const CROWDS: [(usize, usize); 3] = [(1, 64), (64, 1024), (1000, 4000)];

pub(super) fn cases(group: &mut Group<'_>) {
    for (ready, all) in CROWDS {
        group.case(format!("{ready} of {all}"), ready as u64, "event", |case| {
            let sockets = sockets::datagrams(all, ready).expect("make the sockets");
            each!(add(case, &sockets, ready));
        });
    }
}

fn add<L: EventLoop>(case: &mut Case, sockets: &[Arc<UdpSocket>], ready: usize) {
    let crowd = Crowd::<L>::new(sockets, ready).expect("make the sources");
    if let Some(mut crowd) = crowd {
        case.time(L::NAME, move || {
            black_box(crowd.poll().expect("poll"));
        });
    }
}

/// Many sources, some of which are readable at every poll.
pub(super) struct Crowd<L: EventLoop> {
    events: L,
    ready: usize,
    _sources: Vec<L::Source>,
}

impl<L: EventLoop> Crowd<L> {
    /// Watches all of the sockets, `ready` of which are readable; `None` if the loop knows no levels.
    pub(super) fn new(sockets: &[Arc<UdpSocket>], ready: usize) -> io::Result<Option<Crowd<L>>> {
        let mut events = L::new(ready)?;
        let mut sources = Vec::with_capacity(sockets.len());
        for (index, socket) in sockets.iter().enumerate() {
            let mut source = L::source(Arc::clone(socket));
            if !events.register_level(&mut source, index)? {
                return Ok(None);
            }
            sources.push(source);
        }
        Ok(Some(Crowd {
            events,
            ready,
            _sources: sources,
        }))
    }

    /// Polls once, and adds up what was told.
    #[inline(always)]
    pub(super) fn poll(&mut self) -> io::Result<usize> {
        let (mut count, mut sum) = (0, 0);
        self.events.poll(None, |event| {
            count += 1;
            sum += event.digest();
        })?;
        assert_eq!(count, self.ready, "{} lost or invented events", L::NAME);
        Ok(sum)
    }
}
