//! notify: watches of folders and files.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{Config, ErrorKind, Event, EventKind, INotifyWatcher, RecursiveMode, Watcher};
use support::{DEADLINE, assert_bytes, pattern};
use tempfile::TempDir;

struct Watch {
    watcher: INotifyWatcher,
    events: Receiver<notify::Result<Event>>,
}

impl Watch {
    fn new() -> Watch {
        let (sender, events) = mpsc::channel();
        let watcher = INotifyWatcher::new(sender, Config::default()).expect("a watcher");
        Watch { watcher, events }
    }

    fn of(folder: &TempDir) -> Watch {
        let mut watch = Watch::new();
        let watched = watch.watcher.watch(folder.path(), RecursiveMode::Recursive);
        watched.expect("watch");
        watch
    }

    /// The next event that is about `path`.
    #[track_caller]
    fn next(&self, path: &Path) -> EventKind {
        loop {
            let event = self.events.recv_timeout(DEADLINE);
            let event = event.expect("an event").expect("no error");
            if event.paths.iter().any(|other| other == path) {
                return event.kind;
            }
        }
    }

    #[track_caller]
    fn until(&self, path: &Path, kind: EventKind) {
        while self.next(path) != kind {}
    }
}

const CREATED: EventKind = EventKind::Create(CreateKind::File);
const WRITTEN: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));
const REMOVED: EventKind = EventKind::Remove(RemoveKind::File);

fn renamed(mode: RenameMode) -> EventKind {
    EventKind::Modify(ModifyKind::Name(mode))
}

#[test]
fn the_life_of_a_file_is_reported_in_order() {
    let folder = TempDir::new().expect("a folder");
    let watch = Watch::of(&folder);
    for seed in 0..50 {
        let path = folder.path().join("file");
        let bytes = pattern(seed, 20_000);
        fs::write(&path, &bytes).expect("write");
        assert_eq!(watch.next(&path), CREATED);
        watch.until(&path, WRITTEN);
        assert_bytes(&fs::read(&path).expect("read"), &bytes);
        let moved = folder.path().join("moved");
        fs::rename(&path, &moved).expect("rename");
        watch.until(&path, renamed(RenameMode::From));
        assert_eq!(watch.next(&moved), renamed(RenameMode::To));
        assert_eq!(watch.next(&moved), renamed(RenameMode::Both));
        fs::remove_file(&moved).expect("remove");
        assert_eq!(watch.next(&moved), REMOVED);
    }
}

#[test]
fn files_in_new_folders_are_reported() {
    let folder = TempDir::new().expect("a folder");
    let watch = Watch::of(&folder);
    let mut inner = folder.path().to_owned();
    for depth in 0..20 {
        inner.push(depth.to_string());
        fs::create_dir(&inner).expect("create");
        watch.until(&inner, EventKind::Create(CreateKind::Folder));
        // The watcher adds its watch after it saw the folder: files that came before are not reported, so that
        // one is made until one is.
        let path = inner.join("file");
        loop {
            fs::write(&path, pattern(depth, 100)).expect("write");
            match watch.events.try_recv() {
                Ok(event) if event.as_ref().expect("no error").paths.contains(&path) => break,
                _ => {}
            }
        }
        assert_bytes(&fs::read(&path).expect("read"), &pattern(depth, 100));
    }
}

#[test]
fn many_files_are_reported_once_each() {
    const FILES: u64 = 3000;
    let folder = TempDir::new().expect("a folder");
    let watch = Watch::of(&folder);
    let paths: HashMap<PathBuf, u64> = (0..FILES)
        .map(|seed| (folder.path().join(seed.to_string()), seed))
        .collect();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let paths = &paths;
            scope.spawn(move || {
                for (path, seed) in paths.iter().filter(|(_, seed)| *seed % 4 == writer) {
                    fs::write(path, pattern(*seed, 50)).expect("write");
                }
            });
        }
    });
    let mut created = HashSet::new();
    let mut written = HashSet::new();
    while written.len() < paths.len() {
        let event = watch.events.recv_timeout(DEADLINE);
        let event = event.expect("an event").expect("no error");
        let [path] = event.paths.as_slice() else {
            panic!("{event:?}");
        };
        match event.kind {
            CREATED => assert!(created.insert(path.clone()), "{event:?}"),
            WRITTEN => {
                assert!(created.contains(path), "{event:?}");
                assert!(written.insert(path.clone()), "{event:?}");
                assert_bytes(&fs::read(path).expect("read"), &pattern(paths[path], 50));
            }
            _ => {}
        }
    }
    assert_eq!(created.len(), paths.len());
}

#[test]
fn a_watch_that_ended_is_silent() {
    let [folder, other] = [(), ()].map(|()| TempDir::new().expect("a folder"));
    let mut watch = Watch::of(&folder);
    let watched = watch
        .watcher
        .watch(other.path(), RecursiveMode::NonRecursive);
    watched.expect("watch");
    watch.watcher.unwatch(folder.path()).expect("unwatch");
    fs::write(folder.path().join("silent"), "").expect("write");
    let last = other.path().join("last");
    fs::write(&last, "").expect("write");
    loop {
        let event = watch.events.recv_timeout(DEADLINE);
        let event = event.expect("an event").expect("no error");
        assert!(
            !event
                .paths
                .iter()
                .any(|path| path.starts_with(folder.path())),
            "{event:?}"
        );
        if event.kind == WRITTEN {
            assert_eq!(event.paths, [last]);
            break;
        }
    }
    let error = watch.watcher.unwatch(folder.path()).expect_err("no watch");
    assert!(matches!(error.kind, ErrorKind::WatchNotFound), "{error:?}");
}

#[test]
fn a_single_file_is_watched() {
    let folder = TempDir::new().expect("a folder");
    let [path, other] = ["file", "other"].map(|name| folder.path().join(name));
    fs::write(&path, "").expect("write");
    let mut watch = Watch::new();
    let missing = watch.watcher.watch(&other, RecursiveMode::NonRecursive);
    let error = missing.expect_err("no such file");
    assert!(matches!(error.kind, ErrorKind::PathNotFound), "{error:?}");
    let watched = watch.watcher.watch(&path, RecursiveMode::NonRecursive);
    watched.expect("watch");
    fs::write(&other, "").expect("write");
    fs::write(&path, "some").expect("write");
    loop {
        let event = watch.events.recv_timeout(DEADLINE);
        let event = event.expect("an event").expect("no error");
        assert_eq!(event.paths, [path.clone()]);
        if event.kind == WRITTEN {
            break;
        }
    }
}

#[test]
fn a_dropped_watcher_ends_its_thread() {
    for _ in 0..20 {
        let folder = TempDir::new().expect("a folder");
        let watch = Watch::of(&folder);
        let path = folder.path().join("file");
        fs::write(&path, "").expect("write");
        watch.until(&path, WRITTEN);
        drop(watch.watcher);
        // The thread owns the sender.
        loop {
            match watch.events.recv_timeout(DEADLINE) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the thread goes on"),
            }
        }
    }
}

#[test]
fn many_watchers_work_at_once() {
    let folder = TempDir::new().expect("a folder");
    let watches: Vec<_> = (0..20).map(|_| Watch::of(&folder)).collect();
    for round in 0..20 {
        let path = folder.path().join(round.to_string());
        fs::write(&path, pattern(round, 1000)).expect("write");
        for watch in &watches {
            assert_eq!(watch.next(&path), CREATED);
            watch.until(&path, WRITTEN);
        }
    }
}
