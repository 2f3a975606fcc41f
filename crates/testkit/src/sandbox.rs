//! Filters of system calls (`seccomp(2)`), as sandboxes and container runtimes install them.

use std::ffi::{c_int, c_long};

/// What a filter does instead of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The call fails with this error.
    Errno(c_int),
    /// The process is killed.
    Kill,
}

/// A system call that a filter refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The number of the call, such as `libc::SYS_eventfd2`.
    pub number: c_long,
    /// Refuse it with this first argument alone.
    pub first: Option<c_int>,
}

impl Call {
    /// The call with any arguments.
    pub const fn any(number: c_long) -> Call {
        Call {
            number,
            first: None,
        }
    }
}

/// Refuses system calls of this process from now on, on all its threads. Only in a process of one's
/// own, see [`in_child`](crate::in_child).
///
/// Returns `false` where there are no filters: under an emulator, and on processors that the filter's
/// compiler does not know. The test is then [skipped](fn@crate::skip), and the caller ends it.
#[must_use]
#[track_caller]
pub fn refuse(calls: &[Call], refusal: Refusal) -> bool {
    let refused = !crate::on_qemu() && install(calls, refusal);
    if !refused {
        crate::skip("no filters of system calls");
    }
    refused
}

/// The compiler of filters builds for little-endian processors alone.
#[cfg(target_endian = "big")]
fn install(_calls: &[Call], _refusal: Refusal) -> bool {
    false
}

#[cfg(target_endian = "little")]
#[track_caller]
fn install(calls: &[Call], refusal: Refusal) -> bool {
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, TargetArch, apply_filter_all_threads,
    };

    let Ok(processor) = TargetArch::try_from(std::env::consts::ARCH) else {
        return false;
    };
    let rules = calls.iter().map(|call| {
        let condition = call.first.map(|first| {
            let value = u64::from(first as u32);
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
                .expect("a first argument exists")
        });
        // Without a rule a call is refused whatever its arguments are.
        let rules = condition.map(|condition| {
            SeccompRule::new(vec![condition]).expect("a rule of one condition is valid")
        });
        #[allow(
            clippy::useless_conversion,
            reason = "the number is narrower on 32-bit systems"
        )]
        let number = i64::from(call.number);
        (number, rules.into_iter().collect())
    });
    let action = match refusal {
        Refusal::Errno(errno) => SeccompAction::Errno(errno as u32),
        Refusal::Kill => SeccompAction::KillProcess,
    };
    let filter = SeccompFilter::new(rules.collect(), SeccompAction::Allow, action, processor);
    let program = BpfProgram::try_from(filter.expect("a valid filter")).expect("a short filter");
    apply_filter_all_threads(&program).expect("the kernel takes the filter");
    true
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::in_child;

    #[test]
    fn a_refused_call_fails_with_the_error() {
        in_child(|| {
            let calls = [Call::any(libc::SYS_getppid)];
            if refuse(&calls, Refusal::Errno(libc::EUCLEAN)) {
                // SAFETY: takes nothing and touches no memory of ours.
                let result = unsafe { libc::syscall(libc::SYS_getppid) };
                let error = io::Error::last_os_error();
                assert_eq!((result, error.raw_os_error()), (-1, Some(libc::EUCLEAN)));
            }
        });
    }

    #[test]
    fn a_call_can_be_refused_with_one_argument_alone() {
        in_child(|| {
            let call = Call {
                number: libc::SYS_dup,
                first: Some(1),
            };
            if refuse(&[call], Refusal::Errno(libc::EACCES)) {
                // SAFETY: takes a number, touches no memory of ours.
                let results = [1, 2].map(|fd| unsafe { libc::dup(fd) });
                assert_eq!(results[0], -1);
                assert!(results[1] > 2);
            }
        });
    }

    #[test]
    #[should_panic = "in a child"]
    fn a_call_can_end_the_process() {
        in_child(|| {
            // SAFETY: takes nothing and touches no memory of ours.
            let call = || unsafe { libc::syscall(libc::SYS_getppid) };
            if refuse(&[Call::any(libc::SYS_getppid)], Refusal::Kill) {
                call();
            } else {
                panic!("as where there are filters");
            }
        });
    }
}
