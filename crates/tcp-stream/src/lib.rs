#![doc = include_str!("../README.md")]

mod attempt;
mod bufs;
mod options;
mod os;
mod stream;

pub use crate::stream::TcpStream;
