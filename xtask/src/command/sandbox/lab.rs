//! What runs in the environments: test programs and the example `echo`.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, process};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use xshell::{Cmd, Shell, cmd};

use super::environment::{Environment, Setup};
use crate::namespace::Namespace;
use crate::process::{Ended, Running};
use crate::suite::Skips;
use crate::{cross, workspace};

/// The packages whose tests run.
const PACKAGES: &[&str] = &[
    "selector",
    "sockopt",
    "tcp-stream",
    "tcp-listener",
    "udp-socket",
    "unix-socket",
    "unix-pipe",
];

/// A test that is not over by then hangs.
const TEST_LIMIT_SECONDS: u32 = 120;
/// The same of a program, one with all tests of a package included.
const LIMIT: Duration = Duration::from_secs(600);

const BACKENDS: [&str; 2] = ["epoll", "poll"];

/// An exchange that each environment has room for.
const EXCHANGE: &[&str] = &["--connections", "64", "--bytes", "8MiB"];

/// The programs that run.
pub(super) struct Lab {
    /// This program, which launches the others.
    launcher: PathBuf,
    tests: Vec<TestProgram>,
    echo: PathBuf,
    /// What makes a program survive a storm of signals.
    storm: PathBuf,
}

struct TestProgram {
    package: String,
    path: PathBuf,
    /// Where cargo would start it.
    folder: PathBuf,
}

/// What of cargo's messages matters here.
#[derive(Deserialize)]
struct Message {
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

impl Lab {
    pub(super) fn new(sh: &Shell) -> Result<Self> {
        let format = ["--message-format", "json-render-diagnostics"];
        let packages = cross::select(PACKAGES);
        let tests = messages(
            cmd!(sh, "cargo test --no-run --lib --tests")
                .args(format)
                .args(packages),
        )?;
        let tests = tests.into_iter().filter_map(|message| {
            let folder = message.manifest_path.parent()?.to_owned();
            Some(TestProgram {
                package: folder.file_name()?.to_str()?.to_owned(),
                path: message.executable?,
                folder,
            })
        });
        let tests: Vec<TestProgram> = tests.collect();
        for package in PACKAGES {
            ensure!(
                tests.iter().any(|program| program.package == *package),
                "cargo built no test program of {package}"
            );
        }
        let examples = ["--package", "readywire", "--example", "echo"];
        let storm = ["--package", "xtask", "--example", "storm"];
        let build = cmd!(sh, "cargo build").args(format);
        let built = messages(build.args(examples).args(storm))?;
        let file = |name| {
            let mut built = built.iter().filter(|message| message.target.name == name);
            let file = built.find_map(|message| message.filenames.first());
            file.cloned()
                .with_context(|| format!("cargo did not build {name}"))
        };
        Ok(Self {
            launcher: env::current_exe()?,
            tests,
            echo: file("echo")?,
            storm: file("storm")?,
        })
    }
}

fn messages(cargo: Cmd<'_>) -> Result<Vec<Message>> {
    let lines = cargo.read()?;
    let messages = lines.lines().map(serde_json::from_str);
    Ok(messages.filter_map(Result::ok).collect())
}

/// How the tests of an environment went; an exchange of `echo` counts as one.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skips: Skips,
    /// What the failed tests printed.
    pub(super) told: String,
}

impl Tally {
    /// Counts the tests of one program by what it wrote last.
    fn count_tests(&mut self, program: &TestProgram, ended: &Ended) {
        let result = ended
            .output
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("test result: "));
        let count = |what| {
            let (before, _) = result?.split_once(what)?;
            before.rsplit(' ').next()?.parse::<usize>().ok()
        };
        match (count(" passed"), count(" failed")) {
            // A program that crashes has not ended as its tests did.
            (Some(passed), Some(failed)) if ended.status.success() == (failed == 0) => {
                self.passed += passed;
                self.failed += failed;
                if failed > 0 {
                    let told = ended.output.split_once("\nfailures:\n");
                    self.told
                        .push_str(told.map_or("", |(_, failures)| failures));
                }
            }
            _ => self.fail(&format!(
                "{} ended without a result of its tests, or otherwise: {}\n{}",
                program.path.display(),
                ended.status,
                ended.output
            )),
        }
    }

    /// An environment that could not be made, or in which a program hung.
    pub(super) fn of_error(error: anyhow::Error) -> Self {
        let mut tally = Self::default();
        tally.fail(&format!("{error:#}"));
        tally
    }

    fn count(&mut self, result: Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => self.fail(&format!("{error:#}")),
        }
    }

    fn fail(&mut self, told: &str) {
        self.failed += 1;
        self.told.push_str(told);
        self.told.push('\n');
    }

    /// Fails for each reason to skip a test that is not `expected`.
    pub(super) fn expect_skips(&mut self, expected: &[&str]) {
        let unexpected = self.skips.unexpected(expected);
        if !unexpected.is_empty() {
            self.fail(&unexpected);
        }
    }

    /// Moves tests from the passed to the skipped, by a list with a line for each reason of each test.
    fn count_skipped(&mut self, list: &str) {
        let skipped = self.skips.add(list);
        self.passed = self.passed.saturating_sub(skipped);
    }
}

/// An environment with what it needs from outside. Dropping removes that.
pub(super) struct Room<'a> {
    sh: &'a Shell,
    lab: &'a Lab,
    environment: &'a Environment,
    network: Option<Namespace<'a>>,
    /// A folder of its own, the root of [`Setup::Chroot`].
    folder: PathBuf,
}

impl<'a> Room<'a> {
    pub(super) fn new(sh: &'a Shell, lab: &'a Lab, environment: &'a Environment) -> Result<Self> {
        let network = match environment.network {
            Some(prepare) => {
                let network = Namespace::add(sh)?;
                prepare(&network)?;
                Some(network)
            }
            None => None,
        };
        // Beside the programs, so that they can be linked into it.
        let folder = workspace::target_dir().join(format!("sandbox-{}", process::id()));
        sh.remove_path(&folder)?;
        sh.create_dir(folder.join("tmp"))?;
        Ok(Self {
            sh,
            lab,
            environment,
            network,
            folder,
        })
    }

    /// Returns a command that runs `program` in the environment.
    fn launch(&self, program: &Path) -> Result<Cmd<'a>> {
        let launcher = &self.lab.launcher;
        let command = match &self.network {
            Some(network) => network.exec(launcher),
            None => cmd!(self.sh, "{launcher}").quiet(),
        };
        let command = command.args(["launch", &self.environment.name]);
        Ok(match self.environment.setup {
            Setup::Chroot => command
                .arg("--root")
                .arg(&self.folder)
                .arg("--")
                .arg(self.bring_in(program)?),
            Setup::Storm => command
                .arg("--preload")
                .arg(&self.lab.storm)
                .arg("--")
                .arg(program),
            _ => command.arg("--").arg(program),
        })
    }

    /// Brings a program and its libraries into the folder; returns where it is from inside.
    fn bring_in(&self, program: &Path) -> Result<PathBuf> {
        let null = self.folder.join("dev/null");
        if !null.exists() {
            self.sh.create_dir(self.folder.join("dev"))?;
            cmd!(self.sh, "cp --archive /dev/null {null}")
                .quiet()
                .run()?;
        }
        let libraries = cmd!(self.sh, "ldd {program}").quiet().read()?;
        let libraries = libraries
            .split_whitespace()
            .filter(|word| word.starts_with('/'));
        for library in libraries {
            let place = self.folder.join(library.trim_start_matches('/'));
            if !place.exists() {
                fs::create_dir_all(place.parent().context("a library is in a folder")?)?;
                fs::copy(library, place)?;
            }
        }
        let name = program.file_name().context("a program has a name")?;
        let place = self.folder.join(name);
        if !place.exists() {
            fs::hard_link(program, place)?;
        }
        Ok(Path::new("/").join(name))
    }

    /// A path of a file in the folder, and the same path from inside.
    fn file(&self, name: &str) -> (PathBuf, PathBuf) {
        let outside = self.folder.join("tmp").join(name);
        let inside = match self.environment.setup {
            Setup::Chroot => Path::new("/tmp").join(name),
            _ => outside.clone(),
        };
        (outside, inside)
    }

    fn tests_of(&self, wanted: impl Fn(&str) -> bool) -> Result<Tally> {
        let mut tally = Tally::default();
        let (list, list_inside) = self.file("skipped");
        let (log, log_inside) = self.file("log");
        for program in &self.lab.tests {
            if !wanted(&program.package) {
                continue;
            }
            let _there = self.sh.push_dir(&program.folder);
            let mut command = self
                .launch(&program.path)?
                .env("CARGO_PKG_NAME", &program.package)
                .env("READYWIRE_SKIPPED", &list_inside)
                .env("RUST_BACKTRACE", "0")
                .env("READYWIRE_TEST_LIMIT", TEST_LIMIT_SECONDS.to_string());
            let silent = self.environment.setup == Setup::NoStandardStreams;
            if silent {
                // A program that does not start has no log, and not the one before it.
                self.sh.remove_path(&log)?;
                command = command.arg("--logfile").arg(&log_inside);
            }
            let mut ended = Running::start(command)?.end(LIMIT)?;
            if let Some(log) = silent.then(|| fs::read_to_string(&log).ok()).flatten() {
                ended.output = summed_up(&log);
            }
            tally.count_tests(program, &ended);
        }
        tally.count_skipped(&fs::read_to_string(&list).unwrap_or_default());
        Ok(tally)
    }

    fn echo(&self, arguments: &[&str]) -> Result<Cmd<'a>> {
        Ok(self.launch(&self.lab.echo)?.args(arguments))
    }

    fn exchanges(&self, tally: &mut Tally, arguments: &[&str]) -> Result<()> {
        for backend in BACKENDS {
            let command = self.echo(&["--backend", backend])?.args(arguments);
            tally.count(succeeds(Running::start(command)?.end(LIMIT)?));
        }
        Ok(())
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.sh.remove_path(&self.folder) {
            eprintln!("cannot remove {}: {error}", self.folder.display());
        }
    }
}

/// The end of what a test program would have written, by its log of a line for each test.
fn summed_up(log: &str) -> String {
    let results: Vec<_> = log
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    let of = |what| results.iter().filter(move |(result, _)| *result == what);
    let failed: Vec<_> = of("failed").map(|(_, test)| *test).collect();
    format!(
        "\nfailures:\n{}\ntest result: {} passed; {} failed;",
        failed.join("\n"),
        of("ok").count(),
        failed.len()
    )
}

fn succeeds(ended: Ended) -> Result<()> {
    ensure!(
        ended.status.success(),
        "echo: {}\n{}",
        ended.status,
        ended.output
    );
    Ok(())
}

/// Expects that `echo` fails with an error that names the cause.
fn fails(ended: &Ended, cause: &str) -> Result<()> {
    let Ended { status, output } = ended;
    let told = output.contains("error: ") && output.contains(cause);
    ensure!(!status.success() && told, "echo: {status}\n{output}");
    Ok(())
}

pub(super) fn tests(room: &Room<'_>) -> Result<Tally> {
    room.tests_of(|_| true)
}

pub(super) fn tests_of_selector(room: &Room<'_>) -> Result<Tally> {
    room.tests_of(|package| package == "selector")
}

pub(super) fn echo_without_loopback(room: &Room<'_>) -> Result<Tally> {
    let mut tally = Tally::default();
    for backend in BACKENDS {
        let command = room.echo(&["--backend", backend])?.args(EXCHANGE);
        let ended = Running::start(command)?.end(LIMIT)?;
        tally.count(fails(&ended, "Cannot assign requested address"));
    }
    Ok(tally)
}

pub(super) fn tests_and_echo(room: &Room<'_>) -> Result<Tally> {
    let mut tally = tests(room)?;
    room.exchanges(&mut tally, EXCHANGE)?;
    Ok(tally)
}

pub(super) fn echo(room: &Room<'_>) -> Result<Tally> {
    let mut tally = Tally::default();
    room.exchanges(&mut tally, EXCHANGE)?;
    Ok(tally)
}

pub(super) fn echo_in_whole_milliseconds(room: &Room<'_>) -> Result<Tally> {
    let mut tally = Tally::default();
    room.exchanges(
        &mut tally,
        &[EXCHANGE, &["--millisecond-timeouts"]].concat(),
    )?;
    Ok(tally)
}

/// A server with few descriptors, whose clients have as many as they need.
pub(super) fn server_for_many(room: &Room<'_>) -> Result<Tally> {
    let mut tally = Tally::default();
    for backend in BACKENDS {
        let echo = &room.lab.echo;
        let clients = cmd!(room.sh, "{echo}").quiet();
        tally.count(serve(room, "127.0.0.1:0", backend, |address| {
            let clients = clients.arg("--connect").arg(address).args(EXCHANGE);
            succeeds(Running::start(clients)?.end(LIMIT)?)
        }));
    }
    Ok(tally)
}

/// As many clients as there are ports, and more.
pub(super) fn echo_on_two_ports(room: &Room<'_>) -> Result<Tally> {
    let mut tally = Tally::default();
    for backend in BACKENDS {
        let clients = |address: &str, count| {
            let few = [
                "--connections",
                count,
                "--bytes",
                "64KiB",
                "--connect",
                address,
            ];
            let command = room.echo(&["--backend", backend])?.args(few);
            Running::start(command)?.end(LIMIT)
        };
        // Its port is not one of the two.
        tally.count(serve(room, "127.0.0.1:7007", backend, |address| {
            succeeds(clients(address, "2")?)
        }));
        tally.count(serve(room, "127.0.0.1:7007", backend, |address| {
            fails(&clients(address, "8")?, "Cannot assign requested address")
        }));
    }
    Ok(tally)
}

/// Runs an echo server in the environment, and `clients` with its address.
fn serve(
    room: &Room<'_>,
    address: &str,
    backend: &str,
    clients: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    let server = room.echo(&["--listen", address, "--backend", backend])?;
    let mut server = Running::start(server)?;
    let address = server.line("listening on ", LIMIT)?;
    clients(&address)?;
    succeeds(server.interrupt(room.sh, LIMIT)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_test_has_not_passed_and_fails_unless_expected() {
        let mut tally = Tally {
            passed: 5,
            ..Tally::default()
        };
        tally.count_skipped("a b\tno IPv6\na b\tno IPv6\na c\tno IPv6\na c\tno strace\n");
        assert_eq!(tally.passed, 3);
        let skips = "2 skipped: no IPv6 (2), no strace (1)";
        assert_eq!(tally.skips.to_string(), skips);
        tally.expect_skips(&["no IPv6", "no strace"]);
        assert_eq!(tally.failed, 0);
        tally.expect_skips(&["no IPv6"]);
        assert_eq!(tally.failed, 1);
        assert!(tally.told.contains("no strace"), "{}", tally.told);
    }

    #[test]
    fn a_log_is_summed_up_like_a_program_does() {
        let text = summed_up("ok a::b\nfailed a::c\nok a::d\n");
        assert_eq!(text, "\nfailures:\na::c\ntest result: 2 passed; 1 failed;");
    }
}
