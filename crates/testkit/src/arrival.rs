//! Waiting until something has arrived, as poll(2) reports it, before any `Poll` is asked.
//!
//! What is done to one end of a connection has not always reached the other when the call returns:
//! loopback may hand packets on later, and a child that has not executed its program yet holds
//! duplicates of what is closed meanwhile.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;

use crate::platform::POLL_REPORTS_SOCKET_HUP;
use crate::until;

/// The flags by which poll(2) reports that the peer has closed its sending half: `POLLRDHUP`, or where
/// there is none those of data and of a hang-up.
fn read_closed() -> PollFlags {
    let own = PollFlags::from_name("RDHUP").filter(|_| !cfg!(readywire_bsd_kernel));
    own.unwrap_or(PollFlags::IN | PollFlags::HUP)
}

/// Whether [`until_read_closed`] can tell the end of a stream from data before it.
pub fn end_is_told_behind_data() -> bool {
    !read_closed().intersects(PollFlags::IN)
}

/// Waits until there is something to read, or to accept.
#[track_caller]
pub fn until_readable(source: &impl AsFd) {
    until_any("there is something to read", source, PollFlags::IN);
}

/// Waits until the peer's end of data is there, before which there must be none unless
/// [`end_is_told_behind_data`] says so.
#[track_caller]
pub fn until_read_closed(source: &impl AsFd) {
    until_any("the end is there", source, read_closed());
}

/// Waits until the connection or the pipe is broken, or ended in both directions, with no data before
/// the end.
#[track_caller]
pub fn until_over(source: &impl AsFd) {
    let mut over = PollFlags::HUP | PollFlags::ERR;
    if !POLL_REPORTS_SOCKET_HUP {
        over |= PollFlags::IN;
    }
    until_any("all is over", source, over);
}

#[track_caller]
fn until_any(what: &str, source: &impl AsFd, flags: PollFlags) {
    // Errors and hang-ups are told unasked, and some systems refuse to be asked for them.
    let asked = flags - (PollFlags::ERR | PollFlags::HUP);
    until(what, || {
        let mut sources = [PollFd::new(source, asked)];
        poll(&mut sources, Some(&Timespec::default())).expect("poll");
        sources[0].revents().intersects(flags)
    });
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Shutdown;

    use super::*;
    use crate::{drain, reset, tcp_pair};

    #[test]
    fn what_has_arrived_is_waited_for() {
        let (one, other) = tcp_pair();
        (&other).write_all(b"x").unwrap();
        until_readable(&one);
        assert_eq!(drain(&one), 1);
        other.shutdown(Shutdown::Write).unwrap();
        until_read_closed(&one);
        assert!(one.peek(&mut [0]).is_ok_and(|count| count == 0));
        reset(other);
        until_over(&one);
    }
}
