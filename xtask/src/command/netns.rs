//! `cargo xtask netns`

mod network;
mod relay;
mod scenarios;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;
use xshell::{Shell, cmd};

use self::scenarios::{Lab, SCENARIOS};
use crate::debian;
use crate::summary::Summary;

/// Run the examples between two network namespaces, on networks that misbehave
///
/// Packets are lost, delayed, reordered, duplicated, dropped in silence or answered by resets; links are slow,
/// go down, or carry small packets alone. Every byte is checked, and whatever goes wrong must end with an error
/// within its time limit. Tests of the sockets run on a bad loopback interface too. All traffic stays
/// within the namespaces.
///
/// Needs Linux and root, and iproute2, nftables and curl (installed if missing). Scenarios fail if the kernel does
/// not have what they need.
#[derive(Args)]
pub(crate) struct Netns {
    /// Only the scenarios whose name contains this
    filter: Option<String>,
}

impl Netns {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        debian::install(sh, &debian::missing(&[("curl", "curl")]))?;
        let filter = self.filter.as_deref().unwrap_or_default();
        let chosen = SCENARIOS.iter().filter(|(name, _)| name.contains(filter));
        let chosen: Vec<_> = chosen.collect();
        ensure!(!chosen.is_empty(), "no scenario has such a name");
        let lab = Lab::new(sh, examples(sh)?);
        let mut summary = Summary::default();
        for (name, scenario) in chosen {
            summary.step(name, || scenario(&lab));
        }
        summary.finish()
    }
}

/// What of cargo's messages matters here.
#[derive(Deserialize)]
struct Message {
    /// Of a program that was built.
    executable: Option<PathBuf>,
}

/// Builds the examples; returns the folder they are in.
fn examples(sh: &Shell) -> Result<PathBuf> {
    let format = "json-render-diagnostics";
    let messages = cmd!(
        sh,
        "cargo build --package readywire --examples --message-format {format}"
    )
    .read()?;
    let built = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.executable)
        .next();
    let folder = built.and_then(|program| Some(program.parent()?.to_owned()));
    folder.context("cargo built no example")
}
