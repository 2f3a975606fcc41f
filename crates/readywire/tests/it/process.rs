//! The examples, and other programs, as processes.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use testkit::DEADLINE;

/// The path of an example, which `cargo test` builds with the tests.
#[track_caller]
pub(crate) fn example(name: &str) -> Command {
    let mut words = runner();
    words.push(path_of(name).into());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// What runs a program of this system where an emulator plays it, word by word.
fn runner() -> Vec<OsString> {
    #[cfg(unix)]
    let runner = testkit::runner().unwrap_or_default();
    #[cfg(not(unix))]
    let runner = String::new();
    runner.split_whitespace().map(OsString::from).collect()
}

#[track_caller]
fn path_of(name: &str) -> PathBuf {
    let tests = env::current_exe().expect("the path of this program");
    let profile = tests.ancestors().nth(2).expect("a profile's folder");
    let path: PathBuf = [profile.as_os_str(), "examples".as_ref(), name.as_ref()]
        .iter()
        .collect();
    let path = path.with_extension(env::consts::EXE_EXTENSION);
    assert!(
        path.exists(),
        "{}: run `cargo build -p readywire --example {name}`",
        path.display()
    );
    path
}

/// An example that may have no more than so many descriptors.
#[cfg(unix)]
#[track_caller]
pub(crate) fn example_short_of_descriptors(name: &str, limit: usize) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {limit}; exec \"$@\""), "sh"])
        .args(runner())
        .arg(path_of(name))
        .stdin(Stdio::null());
    command
}

/// A program that is not part of every system.
#[cfg(target_os = "linux")]
#[track_caller]
pub(crate) fn program(name: &str, package: &str) -> Command {
    let paths = env::var_os("PATH").expect("a search path");
    let found = env::split_paths(&paths).any(|path| path.join(name).is_file());
    assert!(found, "{}", missing(name, package));
    let mut command = Command::new(name);
    command.stdin(Stdio::null());
    command
}

#[cfg(target_os = "linux")]
pub(crate) fn missing(name: &str, package: &str) -> String {
    format!(
        "there is no {name} on this machine: install Debian's package {package}, \
         or run `cargo xtask test`, which does so"
    )
}

/// Starts a command. Wine gives up on a process before it runs, seldom: then it is asked again.
#[track_caller]
pub(crate) fn start(command: &mut Command) -> Process {
    /// `ERROR_INTERNAL_ERROR`.
    const GIVEN_UP: Option<i32> = Some(1359);

    let mut left = 5;
    loop {
        match command.spawn() {
            Ok(child) => return Process(child),
            Err(error) if left > 0 && testkit::on_wine() && error.raw_os_error() == GIVEN_UP => {
                left -= 1;
            }
            Err(error) => panic!("start {:?}: {error}", command.get_program()),
        }
    }
}

/// Runs a command to its end, which it has to come to in time.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = finish(start(command));
    println!("{}", String::from_utf8_lossy(&output.stdout));
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Waits for the end of a process, and reads what it still has to say.
#[track_caller]
pub(crate) fn finish(mut process: Process) -> Output {
    let (stdout, stderr) = (process.0.stdout.take(), process.0.stderr.take());
    let output = testkit::spawn(move || {
        let stderr = testkit::spawn(|| all(stderr));
        (all(stdout), stderr.join())
    });
    let (stdout, stderr) = output.join();
    Output {
        status: process.wait(),
        stdout,
        stderr,
    }
}

fn all(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).expect("read the output");
    }
    bytes
}

#[track_caller]
pub(crate) fn succeeds(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{}", output.status);
    text(output.stdout)
}

/// Expects the exit code 1 and returns the error.
#[track_caller]
pub(crate) fn fails(command: &mut Command) -> String {
    let output = run(command);
    assert_eq!(output.status.code(), Some(1));
    text(output.stderr)
}

#[track_caller]
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

/// A process that is killed at the latest when its test is over.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("kill the process");
        self.0.wait().expect("wait for the process");
    }

    /// Sends a signal by its name, such as `INT`.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.0.id());
        succeeds(Command::new("sh").args(["-c", &kill]));
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Waits for the end, under a deadline.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        testkit::until("the process ends", || {
            status = self.0.try_wait().expect("wait for the process");
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.kill();
        }
    }
}

/// A server that says on its first line of output where it listens.
pub(crate) struct Server {
    pub(crate) process: Process,
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "only there it can be interrupted")
    )]
    pub(crate) output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Server {
        let mut process = start(command.stdout(Stdio::piped()));
        let output = BufReader::new(process.0.stdout.take().expect("a pipe"));
        let (output, line) = read_line_with(output, "listening on ");
        let (_, rest) = line.split_once("listening on ").expect("it was looked for");
        let address = rest.split([',', '\n', '\r']).next().expect("the rest");
        Server {
            process,
            output,
            address: address.parse().expect("an address"),
        }
    }

    /// Connects as a client whose reads and writes end with an error past the deadline.
    #[track_caller]
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address, DEADLINE).expect("connect");
        patient(&stream);
        stream
    }

    /// Expects to be closed or reset as a client, instead of being left without an answer.
    #[track_caller]
    pub(crate) fn turns_away(&self) {
        match TcpStream::connect_timeout(&self.address, DEADLINE) {
            Ok(mut stream) => {
                patient(&stream);
                expect_gone(&mut stream);
            }
            // It may be as fast as that.
            Err(error) => assert!(is_reset(&error), "{error}"),
        }
    }

    /// Interrupts the server as Ctrl-C does, and returns what it still says.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn interrupt(mut self) -> String {
        self.process.signal("INT");
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("its output");
        assert!(self.process.wait().success());
        println!("{rest}");
        rest
    }
}

/// Has a stream wait for the deadline and no longer.
#[track_caller]
pub(crate) fn patient(stream: &TcpStream) {
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream
        .set_write_timeout(Some(DEADLINE))
        .expect("a deadline");
}

/// Expects that the other side is gone: closed or reset, but not silent.
#[track_caller]
pub(crate) fn expect_gone(stream: &mut TcpStream) {
    match stream.read(&mut [0; 64]) {
        Ok(0) => {}
        Err(error) if is_reset(&error) => {}
        other => panic!("expected the end, got {other:?}"),
    }
}

pub(crate) fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
    )
}

/// Reads lines up to the first that has `part` in it; hands the reader back.
#[track_caller]
pub(crate) fn read_line_with<R: BufRead + Send + 'static>(
    mut reader: R,
    part: &'static str,
) -> (R, String) {
    let task = testkit::spawn(move || -> io::Result<(R, String)> {
        let mut seen = String::new();
        loop {
            let start = seen.len();
            if reader.read_line(&mut seen)? == 0 {
                panic!("{part:?} is not in {seen:?}");
            }
            if seen[start..].contains(part) {
                return Ok((reader, seen.split_off(start)));
            }
        }
    });
    task.join().expect("read a line")
}
