//! crossterm: a program that reads keys, on a terminal that this test writes.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;
use support::DEADLINE;

const CTRL_C: &[u8] = b"\x03";

struct Program {
    process: Child,
    terminal: File,
    lines: Receiver<String>,
}

impl Program {
    #[track_caller]
    fn start(way: &str) -> Program {
        let terminal =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
                .expect("a terminal");
        rustix::pty::grantpt(&terminal).expect("grant");
        rustix::pty::unlockpt(&terminal).expect("unlock");
        let path = rustix::pty::ptsname(&terminal, Vec::new()).expect("its name");
        let path = Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()));
        let input = File::options().read(true).write(true).open(path);
        let mut process = Command::new(env!("CARGO_BIN_EXE_crossterm-program"))
            .arg(way)
            .stdin(input.expect("open the terminal"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("start");
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines() {
                let _test_failed = sender.send(line.expect("text"));
            }
        });
        let program = Program {
            process,
            terminal: File::from(terminal),
            lines,
        };
        program.prints("ready");
        program
    }

    fn write(&self, keys: &[u8]) {
        (&self.terminal).write_all(keys).expect("write");
    }

    #[track_caller]
    fn prints(&self, expected: &str) {
        let line = self.lines.recv_timeout(DEADLINE).expect("a line");
        assert_eq!(line, expected);
    }

    #[track_caller]
    fn finish(mut self) {
        self.write(CTRL_C);
        self.prints("Char('c') KeyModifiers(CONTROL)");
        let end = self.lines.recv_timeout(DEADLINE);
        assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected));
        assert!(self.process.wait().expect("wait").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn on_each_way(test: impl Fn(Program)) {
    for way in ["read", "poll", "stream"] {
        test(Program::start(way));
    }
}

#[test]
fn each_key_is_read_when_it_is_pressed() {
    on_each_way(|program| {
        for (keys, expected) in [
            ("a", "Char('a') KeyModifiers(0x0)"),
            ("A", "Char('A') KeyModifiers(SHIFT)"),
            ("✓", "Char('✓') KeyModifiers(0x0)"),
            ("\r", "Enter KeyModifiers(0x0)"),
            ("\t", "Tab KeyModifiers(0x0)"),
            ("\x1b", "Esc KeyModifiers(0x0)"),
            ("\x1b[A", "Up KeyModifiers(0x0)"),
            ("\x1b[1;5C", "Right KeyModifiers(CONTROL)"),
            ("\x1b[15~", "F(5) KeyModifiers(0x0)"),
            ("\x1bx", "Char('x') KeyModifiers(ALT)"),
            ("\x01", "Char('a') KeyModifiers(CONTROL)"),
        ] {
            program.write(keys.as_bytes());
            program.prints(expected);
        }
        program.finish();
    });
}

#[test]
fn many_keys_at_once_are_read_in_order() {
    // More than the 1,024 bytes it reads at once would leave the rest unread: it asks for edges.
    on_each_way(|program| {
        for round in 0..60 {
            let text: Vec<_> = (0..900)
                .map(|i| b'a' + ((i * 7 + round) % 26) as u8)
                .collect();
            program.write(&text);
            for key in text {
                program.prints(&format!("Char({:?}) KeyModifiers(0x0)", char::from(key)));
            }
        }
        program.finish();
    });
}

#[test]
fn a_paste_is_one_event() {
    on_each_way(|program| {
        let text = "line ✓ ".repeat(300);
        program.write(format!("\x1b[200~{text}\x1b[201~").as_bytes());
        program.prints(&format!("Paste({text:?})"));
        program.finish();
    });
}

#[test]
fn a_change_of_size_is_read_between_keys() {
    on_each_way(|program| {
        for columns in 100..130 {
            program.write(b"k");
            program.prints("Char('k') KeyModifiers(0x0)");
            let size = Winsize {
                ws_row: 50,
                ws_col: columns,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            rustix::termios::tcsetwinsize(&program.terminal, size).expect("resize");
            program.prints(&format!("Resize({columns}, 50)"));
        }
        program.finish();
    });
}

#[test]
fn many_programs_read_at_once() {
    let programs: Vec<_> = (0..10).map(|_| Program::start("poll")).collect();
    for key in 'a'..='z' {
        for program in &programs {
            program.write(&[key as u8]);
        }
        for program in &programs {
            program.prints(&format!("Char({key:?}) KeyModifiers(0x0)"));
        }
    }
    programs.into_iter().for_each(Program::finish);
}
