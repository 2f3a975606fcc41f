#![doc = include_str!("../README.md")]

#[allow(dead_code, reason = "a system may have no option of some shape")]
mod codec;
mod error;
mod option;
mod os;
mod socket;
mod table;

pub use error::OptionError;
pub use option::{GetOption, ReadOnly, ReadWrite, SetOption, Value, WriteOnly};
pub use os::*;
pub use socket::take_error;
pub use table::{Listing, Table, catalogue, table};
