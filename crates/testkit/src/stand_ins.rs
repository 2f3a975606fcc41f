//! What plays the system or the processor.
//!
//! Neither does it in everything: a test that asks says what is done instead.

use std::fs;
use std::path::Path;

/// Whether it is Wine that plays Windows; never on a Unix.
pub fn on_wine() -> bool {
    // Windows has no such program.
    cfg!(windows) && Path::new(r"C:\windows\system32\winecfg.exe").exists()
}

/// Whether it is qemu's user mode that plays the processor, and hands system calls on to Linux.
pub fn on_qemu() -> bool {
    // In `/proc/self` it shows what it would be without itself, here it does not.
    let program = fs::read_link("/proc/thread-self/exe").unwrap_or_default();
    let name = program.file_name().unwrap_or_default();
    name.to_string_lossy().starts_with("qemu-")
}
