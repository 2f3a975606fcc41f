//! Two namespaces with a link between them: all the network there is.

use std::time::Duration;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::relay::{self, Conditions};
use crate::namespace::Namespace;
use crate::process::Running;

/// The address of the server's end; of a network that is for documentation alone.
pub(super) const SERVER: &str = "192.0.2.1";
const CLIENT: &str = "192.0.2.2";

/// The interface to the other namespace has the same name in both.
pub(super) const LINK: &str = "link0";

pub(super) struct Network<'a> {
    pub(super) server: Namespace<'a>,
    pub(super) client: Namespace<'a>,
}

impl<'a> Network<'a> {
    /// Connects two new namespaces by a pair of virtual Ethernet interfaces.
    pub(super) fn direct(sh: &'a Shell) -> Result<Self> {
        let network = Self::unconnected(sh)?;
        let (server, client) = (network.server.name(), network.client.name());
        cmd!(
            sh,
            "ip link add {LINK} netns {server} type veth peer name {LINK} netns {client}"
        )
        .quiet()
        .run()
        .context("cannot link two namespaces: the kernel needs CONFIG_VETH")?;
        network.up()?;
        Ok(network)
    }

    /// Connects two new namespaces by a relay of this process, which treats packets badly.
    pub(super) fn through_relay(sh: &'a Shell, conditions: Conditions) -> Result<Self> {
        let network = Self::unconnected(sh)?;
        let mut devices = Vec::new();
        for end in [&network.server, &network.client] {
            let (device, name) = relay::Device::open()?;
            let namespace = end.name();
            cmd!(sh, "ip link set {name} netns {namespace} name {LINK}")
                .quiet()
                .run()?;
            devices.push(device);
        }
        network.up()?;
        relay::start(&devices[0], &devices[1], conditions)?;
        Ok(network)
    }

    fn unconnected(sh: &'a Shell) -> Result<Self> {
        Ok(Self {
            server: Namespace::add(sh)?,
            client: Namespace::add(sh)?,
        })
    }

    fn up(&self) -> Result<()> {
        for (end, address) in [(&self.server, SERVER), (&self.client, CLIENT)] {
            end.ip(&format!("address add {address}/24 dev {LINK}"))?;
            end.ip(&format!("link set {LINK} up"))?;
        }
        Ok(())
    }

    pub(super) fn ends(&self) -> [&Namespace<'a>; 2] {
        [&self.server, &self.client]
    }

    /// Waits until so many bytes have gone to the server, while `program` runs.
    pub(super) fn wait_for_traffic(&self, program: &mut Running, bytes: u64) -> Result<()> {
        /// How often to look: the kernel does not report it.
        const INTERVAL: Duration = Duration::from_millis(20);
        let counter = format!("/sys/class/net/{LINK}/statistics/rx_bytes");
        loop {
            let count: u64 = self.server.exec("cat").arg(&counter).read()?.parse()?;
            if count >= bytes {
                return Ok(());
            }
            program.keep_running(INTERVAL)?;
        }
    }
}
