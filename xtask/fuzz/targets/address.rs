//! Unix addresses as a kernel might report them: any bytes of any length.
#![no_main]

use std::os::unix::ffi::OsStrExt;

use libfuzzer_sys::fuzz_target;

/// Where the name begins in a `sockaddr_un`.
const NAME: usize = std::mem::offset_of!(libc::sockaddr_un, sun_path);

fuzz_target!(|bytes: &[u8]| {
    let bytes = &bytes[..bytes.len().min(size_of::<libc::sockaddr_un>())];
    let address = unix_socket::fuzzing::address(bytes);
    assert!(!format!("{address:?}").is_empty());
    let Some(path) = address.as_pathname() else {
        return;
    };

    // A path is the reported bytes up to the first NUL.
    let reported = &bytes[NAME..];
    let end = reported.iter().position(|byte| *byte == 0);
    assert_eq!(
        path.as_os_str().as_bytes(),
        &reported[..end.unwrap_or(reported.len())]
    );
    // It can be answered to: the system's form says the same again.
    let again = unix_socket::fuzzing::round_trip(&address);
    assert_eq!(again.as_pathname(), Some(path));
});
