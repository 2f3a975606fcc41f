//! Socket options, set and read, against socket2.
//!
//! readywire's methods are one line each over the constants of `sockopt`: there is no shorter way to
//! measure.

use std::hint::black_box;
use std::io;
use std::net::TcpStream;
#[cfg(all(unix, not(target_os = "openbsd")))]
use std::time::Duration;

use benches::EventLoop;
use socket2::SockRef;

use super::{Case, Group, sockets};
use crate::contestants::{Mio, Readywire};

pub(super) fn cases(group: &mut Group<'_>) {
    group.case("nodelay set", 1, "call", |case| {
        let on = black_box(true);
        of_std(case, "socket2", move |stream| {
            SockRef::from(stream).set_tcp_nodelay(on)
        });
        of::<Readywire, _>(case, move |stream| stream.set_nodelay(on));
        of::<Mio, _>(case, move |stream| stream.set_nodelay(on));
        #[cfg(target_os = "linux")]
        of::<crate::contestants::Mio06, _>(case, move |stream| stream.set_nodelay(on));
    });
    group.case("nodelay get", 1, "call", |case| {
        of_std(case, "socket2", |stream| {
            SockRef::from(stream).tcp_nodelay()
        });
        of::<Readywire, _>(case, |stream| stream.nodelay());
        of::<Mio, _>(case, |stream| stream.nodelay());
        #[cfg(target_os = "linux")]
        of::<crate::contestants::Mio06, _>(case, |stream| stream.nodelay());
    });
    #[cfg(all(unix, not(target_os = "openbsd")))]
    keepalive(group);
}

/// On, with a time: two options of the system. mio 1 leaves them to others.
///
/// OpenBSD does not have the time, socket2 does not read it on Windows.
#[cfg(all(unix, not(target_os = "openbsd")))]
fn keepalive(group: &mut Group<'_>) {
    use socket2::TcpKeepalive;

    // Two system calls; three for readywire, which can restore the old time.
    group.case("keepalive set", 1, "call", |case| {
        let time = black_box(Duration::from_secs(60));
        of_std(case, "socket2", move |stream| {
            SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(time))
        });
        of::<Readywire, _>(case, move |stream| stream.set_keepalive(Some(time)));
        #[cfg(target_os = "linux")]
        of::<crate::contestants::Mio06, _>(case, move |stream| stream.set_keepalive(Some(time)));
    });
    // Two system calls for everybody.
    group.case("keepalive get", 1, "call", |case| {
        of_std(case, "socket2", |stream| {
            let socket = SockRef::from(stream);
            Ok(match socket.keepalive()? {
                true => Some(socket.tcp_keepalive_time()?),
                false => None,
            })
        });
        of::<Readywire, _>(case, |stream| stream.keepalive());
        #[cfg(target_os = "linux")]
        of::<crate::contestants::Mio06, _>(case, |stream| stream.keepalive());
    });
}

/// Adds a call on a stream as the users of a loop have it.
fn of<L: EventLoop, T>(case: &mut Case, call: impl Fn(&L::Stream) -> io::Result<T> + 'static) {
    add(case, L::NAME, L::adopt, call);
}

/// Adds a call on a stream of std.
fn of_std<T>(
    case: &mut Case,
    name: &'static str,
    call: impl Fn(&TcpStream) -> io::Result<T> + 'static,
) {
    add(case, name, Ok, call);
}

fn add<S: 'static, T>(
    case: &mut Case,
    name: &'static str,
    adopt: impl FnOnce(TcpStream) -> io::Result<S>,
    call: impl Fn(&S) -> io::Result<T> + 'static,
) {
    let (near, far) = sockets::pair().expect("make a connection");
    // Who reads how keepalive is set finds it on, and reads its time, too.
    SockRef::from(&near)
        .set_keepalive(true)
        .expect("turn keepalive on");
    let near = adopt(near).expect("take over the stream");
    case.time(name, move || {
        // The connection lasts as long as the work.
        let _far = &far;
        black_box(call(black_box(&near)).expect("set or read the option"));
    });
}
