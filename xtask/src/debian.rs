//! Debian's packages: found, or installed where that is possible.

use std::env;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

/// Another apt may be at work.
const APT: [&str; 3] = ["-qq", "-o", "DPkg::Lock::Timeout=300"];

/// Returns the packages of those programs that cannot be run yet; each program is paired with its package.
pub(crate) fn missing<'a>(programs: &[(&str, &'a str)]) -> Vec<&'a str> {
    let missing = programs.iter().filter(|(program, _)| !on_path(program));
    missing.map(|(_, package)| *package).collect()
}

/// Sees to it that all of `packages` are installed.
///
/// # Errors
/// Names the packages that are missing, and how to get them, where they cannot be installed from here.
pub(crate) fn install(sh: &Shell, packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !is_installed(sh, package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    ensure!(
        on_path("apt-get"),
        "missing: {names} (packages of Debian 12); there is no apt-get here, \
         so install by hand what provides them"
    );
    ensure!(
        cmd!(sh, "id -u").quiet().read()? == "0",
        "missing: {names}; to install them: sudo apt-get install --no-install-recommends {names}"
    );
    update(sh)?;
    // Nothing that is installed may go to make room.
    cmd!(
        sh,
        "apt-get {APT...} install --yes --no-install-recommends --no-remove {missing...}"
    )
    .env("DEBIAN_FRONTEND", "noninteractive")
    .run()?;
    Ok(())
}

/// Fetches the lists of what there is.
pub(crate) fn update(sh: &Shell) -> Result<()> {
    Ok(cmd!(sh, "apt-get {APT...} update").run()?)
}

/// The version of an installed package.
pub(crate) fn version(sh: &Shell, package: &str) -> Result<String> {
    let format = "${Version}";
    Ok(
        cmd!(sh, "dpkg-query --show --showformat={format} {package}")
            .quiet()
            .read()?,
    )
}

fn is_installed(sh: &Shell, package: &str) -> bool {
    let format = "${db:Status-Status}";
    cmd!(sh, "dpkg-query --show --showformat={format} {package}")
        .quiet()
        .ignore_stderr()
        .read()
        .is_ok_and(|status| status == "installed")
}

fn on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
