//! System calls, counted by strace(1) between the marks of `measure --count`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::process::Command;

use anyhow::Result;

use super::program::{Counts, LIMITED, Program};
use super::results::Calls;

/// Counts what is called in the work of some cases.
pub(super) fn count(program: &Program, filter: &str) -> Result<Counts<Calls>> {
    let trace = program.scratch("trace");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-e", "signal=none"])
        // Memory is the allocator's business.
        .args(["-e", "trace=!mmap,munmap,mremap,mprotect,madvise,brk", "-o"])
        .arg(&trace)
        // Within, as strace itself would leave the program running.
        .args(LIMITED);
    let mut counts = program.count(strace, filter, || {
        Ok(between_marks(BufReader::new(File::open(&trace)?))?)
    })?;
    for (counted, calls) in &mut counts.counts {
        calls.values_mut().for_each(|count| *count /= counted.times);
    }
    Ok(counts)
}

/// The calls between each pair of marks, those of the thread that made them.
fn between_marks(trace: impl BufRead) -> io::Result<Vec<Calls>> {
    let mut all = Vec::new();
    // The thread that left the first mark of a pair, and what it has called since.
    let mut current: Option<(String, Calls)> = None;
    for line in trace.split(b'\n') {
        // What is read and written need not be text.
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let (thread, line) = line.split_once(char::is_whitespace).unwrap_or_default();
        let line = line.trim_start();
        if line.contains("\"/readywire-bench/begin\"") {
            current = Some((thread.to_owned(), Calls::new()));
        } else if line.contains("\"/readywire-bench/end\"") {
            all.extend(current.take().map(|(_, calls)| calls));
        } else if let Some((_, calls)) = current.as_mut().filter(|(counted, _)| counted == thread)
            // A call that is resumed was counted when it began.
            && let Some((call, _)) = line.split_once('(').filter(|_| !line.starts_with('<'))
        {
            *calls.entry(call.to_owned()).or_default() += 1.0;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_between_marks_by_thread_and_name() {
        let trace = "\
1 socket(AF_INET, SOCK_STREAM, 0) = 3
1 openat(AT_FDCWD, \"/readywire-bench/begin\", O_RDONLY) = -1 ENOENT
2 write(1, \"x\", 1) = 1
1 recvfrom(3, <unfinished ...>
1 <... recvfrom resumed>\"(\") = 1
1 recvfrom(3, \"x\") = 1
1 epoll_wait(4, [], 64, 0) = 0
1 openat(AT_FDCWD, \"/readywire-bench/end\", O_RDONLY) = -1 ENOENT
1 close(3) = 0
1 openat(AT_FDCWD, \"/readywire-bench/begin\", O_RDONLY) = -1 ENOENT
1 openat(AT_FDCWD, \"/readywire-bench/end\", O_RDONLY) = -1 ENOENT
1 openat(AT_FDCWD, \"/readywire-bench/begin\", O_RDONLY) = -1 ENOENT
1 close(4) = 0";
        let calls = between_marks(trace.as_bytes()).expect("a trace");
        let first = [("epoll_wait".to_owned(), 1.0), ("recvfrom".to_owned(), 2.0)];
        // The third never came to its end.
        assert_eq!(calls, [Calls::from(first), Calls::new()]);
    }
}
