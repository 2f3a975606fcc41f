//! A library that `cargo xtask sandbox` preloads into a test program: the program then survives real-time
//! signals, which interrupt its system calls.

#[cfg(target_os = "linux")]
mod on_linux {
    use std::ffi::c_int;
    use std::mem;
    use std::ptr;

    extern "C" fn ignore(_signal: c_int) {}

    extern "C" fn handle_all() {
        for signal in libc::SIGRTMIN()..=libc::SIGRTMAX() {
            // SAFETY: zero bytes are a valid action: a default one without flags.
            let mut action: libc::sigaction = unsafe { mem::zeroed() };
            action.sa_sigaction = ignore as *const () as usize;
            // As careful programs set it: the calls that wait, `epoll_wait(2)` and the like, end all the same.
            action.sa_flags = libc::SA_RESTART;
            // SAFETY: the action is whole, and its handler does nothing.
            unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
        }
    }

    /// The loader calls it before the program's `main`.
    #[used]
    // SAFETY: the section holds pointers to functions of this type.
    #[unsafe(link_section = ".init_array")]
    static AT_START: extern "C" fn() = handle_all;
}
