//! Instructions in user space, counted by callgrind in one function of `measure --count`.
//!
//! Exact, and the same in every run: what the kernel does is not among them, what libc does is.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::program::{Counts, LIMITED, Program};

/// Counts the instructions of the work of some cases.
pub(super) fn count(program: &Program, filter: &str) -> Result<Counts<f64>> {
    let dumps = program.scratch("callgrind");
    if dumps.exists() {
        fs::remove_dir_all(&dumps)?;
    }
    fs::create_dir(&dumps)?;

    let [limiter, arguments @ ..] = LIMITED;
    let mut valgrind = Command::new(limiter);
    valgrind
        .args(arguments)
        .args(["valgrind", "--tool=callgrind"])
        .arg(format!(
            "--callgrind-out-file={}",
            dumps.join("dump").display()
        ))
        // In the function alone, and a file each time that it has ended.
        .arg("--toggle-collect=*readywire_counted")
        .arg("--dump-before=*readywire_done");
    let mut counts = program.count(valgrind, filter, || totals(&dumps))?;
    for (counted, total) in &mut counts.counts {
        *total /= counted.times;
    }
    Ok(counts)
}

/// The total of each dump, in order. A dump is named `dump.` and its number; that of the program's end
/// has none.
fn totals(dumps: &Path) -> Result<Vec<f64>> {
    let mut numbered = Vec::new();
    for entry in fs::read_dir(dumps)? {
        let path = entry?.path();
        let number = path.extension().and_then(|number| number.to_str());
        if let Some(number) = number.and_then(|number| number.parse::<u32>().ok()) {
            numbered.push((number, path));
        }
    }
    numbered.sort();
    numbered
        .iter()
        .map(|(_, path)| {
            total(BufReader::new(File::open(path)?))?
                .with_context(|| format!("{} has no total", path.display()))
        })
        .collect()
}

/// The total of a dump.
fn total(dump: impl BufRead) -> io::Result<Option<f64>> {
    for line in dump.lines() {
        if let Some(total) = line?.strip_prefix("totals: ") {
            return Ok(total.trim().parse().ok());
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use xshell::Shell;

    use super::*;

    #[test]
    fn totals_come_in_the_order_of_the_dumps() {
        let sh = Shell::new().expect("a shell");
        let dumps = sh.create_temp_dir().expect("a folder");
        let dump = |name: &str, total: &str| {
            let text = format!("events: Ir\nfn=(1) work\n51 480\n\ntotals: {total}\n");
            fs::write(dumps.path().join(name), text).expect("write");
        };
        dump("dump.10", "30");
        dump("dump.2", "20");
        dump("dump.1", "10");
        dump("dump", "0");
        let totals = totals(dumps.path()).expect("read");
        assert_eq!(totals, [10.0, 20.0, 30.0]);
    }

    #[test]
    fn a_dump_that_was_cut_short_has_no_total() {
        assert_eq!(
            total("events: Ir\nfn=(1) work\n".as_bytes()).expect("read"),
            None
        );
    }
}
