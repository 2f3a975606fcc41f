//! inotify 0.7: its event stream on tokio 0.1, which polls the descriptor through `EventedFd`.
//! Every change of every file arrives once and in order, and a stream without changes stays pending.

#[path = "../../support.rs"]
mod support;

use std::ffi::OsString;
use std::fs;

use futures::{future, Async, Future, Stream};
use inotify::{EventMask, Inotify, WatchMask};
use support::{within_deadline, Folder};
use tokio::runtime::{current_thread, Runtime};

#[test]
fn every_file_is_reported_in_order() {
    const FILES: usize = 1_000;
    within_deadline(|| {
        let folder = Folder::new();
        let mut inotify = Inotify::init().unwrap();
        inotify
            .add_watch(
                folder.path(),
                WatchMask::CREATE | WatchMask::CLOSE_WRITE | WatchMask::DELETE,
            )
            .unwrap();
        let mut runtime = Runtime::new().unwrap();
        // Room for a few events only: the rest stays in the descriptor.
        let events = runtime
            .block_on(future::lazy(move || {
                Ok::<_, ()>(inotify.event_stream([0; 512]))
            }))
            .unwrap();
        let folder = std::thread::spawn(move || {
            for n in 0..FILES {
                let path = folder.join(&n.to_string());
                fs::write(&path, "").unwrap();
                fs::remove_file(&path).unwrap();
            }
            folder
        });
        let events = events
            .take(3 * FILES as u64)
            .map(|event| (event.mask, event.name.unwrap()))
            .collect();
        let events = runtime.block_on(events).unwrap();
        let expected = (0..FILES).flat_map(|n| {
            let masks = [EventMask::CREATE, EventMask::CLOSE_WRITE, EventMask::DELETE];
            masks.map(|mask| (mask, OsString::from(n.to_string())))
        });
        assert!(events.into_iter().eq(expected));
        folder.join().unwrap();
        runtime.shutdown_now().wait().unwrap();
    });
}

#[test]
fn two_watches_in_one_stream_on_one_thread() {
    within_deadline(|| {
        let (one, other) = (Folder::new(), Folder::new());
        let mut inotify = Inotify::init().unwrap();
        let first = inotify.add_watch(one.path(), WatchMask::CREATE).unwrap();
        let second = inotify.add_watch(other.path(), WatchMask::CREATE).unwrap();
        let mut runtime = current_thread::Runtime::new().unwrap();
        runtime
            .block_on(future::lazy(|| {
                let mut events = inotify.event_stream(vec![0; 4_096]);
                assert!(matches!(events.poll(), Ok(Async::NotReady)));
                fs::write(other.join("b"), "").unwrap();
                fs::write(one.join("a"), "").unwrap();
                events
                    .take(2)
                    .map(|event| (event.wd, event.name.unwrap()))
                    .collect()
                    .map(|events| {
                        assert_eq!(events, [(second, "b".into()), (first, "a".into())]);
                    })
            }))
            .unwrap();
    });
}
