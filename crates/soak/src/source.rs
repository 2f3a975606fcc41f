//! The sockets and pipes under test, as one type.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use readywire::net::TcpStream;
use readywire::{Evented, Ready};

#[cfg(unix)]
use readywire::unix::{PipeReader, PipeWriter, UnixStream};

/// One end of a connection or a pipe.
pub(crate) trait Source: Evented + Send {
    /// The directions it has.
    fn directions(&self) -> Ready;
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&self, data: &[u8]) -> io::Result<usize>;
    fn try_clone(&self) -> io::Result<Box<dyn Source>>;

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

const BOTH: Ready = Ready::READABLE.union(Ready::WRITABLE);

impl Source for TcpStream {
    fn directions(&self) -> Ready {
        BOTH
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&mut &*self).read(buffer)
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        (&mut &*self).write(data)
    }

    fn try_clone(&self) -> io::Result<Box<dyn Source>> {
        Ok(Box::new(self.try_clone()?))
    }

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
    fn directions(&self) -> Ready {
        BOTH
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&mut &*self).read(buffer)
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        (&mut &*self).write(data)
    }

    fn try_clone(&self) -> io::Result<Box<dyn Source>> {
        Ok(Box::new(self.try_clone()?))
    }

    fn shutdown_write(&self) -> io::Result<bool> {
        self.shutdown(Shutdown::Write).map(|()| true)
    }
}

#[cfg(unix)]
impl Source for PipeReader {
    fn directions(&self) -> Ready {
        Ready::READABLE
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&mut &*self).read(buffer)
    }

    fn write(&self, _data: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    fn try_clone(&self) -> io::Result<Box<dyn Source>> {
        Ok(Box::new(self.try_clone()?))
    }
}

#[cfg(unix)]
impl Source for PipeWriter {
    fn directions(&self) -> Ready {
        Ready::WRITABLE
    }

    fn read(&self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    fn write(&self, data: &[u8]) -> io::Result<usize> {
        (&mut &*self).write(data)
    }

    fn try_clone(&self) -> io::Result<Box<dyn Source>> {
        Ok(Box::new(self.try_clone()?))
    }
}
