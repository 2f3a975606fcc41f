// Elsewhere there is nothing, so that the README has no tests there either.
#![cfg_attr(unix, doc = include_str!("../README.md"))]
#![cfg_attr(not(unix), doc = "Nothing: it is for Unix.")]
#![cfg(unix)]

mod os;
mod reader;
mod writer;

use std::io;

use selector::IoSource;

pub use crate::reader::PipeReader;
pub use crate::writer::PipeWriter;

/// Makes a pipe, both ends non-blocking and close-on-exec (`pipe2(2)`).
///
/// # Errors
/// Any error from `pipe2(2)`, for example because the process has too many open descriptors. Nothing is left open
/// then.
///
/// # Platform-specific behaviour
/// One call on Linux, Android, the BSDs and illumos; elsewhere the flags are set by calls of their
/// own.
///
/// # Examples
/// ```
/// use std::io::{ErrorKind, Read, Write};
///
/// let (mut reader, mut writer) = readywire::unix::pipe()?;
/// assert_eq!(reader.read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
/// writer.write_all(b"hello")?;
/// assert_eq!(reader.read(&mut [0; 16])?, 5);
/// drop(writer);
/// assert_eq!(reader.read(&mut [0; 16])?, 0); // the end
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "pipe2")]
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = system_call::pipe()?;
    let reader = PipeReader::new(IoSource::new_sole(reader.into()));
    let writer = PipeWriter::new(IoSource::new_sole(writer.into()));
    Ok((reader, writer))
}
