//! Several datagrams a call.

use std::io::ErrorKind;
use std::net::Ipv6Addr;

use selector::{Backend, Events, Poll, PollOpt, Ready};
use udp_socket::{Incoming, MAX_DATAGRAMS, Outgoing, UdpSocket};

use crate::support::{SOCKET, fails, nobody, pair, shown_refusal, socket, wait};

testkit::on_each_backend! { a_batch_that_would_block_rearms_the_edge }

#[test]
fn a_batch_is_received_with_senders() {
    let ((one, first), (other, second)) = (socket(), socket());
    let data = [&b"a"[..], b"", b"ccc"];
    testkit::until("all have arrived in order when the first is there", || {
        let (target, to) = socket();
        let to = Some(to);
        assert_eq!(
            one.send_many(&data.map(|data| Outgoing { data, to }))
                .unwrap(),
            3
        );
        assert_eq!(other.send_many(&[Outgoing { data: b"d", to }]).unwrap(), 1);
        wait(&target, Ready::READABLE);

        let mut room = [[0; 8]; 6];
        let mut batch = room.each_mut().map(|buf| Incoming::new(buf));
        let count = target.recv_many(&mut batch).unwrap();
        assert!(!batch.iter().any(Incoming::is_truncated));
        let seen: Vec<_> = batch
            .iter()
            .map(|datagram| (datagram.data(), datagram.from()))
            .collect();
        let sent = [
            (&b"a"[..], Some(first)),
            (b"", Some(first)),
            (b"ccc", Some(first)),
            (b"d", Some(second)),
        ];
        let (received, rest) = seen.split_at(count);
        assert!(
            received.iter().all(|datagram| sent.contains(datagram)),
            "{seen:?}"
        );
        assert!(rest.iter().all(|place| *place == (b"", None)), "{seen:?}");
        if received != sent {
            return false;
        }
        fails(target.recv_many(&mut batch), ErrorKind::WouldBlock);
        true
    });
}

#[test]
fn buffers_are_used_again_and_say_when_a_datagram_was_cut() {
    let (one, other) = pair();
    let mut room = [[0; 4]; 2];
    let mut batch = room.each_mut().map(|buf| Incoming::new(buf));
    for (sent, seen, cut) in [
        ("too long", "too ", true),
        ("fits", "fits", false),
        ("x", "x", false),
    ] {
        let datagram = Outgoing {
            data: sent.as_bytes(),
            to: None,
        };
        one.send_many(&[datagram]).unwrap();
        wait(&other, Ready::READABLE);
        assert_eq!(other.recv_many(&mut batch).unwrap(), 1);
        assert_eq!(batch[0].data(), seen.as_bytes());
        assert_eq!(batch[0].is_truncated(), cut);
        assert_eq!(batch[0].from(), Some(one.local_addr().unwrap()));
    }
}

#[test]
fn ipv6_addresses_go_both_ways() {
    if testkit::lacks_ipv6() {
        return;
    }
    let any = (Ipv6Addr::LOCALHOST, 0).into();
    let (one, other) = (
        UdpSocket::bind(&any).unwrap(),
        UdpSocket::bind(&any).unwrap(),
    );
    let to = Some(other.local_addr().unwrap());
    one.send_many(&[Outgoing { data: b"x", to }]).unwrap();
    wait(&other, Ready::READABLE);
    let mut buf = [0; 4];
    let mut batch = [Incoming::new(&mut buf)];
    assert_eq!(other.recv_many(&mut batch).unwrap(), 1);
    assert_eq!(batch[0].from(), Some(one.local_addr().unwrap()));
}

#[test]
fn a_call_moves_no_more_than_it_has_room_for() {
    let datagram = Outgoing {
        data: b"x",
        to: None,
    };
    let datagrams = vec![datagram; MAX_DATAGRAMS + 6];
    testkit::until("all have arrived when the first is there", || {
        let (one, other) = pair();
        assert_eq!(one.send_many(&datagrams).unwrap(), MAX_DATAGRAMS);
        assert_eq!(one.send_many(&datagrams[MAX_DATAGRAMS..]).unwrap(), 6);
        wait(&other, Ready::READABLE);
        let mut room = vec![[0; 4]; MAX_DATAGRAMS + 6];
        let mut batch: Vec<_> = room.iter_mut().map(|buf| Incoming::new(buf)).collect();
        let count = other.recv_many(&mut batch).unwrap();
        assert!(count <= MAX_DATAGRAMS, "{count}");
        assert!(
            batch[count..]
                .iter()
                .all(|datagram| datagram.from().is_none())
        );
        count == MAX_DATAGRAMS && other.recv_many(&mut batch).is_ok_and(|rest| rest == 6)
    });
}

#[test]
fn an_empty_batch_moves_nothing() {
    let (socket, _) = socket();
    assert_eq!(socket.recv_many(&mut []).unwrap(), 0);
    assert_eq!(socket.send_many(&[]).unwrap(), 0);
}

#[test]
fn what_comes_before_an_error_is_counted_first() {
    let (one, other) = pair();
    let (good, long) = (&b"x"[..], &[0; 70_000][..]);
    let batch = [good, long, good].map(|data| Outgoing { data, to: None });
    assert_eq!(one.send_many(&batch).unwrap(), 1);
    let error = one.send_many(&batch[1..]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    assert_eq!(one.send_many(&batch[2..]).unwrap(), 1);
    wait(&other, Ready::READABLE);

    let (lonely, _) = socket();
    lonely.connect(nobody()).unwrap();
    lonely.send(b"anybody?").unwrap();
    wait(&lonely, shown_refusal());
    let mut buf = [0; 4];
    let received = lonely.recv_many(&mut [Incoming::new(&mut buf)]);
    fails(received, ErrorKind::ConnectionRefused);
}

#[test]
fn a_refusal_before_the_batch_is_an_error_and_one_during_it_is_lost() {
    let (lonely, _) = socket();
    lonely.connect(nobody()).unwrap();
    let batch = [Outgoing {
        data: b"anybody?",
        to: None,
    }; 6];
    lonely.send(b"anybody?").unwrap();
    wait(&lonely, shown_refusal());
    fails(lonely.send_many(&batch), ErrorKind::ConnectionRefused);
    // Each call sends at least one datagram or reports a refusal, at most one for each that was sent.
    let (mut sent, mut refused) = (0, 0);
    while sent < batch.len() {
        match lonely.send_many(&batch[sent..]) {
            Ok(count) => {
                assert_ne!(count, 0);
                sent += count;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                refused += 1;
                assert!(refused <= sent, "{refused} of {sent}");
            }
        }
    }
}

fn a_batch_that_would_block_rearms_the_edge(backend: Backend) {
    let poll = Poll::with_backend(backend).unwrap();
    let mut events = Events::with_capacity(8);
    let (one, other) = pair();
    poll.register(&other, SOCKET, Ready::READABLE, PollOpt::EDGE)
        .unwrap();
    let mut room = [[0; 4]; 4];
    let mut batch = room.each_mut().map(|buf| Incoming::new(buf));
    for _ in 0..3 {
        let datagrams = [Outgoing {
            data: b"x",
            to: None,
        }; 6];
        assert_eq!(one.send_many(&datagrams).unwrap(), 6);
        let mut received = 0;
        while received < 6 {
            // They may arrive one by one.
            testkit::expect_events(&poll, &mut events, &[(SOCKET, Ready::READABLE)]);
            let error = loop {
                match other.recv_many(&mut batch) {
                    Ok(count) => received += count,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
        assert_eq!(received, 6);
        testkit::expect_silence(&poll, &mut events);
    }
}
