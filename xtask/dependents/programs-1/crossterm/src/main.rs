//! Reads events from the terminal that is its standard input, and prints one a line.
//!
//! Its argument is the way it reads: `read`, `poll` or `stream`. It ends at Ctrl-C, which it prints too.

use std::io::stdin;
use std::time::Duration;

use crossterm::event::{self, Event, EventStream, KeyCode, KeyModifiers};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use futures_util::{StreamExt, future};

fn main() {
    // The controlling terminal is the one whose change of size is signalled.
    rustix::process::setsid().expect("a session");
    rustix::process::ioctl_tiocsctty(stdin()).expect("a controlling terminal");
    enable_raw_mode().expect("raw mode");
    match std::env::args().nth(1).as_deref() {
        Some("read") => by_read(),
        Some("poll") => by_poll(),
        Some("stream") => by_stream(),
        other => panic!("{other:?}"),
    }
    disable_raw_mode().expect("cooked mode");
}

/// Prints `event`; whether it is the last.
fn is_last(event: &Event) -> bool {
    match event {
        Event::Key(key) => {
            println!("{:?} {:?}", key.code, key.modifiers);
            key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL
        }
        other => {
            println!("{other:?}");
            false
        }
    }
}

fn by_read() {
    // Installs what it needs, so that no change of size is lost.
    assert!(!event::poll(Duration::ZERO).expect("poll"));
    println!("ready");
    while !is_last(&event::read().expect("read")) {}
}

fn by_poll() {
    assert!(!event::poll(Duration::ZERO).expect("poll"));
    assert!(!event::poll(Duration::from_millis(30)).expect("poll"));
    println!("ready");
    loop {
        let readable = event::poll(Duration::from_secs(60)).expect("poll");
        assert!(readable, "nothing for a minute");
        if is_last(&event::read().expect("read")) {
            break;
        }
    }
    assert!(!event::poll(Duration::ZERO).expect("poll"));
}

fn by_stream() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let mut events = EventStream::new();
        assert!(future::poll_immediate(events.next()).await.is_none());
        println!("ready");
        while !is_last(&events.next().await.expect("an event").expect("no error")) {}
    });
}
