//! Where things are: the checkout, what is built from it, and what outlives it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The packages whose tests run on every platform: what users depend on, without tools and benches.
pub(crate) const PUBLISHED: &[&str] = &[
    "token-ready",
    "sockopt",
    "selector",
    "tcp-stream",
    "readywire",
];

/// The top level of the checkout.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("xtask lies one level below the top")
}

/// Where builds by the second toolchain go, apart from those of the toolchain in use.
pub(crate) fn target_dir() -> PathBuf {
    let shared = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(shared).join("xtask")
}

/// What is slow to make and the same for every checkout.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    let caches = match env::var_os("XDG_CACHE_HOME") {
        Some(caches) => PathBuf::from(caches),
        None => env::home_dir()
            .context("no home directory to keep a cache in")?
            .join(".cache"),
    };
    Ok(caches.join("readywire"))
}
