#![doc = include_str!("../README.md")]

mod attempt;
mod options;
mod os;
mod stream;

pub use crate::stream::TcpStream;
