//! Prints the public API of a crate, an item a line, from the JSON that rustdoc wrote of it.

use std::collections::HashSet;
use std::env;

use anyhow::{Context, Result};

/// Traits that only the compiler knows: which ones there are changes with its version.
const INTERNAL: &[&str] = &[
    "core::marker::Freeze",
    "core::marker::StructuralPartialEq",
    "core::marker::UnsafeUnpin",
];

fn main() -> Result<()> {
    let json = env::args_os().nth(1).context("usage: list JSON")?;
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .build()
        .context("rustdoc's JSON cannot be read")?;
    // An impl is listed with its type and with its trait.
    let mut listed = HashSet::new();
    for item in api.items() {
        let item = item.to_string();
        let internal = INTERNAL
            .iter()
            .any(|name| item.contains(&format!("{name} for ")));
        if !internal && listed.insert(item.clone()) {
            println!("{item}");
        }
    }
    Ok(())
}
