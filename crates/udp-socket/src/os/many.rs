//! Linux and Android: several datagrams a call.

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{SockAddr, SockAddrStorage};
use token_ready::Ready;

use crate::UdpSocket;

cfg_if::cfg_if! {
    if #[cfg(all(target_os = "linux", target_env = "musl", target_pointer_width = "64"))] {
        mod sendmmsg_by_number;
        use self::sendmmsg_by_number::sendmmsg;
    } else {
        use libc::sendmmsg;
    }
}

/// The most datagrams that one call of [`UdpSocket::recv_many`] or [`UdpSocket::send_many`] moves.
///
/// The headers of that many datagrams, about 13 KiB, are on the stack.
///
/// # Platform-specific behaviour
/// Linux and Android.
pub const MAX_DATAGRAMS: usize = 64;

/// A buffer of the caller's for one datagram, and what [`UdpSocket::recv_many`] received into it.
///
/// # Platform-specific behaviour
/// Linux and Android.
///
/// # Examples
/// See [`UdpSocket::recv_many`].
#[derive(Debug)]
pub struct Incoming<'a> {
    buf: &'a mut [u8],
    len: usize,
    from: Option<SocketAddr>,
    truncated: bool,
}

impl<'a> Incoming<'a> {
    /// Makes an empty one around a buffer; a datagram that is longer is cut.
    pub fn new(buf: &'a mut [u8]) -> Incoming<'a> {
        Incoming {
            buf,
            len: 0,
            from: None,
            truncated: false,
        }
    }

    /// Returns the data that were received last; nothing if none were, or if the datagram was
    /// empty.
    pub fn data(&self) -> &[u8] {
        &self.buf[..self.len]
    }

    /// Returns the sender's address; `None` if no datagram was received, `0.0.0.0:0` if the kernel reports
    /// none.
    pub fn from(&self) -> Option<SocketAddr> {
        self.from
    }

    /// Returns whether the datagram was longer than the buffer; the rest is lost.
    #[doc(alias = "MSG_TRUNC")]
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }
}

/// A datagram for [`UdpSocket::send_many`].
///
/// # Platform-specific behaviour
/// Linux and Android.
///
/// # Examples
/// See [`UdpSocket::send_many`].
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// What to send.
    pub data: &'a [u8],
    /// Where to; `None` for the address that the socket is connected to.
    pub to: Option<SocketAddr>,
}

/// # Several datagrams a call: Linux and Android
impl UdpSocket {
    /// Receives as many datagrams as there are, into one buffer each, in order, and returns how
    /// many (`recvmmsg(2)`).
    ///
    /// One call takes [`MAX_DATAGRAMS`] at most; the buffers after those it filled are left alone.
    /// With an edge go on until `WouldBlock`, even after fewer than there are buffers for.
    ///
    /// # Errors
    /// `WouldBlock` while there is nothing to receive; otherwise any error of
    /// [`recv_from`](UdpSocket::recv_from). If an error follows datagrams, the call returns them, and
    /// the next call the error, unless another error of the socket replaces it meanwhile
    /// (`recvmmsg(2)`, BUGS). `Ok(0)` means that `datagrams` is empty.
    ///
    /// # Platform-specific behaviour
    /// Linux and Android.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(any(target_os = "linux", target_os = "android"))] {
    /// use readywire::net::UdpSocket;
    /// use readywire::net::udp::Incoming;
    ///
    /// let socket = UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// let own = socket.local_addr()?;
    /// socket.send_to(b"one", &own)?;
    /// socket.send_to(b"two", &own)?;
    ///
    /// let mut room = [[0; 1500]; 16];
    /// let mut datagrams = room.each_mut().map(|buf| Incoming::new(buf));
    /// let count = socket.recv_many(&mut datagrams)?;
    /// for datagram in &datagrams[..count] {
    ///     assert_eq!(datagram.from(), Some(own));
    ///     println!("{:?}", datagram.data());
    /// }
    /// assert_eq!(count, 2);
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "recvmmsg")]
    pub fn recv_many(&self, datagrams: &mut [Incoming<'_>]) -> io::Result<usize> {
        if datagrams.is_empty() {
            return Ok(0);
        }
        self.operate(Ready::READABLE, |socket| receive(socket.as_fd(), datagrams))
    }

    /// Sends as many datagrams as there is room for, in order, and returns how many
    /// (`sendmmsg(2)`).
    ///
    /// One call takes [`MAX_DATAGRAMS`] at most. Send the rest next.
    ///
    /// # Errors
    /// Any error of [`send_to`](UdpSocket::send_to), if the first datagram fails. If a later one
    /// fails, the call returns how many were sent before it; the next call begins with the one that
    /// failed, and fails too if the datagram itself is the reason: it is too long, or there is no
    /// room.
    ///
    /// An error that the network reports meanwhile for a datagram sent earlier, such as
    /// `ConnectionRefused` on a connected socket, is lost: the kernel stops there and drops it
    /// (`sendmmsg(2)`, BUGS). It is reported only if it arrives between two calls; over loopback it
    /// mostly arrives during the call. [`send`](UdpSocket::send) reports all of them.
    ///
    /// `Ok(0)` means that `datagrams` is empty.
    ///
    /// # Platform-specific behaviour
    /// Linux and Android.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(any(target_os = "linux", target_os = "android"))] {
    /// use readywire::net::UdpSocket;
    /// use readywire::net::udp::Outgoing;
    ///
    /// let socket = UdpSocket::bind(&"127.0.0.1:0".parse().unwrap())?;
    /// let to = Some(socket.local_addr()?);
    /// let datagrams = [b"one", b"two"].map(|data| Outgoing { data, to });
    /// assert_eq!(socket.send_many(&datagrams)?, 2);
    /// # }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "sendmmsg")]
    pub fn send_many(&self, datagrams: &[Outgoing<'_>]) -> io::Result<usize> {
        if datagrams.is_empty() {
            return Ok(0);
        }
        self.operate(Ready::WRITABLE, |socket| send(socket.as_fd(), datagrams))
    }
}

/// The headers that the kernel reads or fills in, one for each datagram of a call. Only as many are written as the
/// call has datagrams.
struct Headers {
    messages: [MaybeUninit<libc::mmsghdr>; MAX_DATAGRAMS],
    buffers: [MaybeUninit<libc::iovec>; MAX_DATAGRAMS],
    addresses: [MaybeUninit<SockAddrStorage>; MAX_DATAGRAMS],
}

impl Headers {
    fn new() -> Headers {
        Headers {
            messages: [const { MaybeUninit::uninit() }; MAX_DATAGRAMS],
            buffers: [const { MaybeUninit::uninit() }; MAX_DATAGRAMS],
            addresses: [const { MaybeUninit::uninit() }; MAX_DATAGRAMS],
        }
    }
}

/// Points one message to its buffer and its address.
fn message(
    buffer: *mut libc::iovec,
    address: *mut libc::c_void,
    address_len: libc::socklen_t,
) -> libc::mmsghdr {
    // SAFETY: all zeroes is a message without buffer, address or control data. Some systems have
    // padding fields without a name, so that it cannot be written out.
    let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
    message.msg_hdr.msg_iov = buffer;
    message.msg_hdr.msg_iovlen = 1;
    message.msg_hdr.msg_name = address;
    message.msg_hdr.msg_namelen = address_len;
    message
}

fn receive(socket: BorrowedFd<'_>, datagrams: &mut [Incoming<'_>]) -> io::Result<usize> {
    let mut headers = Headers::new();
    let most = datagrams.len().min(MAX_DATAGRAMS);
    for (at, datagram) in datagrams[..most].iter_mut().enumerate() {
        let buffer = headers.buffers[at].write(libc::iovec {
            iov_base: datagram.buf.as_mut_ptr().cast(),
            iov_len: datagram.buf.len(),
        });
        let address = headers.addresses[at].write(SockAddrStorage::zeroed());
        let len = address.size_of();
        let address: *mut SockAddrStorage = address;
        headers.messages[at].write(message(buffer, address.cast(), len));
    }
    let messages = headers.messages.as_mut_ptr().cast();
    // SAFETY: the first `most` messages are written, and each points to a buffer that is borrowed
    // mutably from the caller and to an address of ours, which both outlive the call.
    let count = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            messages,
            most as libc::c_uint,
            0,
            std::ptr::null_mut(),
        )
    };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    for (at, datagram) in datagrams[..count].iter_mut().enumerate() {
        // SAFETY: it was written above, as `count` is no more than `most`.
        let message = unsafe { headers.messages[at].assume_init_ref() };
        // SAFETY: as above.
        let storage = unsafe { headers.addresses[at].assume_init_read() };
        // SAFETY: the system has written an address of this length over the zeroes.
        let address = unsafe { SockAddr::new(storage, message.msg_hdr.msg_namelen) };
        datagram.len = message.msg_len as usize;
        datagram.from = Some(socket_calls::ip_address(&address));
        datagram.truncated = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
    }
    Ok(count)
}

fn send(socket: BorrowedFd<'_>, datagrams: &[Outgoing<'_>]) -> io::Result<usize> {
    let mut headers = Headers::new();
    let mut addresses = [const { MaybeUninit::<SockAddr>::uninit() }; MAX_DATAGRAMS];
    let most = datagrams.len().min(MAX_DATAGRAMS);
    for (at, datagram) in datagrams[..most].iter().enumerate() {
        // The system only reads it.
        let buffer = headers.buffers[at].write(libc::iovec {
            iov_base: datagram.data.as_ptr().cast_mut().cast(),
            iov_len: datagram.data.len(),
        });
        let (address, len) = match datagram.to {
            Some(to) => {
                let address = addresses[at].write(SockAddr::from(to));
                (address.as_ptr().cast_mut().cast(), address.len())
            }
            None => (std::ptr::null_mut(), 0),
        };
        headers.messages[at].write(message(buffer, address, len));
    }
    let messages: *mut libc::mmsghdr = headers.messages.as_mut_ptr().cast();
    // SAFETY: the first `most` messages are written, and each points to a buffer that is borrowed
    // from the caller and to an address of ours or none, which both outlive the call. It writes to
    // the messages alone. Their padding is zero.
    let count = unsafe { sendmmsg(socket.as_raw_fd(), messages, most as libc::c_uint, 0) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}
