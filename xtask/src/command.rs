//! The commands, a module each.

mod bench;
mod ci;
mod dependents;
mod emulated;
mod fuzz;
mod lint;
mod loom;
mod msrv;
mod mutants;
mod netns;
mod platforms;
mod public_api;
mod sandbox;
mod sanitize;
mod soak;
mod test;
mod wine;

use anyhow::Result;
use clap::Subcommand;
use xshell::Shell;

#[derive(Subcommand)]
pub(crate) enum Command {
    Test(test::Test),
    Lint(lint::Lint),
    PublicApi(public_api::PublicApi),
    Bench(bench::Bench),
    Loom(loom::Loom),
    Msrv(msrv::Msrv),
    Mutants(mutants::Mutants),
    Netns(netns::Netns),
    Platforms(platforms::Platforms),
    Wine(wine::Wine),
    Emulated(emulated::Emulated),
    Fuzz(fuzz::Fuzz),
    Sanitize(sanitize::Sanitize),
    Soak(soak::Soak),
    Sandbox(sandbox::Sandbox),
    #[command(hide = true)]
    Launch(sandbox::Launch),
    Dependents(dependents::Dependents),
    Ci(ci::Ci),
}

impl Command {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        match self {
            Self::Test(command) => command.run(sh),
            Self::Lint(command) => command.run(sh),
            Self::PublicApi(command) => command.run(sh),
            Self::Bench(command) => command.run(sh),
            Self::Loom(command) => command.run(sh),
            Self::Msrv(command) => command.run(sh),
            Self::Mutants(command) => command.run(sh),
            Self::Netns(command) => command.run(sh),
            Self::Platforms(command) => command.run(sh),
            Self::Wine(command) => command.run(sh),
            Self::Emulated(command) => command.run(sh),
            Self::Fuzz(command) => command.run(sh),
            Self::Sanitize(command) => command.run(sh),
            Self::Soak(command) => command.run(sh),
            Self::Sandbox(command) => command.run(sh),
            Self::Launch(command) => command.run(),
            Self::Dependents(command) => command.run(sh),
            Self::Ci(command) => command.run(sh),
        }
    }
}
