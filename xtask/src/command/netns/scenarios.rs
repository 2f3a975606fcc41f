//! The scenarios: each makes its own network, and removes it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use xshell::{Cmd, Shell};

use super::network::{LINK, Network, SERVER};
use super::relay::Conditions;
use crate::namespace::Namespace;
use crate::process::Running;
use crate::{cross, suite};

type Scenario = fn(&Lab<'_>) -> Result<()>;

pub(super) const SCENARIOS: &[(&str, Scenario)] = &[
    ("a good link", good_link),
    ("3 % of packets lost each way", loss),
    ("a rate of 20 Mbit/s", slow_link),
    ("an MTU of 576", small_packets),
    ("packets handed to another processor", handed_over),
    ("delay, reordering, duplicates and loss", disorder),
    ("a delay of 100 ms each way", long_delay),
    ("silence for two seconds", short_silence),
    ("silence for good", silence),
    ("a link that goes down and up", link_down_and_up),
    ("resets", resets),
    ("connections refused", refusals),
    ("connections unanswered", unanswered),
    ("a proxy between bad links", proxy),
    ("files over HTTP on a bad link", files),
    ("tests on a loopback that loses packets", tests_with_loss),
    (
        "tests on a loopback with small packets",
        tests_with_small_packets,
    ),
];

/// A program that is not over by then hangs.
const LIMIT: Duration = Duration::from_secs(120);
/// How long clients wait while nothing happens: longer than TCP takes to notice what the scenarios do.
const PATIENCE: u64 = 30;
/// The same where nothing will ever happen.
const SHORT_PATIENCE: u64 = 3;
/// So much traffic shows that an exchange is under way.
const UNDER_WAY: u64 = 1 << 20;
/// More than is exchanged before a scenario interferes.
const ENDLESS: &str = "4GiB";

const BACKENDS: [&str; 2] = ["epoll", "poll"];

/// What all scenarios need.
pub(super) struct Lab<'a> {
    sh: &'a Shell,
    /// Where the examples are.
    examples: PathBuf,
}

impl<'a> Lab<'a> {
    pub(super) fn new(sh: &'a Shell, examples: PathBuf) -> Self {
        Self { sh, examples }
    }

    fn direct(&self) -> Result<Network<'a>> {
        Network::direct(self.sh)
    }

    fn relayed(&self, conditions: Conditions) -> Result<Network<'a>> {
        Network::through_relay(self.sh, conditions)
    }

    fn example(&self, namespace: &Namespace<'a>, name: &str, backend: &str) -> Cmd<'a> {
        let program = namespace.exec(self.examples.join(name));
        program.args(["--backend", backend])
    }

    /// Starts an echo server at the server's end.
    fn echo(&self, network: &Network<'a>, backend: &str) -> Result<Server> {
        let command = self.example(&network.server, "echo", backend);
        Server::start(command.args(["--listen", &format!("{SERVER}:0")]))
    }

    /// Starts clients of an echo server, at the client's end.
    fn clients(
        &self,
        network: &Network<'a>,
        backend: &str,
        address: &str,
        bytes: &str,
        patience: u64,
    ) -> Result<Running> {
        let command = self.example(&network.client, "echo", backend);
        let patience = patience.to_string();
        Running::start(
            command
                .args(["--connect", address, "--bytes", bytes])
                .args(["--connections", "32", "--message", "16KiB"])
                .args(["--patience", &patience]),
        )
    }

    /// Exchanges so many bytes, which must come back right.
    fn exchange(&self, network: &Network<'a>, bytes: &str) -> Result<()> {
        for backend in BACKENDS {
            let server = self.echo(network, backend)?;
            let clients = self.clients(network, backend, &server.address, bytes, PATIENCE)?;
            expect_intact(clients)?;
            server.stop(self.sh)?;
        }
        Ok(())
    }

    /// Interferes with an exchange that is under way and would never end. The clients must fail with one of
    /// `errors`, and after `repair` the server must serve others.
    fn break_off(
        &self,
        errors: &[&str],
        interfere: impl Fn(&Network<'a>) -> Result<()>,
        repair: impl Fn(&Network<'a>) -> Result<()>,
    ) -> Result<()> {
        for backend in BACKENDS {
            let network = self.direct()?;
            let server = self.echo(&network, backend)?;
            let address = &server.address;
            let mut clients = self.clients(&network, backend, address, ENDLESS, SHORT_PATIENCE)?;
            network.wait_for_traffic(&mut clients, UNDER_WAY)?;
            interfere(&network)?;
            expect_failure(clients, errors)?;
            repair(&network)?;
            expect_intact(self.clients(&network, backend, address, "1MiB", PATIENCE)?)?;
            server.stop(self.sh)?;
        }
        Ok(())
    }

    /// Interferes with an exchange for some seconds, which it must survive.
    fn interrupt(
        &self,
        interfere: impl Fn(&Network<'a>) -> Result<()>,
        repair: impl Fn(&Network<'a>) -> Result<()>,
    ) -> Result<()> {
        for backend in BACKENDS {
            let network = self.direct()?;
            // Too slow to be over before it is interrupted.
            for end in network.ends() {
                end.limit_rate(LINK, 40)?;
            }
            let server = self.echo(&network, backend)?;
            let mut clients =
                self.clients(&network, backend, &server.address, "16MiB", PATIENCE)?;
            network.wait_for_traffic(&mut clients, UNDER_WAY)?;
            interfere(&network)?;
            clients.keep_running(Duration::from_secs(2))?;
            repair(&network)?;
            expect_intact(clients)?;
            server.stop(self.sh)?;
        }
        Ok(())
    }

    /// Runs tests of sockets in a namespace, whose loopback interface `prepare` has made a bad one.
    fn tests(&self, prepare: impl Fn(&Namespace<'a>) -> Result<()>) -> Result<()> {
        const PACKAGES: &[&str] = &["tcp-stream", "tcp-listener"];
        let build = xshell::cmd!(self.sh, "cargo test --quiet --tests --no-run");
        build.args(cross::select(PACKAGES)).quiet().run()?;
        let namespace = Namespace::add(self.sh)?;
        prepare(&namespace)?;
        let cargo = namespace.exec("cargo");
        let cargo = cargo.args(["test", "--quiet", "--offline", "--tests", "--no-fail-fast"]);
        suite::run(cargo.args(cross::select(PACKAGES)))
    }
}

/// An example that serves.
struct Server {
    running: Running,
    address: String,
}

impl Server {
    fn start(command: Cmd<'_>) -> Result<Self> {
        let mut running = Running::start(command)?;
        let line = running.line("listening on ", LIMIT)?;
        let address = line.split([',', ' ']).next().unwrap_or_default().to_owned();
        Ok(Self { running, address })
    }

    /// Has the server end in order.
    fn stop(self, sh: &Shell) -> Result<()> {
        let ended = self.running.interrupt(sh, LIMIT)?;
        ensure!(ended.status.success(), "the server: {}", ended.output);
        Ok(())
    }
}

fn expect_intact(clients: Running) -> Result<()> {
    let ended = clients.end(LIMIT)?;
    ensure!(
        ended.status.success() && ended.output.contains("all came back right"),
        "{}: {}",
        ended.status,
        ended.output
    );
    Ok(())
}

/// Expects a program to end with one of `errors`.
fn expect_failure(program: Running, errors: &[&str]) -> Result<()> {
    let ended = program.end(LIMIT)?;
    ensure!(
        ended.status.code() == Some(1) && errors.iter().any(|error| ended.output.contains(error)),
        "expected one of {errors:?}, but {}: {}",
        ended.status,
        ended.output
    );
    Ok(())
}

const NOTHING_HAPPENED: &[&str] = &["nothing has happened for"];

fn lose(namespace: &Namespace<'_>, percent: u32) -> Result<()> {
    namespace.filter(&[&random_loss(percent)])
}

fn random_loss(percent: u32) -> String {
    format!("numgen random mod 100 < {percent} drop")
}

fn pass_all(network: &Network<'_>) -> Result<()> {
    for end in network.ends() {
        end.filter(&[])?;
    }
    Ok(())
}

fn drop_all(network: &Network<'_>) -> Result<()> {
    for end in network.ends() {
        end.filter(&["drop"])?;
    }
    Ok(())
}

fn good_link(lab: &Lab<'_>) -> Result<()> {
    lab.exchange(&lab.direct()?, "64MiB")
}

fn loss(lab: &Lab<'_>) -> Result<()> {
    let network = lab.direct()?;
    for end in network.ends() {
        lose(end, 3)?;
    }
    lab.exchange(&network, "8MiB")
}

fn slow_link(lab: &Lab<'_>) -> Result<()> {
    let network = lab.direct()?;
    for end in network.ends() {
        end.limit_rate(LINK, 20)?;
    }
    lab.exchange(&network, "4MiB")
}

fn small_packets(lab: &Lab<'_>) -> Result<()> {
    let network = lab.direct()?;
    for end in network.ends() {
        end.ip(&format!("link set {LINK} mtu 576"))?;
    }
    lab.exchange(&network, "16MiB")
}

fn handed_over(lab: &Lab<'_>) -> Result<()> {
    let network = lab.direct()?;
    for end in network.ends() {
        end.spread_packets(LINK)?;
    }
    lab.exchange(&network, "64MiB")
}

/// What the worst of radio links do.
const DISORDER: Conditions = Conditions {
    delay: Duration::from_millis(2),
    jitter: Duration::from_millis(3),
    duplicated: 50,
    lost: 10,
};

fn disorder(lab: &Lab<'_>) -> Result<()> {
    lab.exchange(&lab.relayed(DISORDER)?, "8MiB")
}

fn long_delay(lab: &Lab<'_>) -> Result<()> {
    let conditions = Conditions {
        delay: Duration::from_millis(100),
        ..Conditions::default()
    };
    lab.exchange(&lab.relayed(conditions)?, "4MiB")
}

fn short_silence(lab: &Lab<'_>) -> Result<()> {
    lab.interrupt(drop_all, pass_all)
}

fn silence(lab: &Lab<'_>) -> Result<()> {
    lab.break_off(NOTHING_HAPPENED, drop_all, pass_all)
}

fn link_down_and_up(lab: &Lab<'_>) -> Result<()> {
    let set = |network: &Network<'_>, state| network.server.ip(&format!("link set {LINK} {state}"));
    lab.interrupt(|network| set(network, "down"), |network| set(network, "up"))?;
    lab.break_off(
        NOTHING_HAPPENED,
        |network| set(network, "down"),
        |network| set(network, "up"),
    )
}

fn resets(lab: &Lab<'_>) -> Result<()> {
    let reset = |network: &Network<'_>| {
        let rule = "meta l4proto tcp reject with tcp reset";
        network.server.filter(&[rule])
    };
    lab.break_off(&["reset by peer", "closed by the server"], reset, pass_all)
}

fn refusals(lab: &Lab<'_>) -> Result<()> {
    let network = lab.direct()?;
    for backend in BACKENDS {
        let address = format!("{SERVER}:7");
        let clients = lab.clients(&network, backend, &address, "1MiB", PATIENCE)?;
        expect_failure(clients, &[": Connection refused"])?;
    }
    Ok(())
}

fn unanswered(lab: &Lab<'_>) -> Result<()> {
    let network = lab.direct()?;
    drop_all(&network)?;
    for backend in BACKENDS {
        let address = format!("{SERVER}:7");
        let clients = lab.clients(&network, backend, &address, "1MiB", SHORT_PATIENCE)?;
        expect_failure(clients, NOTHING_HAPPENED)?;
    }
    Ok(())
}

/// The proxy is at the server's end, and its server at the client's: every byte crosses four times.
fn proxy(lab: &Lab<'_>) -> Result<()> {
    let network = lab.relayed(DISORDER)?;
    for backend in BACKENDS {
        let echo = lab.example(&network.client, "echo", backend);
        let echo = Server::start(echo.args(["--listen", "192.0.2.2:0"]))?;
        let proxy = lab.example(&network.server, "proxy", backend);
        let listen = format!("{SERVER}:0");
        let proxy = Server::start(proxy.args(["--listen", &listen, "--connect", &echo.address]))?;
        let clients = lab.clients(&network, backend, &proxy.address, "2MiB", PATIENCE)?;
        expect_intact(clients)?;
        proxy.stop(lab.sh)?;
        echo.stop(lab.sh)?;
    }
    Ok(())
}

fn files(lab: &Lab<'_>) -> Result<()> {
    const SIZE: usize = 4 << 20;
    let folder = lab.sh.create_temp_dir()?;
    let words = (0..SIZE as u64 / 8).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let data: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    lab.sh.write_file(folder.path().join("data"), &data)?;
    let network = lab.relayed(DISORDER)?;
    for backend in BACKENDS {
        let httpd = lab.example(&network.server, "httpd", backend);
        let httpd = httpd.args(["--listen", &format!("{SERVER}:0")]);
        let httpd = Server::start(httpd.arg(folder.path()))?;
        let url = format!("{}/data", httpd.address);
        let curl = network.client.exec("curl");
        let received = folder.path().join("received");
        curl.args(["--silent", "--show-error", "--fail", "--max-time", "120"])
            .args(["--noproxy", "*"])
            .arg("--output")
            .arg(&received)
            .arg(&url)
            .run()?;
        let received = lab.sh.read_binary_file(received)?;
        ensure!(received == data, "other bytes arrived");
        httpd.stop(lab.sh)?;
    }
    Ok(())
}

fn tests_with_loss(lab: &Lab<'_>) -> Result<()> {
    // A reset is sent once: if it is lost, an idle peer never learns of it.
    const RESETS_PASS: &str = "tcp flags & rst == rst accept";
    lab.tests(|namespace| namespace.filter(&[RESETS_PASS, &random_loss(1)]))
}

fn tests_with_small_packets(lab: &Lab<'_>) -> Result<()> {
    lab.tests(|namespace| namespace.ip("link set lo mtu 1280"))
}
