//! The sockets and pipes under test, as one type.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use readywire::net::{TcpStream, UdpSocket};
use readywire::{Evented, Ready};

#[cfg(unix)]
use readywire::unix::{PipeReader, PipeWriter, UnixStream};

/// Through which handle a transfer is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Via {
    Source,
    /// Its borrowed descriptor, in `try_io`.
    Descriptor,
}

/// One end of a connection or a pipe.
pub(crate) trait Source: Evented + Send {
    /// The directions it has.
    fn directions(&self) -> Ready;
    fn read(&self, buffer: &mut [u8], via: Via) -> io::Result<usize>;
    fn write(&self, data: &[u8], via: Via) -> io::Result<usize>;
    fn try_clone(&self) -> io::Result<Box<dyn Source>>;

    /// Whether a transfer is a datagram, which is cut to the buffer.
    fn is_datagram(&self) -> bool {
        false
    }

    fn finish_connect(&self) -> io::Result<()> {
        Ok(())
    }

    /// Ends the direction in which it writes; returns false where there is no such thing.
    fn shutdown_write(&self) -> io::Result<bool> {
        Ok(false)
    }

    /// Has the peer see a reset when this is dropped; returns false where there is no such thing.
    fn reset_at_drop(&self) -> io::Result<bool> {
        Ok(false)
    }
}

macro_rules! read {
    () => {
        fn read(&self, buffer: &mut [u8], via: Via) -> io::Result<usize> {
            match via {
                Via::Source => (&mut &*self).read(buffer),
                Via::Descriptor => self.try_io(Ready::READABLE, |mut source| source.read(buffer)),
            }
        }
    };
}

macro_rules! write {
    () => {
        fn write(&self, data: &[u8], via: Via) -> io::Result<usize> {
            match via {
                Via::Source => (&mut &*self).write(data),
                Via::Descriptor => self.try_io(Ready::WRITABLE, |mut source| source.write(data)),
            }
        }
    };
}

macro_rules! common {
    ($directions:expr) => {
        fn directions(&self) -> Ready {
            $directions
        }

        fn try_clone(&self) -> io::Result<Box<dyn Source>> {
            Ok(Box::new(self.try_clone()?))
        }
    };
}

const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);

impl Source for TcpStream {
    common!(BOTH);
    read!();
    write!();

    fn finish_connect(&self) -> io::Result<()> {
        self.finish_connect()
    }

    fn shutdown_write(&self) -> io::Result<bool> {
        self.shutdown(Shutdown::Write).map(|()| true)
    }

    fn reset_at_drop(&self) -> io::Result<bool> {
        self.set_linger(Some(Duration::ZERO)).map(|()| true)
    }
}

#[cfg(unix)]
impl Source for UnixStream {
    common!(BOTH);
    read!();
    write!();

    fn shutdown_write(&self) -> io::Result<bool> {
        self.shutdown(Shutdown::Write).map(|()| true)
    }
}

#[cfg(unix)]
impl Source for PipeReader {
    common!(Ready::READABLE);
    read!();

    fn write(&self, _data: &[u8], _via: Via) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(unix)]
impl Source for PipeWriter {
    common!(Ready::WRITABLE);
    write!();

    fn read(&self, _buffer: &mut [u8], _via: Via) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Source for UdpSocket {
    common!(BOTH);

    fn read(&self, buffer: &mut [u8], via: Via) -> io::Result<usize> {
        match via {
            Via::Source => self.recv(buffer),
            Via::Descriptor => self.try_io(Ready::READABLE, |socket| socket.recv(buffer)),
        }
    }

    fn write(&self, data: &[u8], via: Via) -> io::Result<usize> {
        match via {
            Via::Source => self.send(data),
            Via::Descriptor => self.try_io(Ready::WRITABLE, |socket| socket.send(data)),
        }
    }

    fn is_datagram(&self) -> bool {
        true
    }
}
