//! The examples in the docs of items that the facade re-exports: they compile for its users.

use std::collections::BTreeSet;

use anyhow::Result;
use xshell::Shell;

/// The crates whose items are shown in the docs of the facade.
const SHOWN: &[&str] = &[
    "token_ready",
    "selector",
    "sockopt",
    "tcp_stream",
    "tcp_listener",
    "udp_socket",
    "unix_socket",
    "unix_pipe",
];

pub(super) fn violations(sh: &Shell) -> Result<Vec<String>> {
    let mut violations = Vec::new();
    for name in SHOWN {
        let folder = format!("crates/{}", name.replace('_', "-"));
        let files = xshell::cmd!(sh, "git ls-files -- {folder}")
            .quiet()
            .read()?;
        for file in files.lines().filter(|file| file.ends_with(".rs")) {
            let source = sh.read_file(file)?;
            violations.extend(
                check(&source)
                    .into_iter()
                    .map(|what| format!("{file}:{what}")),
            );
        }
    }
    Ok(violations)
}

/// Returns what is wrong, each with the number of its line.
fn check(source: &str) -> BTreeSet<String> {
    let mut violations = BTreeSet::new();
    let mut example: Option<Vec<(usize, &str)>> = None;
    for (number, line) in (1..).zip(source.lines().map(str::trim_start)) {
        let Some(doc) = line.strip_prefix("///").or(line.strip_prefix("//!")) else {
            // The facade is a dependency of the examples only: imports flow one way.
            if names(line, "readywire") {
                violations.insert(format!(
                    "{number}: only examples in docs may use the facade"
                ));
            }
            continue;
        };
        if !doc.trim_start().starts_with("```") {
            if let Some(lines) = &mut example {
                lines.push((number, doc));
            }
        } else if let Some(lines) = example.take() {
            violations.extend(check_example(&lines));
        } else {
            example = Some(Vec::new());
        }
    }
    violations
}

fn check_example(lines: &[(usize, &str)]) -> Vec<String> {
    let mut violations = Vec::new();
    for name in SHOWN {
        // `use readywire::sockopt;` makes `sockopt::TTL` a path of the facade.
        let through_facade = format!("readywire::{name}");
        if lines.iter().any(|(_, line)| line.contains(&through_facade)) {
            continue;
        }
        for (number, _) in lines.iter().filter(|(_, line)| names(line, name)) {
            violations.push(format!(
                "{number}: an example uses `{name}`, which users of the facade do not depend on"
            ));
        }
    }
    violations
}

/// Tells whether a path in `line` begins with `krate`.
fn names(line: &str, krate: &str) -> bool {
    let path = format!("{krate}::");
    line.match_indices(&path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations_of(source: &str) -> usize {
        check(source).len()
    }

    #[test]
    fn examples_that_use_the_facade_pass() {
        let example = "/// ```\n/// use readywire::{Poll, net::TcpStream};\n/// ```\nfn f() {}";
        assert_eq!(violations_of(example), 0);
        let options = "//! ```\n//! use readywire::sockopt;\n//! sockopt::TTL.get(&a);\n//! ```";
        assert_eq!(violations_of(options), 0);
    }

    #[test]
    fn examples_that_use_an_inner_crate_are_refused() {
        for line in [
            "use selector::Poll;",
            "# use token_ready::Ready;",
            "let stream = tcp_stream::TcpStream::connect(&address)?;",
            "sockopt::TTL.get(&a);",
        ] {
            assert_eq!(
                violations_of(&format!("/// ```\n/// {line}\n/// ```")),
                1,
                "{line}"
            );
        }
    }

    #[test]
    fn code_outside_examples_uses_inner_crates_and_not_the_facade() {
        assert_eq!(
            violations_of("use selector::Poll;\n/// See [`selector::Poll`]."),
            0
        );
        assert_eq!(violations_of("use readywire::Poll;"), 1);
    }
}
