//! What differs by system: abstract addresses, credentials, control messages.
//!
//! Nothing outside this folder names a system.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod abstract_names;
#[cfg(not(target_vendor = "apple"))]
mod cloexec_at_once;
mod credentials;

pub use self::credentials::Credentials;
pub(crate) use self::credentials::of_peer;

cfg_if::cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        pub(crate) use self::abstract_names::{abstract_name, from_abstract_name};

        /// The type of the control message in which the kernel adds a descriptor that the peer did not
        /// send (`SCM_PIDFD`, for `SO_PASSPIDFD`).
        pub(crate) const ADDED_FD: Option<libc::c_int> = Some(4);
    } else {
        mod no_abstract_names;
        pub(crate) use self::no_abstract_names::{abstract_name, from_abstract_name};

        /// Only the peer sends descriptors.
        pub(crate) const ADDED_FD: Option<libc::c_int> = None;
    }
}

cfg_if::cfg_if! {
    if #[cfg(target_vendor = "apple")] {
        mod cloexec_after;
        pub(crate) use self::cloexec_after::{RECV_FLAGS, SEND_FLAGS, close_on_exec};
    } else {
        pub(crate) use self::cloexec_at_once::{RECV_FLAGS, SEND_FLAGS, close_on_exec};
    }
}

cfg_if::cfg_if! {
    if #[cfg(all(target_os = "linux", target_env = "musl", target_pointer_width = "64"))] {
        mod sendmsg_by_number;
        pub(crate) use self::sendmsg_by_number::sendmsg;
    } else {
        pub(crate) use libc::sendmsg;
    }
}
