//! What is answered.

use std::time::SystemTime;

use httpdate::HttpDate;

/// The statuses that this server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    MovedPermanently,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    ContentTooLarge,
    TargetTooLong,
    HeadTooLarge,
    InternalError,
    NotImplemented,
    Unavailable,
    VersionNotSupported,
}

impl Status {
    /// The number and its words, as they stand in the first line.
    pub(crate) fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::MovedPermanently => "301 Moved Permanently",
            Status::BadRequest => "400 Bad Request",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::ContentTooLarge => "413 Content Too Large",
            Status::TargetTooLong => "414 URI Too Long",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::InternalError => "500 Internal Server Error",
            Status::NotImplemented => "501 Not Implemented",
            Status::Unavailable => "503 Service Unavailable",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// The head of a response.
pub(crate) struct Head<'a> {
    pub(crate) status: Status,
    pub(crate) content_type: &'a str,
    pub(crate) length: u64,
    /// A further field, with its line's end.
    pub(crate) field: &'a str,
    pub(crate) keep_alive: bool,
}

impl Head<'_> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let text = format!(
            "HTTP/1.1 {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: {}\r\n\r\n",
            self.status.line(),
            HttpDate::from(SystemTime::now()),
            self.content_type,
            self.length,
            self.field,
            if self.keep_alive {
                "keep-alive"
            } else {
                "close"
            },
        );
        out.extend_from_slice(text.as_bytes());
    }
}
