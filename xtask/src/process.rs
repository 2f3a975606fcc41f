//! Programs that run in the background, each within its time limit.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::mem;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use xshell::{Cmd, Shell, cmd};

/// How long to wait before looking again whether a program has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// A program with its output. Dropping kills it.
pub(crate) struct Running {
    shown: String,
    child: Child,
    lines: Receiver<String>,
    output: String,
}

/// What a program that has ended left.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// What it wrote, to either stream.
    pub(crate) output: String,
}

impl Running {
    pub(crate) fn start(command: Cmd<'_>) -> Result<Self> {
        let shown = command.to_string();
        let (reader, writer) = io::pipe()?;
        let child = Command::from(command)
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()
            .with_context(|| format!("cannot run `{shown}`"))?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(reader).split(b'\n') {
                let line = line.map(|line| String::from_utf8_lossy(&line).into_owned());
                // Nobody listens any more if the scenario has failed.
                if line.is_err() || line.is_ok_and(|line| sender.send(line).is_err()) {
                    return;
                }
            }
        });
        Ok(Self {
            shown,
            child,
            lines,
            output: String::new(),
        })
    }

    /// Waits for a line that begins with `prefix`; returns the rest of it.
    pub(crate) fn line(&mut self, prefix: &str, limit: Duration) -> Result<String> {
        let until = Instant::now() + limit;
        loop {
            match self.read_line(until) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(prefix) {
                        return Ok(rest.to_owned());
                    }
                }
                Err(_) => bail!("no line `{prefix}` within {limit:?}: {self}"),
            }
        }
    }

    /// Waits for the program's end.
    pub(crate) fn end(mut self, limit: Duration) -> Result<Ended> {
        let until = Instant::now() + limit;
        loop {
            match self.read_line(until) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => bail!("hangs for {limit:?}: {self}"),
            }
        }
        // It may close its output long before it ends.
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(Instant::now() < until, "hangs for {limit:?}: {self}");
            thread::park_timeout(PAUSE);
        };
        Ok(Ended {
            status,
            output: mem::take(&mut self.output),
        })
    }

    /// Lets the program run for some time.
    ///
    /// # Errors
    /// If it ends by then.
    pub(crate) fn keep_running(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            match self.read_line(until) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => bail!("ended early: {self}"),
            }
        }
    }

    /// Has the program end as by Ctrl-C.
    pub(crate) fn interrupt(self, sh: &Shell, limit: Duration) -> Result<Ended> {
        // The shell's own: a program of this name is not on every machine.
        let kill = format!("kill -INT {}", self.child.id());
        cmd!(sh, "sh -c {kill}").quiet().run()?;
        self.end(limit)
    }

    fn read_line(&mut self, until: Instant) -> Result<String, RecvTimeoutError> {
        let left = until.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(left)?;
        self.output.push_str(&line);
        self.output.push('\n');
        Ok(line)
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`\n{}", self.shown, self.output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        if self.child.kill().is_ok() {
            let _status = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_closes_its_output_is_limited_too() {
        let sh = Shell::new().expect("a shell");
        let script = "exec >&- 2>&-; exec sleep 20";
        let program = Running::start(cmd!(sh, "sh -c {script}")).expect("a program");
        let Err(error) = program.end(Duration::from_millis(300)) else {
            panic!("it was waited for");
        };
        assert!(error.to_string().contains("hangs for 300ms"), "{error}");
    }

    #[test]
    fn the_status_and_the_output_of_a_program_are_returned() {
        let sh = Shell::new().expect("a shell");
        let script = "echo one; echo two >&2; exit 3";
        let program = Running::start(cmd!(sh, "sh -c {script}")).expect("a program");
        let ended = program.end(Duration::from_secs(60)).expect("it ends");
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(ended.output, "one\ntwo\n");
    }
}
