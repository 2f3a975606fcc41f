//! The example `chat` as a process, with several members.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use readywire::sockopt;
use selector::Backend;

use crate::process::{Server, example, is_reset, run, succeeds};

fn room(backend: Backend, options: &[&str]) -> Server {
    let mut command = example("chat");
    command.args(["--backend", &backend.to_string()]);
    Server::start(command.args(options))
}

/// A client that is in the room under its name.
struct Member {
    stream: BufReader<TcpStream>,
}

impl Member {
    /// Comes in, when everybody has heard of it.
    #[track_caller]
    fn new(room: &Server, name: &str, others: &mut [&mut Member]) -> Member {
        let mut member = Member::nameless(room);
        member.says(name);
        let greeting = format!("* {name} has come");
        member.hears(&greeting);
        for other in others {
            other.hears(&greeting);
        }
        member
    }

    #[track_caller]
    fn nameless(room: &Server) -> Member {
        let stream = BufReader::new(room.connect());
        let mut member = Member { stream };
        member.hears("! your name?");
        member
    }

    #[track_caller]
    fn says(&mut self, line: &str) {
        self.sends(&format!("{line}\n"));
    }

    #[track_caller]
    fn sends(&mut self, text: &str) {
        let stream = self.stream.get_mut();
        stream.write_all(text.as_bytes()).expect("send");
    }

    /// Expects the next line; `None` is the end.
    #[track_caller]
    fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) if is_reset(&error) => None,
            Err(error) => panic!("{error}"),
        }
    }

    #[track_caller]
    fn hears(&mut self, line: &str) {
        assert_eq!(self.next().as_deref(), Some(line));
    }

    #[track_caller]
    fn hears_the_end(&mut self) {
        assert_eq!(self.next(), None);
    }
}

testkit::on_each_backend! {
    what_one_says_all_others_hear,
    lines_come_in_parts_and_several_at_once,
    names_are_asked_for_until_they_fit,
    who_leaves_is_missed,
    what_the_operator_types_is_announced,
    lines_that_are_not_utf8_do_not_silence_anybody,
    a_member_that_does_not_read_is_put_out,
    a_member_that_says_too_much_is_put_out,
    a_pause_keeps_members_waiting_and_loses_nothing,
    what_terminals_obey_is_left_out,
}

fn what_one_says_all_others_hear(backend: Backend) {
    let room = room(backend, &[]);
    let mut ann = Member::new(&room, "ann", &mut []);
    let mut bob = Member::new(&room, "bob", &mut [&mut ann]);
    let mut eve = Member::new(&room, "eve", &mut [&mut ann, &mut bob]);
    // Who has no name hears nothing.
    let mut nobody = Member::nameless(&room);
    for round in 0..50 {
        ann.says(&format!("hello {round}"));
        bob.hears(&format!("<ann> hello {round}"));
        eve.hears(&format!("<ann> hello {round}"));
        bob.says("hello ann");
        ann.hears("<bob> hello ann");
        eve.hears("<bob> hello ann");
    }
    eve.says("/who");
    eve.hears("! here are ann, bob, eve");
    nobody.says("tim");
    nobody.hears("* tim has come");
    // Nor does anybody hear himself.
    for member in [&mut ann, &mut bob, &mut eve] {
        member.hears("* tim has come");
    }
}

fn lines_come_in_parts_and_several_at_once(backend: Backend) {
    let room = room(backend, &[]);
    let mut ann = Member::nameless(&room);
    // All at once: the name, two lines, and the beginning of a third.
    let mut bob = Member::new(&room, "bob", &mut []);
    ann.sends("ann\none\r\n\ntwo\nthr");
    ann.hears("* ann has come");
    for line in ["* ann has come", "<ann> one", "<ann> two"] {
        bob.hears(line);
    }
    ann.sends("ee\n");
    bob.hears("<ann> three");
}

fn names_are_asked_for_until_they_fit(backend: Backend) {
    let room = room(backend, &[]);
    let mut ann = Member::new(&room, "ann", &mut []);
    let mut other = Member::nameless(&room);
    other.says("ann");
    other.hears("! that one is here already; your name?");
    for odd in ["a b", "<ann>", "123456789012345678901"] {
        other.says(odd);
        other.hears("! up to 20 letters and digits, please; your name?");
    }
    other.says("Zoë-2");
    other.hears("* Zoë-2 has come");
    ann.hears("* Zoë-2 has come");
}

fn who_leaves_is_missed(backend: Backend) {
    let room = room(backend, &[]);
    let mut ann = Member::new(&room, "ann", &mut []);
    let mut bob = Member::new(&room, "bob", &mut [&mut ann]);
    bob.sends("/quit\nnot heard any more\n");
    bob.hears_the_end();
    ann.hears("* bob has left");
    let bob = Member::new(&room, "bob", &mut [&mut ann]);
    drop(bob);
    ann.hears("* bob has left");
    let bob = Member::new(&room, "bob", &mut [&mut ann]);
    testkit::reset(bob.stream.into_inner());
    ann.hears("* bob has left");
    let bob = Member::new(&room, "bob", &mut [&mut ann]);
    let stream = bob.stream.get_ref();
    stream.shutdown(Shutdown::Write).expect("shut down");
    ann.hears("* bob has left");
    // Who had no name is not.
    drop(Member::nameless(&room));
    let _bob = Member::new(&room, "bob", &mut [&mut ann]);
}

fn what_the_operator_types_is_announced(backend: Backend) {
    let mut command = example("chat");
    command.args(["--backend", &backend.to_string()]);
    let mut room = Server::start(command.stdin(Stdio::piped()));
    let mut operator = room.process.0.stdin.take().expect("a pipe");
    let mut ann = Member::new(&room, "ann", &mut []);
    let mut bob = Member::new(&room, "bob", &mut [&mut ann]);
    for round in 0..20 {
        writeln!(operator, "tea at {round}\nand cake").expect("type");
        for member in [&mut ann, &mut bob] {
            member.hears(&format!("! tea at {round}"));
            member.hears("! and cake");
        }
    }
    // The room stays open without its operator.
    drop(operator);
    ann.says("is anybody there?");
    bob.hears("<ann> is anybody there?");
}

fn lines_that_are_not_utf8_do_not_silence_anybody(backend: Backend) {
    let mut command = example("chat");
    command.args(["--backend", &backend.to_string()]);
    let mut room = Server::start(command.stdin(Stdio::piped()));
    let mut operator = room.process.0.stdin.take().expect("a pipe");
    let mut ann = Member::new(&room, "ann", &mut []);
    let mut bob = Member::new(&room, "bob", &mut [&mut ann]);
    let lines = b"one\nbad \xff\nthree\r\n";
    operator.write_all(lines).expect("type");
    for member in [&mut ann, &mut bob] {
        for line in ["! one", "! bad \u{fffd}", "! three"] {
            member.hears(line);
        }
    }
    ann.stream.get_mut().write_all(lines).expect("send");
    for line in ["<ann> one", "<ann> bad \u{fffd}", "<ann> three"] {
        bob.hears(line);
    }
}

fn a_member_that_does_not_read_is_put_out(backend: Backend) {
    let room = room(backend, &["--queue", "2000"]);
    let mut ann = Member::new(&room, "ann", &mut []);
    let mut bob = Member::new(&room, "bob", &mut [&mut ann]);
    let mut slow = Member::new(&room, "slow", &mut [&mut ann, &mut bob]);
    // The system holds less for it then, before the room has to.
    sockopt::RECV_BUFFER_SIZE
        .set(slow.stream.get_ref(), 4096)
        .expect("set SO_RCVBUF");
    let line = "x".repeat(1000);
    let mut said = 0;
    // Bob reads all, which is why he stays.
    loop {
        ann.says(&line);
        said += 1;
        let heard = bob.next().expect("bob is not put out");
        if heard == "* slow was too slow and is put out" {
            break;
        }
        assert_eq!(heard, format!("<ann> {line}"));
        assert!(said < 50_000, "nobody is put out");
    }
    ann.hears("* slow was too slow and is put out");
    bob.hears(&format!("<ann> {line}"));
    // It reads what had come that far, and no more.
    let mut heard = 0;
    while slow.next().is_some() {
        heard += 1;
    }
    assert!(heard < said, "{heard} of {said}");
}

fn a_member_that_says_too_much_is_put_out(backend: Backend) {
    let room = room(backend, &[]);
    let mut ann = Member::new(&room, "ann", &mut []);
    let mut bob = Member::new(&room, "bob", &mut [&mut ann]);
    // As much as fits is heard.
    let longest = "y".repeat(1023);
    bob.says(&longest);
    ann.hears(&format!("<bob> {longest}"));
    bob.sends(&"y".repeat(1024));
    ann.hears("* bob says too much at once and is put out");
    bob.hears_the_end();
}

fn a_pause_keeps_members_waiting_and_loses_nothing(backend: Backend) {
    const PAUSE: Duration = Duration::from_millis(50);
    let room = room(backend, &["--pause", "0.05"]);
    let mut ann = Member::new(&room, "ann", &mut []);
    let mut bob = Member::new(&room, "bob", &mut [&mut ann]);
    let start = Instant::now();
    ann.sends("one\ntwo\n");
    ann.sends("three\nfour\n");
    for (pauses, line) in (0..).zip(["one", "two", "three", "four"]) {
        bob.hears(&format!("<ann> {line}"));
        assert!(start.elapsed() >= PAUSE * pauses, "{line} came early");
        // Who is not heard hears, and is no hindrance to others.
        bob.says(line);
        ann.hears(&format!("<bob> {line}"));
    }
}

fn what_terminals_obey_is_left_out(backend: Backend) {
    let room = room(backend, &[]);
    let mut ann = Member::new(&room, "ann", &mut []);
    let mut bob = Member::new(&room, "bob", &mut [&mut ann]);
    bob.says("red \x1b[31malert\x07");
    ann.hears("<bob> red [31malert");
}

#[test]
fn arguments_are_explained_and_checked() {
    let help = succeeds(example("chat").arg("--help"));
    for option in ["--listen", "--backend", "--queue", "--pause"] {
        assert!(help.contains(option), "{option}");
    }
    for wrong in [
        ["--queue", "much"],
        ["--pause", "-1"],
        ["--backend", "none"],
        ["--listen", "nowhere"],
    ] {
        let status = run(example("chat").args(wrong)).status;
        assert_eq!(status.code(), Some(2), "{wrong:?}");
    }
}

#[cfg(unix)]
mod on_unix {
    use super::*;
    use crate::process::example_short_of_descriptors;

    testkit::on_each_backend! {
        an_interrupt_closes_the_room,
        short_of_descriptors_newcomers_wait,
    }

    fn an_interrupt_closes_the_room(backend: Backend) {
        let room = room(backend, &[]);
        let mut ann = Member::new(&room, "ann", &mut []);
        let mut bob = Member::new(&room, "bob", &mut [&mut ann]);
        bob.says("good night");
        ann.hears("<bob> good night");
        let totals = room.interrupt();
        assert!(totals.contains("members  2, who said 1 lines; 0 were too slow"));
        for member in [&mut ann, &mut bob] {
            member.hears("! the room closes");
            member.hears_the_end();
        }
    }

    fn short_of_descriptors_newcomers_wait(backend: Backend) {
        let mut command = example_short_of_descriptors("chat", 16);
        let room = Server::start(command.args(["--backend", &backend.to_string()]));
        let waiting: Vec<TcpStream> = (0..20).map(|_| room.connect()).collect();
        let (last, others) = waiting.split_last().expect("somebody");
        // Those that came first leave again, and let the others in.
        for other in others {
            other.shutdown(Shutdown::Write).expect("shut down");
        }
        let mut question = String::new();
        BufReader::new(last)
            .read_line(&mut question)
            .expect("the question");
        assert_eq!(question, "! your name?\n");
    }
}
