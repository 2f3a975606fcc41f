//! The tests of `selector`, in one program.

mod batch;
mod busy_poll;
mod conformance;
mod filters;
mod insight;
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(readywire_libkqueue)
))]
mod sandbox;
#[cfg(unix)]
mod stack;
#[cfg(windows)]
mod windows;

use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};

use selector::{Backend, Events, IoSource, Poll};
use testkit::platform::POLL_REPORTS_SOCKET_HUP;

/// A `Poll` on `backend`, and a batch with room for all that a test has.
#[track_caller]
fn setup(backend: Backend) -> (Poll, Events) {
    let poll = Poll::with_backend(backend).expect("a backend of this system");
    (poll, Events::with_capacity(64))
}

/// Whether the end of a stream is told while what came before it is unread. Windows tells it, but
/// Wine, which stands in for Windows here, does once that was read.
const END_SHOWS_BEHIND_DATA: bool = cfg!(not(windows));

/// Whether a connection whose halves are both closed is reported as a hang-up. AFD only reports that
/// reading has ended, as after a half-close.
fn tells_both_halves_closed(backend: Backend) -> bool {
    backend != Backend::Afd && reports_hang_up(backend)
}

/// Whether `backend` reports hang-ups and errors of sockets at all.
fn reports_hang_up(backend: Backend) -> bool {
    backend != Backend::Poll || POLL_REPORTS_SOCKET_HUP
}

/// A thread that drops sources while the test goes on.
struct Dropper {
    sources: Sender<Vec<IoSource<TcpStream>>>,
    dropped: Receiver<()>,
}

impl Dropper {
    fn new() -> Dropper {
        let (sources, received) = channel::<Vec<IoSource<TcpStream>>>();
        let (ended, dropped) = channel();
        testkit::spawn(move || {
            for sources in received {
                let mut sources = sources.into_iter();
                drop(sources.next());
                ended.send(()).unwrap();
                drop(sources);
                ended.send(()).unwrap();
            }
        });
        Dropper { sources, dropped }
    }

    /// Has the first source dropped before this returns, and the others afterwards.
    fn begin(&self, sources: Vec<IoSource<TcpStream>>) {
        self.sources.send(sources).unwrap();
        self.dropped.recv().unwrap();
    }

    /// Waits until all are dropped.
    fn end(&self) {
        self.dropped.recv().unwrap();
    }
}
