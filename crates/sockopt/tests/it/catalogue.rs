//! The table of a socket, and the table in the documentation.

use std::collections::BTreeSet;
use std::time::Duration;

use sockopt::Listing;

use crate::support::{connected, tcp, udp};

const README: &str = include_str!("../../README.md");
const MARK: &str = "✓";

/// The rows of the README's table, by cell; the first is its head.
fn documented() -> Vec<Vec<&'static str>> {
    README
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn code(cell: &str) -> &str {
    cell.trim_matches('`')
}

#[test]
fn the_documented_table_is_the_one_of_the_constants() {
    let rows = documented();
    let (head, rows) = rows.split_first().expect("a table");
    let systems: Vec<String> = head[2..].iter().map(|cell| cell.to_lowercase()).collect();

    let documented: Vec<(&str, Vec<&str>)> = rows
        .iter()
        .map(|row| {
            assert_eq!(row.len(), head.len(), "{row:?}");
            let marked = row[2..].iter().zip(&systems);
            let marked = marked
                .filter(|(cell, _)| **cell == MARK)
                .map(|(_, system)| &**system);
            (code(row[0]), marked.collect())
        })
        .collect();
    let constants: Vec<(&str, Vec<&str>)> = sockopt::catalogue()
        .map(|option| (option.name, option.systems.to_vec()))
        .collect();

    assert_eq!(documented, constants);
}

#[test]
fn the_documented_names_are_those_of_this_system() {
    for (row, Listing { name, os_name, .. }) in documented()[1..].iter().zip(sockopt::catalogue()) {
        let documented: Vec<&str> = row[1].split(", ").map(code).collect();
        if let Some(os_name) = os_name {
            assert!(
                documented.contains(&os_name),
                "{name}: {os_name} is not in {documented:?}"
            );
        }
    }
}

#[test]
fn an_option_is_present_where_its_list_says_so() {
    for Listing {
        name,
        os_name,
        systems,
        ..
    } in sockopt::catalogue()
    {
        let expected = systems.contains(&std::env::consts::OS);
        assert_eq!(
            os_name.is_some(),
            expected,
            "{name} on {}",
            std::env::consts::OS
        );
    }
}

#[test]
fn no_name_is_listed_twice() {
    let names: Vec<&str> = sockopt::catalogue().map(|option| option.name).collect();
    let different: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), different.len());
}

#[test]
fn the_table_shows_every_option_of_any_socket() {
    let (stream, _peer) = connected();
    for table in [
        sockopt::table(&stream),
        sockopt::table(&tcp()),
        sockopt::table(&udp()),
    ] {
        let text = table.to_string();
        let shown: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let expected: Vec<[&str; 2]> = sockopt::catalogue()
            .filter_map(|option| Some([option.name, option.os_name?]))
            .collect();

        assert_eq!(shown.len(), expected.len(), "{text}");
        for (cells, names) in shown.iter().zip(&expected) {
            assert_eq!(cells[..2], *names, "{text}");
            assert!(cells.len() > 2, "{names:?} has no value in\n{text}");
        }
    }
}

#[test]
fn the_columns_of_the_table_are_aligned() {
    let text = sockopt::table(&tcp()).to_string();
    let starts: BTreeSet<Vec<usize>> = text
        .lines()
        .map(|line| {
            let mut cells = line.split_whitespace();
            let second = cells.nth(1).expect("a second column");
            let at = line.find(&format!(" {second} ")).expect("its place") + 1;
            let gap = line[at + second.len()..]
                .chars()
                .take_while(|c| *c == ' ')
                .count();
            vec![at, at + second.len() + gap]
        })
        .collect();
    assert_eq!(starts.len(), 1, "{text}");
}

#[test]
fn the_table_tells_values_errors_and_what_cannot_be_read_apart() {
    #[track_caller]
    fn value(text: &str, name: &str) -> String {
        let mut lines = text.lines();
        let line = lines.find(|line| line.split_whitespace().next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in\n{text}"));
        let cells: Vec<&str> = line.split_whitespace().skip(2).collect();
        cells.join(" ")
    }

    let stream = tcp();
    sockopt::LINGER
        .set(&stream, Some(Duration::from_secs(3)))
        .unwrap();
    let text = sockopt::table(&stream).to_string();
    assert_eq!(value(&text, "LINGER"), "Some(3s)");
    assert_eq!(value(&text, "ACCEPTS_CONNECTIONS"), "false");
    #[cfg(any(target_os = "linux", target_os = "android"))]
    assert_eq!(value(&text, "SEND_BUFFER_SIZE_FORCED"), "write-only");
    // A stream of IPv4 has no IPv6 multicast.
    let hops = value(&text, "MULTICAST_HOPS_V6");
    assert!(hops.starts_with("error: "), "{text}");
}

#[test]
fn the_table_leaves_the_socket_as_it_is() {
    let (stream, _peer) = connected();
    // Options that the kernel changes by itself.
    let moving = ["TCP_INFO", "QUICKACK", "INCOMING_CPU"];
    let lasting = || -> Vec<String> {
        let text = sockopt::table(&stream).to_string();
        let lines = text.lines().map(str::to_owned);
        lines
            .filter(|line| !moving.iter().any(|name| line.starts_with(name)))
            .collect()
    };
    assert_eq!(lasting(), lasting());
}
