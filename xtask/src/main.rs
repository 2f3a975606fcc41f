//! Every check of readywire, one command each: `cargo xtask --help`.
//!
//! A command lives in `command/`, code that several of them share next to that folder. Each installs what it
//! needs, so that it runs on a bare Debian machine; nothing here depends on a crate of the
//! workspace, so that a broken crate cannot break its own check.

mod command;
mod cross;
mod debian;
mod namespace;
mod process;
mod suite;
mod summary;
mod sysroot;
mod toolchain;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use xshell::Shell;

use crate::command::Command;

/// The checks of readywire, one command each.
///
/// What a command needs beyond the Rust toolchain comes from Debian's packages. Commands install
/// what is missing where they run as root, and say what to install where they do not.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Not returned from here: that would add a backtrace, which tells nothing of the check.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let sh = Shell::new()?;
    sh.change_dir(workspace::root());
    cli.command.run(&sh)
}
