//! The example `executor` as a process.

use crate::process::{example, succeeds};

#[test]
fn futures_run_to_their_end() {
    let said = succeeds(&mut example("executor"));
    assert_eq!(said, "100 clients got back what they sent\n");
}
