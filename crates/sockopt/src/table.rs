//! Options listed for a person: those of one socket with their values, and those of all systems.

use std::fmt;

use crate::os::{self, AsSock, borrow};

/// The options of one socket, read at once by [`table`].
///
/// # Examples
///
/// See [`table`].
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<[String; 3]>,
}

/// Reads every option of `socket`, for a person who debugs: its constant, the system's name and
/// the value, or why there is none.
///
/// Reading changes nothing. For that reason the pending error (`SO_ERROR`) is left out: asking
/// for it clears it, see [`take_error`](crate::take_error).
///
/// # Examples
///
/// ```
/// use readywire::sockopt;
///
/// # fn main() -> std::io::Result<()> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let text = sockopt::table(&listener).to_string();
/// let line = text.lines().find(|line| line.starts_with("NODELAY ")).unwrap();
/// assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["NODELAY", "TCP_NODELAY", "false"]);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn table(socket: &(impl AsSock + ?Sized)) -> Table {
    let sock = borrow(socket);
    let rows = os::present().map(|(name, option)| {
        let value = match option.show(sock) {
            Some(Ok(value)) => value,
            Some(Err(error)) => format!("error: {error}"),
            None => "write-only".to_owned(),
        };
        [name.to_owned(), option.os_name().to_owned(), value]
    });
    Table {
        rows: rows.collect(),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.rows.iter().map(|row| row[column].len()).max();
        let (names, os_names) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
        for [name, os_name, value] in &self.rows {
            writeln!(f, "{name:names$}  {os_name:os_names$}  {value}")?;
        }
        Ok(())
    }
}

/// One option of the [`catalogue`].
///
/// # Examples
///
/// See [`catalogue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// The name of the constant.
    pub name: &'static str,
    /// What this system calls the option; `None` where it has none and the constant is absent.
    pub os_name: Option<&'static str>,
    /// The systems that have the option, as `std::env::consts::OS` spells them.
    pub systems: &'static [&'static str],
}

/// Lists every option of this crate, those of other systems included.
///
/// # Examples
///
/// ```
/// use readywire::sockopt;
///
/// let nodelay = sockopt::catalogue().find(|option| option.name == "NODELAY").unwrap();
/// assert_eq!(nodelay.os_name, Some("TCP_NODELAY"));
/// assert!(nodelay.systems.contains(&std::env::consts::OS));
/// ```
pub fn catalogue() -> impl Iterator<Item = Listing> {
    os::listed().map(|(name, systems)| {
        let here = os::present().find(|(present, _)| *present == name);
        Listing {
            name,
            os_name: here.map(|(_, option)| option.os_name()),
            systems,
        }
    })
}
