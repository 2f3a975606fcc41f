//! What the layers, which are no members of the workspace, must share with it.

use std::collections::BTreeMap;

use anyhow::Result;
use xshell::Shell;

use crate::workspace::LAYERS;

/// Tables of the workspace's manifest, the tables of a layer's that correspond to them, and which of
/// the keys must have equal values. Without a list of keys, the tables must be equal.
const SHARED: &[(&str, &str, Option<&[&str]>)] = &[
    ("workspace.lints.rust", "lints.rust", None),
    ("workspace.lints.clippy", "lints.clippy", None),
    (
        "workspace.package",
        "package",
        Some(&["edition", "license", "repository"]),
    ),
];

/// A lint that lists each package's own `cfg`s.
const OWN: &str = "unexpected_cfgs";

pub(super) fn violations(sh: &Shell) -> Result<Vec<String>> {
    let workspace = sh.read_file("Cargo.toml")?;
    let mut violations = Vec::new();
    for layer in &LAYERS {
        let path = format!("crates/{}/Cargo.toml", layer.name);
        violations.extend(check(&path, &workspace, &sh.read_file(&path)?));
    }
    Ok(violations)
}

fn check(path: &str, workspace: &str, layer: &str) -> Vec<String> {
    let mut violations = Vec::new();
    for (theirs, ours, keys) in SHARED {
        let (expected, found) = (table(workspace, theirs), table(layer, ours));
        let keys: Vec<&str> = match keys {
            Some(keys) => keys.to_vec(),
            None => expected.keys().chain(found.keys()).copied().collect(),
        };
        for key in keys.into_iter().filter(|key| *key != OWN) {
            let difference = match (expected.get(key), found.get(key)) {
                (expected, found) if expected == found => continue,
                (Some(expected), _) => format!("`{key} = {expected}`, as in the workspace's"),
                (None, _) => format!("no `{key}`, which the workspace does not have"),
            };
            violations.push(format!("{path}: `[{ours}]` needs {difference}"));
        }
    }
    violations.sort();
    violations.dedup();
    violations
}

/// The keys of a table in a manifest, each with its value on the same line.
fn table<'a>(manifest: &'a str, name: &str) -> BTreeMap<&'a str, &'a str> {
    let header = format!("[{name}]");
    let lines = manifest.lines().skip_while(|line| *line != header).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;

    const WORKSPACE: &str = r#"
[workspace.package]
edition = "2024"
rust-version = "1.85"

[workspace.lints.rust]
missing_docs = "deny"
# A comment = no key.
unexpected_cfgs = { level = "warn", check-cfg = ["cfg(loom)"] }

[workspace.lints.clippy]
todo = "deny"
"#;

    fn check_layer(layer: &str) -> Vec<String> {
        check("Cargo.toml", WORKSPACE, layer)
    }

    #[test]
    fn a_layer_has_the_workspaces_edition_and_lints_and_its_own_rust_version_and_cfgs() {
        let layer = r#"
[package]
edition = "2024"
rust-version = "1.87"

[lints.rust]
missing_docs = "deny"
unexpected_cfgs = { level = "warn", check-cfg = ["cfg(own)"] }

[lints.clippy]
todo = "deny"
"#;
        assert!(check_layer(layer).is_empty());
    }

    #[test]
    fn what_is_missing_differs_or_is_added_is_reported_once() {
        let layer = r#"
[package]
edition = "2021"

[lints.rust]
missing_docs = "warn"

[lints.clippy]
unwrap_used = "deny"
"#;
        let expected = [
            "Cargo.toml: `[lints.clippy]` needs `todo = \"deny\"`, as in the workspace's",
            "Cargo.toml: `[lints.clippy]` needs no `unwrap_used`, which the workspace does not have",
            "Cargo.toml: `[lints.rust]` needs `missing_docs = \"deny\"`, as in the workspace's",
            "Cargo.toml: `[package]` needs `edition = \"2024\"`, as in the workspace's",
        ];
        assert_eq!(check_layer(layer), expected);
    }
}
