//! Options and multicast groups.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use selector::Ready;
use socket2::{Domain, Socket, Type};
use udp_socket::UdpSocket;

use crate::support::{socket, wait};

fn v6() -> UdpSocket {
    UdpSocket::bind(&(Ipv6Addr::LOCALHOST, 0).into()).unwrap()
}

#[track_caller]
fn out_of_range(set: io::Result<()>, range: &str) {
    let error = set.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains(range), "{error}");
}

#[test]
fn every_option_round_trips() {
    let (socket, _) = socket();
    for on in [true, false] {
        socket.set_broadcast(on).unwrap();
        assert_eq!(socket.broadcast().unwrap(), on);
        socket.set_multicast_loop_v4(on).unwrap();
        assert_eq!(socket.multicast_loop_v4().unwrap(), on);
    }
    for hops in [17, 255] {
        socket.set_ttl(hops).unwrap();
        assert_eq!(socket.ttl().unwrap(), hops);
    }
    for hops in [0, 255] {
        socket.set_multicast_ttl_v4(hops).unwrap();
        assert_eq!(socket.multicast_ttl_v4().unwrap(), hops);
    }
    if testkit::lacks_ipv6() {
        return;
    }
    let v6 = v6();
    if testkit::lacks_option(&v6.multicast_hops_v6()) {
        return;
    }
    for on in [true, false] {
        v6.set_multicast_loop_v6(on).unwrap();
        assert_eq!(v6.multicast_loop_v6().unwrap(), on);
    }
    for hops in [0, 255] {
        v6.set_multicast_hops_v6(hops).unwrap();
        assert_eq!(v6.multicast_hops_v6().unwrap(), hops);
    }
    out_of_range(v6.set_multicast_hops_v6(256), "0..=255");
}

#[test]
fn only_v6_changes_until_the_socket_is_bound() {
    if testkit::lacks_ipv6() {
        return;
    }
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, None).unwrap();
    let unbound = UdpSocket::from_socket(socket.into()).unwrap();
    // OpenBSD accepts no other value than true.
    let values: &[bool] = if cfg!(target_os = "openbsd") {
        &[true]
    } else {
        &[false, true]
    };
    for &value in values {
        unbound.set_only_v6(value).unwrap();
        assert_eq!(unbound.only_v6().unwrap(), value);
    }
    assert!(v6().set_only_v6(true).is_err());
}

#[test]
fn a_value_out_of_range_changes_nothing_and_is_told_the_range() {
    let (socket, _) = socket();
    let before = (socket.ttl().unwrap(), socket.multicast_ttl_v4().unwrap());
    out_of_range(socket.set_ttl(0), "1..=255");
    out_of_range(socket.set_ttl(256), "1..=255");
    out_of_range(socket.set_multicast_ttl_v4(256), "0..=255");
    let after = (socket.ttl().unwrap(), socket.multicast_ttl_v4().unwrap());
    assert_eq!(after, before);
}

#[test]
fn a_member_of_a_group_receives_what_is_sent_to_it() {
    let group = Ipv4Addr::new(224, 0, 0, 211);
    let member = UdpSocket::bind(&(Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
    let (sender, from) = socket();
    member
        .join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
        .unwrap();
    let again = member.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST);
    assert!(again.is_err(), "it is a member already");
    // By loopback: the machine may have no other network.
    let chosen = socket2::SockRef::from(&sender).set_multicast_if_v4(&Ipv4Addr::LOCALHOST);
    // qemu does not know the option; for Linux it is enough where the sender is bound.
    assert_eq!(chosen.is_err(), testkit::on_qemu(), "{chosen:?}");
    sender.set_multicast_loop_v4(true).unwrap();
    let to = SocketAddr::from((group, member.local_addr().unwrap().port()));
    sender.send_to(b"all of you", &to).unwrap();
    wait(&member, Ready::READABLE);
    assert_eq!(member.recv_from(&mut [0; 16]).unwrap(), (10, from));

    member
        .leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
        .unwrap();
    let again = member.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST);
    assert!(again.is_err(), "it is no member any more");
}

#[test]
fn ipv6_groups_are_joined_once_and_left_once() {
    if testkit::lacks_ipv6() {
        return;
    }
    let socket = v6();
    let group = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 0x211);
    // The loopback interface is the first one wherever numbers are fixed.
    let interface = if cfg!(any(target_os = "linux", target_os = "android")) {
        1
    } else {
        0
    };
    socket.join_multicast_v6(&group, interface).unwrap();
    assert!(socket.join_multicast_v6(&group, interface).is_err());
    socket.leave_multicast_v6(&group, interface).unwrap();
    assert!(socket.leave_multicast_v6(&group, interface).is_err());
    let nobody = Ipv6Addr::LOCALHOST;
    assert!(
        socket.join_multicast_v6(&nobody, interface).is_err(),
        "it is no group"
    );
}
