//! A short run of the program on every backend of this machine.

use std::process::Command;

#[test]
fn a_short_run_loses_nothing() {
    let mut soak = Command::new(env!("CARGO_BIN_EXE_soak"));
    let output = soak.args(["--minutes", "0.02"]).output().expect("run soak");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stdout.contains("no event was lost"),
        "{}\n{stdout}\n{stderr}",
        output.status
    );
}
