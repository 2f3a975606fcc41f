//! The grammar of request targets and of the field `Host` (RFC 9112 section 3.2, RFC 3986).

use std::net::Ipv6Addr;

use crate::response::Status;

/// What paths may contain besides plain characters. Brackets and bars are not in the grammar, but
/// browsers send them as they are.
const PATH: &[u8] = b":@/[]|";
/// What queries may contain, likewise.
const QUERY: &[u8] = b":@/?[]|\\^`{}";

/// Returns the path of the target of a request for a file, still encoded and without its query.
///
/// # Errors
/// `BadRequest` if the target is neither a path (origin-form) nor a URL of HTTP (absolute-form).
pub(crate) fn path(target: &str) -> Result<&str, Status> {
    let (path, query) = match without_scheme(target) {
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at(end);
            if authority.starts_with(':') || !is_authority(authority, false) {
                return Err(Status::BadRequest);
            }
            rest.split_once('?').unwrap_or((rest, ""))
        }
        None if target.starts_with('/') => target.split_once('?').unwrap_or((target, "")),
        None => return Err(Status::BadRequest),
    };
    if !is_encoded(path, PATH) || !is_encoded(query, QUERY) {
        return Err(Status::BadRequest);
    }
    Ok(if path.is_empty() { "/" } else { path })
}

/// Returns whether a target is one that no file has, but another method than GET and HEAD may have:
/// `*` with OPTIONS (asterisk-form), and `host:port` with CONNECT (authority-form).
pub(crate) fn is_of_method(target: &str, method: &str) -> bool {
    match method {
        "CONNECT" => is_authority(target, true),
        "OPTIONS" if target == "*" => true,
        _ => path(target).is_ok(),
    }
}

/// Returns whether the value of a field `Host` is `host` or `host:port`. The empty value is valid too.
pub(crate) fn is_host(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|value| value.is_empty() || is_authority(value, false))
}

fn without_scheme(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    scheme.eq_ignore_ascii_case("http").then_some(rest)
}

/// Returns whether a text is a host that is not empty, and a port, which may be missing unless it is
/// `needed`. A user's name is refused: it only serves to deceive (RFC 9110 section 4.2.4).
fn is_authority(text: &str, needed: bool) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if is_ip_literal(address) => (address, port),
            _ => return false,
        },
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let (host, port) = text.split_at(end);
            if !is_encoded(host, b"") {
                return false;
            }
            (host, port)
        }
    };
    let port_fits = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && !(needed && digits.is_empty())
        }
        None => port.is_empty() && !needed,
    };
    !host.is_empty() && port_fits
}

/// Returns whether a text is an IPv6 address or one of a later version, such as `v7.a:b`.
fn is_ip_literal(text: &str) -> bool {
    let Some(future) = text.strip_prefix(['v', 'V']) else {
        return text.parse::<Ipv6Addr>().is_ok();
    };
    future.split_once('.').is_some_and(|(version, address)| {
        !version.is_empty()
            && version.bytes().all(|byte| byte.is_ascii_hexdigit())
            && !address.is_empty()
            && address.bytes().all(|byte| is_plain(byte) || byte == b':')
    })
}

/// Returns whether a text has nothing in it but plain characters, `others` and complete escapes.
fn is_encoded(text: &str, others: &[u8]) -> bool {
    let mut parts = text.split('%');
    let fits = |part: &[u8]| {
        part.iter()
            .all(|byte| is_plain(*byte) || others.contains(byte))
    };
    parts.next().is_some_and(|first| fits(first.as_bytes()))
        && parts.all(|part| {
            part.as_bytes()
                .split_at_checked(2)
                .is_some_and(|(digits, rest)| {
                    digits.iter().all(u8::is_ascii_hexdigit) && fits(rest)
                })
        })
}

/// `unreserved` and `sub-delims` of RFC 3986.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}
