//! The rule that a source is registered with one `Poll` at a time.

use std::io;
use std::sync::{Arc, Weak};

use crate::RegistrationError;
use crate::poll::Inner;

/// The `Poll` that a source is registered with, and the data that its kind of source (`S`) needs.
pub(crate) struct Standing<S> {
    pub(crate) poll: Weak<Inner>,
    pub(crate) source: S,
}

impl<S> Standing<S> {
    /// Checks that a source can be registered with `poll`.
    #[inline]
    pub(crate) fn vacant(standing: Option<&Standing<S>>, poll: &Arc<Inner>) -> io::Result<()> {
        match standing {
            None => Ok(()),
            Some(at) => at.vacated(poll),
        }
    }

    #[cold]
    fn vacated(&self, poll: &Arc<Inner>) -> io::Result<()> {
        if self.is_with(poll) {
            return Err(RegistrationError::AlreadyRegistered.into());
        }
        if self.poll.strong_count() > 0 {
            return Err(RegistrationError::OtherPoll.into());
        }
        // A `Poll` that is gone has taken its registrations along.
        Ok(())
    }

    /// Returns the registration with `poll`, or why there is none.
    #[inline]
    pub(crate) fn with<'a>(
        standing: Option<&'a mut Standing<S>>,
        poll: &Arc<Inner>,
    ) -> io::Result<&'a mut Standing<S>> {
        match standing {
            Some(at) if at.is_with(poll) => Ok(at),
            at => Err(Standing::elsewhere(at.map(|at| &*at))),
        }
    }

    /// The error for a source that is not registered with the `Poll`: it may be registered with another.
    #[cold]
    fn elsewhere(standing: Option<&Standing<S>>) -> io::Error {
        match standing {
            Some(at) if at.poll.strong_count() > 0 => {
                RegistrationError::OtherPoll.into_io(io::ErrorKind::NotFound)
            }
            _ => RegistrationError::NotRegistered.into(),
        }
    }

    #[inline]
    fn is_with(&self, poll: &Arc<Inner>) -> bool {
        self.poll.as_ptr() == Arc::as_ptr(poll)
    }
}
