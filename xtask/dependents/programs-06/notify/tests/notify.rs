//! notify 4 watches a folder of its own by inotify's descriptor, in a loop on mio-extras' channel.
//! Creations, writes, renames and removals are reported with their paths, each in its order, and watching ends when asked.

#[path = "../../support.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{channel, Receiver};
use std::time::Duration;

use notify::{
    raw_watcher, watcher, DebouncedEvent, Op, RawEvent, RecommendedWatcher, RecursiveMode, Watcher,
};
use support::{assert_same, bytes, within_deadline, Folder};

fn watch(folder: &Folder, mode: RecursiveMode) -> (RecommendedWatcher, Receiver<RawEvent>) {
    let (sender, events) = channel();
    let mut watcher = raw_watcher(sender).unwrap();
    watcher.watch(folder.path(), mode).unwrap();
    (watcher, events)
}

/// Waits for an event of `op` at `path`, and returns its cookie; what happened before at other paths is skipped.
#[track_caller]
fn expect(events: &Receiver<RawEvent>, path: &PathBuf, op: Op) -> Option<u32> {
    loop {
        let event = events.recv().unwrap();
        if event.path.as_ref() == Some(path) && event.op.as_ref().unwrap().contains(op) {
            return event.cookie;
        }
    }
}

#[test]
fn each_change_of_a_file_is_reported() {
    within_deadline(|| {
        let folder = Folder::new();
        let (_watcher, events) = watch(&folder, RecursiveMode::NonRecursive);
        let (file, renamed) = (folder.join("file"), folder.join("renamed"));
        for round in 0..20 {
            fs::write(&file, bytes(round, 10_000)).unwrap();
            expect(&events, &file, Op::CREATE);
            expect(&events, &file, Op::CLOSE_WRITE);
            fs::rename(&file, &renamed).unwrap();
            let cookie = expect(&events, &file, Op::RENAME);
            assert!(cookie.is_some());
            assert_eq!(expect(&events, &renamed, Op::RENAME), cookie);
            assert_same(fs::read(&renamed).unwrap(), bytes(round, 10_000));
            fs::remove_file(&renamed).unwrap();
            expect(&events, &renamed, Op::REMOVE);
        }
    });
}

#[test]
fn many_files_at_once_are_all_reported() {
    const FILES: usize = 1_000;
    within_deadline(|| {
        let folder = Folder::new();
        let (_watcher, events) = watch(&folder, RecursiveMode::NonRecursive);
        let names = |thread: usize| {
            (0..FILES)
                .filter(move |n| n % 4 == thread)
                .map(|n| n.to_string())
        };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let folder = &folder;
                scope.spawn(move || {
                    names(thread).for_each(|name| fs::write(folder.join(&name), &name).unwrap())
                });
            }
        });
        let (mut created, mut closed) = (BTreeSet::new(), BTreeSet::new());
        while created.len() < FILES || closed.len() < FILES {
            let event = events.recv().unwrap();
            let (path, op) = (event.path.unwrap(), event.op.unwrap());
            if op.contains(Op::CREATE) {
                assert!(created.insert(path.clone()), "created twice: {path:?}");
            }
            if op.contains(Op::CLOSE_WRITE) {
                assert!(closed.insert(path.clone()), "closed twice: {path:?}");
            }
        }
        assert_eq!(
            created,
            (0..FILES).map(|n| folder.join(&n.to_string())).collect()
        );
        assert_eq!(closed, created);
    });
}

#[test]
fn folders_made_later_are_watched_too() {
    within_deadline(|| {
        let (folder, other) = (Folder::new(), Folder::new());
        let (mut watcher, events) = watch(&folder, RecursiveMode::Recursive);
        let mut path = folder.path().to_owned();
        for depth in 0..5 {
            path.push(depth.to_string());
            fs::create_dir(&path).unwrap();
            expect(&events, &path, Op::CREATE);
            // The loop watches the new folder before it answers this request.
            watcher
                .watch(other.path(), RecursiveMode::NonRecursive)
                .unwrap();
        }
    });
}

#[test]
fn watching_ends_when_asked() {
    within_deadline(|| {
        let (folder, other) = (Folder::new(), Folder::new());
        let (mut watcher, events) = watch(&folder, RecursiveMode::NonRecursive);
        watcher
            .watch(other.path(), RecursiveMode::NonRecursive)
            .unwrap();
        watcher.unwatch(folder.path()).unwrap();
        watcher.unwatch(folder.path()).unwrap_err();
        fs::write(folder.join("unseen"), "").unwrap();
        fs::write(other.join("seen"), "").unwrap();
        let event = events.recv().unwrap();
        assert_eq!(event.path, Some(other.join("seen")));
        // Dropping the watcher ends its loop and with it the channel.
        drop(watcher);
        assert!(events
            .into_iter()
            .all(|event| event.path == Some(other.join("seen"))));
    });
}

#[test]
fn changes_are_reported_after_the_delay() {
    within_deadline(|| {
        let (folder, other) = (Folder::new(), Folder::new());
        let (sender, events) = channel();
        let mut watcher: RecommendedWatcher = watcher(sender, Duration::from_millis(50)).unwrap();
        watcher
            .watch(folder.path(), RecursiveMode::Recursive)
            .unwrap();
        let (file, renamed) = (folder.join("file"), folder.join("renamed"));
        fs::write(other.join("file"), "").unwrap();
        // One event each, so that no pause of this thread can split them.
        fs::hard_link(other.join("file"), &file).unwrap();
        assert_eq!(events.recv().unwrap(), DebouncedEvent::Create(file.clone()));
        fs::rename(&file, &renamed).unwrap();
        assert_eq!(
            events.recv().unwrap(),
            DebouncedEvent::NoticeRemove(file.clone())
        );
        assert_eq!(
            events.recv().unwrap(),
            DebouncedEvent::Rename(file, renamed.clone())
        );
        fs::remove_file(&renamed).unwrap();
        assert_eq!(
            events.recv().unwrap(),
            DebouncedEvent::NoticeRemove(renamed.clone())
        );
        assert_eq!(events.recv().unwrap(), DebouncedEvent::Remove(renamed));
    });
}
