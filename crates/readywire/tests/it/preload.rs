//! Which system calls a library sees that stands in front of the C library (`LD_PRELOAD`), as torsocks and
//! proxychains do.

use readywire::net::{TcpListener, TcpStream};
use readywire::{Events, Poll, PollOpt, Ready, Token, Waker, sockopt};
use std::ffi::CString;
use std::fmt::Write as _;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::os::fd::AsFd;

/// Calls made by the C library's functions in every build.
const COLD: &[&str] = &["accept4", "connect", "getsockopt", "setsockopt", "socket"];

/// Calls made by the C library's functions with the feature `use-libc`, and in place without it.
const HOT: &[&str] = &[
    "epoll_ctl",
    "epoll_wait",
    "readv",
    "recvfrom",
    "sendmsg",
    "sendto",
    "write",
];

/// A library that counts the calls of each function by the calling thread, and passes them on. Arguments
/// and results are all in registers, whatever their types.
fn source() -> String {
    let mut source = "#define _GNU_SOURCE\n#include <dlfcn.h>\n".to_owned();
    for name in COLD.iter().chain(HOT) {
        writeln!(
            source,
            "static __thread unsigned long {name}_calls;
            unsigned long readywire_{name}_calls(void) {{ return {name}_calls; }}
            long {name}(long a, long b, long c, long d, long e, long f) {{
                long (*next)(long, long, long, long, long, long) = dlsym(RTLD_NEXT, \"{name}\");
                {name}_calls++;
                return next(a, b, c, d, e, f);
            }}"
        )
        .unwrap();
    }
    source
}

/// How often this thread has called a function so far.
fn calls(name: &str) -> u64 {
    let symbol = CString::new(format!("readywire_{name}_calls")).unwrap();
    // SAFETY: the name ends with a NUL.
    let function = unsafe { libc::dlsym(libc::RTLD_DEFAULT, symbol.as_ptr()) };
    assert!(!function.is_null(), "the library is not loaded");
    // SAFETY: the library defines the function with this type.
    let function: extern "C" fn() -> u64 = unsafe { std::mem::transmute(function) };
    function()
}

/// Asserts which of the functions an operation calls, once each.
#[track_caller]
fn expect<R>(functions: &[&str], operation: impl FnOnce() -> R) -> R {
    let all = || COLD.iter().chain(HOT);
    let before: Vec<u64> = all().map(|name| calls(name)).collect();
    let result = operation();
    let mut called = Vec::new();
    for (name, before) in all().zip(before) {
        let times = calls(name) - before;
        called.extend((0..times).map(|_| *name));
    }
    let expected: Vec<&str> = all()
        .copied()
        .filter(|name| functions.contains(name))
        .filter(|name| COLD.contains(name) || cfg!(feature = "use-libc"))
        .collect();
    assert_eq!(called, expected, "of {functions:?}");
    result
}

#[test]
fn a_preloaded_library_sees_cold_calls_and_with_use_libc_hot_ones_too() {
    testkit::in_child_with_preload(&source(), || {
        let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let client = expect(&["connect", "socket"], || TcpStream::connect(&address)).unwrap();

        let (poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(4));
        let (read, level) = (Ready::READABLE, PollOpt::LEVEL);
        expect(&["epoll_ctl"], || {
            poll.register(&listener, Token(0), read, level)
        })
        .unwrap();
        expect(&["epoll_wait"], || poll.poll(&mut events, None)).unwrap();
        let (mut server, _) = expect(&["accept4"], || listener.accept()).unwrap();

        expect(&["setsockopt"], || client.set(sockopt::NODELAY, true)).unwrap();
        assert!(expect(&["getsockopt"], || client.get(sockopt::NODELAY)).unwrap());

        poll.register(&server, Token(1), read, level).unwrap();
        let (mut buf, head) = ([0; 4], IoSlice::new(b"head"));
        assert_eq!(expect(&["sendto"], || (&client).write(b"body")).unwrap(), 4);
        poll.poll(&mut events, None).unwrap();
        assert_eq!(expect(&["recvfrom"], || server.read(&mut buf)).unwrap(), 4);
        let bufs = [head, IoSlice::new(b"body")];
        let sent = expect(&["sendmsg"], || (&client).write_vectored(&bufs));
        assert_eq!(sent.unwrap(), 8);
        poll.poll(&mut events, None).unwrap();
        let (mut head, mut body) = ([0; 4], [0; 4]);
        let mut bufs = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
        let received = expect(&["readv"], || server.read_vectored(&mut bufs));
        assert_eq!((received.unwrap(), &head, &body), (8, b"head", b"body"));

        let waker = Waker::new(&poll, Token(2)).unwrap();
        // Whoever else may watch the descriptor must see every wake.
        let _watched = poll.as_fd();
        expect(&["write"], || waker.wake()).unwrap();
    });
}
