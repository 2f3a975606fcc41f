//! A non-blocking TCP stream for readiness-based event loops.
