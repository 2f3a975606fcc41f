//! Where, when and with what a run was made.

use std::{fs, thread};

use serde::{Deserialize, Serialize};
use xshell::{Cmd, Shell, cmd};

/// The peers and tools whose versions matter.
const TOLD: [&str; 5] = ["criterion", "mio", "polling", "socket2", "tokio"];

const UNKNOWN: &str = "unknown";

#[derive(Default, Deserialize, Serialize)]
pub(super) struct Machine {
    /// In UTC.
    pub(super) date: String,
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) virtual_machine: bool,
    pub(super) memory: String,
    pub(super) kernel: String,
    pub(super) rustc: String,
    /// The commit, and whether files differ from it.
    pub(super) revision: String,
    pub(super) versions: Vec<String>,
    /// The load over the last minute, before and after the run.
    pub(super) load: [String; 2],
}

impl Machine {
    /// Looks at this machine; what it does not tell is `unknown`.
    pub(super) fn look(sh: &Shell) -> Machine {
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Machine {
            date: told(cmd!(sh, "date -u +%F")),
            processor: field(&processor, "model name")
                .unwrap_or(UNKNOWN)
                .to_owned(),
            cores: thread::available_parallelism().map_or(0, usize::from),
            virtual_machine: field(&processor, "flags")
                .is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
            memory: field(&memory, "MemTotal")
                .and_then(gibibytes)
                .unwrap_or_else(|| UNKNOWN.to_owned()),
            kernel: told(cmd!(sh, "uname -srm")),
            rustc: told(cmd!(sh, "rustc -V")),
            revision: revision(sh),
            versions: versions(sh),
            load: [load(), UNKNOWN.to_owned()],
        }
    }

    /// Notes how busy the machine is after the run.
    pub(super) fn look_again(&mut self) {
        self.load[1] = load();
    }
}

/// What a command says.
fn told(command: Cmd<'_>) -> String {
    command
        .quiet()
        .ignore_stderr()
        .read()
        .unwrap_or_else(|_| UNKNOWN.to_owned())
}

/// What stands behind a name, in the files of `/proc`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.trim() == name)?;
    Some(value.trim())
}

fn gibibytes(kilobytes: &str) -> Option<String> {
    let kilobytes: f64 = kilobytes.strip_suffix(" kB")?.parse().ok()?;
    Some(format!("{:.1} GiB", kilobytes / 1024.0 / 1024.0))
}

fn revision(sh: &Shell) -> String {
    let commit = told(cmd!(sh, "git rev-parse --short HEAD"));
    // A report that lies about is no change of what was measured.
    let changes = told(cmd!(sh, "git status --porcelain -- . :!benches/report"));
    match &*changes {
        "" | UNKNOWN => commit,
        _ => format!("{commit}, with changes"),
    }
}

/// The versions of what the benchmarks depend on.
fn versions(sh: &Shell) -> Vec<String> {
    let tree = told(cmd!(sh, "cargo tree --package benches --depth 1").args([
        "--edges",
        "normal,dev",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]));
    tree.lines()
        .filter(|line| {
            let name = line.split_whitespace().next();
            name.is_some_and(|name| TOLD.contains(&name))
        })
        .map(str::to_owned)
        .collect()
}

fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or(UNKNOWN).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 7\nmodel name\t: Some Processor @ 3 GHz\nMemTotal:  8388608 kB\n";
        assert_eq!(field(text, "model name"), Some("Some Processor @ 3 GHz"));
        let memory = field(text, "MemTotal").and_then(gibibytes);
        assert_eq!(memory.as_deref(), Some("8.0 GiB"));
        assert_eq!(field(text, "flags"), None);
    }
}
