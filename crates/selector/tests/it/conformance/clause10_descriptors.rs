//! No descriptor is leaked, to another program or by a constructor that fails.

use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use selector::{Backend, IoSource, Poll, PollOpt, Ready, Token, Waker};
use testkit::{
    collect, descriptors, in_child, is_close_on_exec, limit_descriptors, lower_descriptor_limit,
    pipe, spawn, tcp_pair,
};

use crate::{Dropper, setup};

testkit::on_each_backend! {
    a_polls_descriptors_are_closed_on_exec,
    a_poll_closes_what_it_opened,
    a_poll_closes_its_descriptors_although_another_thread_uses_it,
    no_descriptor_is_lost_when_none_is_left,
    what_is_closed_is_closed_while_another_thread_sleeps,
    a_limit_below_the_number_of_sources_is_named_where_it_matters,
}

fn a_polls_descriptors_are_closed_on_exec(backend: Backend) {
    in_child(|| {
        let before = descriptors();
        let (poll, _) = setup(backend);
        let own: Vec<_> = descriptors()
            .into_iter()
            .filter(|fd| !before.contains(fd))
            .collect();
        assert!(own.contains(&poll.as_raw_fd()), "{own:?}");
        assert!(own.iter().all(|fd| is_close_on_exec(*fd)), "{own:?}");
        if testkit::lacks_file("/dev/fd") {
            return;
        }
        let list = Command::new("ls")
            .args(["-l", "/dev/fd/"])
            .output()
            .unwrap();
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        assert!(list.contains("->") && !list.contains("event"), "{list}");
    });
}

fn a_poll_closes_what_it_opened(backend: Backend) {
    in_child(|| {
        let before = descriptors();
        for _ in 0..10 {
            let (poll, _) = setup(backend);
            let (stream, _peer) = tcp_pair();
            let source = IoSource::new(stream);
            poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
                .unwrap();
            drop(poll);
        }
        assert_eq!(descriptors(), before);
    });
}

/// The other thread closes its own descriptors meanwhile, which are not looked at.
fn a_poll_closes_its_descriptors_although_another_thread_uses_it(backend: Backend) {
    in_child(|| {
        let (stream, _peer) = tcp_pair();
        let dropper = Dropper::new();
        for round in 0..300 {
            let sources: Vec<_> = (0..100)
                .map(|_| IoSource::new(stream.try_clone().unwrap()))
                .collect();
            let before = descriptors();
            let (poll, _) = setup(backend);
            let own: Vec<_> = descriptors()
                .into_iter()
                .filter(|fd| !before.contains(fd))
                .collect();
            for source in &sources {
                poll.register(source, Token(1), Ready::READABLE, PollOpt::EDGE)
                    .unwrap();
            }
            dropper.begin(sources);
            drop(poll);
            let open = descriptors();
            assert!(
                !own.iter().any(|fd| open.contains(fd)),
                "round {round}: {own:?}"
            );
            dropper.end();
        }
    });
}

/// Whoever listens again on the same address, or reads the other end, depends on it.
fn what_is_closed_is_closed_while_another_thread_sleeps(backend: Backend) {
    const STOP: Token = Token(2);
    in_child(|| {
        let (poll, mut events) = setup(backend);
        let poll = Arc::new(poll);
        let stop = Waker::new(&poll, STOP).unwrap();
        let poller = spawn({
            let poll = Arc::clone(&poll);
            move || while collect(&poll, &mut events)[0].token() != STOP {}
        });
        for round in 0..200 {
            let (reader, mut writer) = pipe();
            let source = IoSource::new_sole(reader);
            poll.register(&source, Token(1), Ready::READABLE, PollOpt::EDGE)
                .unwrap();
            poller.wait_until_asleep();
            if round % 2 == 0 {
                poll.deregister(&source).unwrap();
            }
            drop(source);
            let error = writer.write(b"x").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe, "round {round}");
        }
        stop.wake().unwrap();
        poller.join();
    });
}

fn no_descriptor_is_lost_when_none_is_left(backend: Backend) {
    in_child(|| {
        let before = descriptors();
        drop(Poll::with_backend(backend).unwrap());
        let mut spare = 0;
        loop {
            limit_descriptors(spare);
            let made = Poll::with_backend(backend);
            match made {
                Ok(_) => break,
                Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EMFILE)),
            }
            // Listing them takes one more than there is.
            limit_descriptors(spare + 8);
            assert_eq!(descriptors(), before);
            spare += 1;
        }
        assert!(spare > 0, "no constructor failed");
    });
}

fn a_limit_below_the_number_of_sources_is_named_where_it_matters(backend: Backend) {
    in_child(|| {
        let (poll, mut events) = setup(backend);
        let sources = [0; 20].map(|_| pipe());
        for (at, (reader, _)) in sources.iter().enumerate() {
            poll.register(&reader.as_fd(), Token(at), Ready::READABLE, PollOpt::LEVEL)
                .unwrap();
        }
        (&sources[7].1).write_all(b"x").unwrap();
        lower_descriptor_limit(15);
        for timeout in [Some(Duration::ZERO), Some(Duration::from_millis(5)), None] {
            let result = poll.poll(&mut events, timeout);
            // poll(2) fails on Linux; other systems may count all that the process has open.
            match result {
                Err(error) if backend == Backend::Poll => {
                    assert_eq!(error.kind(), ErrorKind::InvalidInput);
                    let text = error.to_string();
                    assert!(
                        text.contains("RLIMIT_NOFILE") && text.contains("21"),
                        "{text}"
                    );
                }
                result => assert_eq!(result.unwrap(), 1),
            }
        }
        lower_descriptor_limit(21);
        assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
    });
}
