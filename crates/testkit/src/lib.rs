//! Helpers of the tests of readywire.
