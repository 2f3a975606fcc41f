#![doc = include_str!("../README.md")]

mod listener;
mod os;

pub use crate::listener::TcpListener;
