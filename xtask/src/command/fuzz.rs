//! `cargo xtask fuzz`

use std::path::Path;

use anyhow::Result;
use clap::{Args, ValueEnum};
use xshell::{Shell, cmd};

use crate::debian;
use crate::summary::Summary;
use crate::tools::Tool;
use crate::workspace;

const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
};

/// Look for inputs that break what reads bytes, and for sequences of operations that break a registration
///
/// An input that fails is stored, and its path printed.
///
/// Needs: g++ (Debian's) and cargo-fuzz, both installed if missing.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// Fuzz these alone
    #[arg(value_name = "TARGET")]
    targets: Vec<Target>,

    /// How long to fuzz each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,

    /// Try the same inputs in the same order as other runs with this seed; each run has its own without it
    #[arg(long)]
    seed: Option<u32>,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Target {
    /// Unix addresses that the kernel reports
    Address,
    /// Control messages with descriptors
    Control,
    /// Requests and paths of the example httpd
    Httpd,
    /// Registrations against a model, on every backend
    Registrations,
    /// TCP_INFO of any length
    TcpInfo,
    /// The flags of each backend
    Translation,
}

impl Fuzz {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        debian::install(sh, &["g++"])?;
        let program = CARGO_FUZZ.install(sh)?;
        let targets = match &*self.targets {
            [] => Target::value_variants(),
            chosen => chosen,
        };
        let mut summary = Summary::default();
        for target in targets {
            let name = target.to_possible_value().expect("no target is hidden");
            let name = name.get_name();
            summary.step(name, || {
                let folder = workspace::target_dir().join("fuzz");
                let build = folder.join("build");
                let corpus = sh.create_dir(folder.join("corpus").join(name))?;
                let found = sh.create_dir(folder.join("found").join(name))?;
                let options = [
                    format!("-max_total_time={}", self.seconds),
                    format!("-artifact_prefix={}/", found.display()),
                    // A machine may stall for seconds; an input that hangs does so for ever.
                    "-timeout=120".to_owned(),
                    // Zero lets libFuzzer choose.
                    format!("-seed={}", self.seed.unwrap_or(0)),
                ];
                let fuzz = cmd!(
                    sh,
                    "{program} fuzz run --fuzz-dir xtask/fuzz --target-dir {build} {name}"
                )
                .args([corpus, Path::new("xtask/fuzz/seeds").join(name)])
                .arg("--")
                .args(options);
                // The sanitizer needs a flag of the nightly compiler, which the one in use knows too.
                Ok(fuzz.env("RUSTC_BOOTSTRAP", "1").run()?)
            });
        }
        summary.finish()
    }
}
