//! One client: a request, its response, the next request.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use readywire::net::TcpStream;

use crate::files::{Files, Found, Missing};
use crate::request::{self, HEAD, Method, Request};
use crate::response::{Head, Status};
use crate::system::attempt;

/// How much of a file is held at once.
const CHUNK: usize = 64 * 1024;
/// How often a connection may go round before the others have their turn.
const ROUNDS: usize = 16;

/// What the connections share.
pub(crate) struct Site {
    pub(crate) files: Files,
    /// The server is about to end: each response is the last one of its connection.
    pub(crate) ending: bool,
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
}

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// When it has taken too long; the server keeps it.
    pub(crate) deadline: Option<Instant>,
    /// Something has begun for which there is a time of its own.
    pub(crate) began: bool,
    phase: Phase,
    /// What was received and is not looked at yet.
    input: Vec<u8>,
    /// How much of the last request's body is still to be skipped.
    skip: u64,
    /// What is to be sent, and how much of it was.
    output: Vec<u8>,
    sent: usize,
    /// What follows it, and how much of that.
    file: Option<(File, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// The response that is being sent is the last one.
    Finishing,
    /// All is sent. The client is waited for to close as well: what it still sends would be
    /// answered by a reset, which takes along what it has not read yet.
    Lingering,
}

/// What becomes of a connection after a turn.
pub(crate) enum Turn {
    /// An event will come.
    Blocked,
    /// There is more to do, but others are waiting too.
    Busy,
    Over,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Connection {
        Connection {
            stream,
            deadline: None,
            began: true,
            phase: Phase::Serving,
            input: Vec::new(),
            skip: 0,
            output: Vec::new(),
            sent: 0,
            file: None,
        }
    }

    /// Gets on until it would block, or has had its turn.
    ///
    /// Nothing is read while a response is under way: a client that does not take responses is not
    /// read from, and takes no more memory than one chunk.
    pub(crate) fn drive(&mut self, site: &mut Site) -> io::Result<Turn> {
        for _ in 0..ROUNDS {
            if self.is_sending() {
                if !self.send(site)? {
                    return Ok(Turn::Blocked);
                }
                continue;
            }
            let received = match self.phase {
                Phase::Serving => {
                    if self.answer(site)? {
                        continue;
                    }
                    self.receive()?
                }
                Phase::Finishing => {
                    if self.stream.shutdown(Shutdown::Write).is_err() {
                        return Ok(Turn::Over); // the client was faster
                    }
                    self.phase = Phase::Lingering;
                    continue;
                }
                Phase::Lingering => {
                    self.input.clear();
                    self.receive()?
                }
            };
            match received {
                Some(0) => return Ok(Turn::Over),
                Some(_) => {}
                None if site.ending && self.is_idle() => return Ok(Turn::Over),
                None => {
                    // Many connections are idle most of the time.
                    if self.is_idle() {
                        (self.input, self.output) = (Vec::new(), Vec::new());
                    }
                    return Ok(Turn::Blocked);
                }
            }
        }
        Ok(Turn::Busy)
    }

    /// Does what is right when the deadline is over.
    pub(crate) fn expire(&mut self, site: &mut Site) -> io::Result<Turn> {
        let requesting = self.phase == Phase::Serving && !self.is_sending();
        if requesting && !self.is_idle() {
            self.refuse(Status::RequestTimeout);
            return self.drive(site);
        }
        if self.is_sending() {
            self.abort();
        }
        Ok(Turn::Over)
    }

    /// Has the connection end by a reset, so that the client does not take what it got for all there
    /// was.
    pub(crate) fn abort(&self) {
        // Refused where the connection is gone already, which is as good.
        let _gone = self.stream.set_linger(Some(Duration::ZERO)).is_err();
    }

    fn is_sending(&self) -> bool {
        self.sent < self.output.len() || self.file.is_some()
    }

    /// Between two requests.
    fn is_idle(&self) -> bool {
        self.phase == Phase::Serving && self.input.is_empty() && self.skip == 0
    }

    /// Sends what is held and gets the next part of the file; false says that it would block.
    fn send(&mut self, site: &mut Site) -> io::Result<bool> {
        while self.sent < self.output.len() {
            let Some(n) = attempt(|| (&self.stream).write(&self.output[self.sent..]))? else {
                return Ok(false);
            };
            self.sent += n;
            site.bytes += n as u64;
            self.began = true;
        }
        self.output.clear();
        self.sent = 0;
        self.fill()?;
        Ok(true)
    }

    /// Puts as much of the file behind the output as there is room for.
    fn fill(&mut self) -> io::Result<()> {
        let Some((file, left)) = &mut self.file else {
            return Ok(());
        };
        let room = CHUNK.saturating_sub(self.output.len()) as u64;
        let wanted = room.min(*left);
        let n = file.take(wanted).read_to_end(&mut self.output)? as u64;
        if n < wanted {
            // It has become shorter than the response says.
            return Err(ErrorKind::UnexpectedEof.into());
        }
        *left -= n;
        if *left == 0 {
            self.file = None;
        }
        Ok(())
    }

    /// Answers the next request if it is all there.
    fn answer(&mut self, site: &mut Site) -> io::Result<bool> {
        let skipped = self
            .input
            .len()
            .min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.input.drain(..skipped);
        self.skip -= skipped as u64;
        if self.skip > 0 || self.input.is_empty() {
            return Ok(false);
        }
        match request::parse(&self.input) {
            Ok(None) => return Ok(false),
            Ok(Some(request)) => {
                self.input.drain(..request.head);
                self.skip = request.body;
                site.requests += 1;
                self.respond(&request, site)?;
            }
            Err(status) => self.refuse(status),
        }
        Ok(true)
    }

    fn respond(&mut self, request: &Request, site: &Site) -> io::Result<()> {
        let keep_alive = request.keep_alive && !site.ending;
        if !keep_alive {
            self.phase = Phase::Finishing;
        }
        if request.method == Method::Other {
            self.say(Status::MethodNotAllowed, "Allow: GET, HEAD\r\n", request);
            return Ok(());
        }
        match site.files.open(&request.target) {
            Ok(found) => self.send_file(found, request),
            Err(Missing::Refused(status)) => {
                self.say(status, "", request);
                Ok(())
            }
            Err(Missing::Moved(to)) => {
                self.say(
                    Status::MovedPermanently,
                    &format!("Location: {to}\r\n"),
                    request,
                );
                Ok(())
            }
        }
    }

    fn send_file(&mut self, found: Found, request: &Request) -> io::Result<()> {
        let head = Head {
            status: Status::Ok,
            content_type: found.content_type,
            length: found.length,
            field: "",
            keep_alive: self.phase == Phase::Serving,
        };
        head.write(&mut self.output);
        if request.method == Method::Get && found.length > 0 {
            self.file = Some((found.file, found.length));
            // The head and the beginning of the file go out together.
            self.fill()?;
        }
        Ok(())
    }

    /// Answers with a status alone.
    fn say(&mut self, status: Status, field: &str, request: &Request) {
        self.write_status(status, field, request.method != Method::Head);
    }

    /// Answers what is no request that could be understood; nothing can follow it.
    fn refuse(&mut self, status: Status) {
        self.phase = Phase::Finishing;
        self.write_status(status, "", true);
    }

    fn write_status(&mut self, status: Status, field: &str, with_body: bool) {
        let text = status.line();
        let head = Head {
            status,
            content_type: "text/plain; charset=utf-8",
            length: text.len() as u64 + 1,
            field,
            keep_alive: self.phase == Phase::Serving,
        };
        head.write(&mut self.output);
        if with_body {
            self.output.extend_from_slice(text.as_bytes());
            self.output.push(b'\n');
        }
    }

    /// Reads what has come, as far as there is room.
    fn receive(&mut self) -> io::Result<Option<usize>> {
        let held = self.input.len();
        self.input.resize(HEAD, 0);
        let received = attempt(|| (&self.stream).read(&mut self.input[held..]));
        let n = received.as_ref().ok().copied().flatten().unwrap_or(0);
        self.input.truncate(held + n);
        // A request has begun.
        self.began |= held == 0 && n > 0 && self.phase == Phase::Serving && self.skip == 0;
        received
    }

    /// Tells, once, whether something has begun for which there is a time of its own.
    pub(crate) fn has_begun(&mut self) -> bool {
        mem::take(&mut self.began)
    }
}
