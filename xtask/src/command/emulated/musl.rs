//! The files that programs for musl link with, apart from the standard library.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::sysroot::Sysroot;

pub(super) const TRIPLE: &str = "x86_64-unknown-linux-musl";

const MUSL: &str = "/usr/lib/x86_64-linux-musl";
const FROM_MUSL: &[&str] = &["crt1.o", "Scrt1.o", "rcrt1.o", "crti.o", "crtn.o", "libc.a"];
const FROM_GCC: &[&str] = &[
    "crtbegin.o",
    "crtbeginS.o",
    "crtbeginT.o",
    "crtend.o",
    "crtendS.o",
    "libgcc.a",
];
const UNWIND: &str = "/usr/lib/llvm-14/lib/libunwind.a";

/// Puts start-up objects and C libraries where the compiler looks for them.
pub(super) fn complete(sh: &Shell, sysroot: &Sysroot) -> Result<()> {
    let place = sh.create_dir(sysroot.lib_dir(TRIPLE).join("self-contained"))?;
    for name in FROM_MUSL {
        sh.copy_file(format!("{MUSL}/{name}"), &place)?;
    }
    for name in FROM_GCC {
        let file = cmd!(sh, "gcc -print-file-name={name}").quiet().read()?;
        sh.copy_file(file, &place)?;
    }

    let unwind = place.join("libunwind.a");
    sh.copy_file(UNWIND, &unwind)?;
    let work = sh.create_temp_dir()?;
    let source = work.path().join("fortify.c");
    let object = work.path().join("fortify.o");
    sh.write_file(&source, include_str!("fortify.c"))?;
    cmd!(sh, "musl-gcc -O2 -fPIC -c -o {object} {source}").run()?;
    cmd!(sh, "ar r {unwind} {object}").run()?;
    Ok(())
}
