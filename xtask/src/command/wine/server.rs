//! Wine's server: the process that all programs of a prefix talk to.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use super::prefix::WINE;

/// How often the client is started before that counts as a failure.
const ATTEMPTS: u32 = 5;

/// Keeps one server up until it is dropped.
///
/// By itself the server closes its socket a second or two after the last program, and one that has
/// connected but was not accepted yet fails with `wine client error:0: recvmsg: Connection reset by
/// peer` before it has run anything. So one client stays. A server that is told to persist would
/// outlive a run that is killed, and to end it would end every other run in the same prefix.
pub(super) struct Server {
    client: Child,
}

impl Server {
    /// Starts the client, and with it the server where none is up.
    pub(super) fn keep(sh: &Shell) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            // Ends with its input, which this process holds.
            let client = cmd!(sh, "{WINE} cmd /c 'echo up& pause'");
            let mut client = Command::from(client)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .with_context(|| format!("cannot run {WINE}"))?;
            let output = client.stdout.as_mut().context("the output is not piped")?;
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line)?;
            let server = Self { client };
            if line.trim_end() == "up" {
                return Ok(server);
            }
            // An earlier server was about to end.
        }
        bail!("no program of Wine starts, by {ATTEMPTS} attempts")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Closes the client's input first.
        if let Err(error) = self.client.wait() {
            eprintln!("warning: waiting for {WINE}: {error}");
        }
    }
}
