//! Which Windows it is.

use std::path::Path;

/// Whether it is Wine that plays Windows, which it does not do in everything; never on a Unix.
///
/// A test that asks says what Wine does instead.
pub fn on_wine() -> bool {
    // Windows has no such program.
    cfg!(windows) && Path::new(r"C:\windows\system32\winecfg.exe").exists()
}
