//! Network namespaces of Linux: networks of their own, which no packet enters or leaves.

use std::env::consts;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::debian;

/// What namespaces need, and the packages that bring it.
const PROGRAMS: &[(&str, &str)] = &[("ip", "iproute2"), ("tc", "iproute2"), ("nft", "nftables")];

/// The names of all namespaces begin with this; the process and a number follow.
const PREFIX: &str = "readywire-";

/// A namespace with its own loopback interface, which is up. Dropping removes it.
pub(crate) struct Namespace<'a> {
    sh: &'a Shell,
    name: String,
}

impl<'a> Namespace<'a> {
    /// Adds a namespace, and removes those that ended processes have left.
    pub(crate) fn add(sh: &'a Shell) -> Result<Self> {
        static ADDED: AtomicU32 = AtomicU32::new(0);
        ensure!(
            consts::OS == "linux",
            "only Linux has network namespaces: {} has none",
            consts::OS
        );
        debian::install(sh, &debian::missing(PROGRAMS))?;
        remove_leftovers(sh)?;
        let number = ADDED.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", process::id());
        cmd!(sh, "ip netns add {name}").quiet().run().context(
            "cannot add a network namespace: that needs root, and a kernel with CONFIG_NET_NS",
        )?;
        let namespace = Self { sh, name };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns a command that runs `program` in this namespace, where `/sys` shows its interfaces.
    pub(crate) fn exec(&self, program: impl AsRef<Path>) -> Cmd<'a> {
        let (name, program) = (&self.name, program.as_ref());
        cmd!(self.sh, "ip netns exec {name} {program}").quiet()
    }

    /// Runs `ip` with these arguments.
    pub(crate) fn ip(&self, arguments: &str) -> Result<()> {
        let (name, arguments) = (&self.name, arguments.split_whitespace());
        Ok(cmd!(self.sh, "ip -netns {name} {arguments...}")
            .quiet()
            .run()?)
    }

    /// Sets a parameter of the kernel's that each namespace has its own of, by its name for `sysctl(8)`.
    pub(crate) fn set(&self, parameter: &str, value: &str) -> Result<()> {
        let file = format!("/proc/sys/{}", parameter.replace('.', "/"));
        let script = format!("echo {value} > {file}");
        self.exec("sh")
            .args(["-c", &script])
            .run()
            .with_context(|| format!("cannot set {parameter}"))
    }

    /// Replaces all rules of nftables by those of one chain on packets that come in.
    pub(crate) fn filter(&self, rules: &[&str]) -> Result<()> {
        let rules = rules.join("\n");
        let script = format!(
            "flush ruleset
            table inet readywire {{
                chain incoming {{
                    type filter hook input priority filter;
                    {rules}
                }}
            }}"
        );
        self.exec("nft")
            .args(["--file", "-"])
            .stdin(script)
            .run()
            .context("cannot filter packets: the kernel needs CONFIG_NF_TABLES_INET, CONFIG_NFT_NUMGEN, CONFIG_NFT_CT and CONFIG_NFT_REJECT")
    }

    /// Limits what an interface sends, in megabits a second.
    pub(crate) fn limit_rate(&self, interface: &str, megabits: u32) -> Result<()> {
        let rate = format!("{megabits}mbit");
        self.exec("tc")
            .args(["qdisc", "replace", "dev", interface, "root", "tbf"])
            .args(["rate", &rate, "burst", "16kb", "latency", "50ms"])
            .run()
            .context("cannot limit the rate: the kernel needs CONFIG_NET_SCH_TBF")
    }

    /// Has every processor handle packets that an interface receives, whichever one they came to (RPS).
    pub(crate) fn spread_packets(&self, interface: &str) -> Result<()> {
        let processors = thread::available_parallelism()?.get();
        ensure!(
            processors > 1,
            "packets cannot be handed to another processor: there is only one"
        );
        // A mask of more than 32 would need commas.
        let mask = format!("{:x}", u32::MAX >> (32 - processors.min(32)));
        let file = format!("/sys/class/net/{interface}/queues/rx-0/rps_cpus");
        let script = format!("echo {mask} > {file}");
        self.exec("sh")
            .args(["-c", &script])
            .run()
            .context("cannot hand packets to another processor: the kernel needs CONFIG_RPS")
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        remove(self.sh, &self.name);
    }
}

fn remove(sh: &Shell, name: &str) {
    if let Err(error) = cmd!(sh, "ip netns delete {name}").quiet().run() {
        eprintln!("cannot remove the namespace {name}: {error}");
    }
}

/// Removes the namespaces of processes that have ended without doing so.
fn remove_leftovers(sh: &Shell) -> Result<()> {
    for line in cmd!(sh, "ip netns list").quiet().read()?.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let owner = owner(name).map(|owner| format!("/proc/{owner}"));
        if owner.is_some_and(|owner| !Path::new(&owner).exists()) {
            remove(sh, name);
        }
    }
    Ok(())
}

/// The process that has added a namespace.
fn owner(name: &str) -> Option<u32> {
    let (process, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    process.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_namespaces_have_an_owner() {
        assert_eq!(owner("readywire-12-0"), Some(12));
        for other in ["readywire", "readywire-x-0", "readywire-12", "cni-12-0", ""] {
            assert_eq!(owner(other), None, "{other}");
        }
    }
}
