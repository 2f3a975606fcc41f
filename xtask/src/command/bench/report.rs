//! The report: Markdown that is read at a glance.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};

use super::format;
use super::goals::GOALS;
use super::results::{Case, Contestant, Kind, MIO, RAW, READYWIRE, Run};
use super::verdict::{Verdict, judge, judge_group};

/// The contestants that have a column of their own.
const COLUMNS: [&str; 5] = [RAW, READYWIRE, MIO, "mio 0.6", "polling"];

/// What each group measures, in a sentence.
const GROUPS: [(&str, &str); 10] = [
    (
        "dispatch",
        "One poll that hands out the events of the ready sources among all, on level.",
    ),
    (
        "round",
        "Peers write, the loop polls, reads until it would block and answers: the life of a server.",
    ),
    (
        "throughput",
        "Bytes over one connection over loopback, both ends in one loop.",
    ),
    (
        "churn",
        "Connections that come and go: connect, register, accept, poll, deregister, drop.",
    ),
    (
        "register",
        "Registering, registering anew and deregistering.",
    ),
    (
        "wake",
        "Waking a loop, from its own thread and from others.",
    ),
    ("user", "Readiness that the program itself sets."),
    (
        "timeouts",
        "How late a poll without events returns. The percentiles take an early one for none.",
    ),
    (
        "scale",
        "What idle registrations cost: of a poll's time, and of memory.",
    ),
    ("options", "Socket options, set and read."),
];

/// What a person has found to be in the way of a goal, by the goal's id.
pub(super) type Explanations = BTreeMap<String, String>;

pub(super) struct Report<'a> {
    pub(super) run: &'a Run,
    /// The charts' file names, each with its title; those of a group start with its name.
    pub(super) charts: &'a [(String, String)],
    pub(super) explanations: &'a Explanations,
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# readywire beside raw system calls and its peers\n")?;
        write!(f, "{}", by_group(self.run))?;
        writeln!(f, "{}\n", summary(self.run))?;
        self.chart(f, "overview")?;
        self.goals(f)?;
        writeln!(f, "## Times\n")?;
        writeln!(
            f,
            "What one element takes with the first contestant, and the others' ratios to that: less is \
             better. Bytes are told by the message; figures and how late a poll is, as they are.\n"
        )?;
        write!(f, "{}", times(self.run))?;
        self.counts(f)?;
        self.groups(f)?;
        self.how_to_read(f)?;
        self.machine(f)
    }
}

impl Report<'_> {
    /// Those charts whose names start so.
    fn chart(&self, f: &mut fmt::Formatter<'_>, prefix: &str) -> fmt::Result {
        for (file, title) in self.charts {
            if file.starts_with(prefix) {
                writeln!(f, "![{title}]({file})\n")?;
            }
        }
        Ok(())
    }

    fn goals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Goals\n\n| goal | | figures |\n| --- | --- | --- |")?;
        let mut missed = Vec::new();
        for goal in &GOALS {
            let outcome = goal.judge(self.run);
            let met = match outcome.met {
                Some(true) => "met",
                Some(false) => "**not met**",
                None => "not measured",
            };
            if outcome.met == Some(false) {
                missed.push(goal);
            }
            let shown = outcome
                .figures
                .iter()
                .take(4)
                .map(|one| one.replace("**", ""));
            let mut figures = shown.collect::<Vec<_>>().join("<br>");
            if let more @ 1.. = outcome.figures.len().saturating_sub(4) {
                // Writing to a string does not fail.
                write!(figures, "<br>and {more} more")?;
            }
            writeln!(f, "| {} | {met} | {figures} |", goal.text)?;
        }
        writeln!(f)?;
        for goal in missed {
            let note = self.explanations.get(goal.id).map_or(
                "What is in the way has not been written down yet.",
                String::as_str,
            );
            writeln!(f, "**{}**: {note}\n", goal.text)?;
        }
        Ok(())
    }

    /// System calls and instructions.
    fn counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = counts(self.run, work, |_, contestant| contestant.call_count());
        if let Some(table) = calls {
            writeln!(
                f,
                "## System calls\n\nOf one time of all the work, counted by strace; those for memory aside.\n"
            )?;
            write!(f, "{table}")?;
            write!(f, "{}", calls_by_name(self.run))?;
        }
        let element = |case: &Case| case.element().1.to_owned();
        let instructions = counts(self.run, element, |case, contestant| {
            Some(case.instructions(contestant)?.round())
        });
        if let Some(table) = instructions {
            writeln!(
                f,
                "## Instructions\n\nIn user space, by the element, counted by callgrind: the work's own, libc's \
                 and, for each time of all the work, four of the loop that repeats it. callgrind does not know `epoll_pwait2`, so that there \
                 whoever uses it is seen with what it falls back on, if with anything.\n"
            )?;
            write!(f, "{table}")?;
        }
        for note in &self.run.notes {
            writeln!(f, "- {note}")?;
        }
        if !self.run.notes.is_empty() {
            writeln!(f)?;
        }
        Ok(())
    }

    fn groups(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in self.run.groups() {
            writeln!(f, "## {group}\n")?;
            if let Some((_, text)) = GROUPS.iter().find(|(name, _)| *name == group) {
                writeln!(f, "{text}\n")?;
            }
            self.chart(f, group)?;
            write!(f, "{}", percentiles(self.run, group))?;
        }
        Ok(())
    }

    fn how_to_read(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = match self.run.quick {
            true => "cargo xtask bench --quick",
            false => "cargo xtask bench",
        };
        writeln!(
            f,
            "## How to read it

All figures are from one run of `{command}`, which also wrote [results.json](results.json); what is said \
between them of why a goal is not met is from [notes.md](notes.md), written by hand. \
`cargo xtask bench --against benches/report/results.json` compares a new run with it.

The contestants take turns of a few milliseconds, in an order that changes from round to round. A ratio is \
of the times within a round; shown is the median over all rounds. *noise* is half of the interval in which \
the true median of readywire's ratio lies with 95 % confidence, as a share of it. The last column tells how \
much more or less time the best peer takes than readywire in the same rounds, with the interval of that: \
somebody is ahead only where all of it is on one side. One such interval in twenty is \
wrong: among so many cases one or two may seem ahead that are not, and change from run to run. A group is \
judged by the geometric mean over its cases, of each peer over those it takes part in; how unsure that is \
follows from the cases' intervals.

`raw` is a loop over the system calls, made by the C library's functions as C programs make them, with nothing \
around it. readywire makes those of its hot paths in place, and so does polling some of them: the first return \
after a system call from a function that was entered before it is mispredicted, which libc's functions pay at \
each call. The work is done in a loop of its own, as a program does it, and whatever a contestant lets inline \
is inlined there; `socket2`, which knows no loops, takes part where \
options are set. `tokio` and `std` are points of reference, no \
peers: tokio takes a short read for the end of what there is, where loops read until that would block, which is \
a system call less; std blocks, with a thread at the other end. Whoever does not take part in a case, since it \
cannot do that, has a dash.
"
        )
    }

    fn machine(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = &self.run.machine;
        let kind = match machine.virtual_machine {
            true => "virtual machine",
            false => "machine",
        };
        let rounds = match self.run.quick {
            true => "quick: few rounds, for a first look",
            false => "whole",
        };
        writeln!(f, "## Machine and versions\n\n| | |\n| --- | --- |")?;
        for (name, value) in [
            ("date", &machine.date),
            ("run", &rounds.to_owned()),
            (
                kind,
                &format!(
                    "{}, {} cores, {}",
                    machine.processor, machine.cores, machine.memory
                ),
            ),
            ("system", &machine.kernel),
            ("load before and after", &machine.load.join(", ")),
            ("readywire", &machine.revision),
            ("compiler", &machine.rustc),
            ("peers", &machine.versions.join(", ")),
        ] {
            writeln!(f, "| {name} | {value} |")?;
        }
        Ok(())
    }
}

/// How readywire stands to its peers group by group.
fn by_group(run: &Run) -> String {
    let groups = run.groups();
    let rows: Vec<_> = groups
        .iter()
        .filter_map(|group| {
            Some(vec![
                (*group).to_owned(),
                judge_group(run, group)?.describe(),
            ])
        })
        .collect();
    table(&["group", "readywire is"], &rows)
}

/// How readywire stands to its peers case by case, in a paragraph.
fn summary(run: &Run) -> String {
    let judged: Vec<_> = run
        .cases
        .iter()
        .filter_map(|case| Some((case, judge(case)?)))
        .collect();
    let having = |verdict| {
        judged
            .iter()
            .filter(move |(_, judged)| judged.verdict == verdict)
    };
    let mut text = format!(
        "Of {} cases, readywire is ahead of every peer in {}, level with the best one in {}, and behind in {}.",
        judged.len(),
        having(Verdict::Ahead).count(),
        having(Verdict::Level).count(),
        having(Verdict::Behind).count()
    );
    let mut noises: Vec<f64> = run.cases.iter().filter_map(noise).collect();
    noises.sort_by(f64::total_cmp);
    if let (Some(middle), Some(most)) = (noises.get(noises.len() / 2), noises.last()) {
        text.push_str(&format!(
            " The noise is {} in the middle case, and at most {}.",
            format::percent(*middle),
            format::percent(*most)
        ));
    }
    for (case, judged) in having(Verdict::Behind) {
        text.push_str(&format!("\n- {}: {}", case.title(), judged.describe()));
    }
    text
}

/// How unsure readywire's ratio is; nothing of figures, which are sure.
fn noise(case: &Case) -> Option<f64> {
    let ratio = case.contestant(READYWIRE)?.to_first?;
    Some(ratio.noise()).filter(|noise| noise.is_finite() && case.kind != Kind::Figure)
}

/// The table of times.
fn times(run: &Run) -> String {
    let mut rows = Vec::new();
    for case in &run.cases {
        let Some(first) = case.contestants.first() else {
            continue;
        };
        let (_, element) = case.element();
        let mut row = vec![
            case.title(),
            format!("{} {}, {element}", first.name, value(case, first)),
        ];
        let cell = |contestant: &Contestant| {
            let ratio = contestant.to_first.filter(|ratio| ratio.median.is_finite());
            match (case.kind, ratio) {
                (Kind::Time, Some(ratio)) => format::ratio(ratio.median),
                _ => value(case, contestant),
            }
        };
        row.extend(cells(case, cell));
        row.push(noise(case).map_or(dash(), |noise| format!("± {}", format::percent(noise))));
        row.push(judge(case).map_or(dash(), |judged| judged.describe()));
        rows.push(row);
    }
    let mut head = vec!["case", "first, of"];
    head.extend(COLUMNS);
    head.extend(["others", "noise", "readywire is"]);
    table(&head, &rows)
}

/// A table of what was counted; nothing if nothing was.
fn counts(
    run: &Run,
    of: impl Fn(&Case) -> String,
    count: impl Fn(&Case, &Contestant) -> Option<f64>,
) -> Option<String> {
    let mut rows = Vec::new();
    for case in &run.cases {
        let counted = |contestant: &Contestant| count(case, contestant).is_some();
        if !case.contestants.iter().any(counted) {
            continue;
        }
        let mut row = vec![case.title(), of(case)];
        row.extend(cells(case, |contestant| {
            count(case, contestant).map_or(dash(), format::count)
        }));
        rows.push(row);
    }
    let mut head = vec!["case", "of"];
    head.extend(COLUMNS);
    head.push("others");
    (!rows.is_empty()).then(|| table(&head, &rows))
}

/// One time of all the work of a case.
fn work(case: &Case) -> String {
    match case.element() {
        (1.0, element) => format!("1 {element}"),
        (elements, element) => format!("{} {element}s", format::count(elements)),
    }
}

/// Which system calls they are, and who makes the same ones.
fn calls_by_name(run: &Run) -> String {
    let mut rows = Vec::new();
    for case in &run.cases {
        // Who makes the same ones, in the order of the case.
        let mut kinds: Vec<(String, Vec<&str>)> = Vec::new();
        for contestant in &case.contestants {
            let Some(calls) = &contestant.calls else {
                continue;
            };
            let named = calls
                .iter()
                .map(|(name, count)| format!("{name} {}", format::count(*count)));
            let named = named.collect::<Vec<_>>().join(", ");
            match kinds.iter_mut().find(|(known, _)| *known == named) {
                Some((_, names)) => names.push(&contestant.name),
                None => kinds.push((named, vec![&contestant.name])),
            }
        }
        for (named, names) in kinds {
            rows.push(vec![case.title(), names.join(", "), named]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<details><summary>Which they are</summary>\n\n{}</details>\n\n",
        table(&["case", "with", "system calls"], &rows)
    )
}

/// How samples are spread, of the cases of a group that have any.
fn percentiles(run: &Run, group: &str) -> String {
    let mut rows = Vec::new();
    let mut head = vec!["case".to_owned(), "contestant".to_owned()];
    for case in run.group(group) {
        for contestant in &case.contestants {
            if contestant.percentiles.is_empty() {
                continue;
            }
            head.truncate(2);
            let mut row = vec![case.name.clone(), bold(contestant)];
            for (share, value) in &contestant.percentiles {
                head.push(match share {
                    0.0 => "least".to_owned(),
                    1.0 => "most".to_owned(),
                    share => format!("{} %", share * 100.0),
                });
                row.push(format::seconds(*value));
            }
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    table(&head, &rows)
}

/// A cell for each column, and one for all others; readywire's is bold.
fn cells(case: &Case, cell: impl Fn(&Contestant) -> String) -> Vec<String> {
    let mut cells: Vec<String> = COLUMNS
        .iter()
        .map(|name| match case.contestant(name) {
            Some(contestant) if *name == READYWIRE => format!("**{}**", cell(contestant)),
            Some(contestant) => cell(contestant),
            None => dash(),
        })
        .collect();
    let others: Vec<String> = case
        .contestants
        .iter()
        .filter(|contestant| !COLUMNS.contains(&&*contestant.name))
        .map(|contestant| format!("{} {}", contestant.name, cell(contestant)))
        .collect();
    cells.push(if others.is_empty() {
        dash()
    } else {
        others.join(", ")
    });
    cells
}

fn value(case: &Case, contestant: &Contestant) -> String {
    let value = case.value(contestant);
    match case.kind {
        Kind::Time | Kind::Sample => format::seconds(value),
        Kind::Figure => format::count(value),
    }
}

fn bold(contestant: &Contestant) -> String {
    match &*contestant.name {
        READYWIRE => format!("**{READYWIRE}**"),
        name => name.to_owned(),
    }
}

fn dash() -> String {
    "–".to_owned()
}

/// A table of Markdown, its columns padded, so that it can be read as it is, too.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max();
        widest.unwrap_or(0).max(head[column].chars().count())
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells
            .zip(&widths)
            .map(|(cell, width)| format!(" {cell:<width$} |"));
        format!("|{}\n", padded.collect::<String>())
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = line(&mut head.iter().copied());
    text += &line(&mut rule.iter().map(String::as_str));
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text + "\n"
}

/// The sections of a text by their headings.
pub(super) fn sections(text: &str) -> Explanations {
    let sections = text
        .split("\n## ")
        .map(|part| part.trim_start_matches("## "));
    sections
        .filter_map(|section| section.split_once('\n'))
        .map(|(id, note)| (id.trim().to_owned(), note.trim().to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::results::fixture;
    use super::*;

    fn run() -> Run {
        let values = [
            ("raw", 100.0),
            ("readywire", 102.0),
            ("mio 1", 110.0),
            ("tokio", 1500.0),
        ];
        let mut dispatch = fixture::case("dispatch", "64 of 1024", 0.01, &values);
        let calls = BTreeMap::from([("epoll_wait".to_owned(), 2.5)]);
        dispatch.contestants[2].calls = Some(calls);
        let mut bytes = fixture::case("scale", "of 10", 0.0, &[("raw", 0.0), ("readywire", 8e9)]);
        bytes.kind = Kind::Figure;
        "byte".clone_into(&mut bytes.unit);
        for contestant in &mut bytes.contestants {
            (contestant.calls, contestant.instructions) = (None, None);
        }
        fixture::run(vec![dispatch, bytes])
    }

    #[test]
    fn times_are_ratios_and_figures_are_themselves() {
        let expected = "\
| case                | first, of          | raw   | readywire | mio 1 | mio 0.6 | polling | others     | noise   | readywire is                         |
| ------------------- | ------------------ | ----- | --------- | ----- | ------- | ------- | ---------- | ------- | ------------------------------------ |
| dispatch/64 of 1024 | raw 10.0 ns, event | 1.000 | **1.020** | 1.100 | –       | –       | tokio 15.0 | ± 1.0 % | ahead of mio 1 by 7.8 % (6.8 to 8.9) |
| scale/of 10         | raw 0, byte        | 0     | **8**     | –     | –       | –       | –          | –       | –                                    |

";
        assert_eq!(times(&run()), expected);
    }

    #[test]
    fn counts_are_of_those_that_were_counted() {
        let calls = counts(&run(), work, |_, contestant| contestant.call_count()).expect("a table");
        let expected = "\
| case                | of        | raw | readywire | mio 1 | mio 0.6 | polling | others  |
| ------------------- | --------- | --- | --------- | ----- | ------- | ------- | ------- |
| dispatch/64 of 1024 | 10 events | 1   | **1**     | 2.50  | –       | –       | tokio 1 |

";
        assert_eq!(calls, expected);
        assert!(calls_by_name(&run()).contains("| mio 1                 | epoll_wait 2.50 |"));
        assert!(counts(&run(), work, |_, _| None).is_none());
    }

    #[test]
    fn the_summary_names_where_a_peer_is_ahead() {
        let values = [("readywire", 100.0), ("mio 1", 90.0)];
        let run = fixture::run(vec![
            fixture::case("round", "1", 0.01, &values),
            fixture::case("round", "2", 0.2, &values),
        ]);
        let expected = "\
Of 2 cases, readywire is ahead of every peer in 0, level with the best one in 1, and behind in 1. \
The noise is 20.0 % in the middle case, and at most 20.0 %.
- round/1: **behind mio 1 by 10.0 % (9.1 to 10.9)**";
        assert_eq!(summary(&run), expected);
    }

    #[test]
    fn an_explanation_stands_with_its_goal() {
        let explanations =
            sections("## dispatch-time\n\nA load more.\n\n## peers\n\nNobody knows.\n");
        assert_eq!(explanations["dispatch-time"], "A load more.");
        assert_eq!(explanations["peers"], "Nobody knows.");
        let values = [("raw", 100.0), ("readywire", 200.0)];
        let run = fixture::run(vec![fixture::case("dispatch", "1", 0.01, &values)]);
        let report = Report {
            run: &run,
            charts: &[],
            explanations: &explanations,
        };
        let text = report.to_string();
        assert!(text.contains("of a raw loop**: A load more."), "{text}");
        assert!(!text.contains("Nobody knows."), "{text}");
    }
}
