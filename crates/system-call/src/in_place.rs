//! Calls made where the caller stands: the instruction that enters the kernel, and nothing else.

use std::arch::asm;
use std::ffi::c_long;
use std::io;

/// Makes the call of that number. Where the C library has a function for it, it stands in front.
macro_rules! call {
    ($function:ident = $number:ident, $($argument:expr),+ $(,)?) => {
        $crate::call!($number, $($argument),+)
    };
    ($number:ident, $($argument:expr),+ $(,)?) => {
        $crate::in_place::enter(libc::$number, [$($argument as usize),+])
    };
}

pub(crate) use call;

/// Enters the kernel.
///
/// # Safety
/// With these arguments the call must access only memory that the caller may give it.
#[inline(always)]
pub(crate) unsafe fn enter<const N: usize>(
    number: c_long,
    arguments: [usize; N],
) -> io::Result<usize> {
    // The kernel does not look at those that a call does not have.
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    let [first, second, third, fourth, fifth, sixth] = all;
    let result: isize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the kernel keeps the stack and all registers but the three that are named as outputs; the caller
    // guarantees that it may write the memory that the call writes.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") first,
            in("rsi") second,
            in("rdx") third,
            in("r10") fourth,
            in("r8") fifth,
            in("r9") sixth,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the kernel keeps the stack and at least the registers that a function keeps; the caller guarantees that
    // it may write the memory that the call writes.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") first => result,
            in("x1") second,
            in("x2") third,
            in("x3") fourth,
            in("x4") fifth,
            in("x5") sixth,
            // Of the vector registers only 128 bits are kept, of the others for vectors none.
            clobber_abi("C"),
            options(nostack, preserves_flags),
        );
    }
    match usize::try_from(result) {
        Ok(result) => Ok(result),
        // The kernel's word for an error is its number, negated.
        Err(_) => Err(io::Error::from_raw_os_error(-result as i32)),
    }
}
