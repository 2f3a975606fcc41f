//! Where to connect to: addresses that are tried in turn.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::{Context, Result, ensure};
use readywire::net::TcpStream;

pub(crate) struct Targets(pub(crate) Vec<SocketAddr>);

impl Targets {
    /// Finds all addresses of `hosts`, each of which is written as HOST:PORT.
    pub(crate) fn find(hosts: &[String]) -> Result<Targets> {
        let mut all = Vec::new();
        for host in hosts {
            let before = all.len();
            let addresses = host.to_socket_addrs();
            all.extend(addresses.with_context(|| format!("cannot find {host}"))?);
            ensure!(all.len() > before, "{host} has no address");
        }
        Ok(Targets(all))
    }

    /// Begins to connect to the first address that is not among the `tried`, one error for each.
    pub(crate) fn connect(&self, tried: &mut Vec<io::Error>) -> Option<TcpStream> {
        while let Some(address) = self.0.get(tried.len()) {
            match TcpStream::connect(address) {
                Ok(stream) => return Some(stream),
                Err(error) => tried.push(error),
            }
        }
        None
    }

    /// Lists the addresses that were tried, with the error of each.
    pub(crate) fn failures(&self, tried: &[io::Error]) -> String {
        let tried = self.0.iter().zip(tried);
        let tried: Vec<_> = tried.map(|(at, error)| format!("{at}: {error}")).collect();
        format!("cannot connect to {}", tried.join("; "))
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.0.iter().map(SocketAddr::to_string).collect();
        f.write_str(&all.join(", "))
    }
}
