//! What only Windows has: named pipes.

mod named_pipe;
mod overlapped;

pub use self::named_pipe::NamedPipe;
