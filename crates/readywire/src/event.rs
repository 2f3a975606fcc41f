//! Events and what they come from; also what mio 0.6 had in `mio::event`.

pub use selector::{Evented, Events, IntoIter, Iter};
pub use token_ready::Event;
