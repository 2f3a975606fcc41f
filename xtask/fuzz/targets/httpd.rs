//! The example httpd: its parser of requests, and its way from a target to a file.
#![no_main]
#![allow(dead_code, reason = "the rest of the example is not here")]

#[path = "../../../crates/readywire/examples/httpd/files.rs"]
mod files;
#[path = "../../../crates/readywire/examples/httpd/request.rs"]
mod request;
#[path = "../../../crates/readywire/examples/httpd/response.rs"]
mod response;
#[path = "../../../crates/readywire/examples/support/system.rs"]
mod system;
#[path = "../../../crates/readywire/examples/httpd/target.rs"]
mod target;

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

use crate::files::Files;

/// How long the files that may be sent are.
const INSIDE: [u64; 2] = [1, 2];

/// A folder with a file that is not served, next to the folder that is.
static FILES: LazyLock<(TempDir, Files)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let served = folder.path().join("served");
    fs::create_dir_all(served.join("dir")).expect("a folder");
    fs::write(folder.path().join("outside"), "outside").expect("a file");
    fs::write(served.join("index.html"), "1").expect("a file");
    fs::write(served.join("dir/a b.txt"), "22").expect("a file");
    let files = Files::new(&served).expect("the folder is there");
    (folder, files)
});

fuzz_target!(|input: &[u8]| {
    if let Ok(target) = str::from_utf8(input) {
        open(target);
    }
    let Ok(Some(request)) = request::parse(input) else {
        return;
    };
    assert!((1..=input.len().min(request::HEAD)).contains(&request.head));
    open(&request.target);
    // What follows the head changes nothing, and a head that is not whole is not a request.
    let head = request.head;
    assert_eq!(request::parse(&input[..head]), Ok(Some(request)));
});

fn open(target: &str) {
    if let Ok(found) = FILES.1.open(target) {
        assert!(
            INSIDE.contains(&found.length),
            "{target:?} is {} bytes",
            found.length
        );
    }
}
