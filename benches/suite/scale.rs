//! What many registered connections cost that are idle: of a poll, and of memory.

use std::alloc::System;
use std::hint::black_box;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use benches::EventLoop;
use socket2::{Domain, Socket, Type};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use super::dispatch::Crowd;
use super::{Case, Group, sockets};
use crate::contestants::{self, each};

/// Counts what is allocated.
#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many connections are idle, and what that is called. The limit of descriptors would allow a
/// superuser ten times the last, which would take as much longer to make.
const IDLE: [(usize, &str); 4] = [
    (10, "10"),
    (1000, "1,000"),
    (10_000, "10,000"),
    (100_000, "100,000 (cap)"),
];

/// How many descriptors everything else may take.
const OTHERS: usize = 100;

pub(super) fn cases(group: &mut Group<'_>) {
    let sizes = sizes();
    for (idle, name) in &sizes {
        group.case(format!("poll among {name}"), 1, "poll", |case| {
            let mut sockets = idle_sockets(*idle).expect("make the sockets");
            sockets.extend(sockets::datagrams(1, 1).expect("make a readable socket"));
            each!(poll(case, &sockets));
        });
    }
    for (idle, name) in &sizes {
        group.case(format!("memory among {name}"), 1, "byte", |case| {
            let sockets = idle_sockets(*idle).expect("make the sockets");
            each!(registration(case, &sockets));
        });
    }
    group.case("memory of a source", 1, "byte", |case| {
        each!(source(case));
    });
}

/// The sizes that the limit of descriptors allows; if it does not allow all, about the limit itself.
fn sizes() -> Vec<(usize, String)> {
    let limit = usize::try_from(contestants::raise_descriptor_limit()).unwrap_or(usize::MAX);
    let most = limit.saturating_sub(OTHERS).max(1);
    let mut sizes = Vec::new();
    for (idle, name) in IDLE {
        if idle > most {
            // Two digits of it, so that the name is the same under a tool that takes some.
            let step = 10_usize.pow(most.ilog10().saturating_sub(1));
            let about = most / step * step;
            sizes.push((about, format!("{about} (limit)")));
            break;
        }
        sizes.push((idle, name.to_owned()));
    }
    sizes
}

/// Makes sockets that never get ready for reading: without a port, since those would not suffice.
fn idle_sockets(count: usize) -> io::Result<Vec<Arc<UdpSocket>>> {
    let socket = |_| {
        Ok(Arc::new(
            Socket::new(Domain::IPV4, Type::DGRAM, None)?.into(),
        ))
    };
    (0..count).map(socket).collect()
}

/// Polls for the one source that is readable among all.
fn poll<L: EventLoop>(case: &mut Case, sockets: &[Arc<UdpSocket>]) {
    let crowd = Crowd::<L>::new(sockets, 1).expect("make the sources");
    if let Some(mut crowd) = crowd {
        case.time(L::NAME, move || {
            black_box(crowd.poll().expect("poll"));
        });
    }
}

/// Finds how many bytes of the heap a registration takes, the source being there already.
fn registration<L: EventLoop>(case: &mut Case, sockets: &[Arc<UdpSocket>]) {
    let mut events = L::new(1).expect("make a loop");
    let source = |socket| L::source(Arc::clone(socket));
    let mut sources: Vec<L::Source> = sockets.iter().map(source).collect();
    let heap = Region::new(HEAP);
    for (token, source) in sources.iter_mut().enumerate() {
        if !events.register_level(source, token).expect("register") {
            return;
        }
    }
    let change = heap.change();
    let taken = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    case.figure(L::NAME, taken / sources.len() as f64);
}

/// Tells how many bytes a source takes itself: all that the program keeps of one beside the socket.
fn source<L: EventLoop>(case: &mut Case) {
    case.figure(L::NAME, size_of::<L::Source>() as f64);
}
