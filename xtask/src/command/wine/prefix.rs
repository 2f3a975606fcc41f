//! Wine's prefix: the folder that stands for a Windows machine.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{debian, workspace};

/// Debian keeps it out of the `PATH`.
pub(crate) const WINE: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver64";

/// Sets up the prefix if it is not in the cache.
pub(crate) fn ensure(sh: &Shell) -> Result<PathBuf> {
    let version = debian::version(sh, "wine64")?;
    let prefix = workspace::cache_dir()?.join(format!("wine-prefix-{version}"));
    if sh.path_exists(&prefix) {
        return Ok(prefix);
    }
    let partial = workspace::partial(sh, &prefix)?;
    make(sh, &partial)?;
    workspace::keep(sh, &partial, &prefix)?;
    Ok(prefix)
}

fn make(sh: &Shell, prefix: &Path) -> Result<()> {
    cmd!(sh, "{WINE} wineboot --init")
        .env("WINEPREFIX", prefix)
        .env("WINEDEBUG", "-all")
        .env("DISPLAY", "")
        .run()?;
    // It writes the registry as it ends.
    cmd!(sh, "{SERVER} --wait")
        .env("WINEPREFIX", prefix)
        .run()?;
    add_random_source(
        sh,
        &prefix.join("drive_c/windows/system32/bcryptprimitives.dll"),
    )
}

/// Without this DLL, which Wine 8 does not have, every Rust program exits in silence.
fn add_random_source(sh: &Shell, dll: &Path) -> Result<()> {
    if sh.path_exists(dll) {
        return Ok(());
    }
    let work = sh.create_temp_dir()?;
    let source = work.path().join("bcryptprimitives.c");
    sh.write_file(&source, include_str!("bcryptprimitives.c"))?;
    cmd!(
        sh,
        "x86_64-w64-mingw32-gcc -O2 -shared -o {dll} {source} -ladvapi32"
    )
    .run()?;
    Ok(())
}
