#![doc = include_str!("../README.md")]

mod options;
mod os;
mod socket;

#[allow(unused_imports, unreachable_pub, reason = "some systems add nothing")]
pub use crate::os::*;
pub use crate::socket::{Received, UdpSocket};
