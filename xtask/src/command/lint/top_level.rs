//! What the top level of the checkout may hold.

use anyhow::Result;
use xshell::Shell;

/// `target` is what git ignores.
const ALLOWED: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "CHANGELOG.md",
    "README.md",
    "benches",
    "crates",
    "target",
    "xtask",
];

pub(super) fn violations(sh: &Shell) -> Result<Vec<String>> {
    let entries = sh.read_dir(".")?;
    let names = entries
        .iter()
        .filter_map(|path| path.file_name())
        .map(|name| name.to_string_lossy());
    Ok(names
        .filter(|name| !is_allowed(name))
        .map(|name| format!("`{name}` does not belong at the top level"))
        .collect())
}

fn is_allowed(name: &str) -> bool {
    name.starts_with('.') || name.starts_with("LICENSE-") || ALLOWED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_names_dotfiles_and_licences_may_stand_there() {
        for name in [
            "Cargo.toml",
            "crates",
            "target",
            ".ci",
            ".gitignore",
            "LICENSE-MIT",
        ] {
            assert!(is_allowed(name), "{name}");
        }
        for name in [
            "src",
            "notes.txt",
            "license-mit",
            "LICENSE",
            "Cargo.toml.orig",
        ] {
            assert!(!is_allowed(name), "{name}");
        }
    }
}
