//! `cargo xtask wine`

mod prefix;
mod server;

use anyhow::Result;
use clap::Args;
use xshell::{Cmd, PushEnv, Shell};

use self::server::Server;
use crate::cross::{self, Target};
use crate::debian;
use crate::sysroot::{Std, Sysroot};
use crate::toolchain::Toolchain;
use crate::workspace;

const WINDOWS: Target = Target {
    triple: "x86_64-pc-windows-gnu",
    packages: &["gcc-mingw-w64-x86-64-win32", "wine64"],
    linker: "x86_64-w64-mingw32-gcc",
    runner: Some(prefix::WINE),
    rustflags: &[],
    skips: &[],
};

/// Run the tests as Windows programs under Wine
///
/// Of every package that users depend on; those of what Unix alone has are empty there. The tests of
/// readywire run the examples, echo among them, as processes.
///
/// Needs: Debian's rustc-web, cargo-web, rust-web-src, rust-web-clippy, gcc-mingw-w64-x86-64-win32
/// and wine64 (installed if missing), and about 1 GB in the user's cache folder.
#[derive(Args)]
pub(crate) struct Wine {
    /// Test this package alone; may be repeated
    #[arg(short, long = "package", value_name = "PACKAGE")]
    packages: Vec<String>,

    /// How often the tests run; the first failure ends it
    #[arg(long, value_name = "TIMES", default_value_t = 1)]
    repeat: u32,
}

impl Wine {
    pub(crate) fn run(&self, sh: &Shell) -> Result<()> {
        let session = Session::start(sh)?;
        let packages = workspace::published_unless(sh, &self.packages)?;
        for _ in 0..self.repeat {
            let packages = cross::select(&packages);
            WINDOWS.test(sh, &session.toolchain, &session.sysroot, packages)?;
        }
        Ok(())
    }
}

/// Wine, up and ready to run what is built for Windows.
pub(crate) struct Session<'a> {
    sh: &'a Shell,
    toolchain: Toolchain,
    sysroot: Sysroot,
    _server: Server,
    _environment: [PushEnv<'a>; 3],
}

impl<'a> Session<'a> {
    pub(crate) fn start(sh: &'a Shell) -> Result<Session<'a>> {
        let toolchain = Toolchain::install(sh)?;
        debian::install(sh, WINDOWS.packages)?;
        let sysroot = Sysroot::ensure(sh, &toolchain, Std::PLAIN, &[WINDOWS.triple])?;
        let prefix = prefix::ensure(sh)?;
        let environment = [
            sh.push_env("WINEPREFIX", prefix),
            sh.push_env("WINEDEBUG", "-all"),
            // Without a display Wine opens no window.
            sh.push_env("DISPLAY", ""),
        ];
        Ok(Session {
            sh,
            toolchain,
            sysroot,
            _server: Server::keep(sh)?,
            _environment: environment,
        })
    }

    /// What `cargo` is to build for.
    pub(crate) const TARGET: &'static str = WINDOWS.triple;

    /// Returns `cargo`, which runs by Wine what it builds with `--target`.
    pub(crate) fn cargo(&self) -> Result<Cmd<'a>> {
        WINDOWS.cargo(self.sh, &self.toolchain, &self.sysroot)
    }
}
