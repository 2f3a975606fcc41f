//! The buffers of iovec 0.1 as those of the standard library.

use std::array;
use std::io::{self, IoSlice, IoSliceMut};

use iovec::IoVec;

/// As many buffers as are converted without memory from the heap.
const FEW: usize = 64;

/// As many buffers as Unix takes in one call (`IOV_MAX`). mio fails with more; readywire would move a part.
const MOST: usize = 1024;

/// Calls `read` with the buffers.
pub(crate) fn read(
    bufs: &mut [&mut IoVec],
    read: impl FnOnce(&mut [IoSliceMut<'_>]) -> io::Result<usize>,
) -> io::Result<usize> {
    let len = bufs.len();
    check(len)?;
    let mut bufs = bufs.iter_mut().map(|buf| IoSliceMut::new(buf));
    if len > FEW {
        return read(&mut bufs.collect::<Vec<_>>());
    }
    let mut few: [_; FEW] =
        array::from_fn(|_| bufs.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
    read(&mut few[..len])
}

/// Calls `write` with the buffers.
pub(crate) fn write(
    bufs: &[&IoVec],
    write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
) -> io::Result<usize> {
    let len = bufs.len();
    check(len)?;
    let mut bufs = bufs.iter().map(|buf| IoSlice::new(buf));
    if len > FEW {
        return write(&bufs.collect::<Vec<_>>());
    }
    let few: [_; FEW] = array::from_fn(|_| bufs.next().unwrap_or_else(|| IoSlice::new(&[])));
    write(&few[..len])
}

fn check(len: usize) -> io::Result<()> {
    const EINVAL: i32 = 22;

    if cfg!(unix) && len > MOST {
        return Err(io::Error::from_raw_os_error(EINVAL));
    }
    Ok(())
}
