//! Who may import whom: imports flow one way.

use std::collections::BTreeMap;

use anyhow::Result;
use xshell::Shell;

use crate::workspace::{self, Package};

/// Each package of the workspace, with those it may depend on.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("token-ready", &[]),
    ("system-call", &[]),
    ("sockopt", &["system-call"]),
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
    ("unix-pipe", &["token-ready", "selector", "socket-calls"]),
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
    ("testkit", &["token-ready", "selector"]),
    ("soak", &["readywire", "testkit"]),
    ("benches", &["readywire"]),
    ("xtask", &[]),
];

const BELOW_SOCKETS: &[&str] = &["token-ready", "selector", "sockopt", "socket-calls"];

/// The package that the tests of every other may use.
const TEST_HELPERS: &str = "testkit";

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
                || (for_tests && imported == TEST_HELPERS && name != "xtask");
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
        let json = format!(r#"[{{"name": "{name}", "dependencies": [{dependency}]}}]"#);
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
    fn test_helpers_are_for_tests_alone_and_never_for_xtask() {
        assert!(check_one("selector", &of_workspace("testkit", r#""dev""#)).is_empty());
        assert_eq!(
            check_one("selector", &of_workspace("testkit", "null")).len(),
            1
        );
        assert_eq!(
            check_one("xtask", &of_workspace("testkit", r#""dev""#)).len(),
            1
        );
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
