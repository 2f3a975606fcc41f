//! The rule that a source stands with one `Poll` at a time.

use std::io;
use std::sync::{Arc, Weak};

use crate::RegistrationError;
use crate::poll::Inner;

/// Where a source is registered, with what its kind of source (`S`) needs to know beside.
pub(crate) struct Standing<S> {
    pub(crate) poll: Weak<Inner>,
    pub(crate) source: S,
}

impl<S> Standing<S> {
    /// Checks that a source can be registered with `poll`.
    pub(crate) fn vacant(standing: Option<&Standing<S>>, poll: &Arc<Inner>) -> io::Result<()> {
        match standing {
            Some(at) if at.is_with(poll) => Err(RegistrationError::AlreadyRegistered.into()),
            // A `Poll` that is gone has taken its registrations along.
            Some(at) if at.poll.strong_count() > 0 => Err(RegistrationError::OtherPoll.into()),
            _ => Ok(()),
        }
    }

    /// Returns the registration with `poll`, or why there is none.
    pub(crate) fn with<'a>(
        standing: Option<&'a mut Standing<S>>,
        poll: &Arc<Inner>,
    ) -> io::Result<&'a mut Standing<S>> {
        match standing {
            Some(at) if at.is_with(poll) => Ok(at),
            Some(at) if at.poll.strong_count() > 0 => {
                Err(RegistrationError::OtherPoll.into_io(io::ErrorKind::NotFound))
            }
            _ => Err(RegistrationError::NotRegistered.into()),
        }
    }

    fn is_with(&self, poll: &Arc<Inner>) -> bool {
        self.poll.as_ptr() == Arc::as_ptr(poll)
    }
}
