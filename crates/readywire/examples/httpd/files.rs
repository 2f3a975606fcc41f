//! From the path of a request to a file of the directory, and never out of it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use crate::response::Status;
use crate::system::is_out_of_descriptors;
use crate::target;

/// The directory that is served.
///
/// A path is refused if a part of it is `..`, plain or encoded: no client sends one, as it is taken
/// out before. A symbolic link is followed as long as it stays in the directory. Who may change the
/// directory while it is served is trusted: a path is looked at first and opened afterwards.
pub(crate) struct Files {
    root: PathBuf,
}

/// A file to be sent.
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) length: u64,
    pub(crate) content_type: &'static str,
}

/// Why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Refused(Status),
    /// The path is a directory's without its final slash, so that links on the page would fail.
    Moved(String),
}

impl From<Status> for Missing {
    fn from(status: Status) -> Missing {
        Missing::Refused(status)
    }
}

impl Files {
    pub(crate) fn new(directory: &Path) -> io::Result<Files> {
        let root = fs::canonicalize(directory)?;
        if !root.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        Ok(Files { root })
    }

    /// Opens what the target of a request means.
    pub(crate) fn open(&self, target: &str) -> Result<Found, Missing> {
        let path = target::path(target)?;
        let mut file = self.root.join(relative(path)?);
        let is_folder = path.ends_with('/');
        if is_folder {
            file.push("index.html");
        }
        // The real path, with every link followed.
        let file = fs::canonicalize(file).map_err(status_of)?;
        if !file.starts_with(&self.root) {
            return Err(Status::Forbidden.into());
        }
        let metadata = fs::metadata(&file).map_err(status_of)?;
        if metadata.is_dir() && !is_folder {
            // More than one slash at the front would be another host's name.
            return Err(Missing::Moved(format!("/{}/", path.trim_matches('/'))));
        }
        // To open anything else, a pipe for example, might block.
        if !metadata.is_file() {
            return Err(Status::Forbidden.into());
        }
        let content_type = content_type(&file);
        let file = File::open(file).map_err(status_of)?;
        let length = file.metadata().map_err(status_of)?.len();
        Ok(Found {
            file,
            length,
            content_type,
        })
    }
}

/// The errors of names that no file can have, `ErrorKind::InvalidFilename` since Rust 1.87.
#[cfg(unix)]
const INVALID_NAME: &[i32] = &[libc::ENAMETOOLONG];
/// `ERROR_INVALID_NAME`, `ERROR_FILENAME_EXCED_RANGE`.
#[cfg(windows)]
const INVALID_NAME: &[i32] = &[123, 206];

fn status_of(error: io::Error) -> Missing {
    let code = error.raw_os_error();
    let status = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Status::NotFound,
        _ if code.is_some_and(|code| INVALID_NAME.contains(&code)) => Status::NotFound,
        ErrorKind::PermissionDenied => Status::Forbidden,
        _ if is_out_of_descriptors(&error) => Status::Unavailable,
        _ => Status::InternalError,
    };
    Missing::Refused(status)
}

/// Turns a path into one below the directory.
fn relative(path: &str) -> Result<PathBuf, Status> {
    let mut relative = PathBuf::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let name = percent_decode(part)?;
        if name.contains(&0) {
            return Err(Status::BadRequest);
        }
        // Names that are no UTF-8 are possible on some systems, and not served on any.
        let name = String::from_utf8(name).map_err(|_| Status::NotFound)?;
        // The system's own rules tell what a name is: not `..`, nothing with a separator in it, on
        // Windows nothing with a drive.
        let mut components = Path::new(&name).components();
        match (components.next(), components.next()) {
            (Some(Component::CurDir), None) => {}
            (Some(Component::Normal(normal)), None) if normal == name.as_str() => {
                relative.push(normal);
            }
            _ => return Err(Status::Forbidden),
        }
    }
    Ok(relative)
}

fn percent_decode(text: &str) -> Result<Vec<u8>, Status> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |byte: Option<u8>| {
        let digit = char::from(byte?).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            match (digit(bytes.next()), digit(bytes.next())) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(Status::BadRequest),
            }
        } else {
            byte
        });
    }
    Ok(decoded)
}

fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension.unwrap_or_default().to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        "mp4" => "video/mp4",
        _ => "application/octet-stream",
    }
}
