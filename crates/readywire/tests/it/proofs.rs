//! The example `proxy` in front of real servers under their own load generators.
//!
//! Debian's packages redis-server, redis-tools and postgresql bring the programs;
//! `cargo xtask test` installs them. Load goes to loopback only.

use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use selector::Backend;
use tempfile::TempDir;
use testkit::Reservation;

use crate::process::{
    Process, Server, example, finish, missing, patient, program, read_line_with, run, start,
    succeeds, text,
};

testkit::on_each_backend! {
    redis_benchmark_runs_through_it,
    clients_of_a_redis_that_is_killed_are_closed,
    pgbench_runs_through_it,
    clients_of_a_postgres_that_is_killed_are_closed,
}

/// Held while a load runs, so that the figures are those of one at a time.
static LOAD: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    // A test that failed before is none of the next one's business.
    LOAD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn proxy(backend: Backend, target: SocketAddr) -> Server {
    Server::start(example("proxy").args([
        "--backend",
        &backend.to_string(),
        "--connect",
        &target.to_string(),
    ]))
}

/// Adds a line to the report of `cargo test`, which shows nothing else of tests that pass.
fn report(line: &str) {
    let build = if cfg!(debug_assertions) {
        " (proxy built without optimisation)"
    } else {
        ""
    };
    writeln!(io::stderr(), "{line}{build}").expect("write to stderr");
}

/// Reads on in the background, so that the program is not held up.
fn discard(mut output: impl Read + Send + 'static) {
    testkit::spawn(move || io::copy(&mut output, &mut io::sink()));
}

struct Redis {
    process: Process,
    reserved: Reservation,
}

impl Redis {
    fn start() -> Redis {
        let reserved = testkit::reserve();
        let mut command = program("redis-server", "redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args([
            "--maxclients",
            "1000",
            "--port",
            &reserved.address.port().to_string(),
        ]);
        let mut process = start(command.stdout(Stdio::piped()));
        let log = BufReader::new(process.0.stdout.take().expect("a pipe"));
        discard(read_line_with(log, "Ready to accept connections").0);
        Redis { process, reserved }
    }

    fn clients(&self) -> usize {
        let mut stream = TcpStream::connect(self.reserved.address).expect("connect");
        patient(&stream);
        stream.write_all(b"INFO clients\r\nQUIT\r\n").expect("ask");
        let mut info = String::new();
        stream.read_to_string(&mut info).expect("the answer");
        let (_, rest) = info.split_once("connected_clients:").expect("the number");
        let digits = rest.split('\r').next().expect("the rest of the line");
        digits.parse().expect("a number")
    }
}

fn redis_benchmark(address: SocketAddr, requests: usize) -> Command {
    let mut command = program("redis-benchmark", "redis-tools");
    command.args(["-h", "127.0.0.1", "-p", &address.port().to_string()]);
    command.args(["-c", "200", "-P", "16", "-t", "set,get", "--csv", "-n"]);
    command.arg(requests.to_string());
    command
}

fn redis_benchmark_runs_through_it(backend: Backend) {
    let _alone = alone();
    const REQUESTS: usize = 100_000;
    let redis = Redis::start();
    let proxy = proxy(backend, redis.reserved.address);
    let [direct, through] = [redis.reserved.address, proxy.address].map(|address| {
        let output = run(&mut redis_benchmark(address, REQUESTS));
        assert!(output.status.success(), "{}", output.status);
        assert!(output.stderr.is_empty(), "{}", text(output.stderr));
        let table = text(output.stdout);
        ["SET", "GET"].map(|name| rate(&table, name))
    });
    for (at, name) in ["SET", "GET"].into_iter().enumerate() {
        let (direct, through) = (direct[at], through[at]);
        report(&format!(
            "redis-benchmark -c 200 -P 16, {name}: {direct:.0} requests/s directly, \
             {through:.0} through the proxy on {backend}"
        ));
    }
    let totals = proxy.interrupt();
    assert!(totals.contains(" 0 could not be connected"));
}

/// The requests a second of one test, in a table such as `"SET","812345.6",…`.
fn rate(table: &str, test: &str) -> f64 {
    let row = table
        .lines()
        .find_map(|line| line.strip_prefix(&format!("\"{test}\",\"")))
        .unwrap_or_else(|| panic!("no {test} in {table}"));
    let number = row.split('"').next().expect("a field");
    number.parse().expect("a number")
}

fn clients_of_a_redis_that_is_killed_are_closed(backend: Backend) {
    let _alone = alone();
    let mut redis = Redis::start();
    let proxy = proxy(backend, redis.reserved.address);
    let mut benchmark = redis_benchmark(proxy.address, 1_000_000_000);
    let benchmark = start_load(&mut benchmark);
    testkit::until("the benchmark runs", || redis.clients() > 200);
    redis.process.kill();
    let output = ended(benchmark);
    assert!(!output.status.success(), "it cannot have finished");
    proxy.turns_away();
    let totals = proxy.interrupt();
    assert!(totals.contains("clients  20"), "200, and ours");
}

fn start_load(command: &mut Command) -> Process {
    start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
}

/// Waits for the end of a program whose connections are gone.
fn ended(process: Process) -> Output {
    let output = finish(process);
    println!("{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A PostgreSQL with a database of its own, which is gone afterwards.
struct Postgres {
    process: Process,
    reserved: Reservation,
    folder: PathBuf,
    _data: TempDir,
}

impl Postgres {
    fn start() -> Postgres {
        let folder = postgres_folder();
        let data = TempDir::new().expect("a folder");
        // It refuses to run as root; then Debian's user for it is the one.
        let root = text(run(Command::new("id").arg("-u")).stdout).trim() == "0";
        let user = root.then(|| ["-u", "-g"].map(id_of_postgres));
        if let Some([uid, gid]) = user {
            chown(data.path(), Some(uid), Some(gid)).expect("give the folder away");
        }
        let command = |name: &str| {
            let mut command = Command::new(folder.join(name));
            command.stdin(Stdio::null()).current_dir(data.path());
            if let Some([uid, gid]) = user {
                command.uid(uid).gid(gid);
            }
            command
        };
        let mut initdb = command("initdb");
        initdb.args([
            "--no-sync",
            "--auth=trust",
            "--username=postgres",
            "--locale=C",
            "--encoding=UTF8",
            "-D",
            "data",
        ]);
        succeeds(&mut initdb);

        let reserved = testkit::reserve();
        let address = reserved.address;
        let mut postgres = command("postgres");
        postgres.args(["-D", "data", "-p", &address.port().to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=120",
            "fsync=off",
            "synchronous_commit=off",
            "shared_buffers=16MB",
        ] {
            postgres.args(["-c", setting]);
        }
        let mut process = start(postgres.stdout(Stdio::null()).stderr(Stdio::piped()));
        let log = BufReader::new(process.0.stderr.take().expect("a pipe"));
        discard(read_line_with(log, "ready to accept connections").0);
        let postgres = Postgres {
            process,
            reserved,
            folder,
            _data: data,
        };
        let tables = ["--initialize", "--quiet", "--scale=2"];
        succeeds(postgres.pgbench(address).args(tables));
        postgres
    }

    fn pgbench(&self, address: SocketAddr) -> Command {
        let path = self.folder.join("pgbench");
        assert!(path.exists(), "{}", missing("pgbench", "postgresql"));
        let mut command = Command::new(path);
        command.stdin(Stdio::null());
        command.args(["-h", "127.0.0.1", "-p", &address.port().to_string()]);
        command.args(["-U", "postgres"]);
        command.env("PGDATABASE", "postgres");
        command
    }
}

impl Drop for Postgres {
    /// Has it clear up: killed, it would leave shared memory behind.
    fn drop(&mut self) {
        if !self.process.has_ended() && !thread::panicking() {
            // At once, whoever is still connected.
            self.process.signal("INT");
            self.process.wait();
        }
    }
}

/// Debian has a folder for each version.
fn postgres_folder() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = versions.map(|version| version.expect("a folder").path().join("bin"));
    folders
        .filter(|folder| folder.join("initdb").exists())
        .max()
        .unwrap_or_else(|| panic!("{}", missing("initdb", "postgresql")))
}

fn id_of_postgres(which: &str) -> u32 {
    let id = succeeds(Command::new("id").args([which, "postgres"]));
    id.trim().parse().expect("a number")
}

fn pgbench_runs_through_it(backend: Backend) {
    let _alone = alone();
    let postgres = Postgres::start();
    let proxy = proxy(backend, postgres.reserved.address);
    let [direct, through] = [postgres.reserved.address, proxy.address].map(|address| {
        let load = ["-c", "50", "-j", "2", "-N", "-t", "40", "--no-vacuum"];
        let summary = succeeds(postgres.pgbench(address).args(load));
        assert!(summary.contains("actually processed: 2000/2000"));
        assert!(summary.contains("number of failed transactions: 0 "));
        let (_, rest) = summary.split_once("tps = ").expect("the rate");
        let number = rest.split(' ').next().expect("the number");
        number.parse::<f64>().expect("a number")
    });
    report(&format!(
        "pgbench -c 50: {direct:.0} transactions/s directly, {through:.0} through the proxy on {backend}"
    ));
    let totals = proxy.interrupt();
    assert!(totals.contains(" 0 could not be connected, 0 broke off"));
}

fn clients_of_a_postgres_that_is_killed_are_closed(backend: Backend) {
    let _alone = alone();
    let mut postgres = Postgres::start();
    let proxy = proxy(backend, postgres.reserved.address);
    let mut pgbench = postgres.pgbench(proxy.address);
    pgbench.args([
        "-c",
        "50",
        "-j",
        "2",
        "-S",
        "-T",
        "1000",
        "--no-vacuum",
        "--progress=1",
    ]);
    let mut running = start_load(&mut pgbench);
    // Its first word of progress says that all clients are at work.
    let log = BufReader::new(running.0.stderr.take().expect("a pipe"));
    let (log, _) = read_line_with(log, "progress: ");
    discard(log);
    // At once, without a farewell to clients: their processes end when the first one has.
    postgres.process.signal("QUIT");
    postgres.process.wait();
    let output = ended(running);
    assert!(!output.status.success(), "it cannot have finished");
    proxy.turns_away();
    proxy.interrupt();
}
