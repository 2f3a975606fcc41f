//! To come.

use super::Group;

pub(super) fn cases(_: &mut Group<'_>) {}
