//! What each backend asks its kernel for, and what it makes of the answer.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use token_ready::{PollOpt, Ready};

#[allow(dead_code, reason = "some of it is for the driver alone")]
#[path = "../../../crates/selector/src/sys/windows/flags.rs"]
mod afd;

use selector::fuzzing::{epoll_readiness, epoll_request, poll_readiness, poll_request};

#[derive(Arbitrary, Debug)]
struct Input {
    interest: u8,
    opts: u8,
    flags: u32,
    more: u32,
}

/// Errors and hang-ups are reported outside the interest, with what they mean for reads and writes.
const UNASKED: Ready = Ready::ERROR.union(Ready::HUP);

fuzz_target!(|input: Input| {
    let interest = Ready::from_bits_truncate(input.interest.into());
    let opts = PollOpt::from_bits_truncate(input.opts);
    let low = input.flags as i16;

    answers(input.flags, input.more, epoll_readiness);
    answers(input.flags, input.more, |flags| {
        poll_readiness(flags as i16)
    });
    answers(input.flags, input.more, afd::readiness);

    // Behaviour is asked for by flags above those of readiness.
    let behaviour = (libc::EPOLLET | libc::EPOLLONESHOT | libc::EPOLLEXCLUSIVE) as u32;
    questions(
        interest,
        epoll_request(interest, opts) & !behaviour,
        epoll_readiness,
    );
    questions(interest, poll_request(interest) as u32, |flags| {
        poll_readiness(flags as i16)
    });
    questions(
        interest | UNASKED,
        afd::request(interest) & !afd::LOCAL_CLOSE,
        afd::readiness,
    );

    // The two backends of one kernel agree, apart from flags that one alone has.
    let known = libc::POLLIN
        | libc::POLLOUT
        | libc::POLLPRI
        | libc::POLLERR
        | libc::POLLHUP
        | libc::POLLRDHUP;
    let mut shared = low & known;
    if shared & libc::POLLRDHUP != 0 {
        // The kernel never has one without the other; poll(2) is not asked for the other after an edge.
        shared |= libc::POLLIN;
    }
    assert_eq!(poll_readiness(shared), epoll_readiness(shared as u32));
});

/// More flags never mean less.
fn answers(flags: u32, more: u32, readiness: impl Fn(u32) -> Ready) {
    let both = readiness(flags | more);
    assert_eq!(
        both,
        readiness(flags) | readiness(more),
        "{flags:#x} {more:#x}"
    );
}

/// Each flag that is asked for means something of the interest.
fn questions(interest: Ready, flags: u32, readiness: impl Fn(u32) -> Ready) {
    for bit in (0..32).map(|at| 1 << at).filter(|bit| flags & bit != 0) {
        let closed = if interest.is_readable() {
            Ready::READ_CLOSED
        } else {
            Ready::empty()
        };
        assert!(
            readiness(bit).intersects(interest | closed),
            "{interest:?} asks for {bit:#x}"
        );
    }
}
