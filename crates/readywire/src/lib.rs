//! Readiness-based, non-blocking TCP: the model of mio 0.6, sound, complete and observable.
