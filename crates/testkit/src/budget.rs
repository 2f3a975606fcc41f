//! Counting the system calls of an operation, by strace(1).
//!
//! A test runs itself under strace. Each operation stands between two marks, attempts to open a
//! file that does not exist, which show up in the trace.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::Command;
use std::{env, process};

use crate::backends::without_crate;
use crate::watchdog;

/// Whether the queue of events is libkqueue's, whose own calls no budget is about.
const QUEUE_IS_A_LIBRARYS: bool = cfg!(readywire_libkqueue);

const TRACED: &str = "READYWIRE_TRACED";
const MARK: &str = "/readywire-budget/";

/// Runs `operations` under strace, and asserts that each one that it [`measure`]s costs as many
/// system calls as `budget` says; which ones depends on the processor.
///
/// To be called from the body of a test itself, with all of the test's work in `operations`. The test is
/// [skipped](fn@crate::skip) where strace cannot trace it.
///
/// # Panics
/// If an operation costs anything else, or if one is measured that has no budget or the other way
/// round.
#[track_caller]
pub fn expect_calls<F: FnOnce()>(budget: &[(&str, usize)], operations: F) {
    watchdog::watch();
    if QUEUE_IS_A_LIBRARYS {
        return;
    }
    if env::var_os(TRACED).is_some() {
        return operations();
    }
    if crate::lacks_strace() {
        return;
    }
    // A closure is named after the function it stands in.
    let test = without_crate(type_name::<F>()).trim_end_matches("::{{closure}}");
    let file = format!(
        "readywire-budget-{}-{}",
        process::id(),
        test.replace(':', "-")
    );
    let trace = env::temp_dir().join(file);
    let output = Command::new("strace")
        // Memory is the allocator's business.
        .args(["-f", "-qq", "-e", "signal=none"])
        .args(["-e", "trace=!mmap,munmap,mremap,mprotect,madvise,brk", "-o"])
        .arg(&trace)
        .arg(env::current_exe().expect("the path of this program"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(TRACED, "yes")
        // LeakSanitizer cannot work in a process that is traced; the test's other runs have it.
        .env("LSAN_OPTIONS", "detect_leaks=0")
        .output()
        .expect("start strace");
    let text = fs::read_to_string(&trace).expect("strace wrote a trace");
    fs::remove_file(&trace).expect("remove the trace");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{test}: {}\n{said}\n{text}",
        output.status
    );

    let spent = calls(&text);
    let mut wrong = Vec::new();
    for (operation, budget) in budget {
        match spent.get(*operation) {
            Some(spent) if spent.len() == *budget => {}
            spent => wrong.push(format!("{operation}: {spent:?}, may cost {budget}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let known: Vec<_> = budget.iter().map(|(operation, _)| *operation).collect();
    let unknown = spent.keys().find(|operation| !known.contains(operation));
    assert_eq!(unknown, None, "measured, but without a budget");
}

/// Runs one operation of [`expect_calls`], whose system calls are counted under this name.
pub fn measure<R>(name: &str, operation: impl FnOnce() -> R) -> R {
    // Both are made before: the allocator has locks that another thread may hold.
    let (begin, end) = (format!("{MARK}{name}"), format!("{MARK}end"));
    mark(&begin);
    let result = operation();
    mark(&end);
    result
}

/// Puts a mark into the trace.
fn mark(path: &str) {
    File::open(path).expect_err("there is no such file");
}

/// The calls between each pair of marks, by the operation that the first one names.
fn calls(trace: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut spent: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    // What each thread is measuring.
    let mut current: BTreeMap<&str, &str> = BTreeMap::new();
    for line in trace.lines() {
        let (thread, line) = line.split_once(char::is_whitespace).unwrap_or_default();
        let line = line.trim_start();
        if let Some((_, mark)) = line.split_once(MARK) {
            let (mark, _) = mark.split_once('"').expect("a whole name");
            if mark == "end" {
                current.remove(thread);
            } else {
                current.insert(thread, mark);
                spent.insert(mark, Vec::new());
            }
        } else if let Some(operation) = current.get(thread) {
            // A call that is resumed was counted when it began.
            let call = line.split_once('(').filter(|_| !line.starts_with('<'));
            if let Some((call, _)) = call.filter(|_| !is_check_of_std(operation, line)) {
                spent.entry(operation).or_default().push(call);
            }
        }
    }
    spent
}

/// With debug assertions, the standard library looks whether a descriptor is open before it closes
/// it.
fn is_check_of_std(operation: &str, line: &str) -> bool {
    cfg!(debug_assertions) && operation.starts_with("drop") && line.contains("F_GETFD")
}

#[cfg(test)]
mod tests {
    use super::calls;

    #[test]
    fn calls_are_counted_between_marks_by_thread() {
        let trace = "\
1 openat(AT_FDCWD, \"/readywire-budget/read\", O_RDONLY) = -1 ENOENT
2 write(1, \"x\", 1) = 1
1 recvfrom(3, <unfinished ...>
1 <... recvfrom resumed>\"x\") = 1
1 openat(AT_FDCWD, \"/readywire-budget/end\", O_RDONLY) = -1 ENOENT
1 close(3) = 0
1 openat(AT_FDCWD, \"/readywire-budget/nothing\", O_RDONLY) = -1 ENOENT
1 openat(AT_FDCWD, \"/readywire-budget/end\", O_RDONLY) = -1 ENOENT";
        let spent = calls(trace);
        assert_eq!(spent["read"], ["recvfrom"]);
        assert!(spent["nothing"].is_empty());
        assert_eq!(spent.len(), 2);
    }
}
