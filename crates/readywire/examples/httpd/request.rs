//! From bytes to a request, or to the status that refuses it.

use httparse::{EMPTY_HEADER, Header};

use crate::response::Status;
use crate::target;

/// How long the head of a request may be, from its method to the empty line.
pub(crate) const HEAD: usize = 8 * 1024;
/// How many header fields it may have.
const FIELDS: usize = 64;
/// How long a body may be, which is skipped: no resource here takes one.
const BODY: u64 = 64 * 1024;

/// A request that can be answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path and what follows it, as the client wrote it.
    pub(crate) target: String,
    /// The client may send another request afterwards.
    pub(crate) keep_alive: bool,
    /// How long the head was.
    pub(crate) head: usize,
    /// How many bytes follow it.
    pub(crate) body: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    /// One that exists, but not for files.
    Other,
}

/// Looks for a request at the beginning of `input`; `None` says that it is not all there yet.
///
/// After an error nobody can tell where the next request begins: the connection has to end.
pub(crate) fn parse(input: &[u8]) -> Result<Option<Request>, Status> {
    let mut fields = [EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let head = match parsed.parse(input) {
        Ok(httparse::Status::Complete(head)) if head <= HEAD => head,
        Ok(httparse::Status::Partial) if input.len() < HEAD => return Ok(None),
        Ok(_) => return Err(too_long(input)),
        Err(httparse::Error::TooManyHeaders) => return Err(Status::HeadTooLarge),
        Err(httparse::Error::Version) => return Err(Status::VersionNotSupported),
        Err(_) => return Err(Status::BadRequest),
    };
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(Status::BadRequest);
    };
    let has_target = target::is_of_method(target, method);
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "CONNECT" | "DELETE" | "OPTIONS" | "PATCH" | "POST" | "PUT" | "TRACE" => Method::Other,
        _ => return Err(Status::NotImplemented),
    };
    let fields = Fields(parsed.headers);
    let hosts: Vec<&[u8]> = fields.all("Host").collect();
    let has_host = match *hosts {
        [] => version == 0,
        [host] => target::is_host(host),
        _ => false,
    };
    if !has_target || !has_host {
        return Err(Status::BadRequest);
    }
    let lasting = if version == 1 {
        !fields.lists("Connection", "close")
    } else {
        fields.lists("Connection", "keep-alive")
    };
    let body = fields.body()?;
    // A client that asks first may or may not send its body after another answer than it hoped for.
    let asks_first = body > 0 && fields.all("Expect").next().is_some();
    Ok(Some(Request {
        method,
        target: target.to_owned(),
        keep_alive: lasting && !asks_first,
        head,
        body,
    }))
}

/// Tells what of a head that does not fit is too long.
fn too_long(input: &[u8]) -> Status {
    // Empty lines may come before a request.
    let start = input.iter().position(|byte| !b"\r\n".contains(byte));
    let first = &input[start.unwrap_or(0)..];
    if first.iter().take(HEAD).any(|byte| *byte == b'\n') {
        Status::HeadTooLarge
    } else {
        Status::TargetTooLong
    }
}

/// The header fields of a request.
struct Fields<'a>(&'a [Header<'a>]);

impl<'a> Fields<'a> {
    fn all(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.0.iter();
        fields
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value)
    }

    /// Returns whether a field that is a list has a certain member.
    fn lists(&self, name: &'static str, member: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(member.as_bytes()))
    }

    /// How long the body is. Anything on which two programs on the way might disagree is refused.
    fn body(&self) -> Result<u64, Status> {
        let mut lengths = self.all("Content-Length");
        if self.all("Transfer-Encoding").next().is_some() {
            return Err(if lengths.next().is_some() {
                Status::BadRequest
            } else {
                Status::NotImplemented
            });
        }
        let Some(length) = lengths.next() else {
            return Ok(0);
        };
        let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
        if !digits || lengths.next().is_some() {
            return Err(Status::BadRequest);
        }
        // What does not fit into the number is too much as well.
        let length = std::str::from_utf8(length)
            .ok()
            .and_then(|text| text.parse().ok());
        length
            .filter(|length| *length <= BODY)
            .ok_or(Status::ContentTooLarge)
    }
}
