//! tokio on the thread that calls it: what a loop costs with futures on top.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::runtime::{Builder, Runtime};

use super::{BUFFER, PIECES, Way, pieces, pieces_mut};
use crate::suite::{Case, sockets};

pub(super) fn add(case: &mut Case, way: Way, size: usize) {
    let mut link = Link::new(way, size).expect("make a connection");
    case.time("tokio", move || link.exchange().expect("send a message"));
}

struct Link {
    runtime: Runtime,
    near: TcpStream,
    far: TcpStream,
    way: Way,
    message: Vec<u8>,
    near_buffer: Vec<u8>,
    far_buffer: Vec<u8>,
}

impl Link {
    /// Makes the connection.
    fn new(way: Way, size: usize) -> io::Result<Link> {
        let (near, far) = sockets::pair()?;
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let inside = runtime.enter();
        let (near, far) = (TcpStream::from_std(near)?, TcpStream::from_std(far)?);
        drop(inside);
        Ok(Link {
            runtime,
            near,
            far,
            way,
            message: vec![7; size],
            near_buffer: vec![0; BUFFER],
            far_buffer: vec![0; BUFFER],
        })
    }

    /// Sends a message and waits until all of it is where it is to end.
    fn exchange(&mut self) -> io::Result<()> {
        let (mut near_reads, mut near_writes) = self.near.split();
        let (mut far_reads, mut far_writes) = self.far.split();
        let (way, message) = (self.way, &self.message);
        let (near_buffer, far_buffer) = (&mut self.near_buffer, &mut self.far_buffer);

        let send = write_all(&mut near_writes, message, way);
        self.runtime.block_on(async {
            if way.back {
                let send_back = async {
                    let mut left = message.len();
                    while left > 0 {
                        let n = read(&mut far_reads, far_buffer, way).await?;
                        write_all(&mut far_writes, &far_buffer[..n], way).await?;
                        left -= n;
                    }
                    Ok(())
                };
                let receive = receive(&mut near_reads, near_buffer, message.len(), way);
                tokio::try_join!(send, send_back, receive).map(drop)
            } else {
                let receive = receive(&mut far_reads, far_buffer, message.len(), way);
                tokio::try_join!(send, receive).map(drop)
            }
        })
    }
}

/// Writes all of it.
async fn write_all(stream: &mut WriteHalf<'_>, mut bytes: &[u8], way: Way) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = if way.vectored && bytes.len() >= PIECES {
            stream.write_vectored(&pieces(bytes)).await?
        } else {
            stream.write(bytes).await?
        };
        bytes = &bytes[written..];
    }
    Ok(())
}

/// Reads so many bytes.
async fn receive(
    stream: &mut ReadHalf<'_>,
    buffer: &mut [u8],
    mut left: usize,
    way: Way,
) -> io::Result<()> {
    while left > 0 {
        left -= read(stream, buffer, way).await?;
    }
    Ok(())
}

/// Reads once.
async fn read(stream: &mut ReadHalf<'_>, buffer: &mut [u8], way: Way) -> io::Result<usize> {
    let read = if way.vectored {
        read_vectored(stream, buffer).await?
    } else {
        stream.read(buffer).await?
    };
    if read == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(read)
}

/// Reads into several buffers, for which tokio has no future of its own.
async fn read_vectored(stream: &mut ReadHalf<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        let read = stream.try_read_vectored(&mut pieces_mut(buffer));
        if let Some(n) = sockets::unblocked(read)? {
            return Ok(n);
        }
    }
}
