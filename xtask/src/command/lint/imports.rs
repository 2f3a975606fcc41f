//! Who may import whom: imports flow one way.

use std::collections::BTreeMap;

use anyhow::Result;
use xshell::Shell;

use crate::workspace::{self, Package};

/// Each package of the workspace, with those it may depend on.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("token-ready", &[]),
    ("system-call", &[]),
    ("sockopt", &[]),
    ("socket-calls", &["system-call"]),
    ("selector", &["token-ready", "system-call"]),
    ("tcp-stream", BELOW_SOCKETS),
    (
        "tcp-listener",
        &[
            "token-ready",
            "selector",
            "sockopt",
            "socket-calls",
            "tcp-stream",
        ],
    ),
    ("udp-socket", BELOW_SOCKETS),
    ("unix-socket", BELOW_SOCKETS),
    (
        "unix-pipe",
        &["token-ready", "selector", "socket-calls", "system-call"],
    ),
    (
        "readywire",
        &[
            "token-ready",
            "selector",
            "sockopt",
            "tcp-stream",
            "tcp-listener",
            "udp-socket",
            "unix-socket",
            "unix-pipe",
        ],
    ),
    ("testkit", &["token-ready", "selector", "system-call"]),
    ("soak", &["readywire", "testkit"]),
    ("benches", &["readywire"]),
    ("xtask", &[]),
];

const BELOW_SOCKETS: &[&str] = &["token-ready", "selector", "sockopt", "socket-calls"];

/// The packages that the tests of every other may use: helpers, and the facade, in whose names the
/// examples in the docs are written. `cargo xtask lint` keeps the facade out of all other code.
const FOR_TESTS: &[&str] = &["testkit", "readywire"];

pub(super) fn violations(sh: &Shell) -> Result<Vec<String>> {
    Ok(check(&workspace::packages(sh)?))
}

fn check(packages: &[Package]) -> Vec<String> {
    let rules: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut violations = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let Some(may_import) = rules.get(name) else {
            violations.push(format!(
                "`{name}` has no rule that says what it may depend on"
            ));
            continue;
        };
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| dependency.path.is_some())
        {
            let imported = dependency.name.as_str();
            let for_tests = dependency.kind.as_deref() == Some("dev");
            let allowed = may_import.contains(&imported)
                || (for_tests && FOR_TESTS.contains(&imported) && name != "xtask");
            if !allowed {
                violations.push(format!("`{name}` must not depend on `{imported}`"));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(name: &str, dependency: &str) -> Vec<String> {
        let json = format!(
            r#"[{{
                "name": "{name}",
                "version": "0.1.0",
                "manifest_path": "/readywire/{name}/Cargo.toml",
                "dependencies": [{dependency}]
            }}]"#
        );
        let packages: Vec<Package> = serde_json::from_str(&json).expect("packages");
        check(&packages)
    }

    fn of_workspace(name: &str, kind: &str) -> String {
        format!(r#"{{"name": "{name}", "kind": {kind}, "path": "/readywire/{name}"}}"#)
    }

    #[test]
    fn imports_of_lower_layers_pass() {
        assert!(check_one("selector", &of_workspace("token-ready", "null")).is_empty());
        assert!(check_one("readywire", &of_workspace("tcp-stream", "null")).is_empty());
    }

    #[test]
    fn imports_of_higher_layers_and_across_are_refused() {
        for (name, imported) in [
            ("token-ready", "selector"),
            ("selector", "sockopt"),
            ("sockopt", "selector"),
        ] {
            let expected = format!("`{name}` must not depend on `{imported}`");
            for kind in ["null", r#""dev""#, r#""build""#] {
                assert_eq!(
                    check_one(name, &of_workspace(imported, kind)),
                    [expected.as_str()]
                );
            }
        }
    }

    #[test]
    fn test_helpers_and_the_facade_are_for_tests_alone_and_never_for_xtask() {
        for package in FOR_TESTS {
            assert!(check_one("selector", &of_workspace(package, r#""dev""#)).is_empty());
            for (name, kind) in [("selector", "null"), ("xtask", r#""dev""#)] {
                assert_eq!(check_one(name, &of_workspace(package, kind)).len(), 1);
            }
        }
    }

    #[test]
    fn packages_of_the_registry_are_not_judged() {
        let libc = r#"{"name": "libc", "kind": null, "path": null}"#;
        assert!(check_one("selector", libc).is_empty());
    }

    #[test]
    fn a_new_package_needs_a_rule() {
        let expected = "`newcomer` has no rule that says what it may depend on";
        assert_eq!(check_one("newcomer", ""), [expected]);
    }
}
