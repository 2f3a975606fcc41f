//! Typed socket options for any borrowed socket.
