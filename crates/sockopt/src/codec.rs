//! How values travel: the same few shapes for every option.
//!
//! Decoding goes by the length that the system returned: some answer a flag with one byte.

use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::OptionError;
use crate::option::{Id, Info, ReadOnly, ReadWrite, WriteOnly};
use crate::os::{self, Sock};

/// The greatest `int`: what most options travel in.
pub(crate) const INT_MAX: u64 = i32::MAX.unsigned_abs() as u64;

/// The longest name of a network interface or a congestion control, without its NUL.
const NAME_MAX: usize = 15;

pub(crate) const fn flag(id: Id) -> ReadWrite<bool> {
    ReadWrite::new(id, get_flag, set_flag)
}

pub(crate) const fn flag_to_read(id: Id) -> ReadOnly<bool> {
    ReadOnly::new(id, get_flag)
}

/// A flag that some systems keep in one byte.
pub(crate) const fn multicast_flag(id: Id) -> ReadWrite<bool> {
    ReadWrite::new(id, get_flag, set_multicast_flag)
}

pub(crate) const fn number(id: Id, range: RangeInclusive<u64>) -> ReadWrite<u32> {
    ReadWrite::ranged(id, range, "", get_number, set_number)
}

/// A number up to 255 that some systems keep in one byte.
pub(crate) const fn multicast_number(id: Id, range: RangeInclusive<u64>) -> ReadWrite<u32> {
    ReadWrite::ranged(id, range, "", get_number, set_multicast_number)
}

pub(crate) const fn size(id: Id) -> ReadWrite<usize> {
    ReadWrite::ranged(id, 0..=INT_MAX, " bytes", get_size, set_size)
}

pub(crate) const fn number_to_set(id: Id, range: RangeInclusive<u64>) -> WriteOnly<u32> {
    WriteOnly::ranged(id, range, "", set_number)
}

pub(crate) const fn size_to_set(id: Id) -> WriteOnly<usize> {
    WriteOnly::ranged(id, 0..=INT_MAX, " bytes", set_size)
}

/// Whole seconds; a fraction is rounded up.
pub(crate) const fn seconds(id: Id, range: RangeInclusive<u64>) -> ReadWrite<Duration> {
    ReadWrite::ranged(id, range, " s", get_seconds, set_seconds)
}

/// Whole seconds, where the system's zero means none.
pub(crate) const fn optional_seconds(
    id: Id,
    range: RangeInclusive<u64>,
) -> ReadWrite<Option<Duration>> {
    ReadWrite::ranged(id, range, " s", get_optional_seconds, set_optional_seconds)
}

/// Whole milliseconds, where the system's zero means none.
pub(crate) const fn optional_millis(
    id: Id,
    range: RangeInclusive<u64>,
) -> ReadWrite<Option<Duration>> {
    ReadWrite::ranged(id, range, " ms", get_optional_millis, set_optional_millis)
}

/// Whole microseconds; a fraction is rounded up.
pub(crate) const fn micros(id: Id, range: RangeInclusive<u64>) -> ReadWrite<Duration> {
    ReadWrite::ranged(id, range, " µs", get_micros, set_micros)
}

/// A number, where the system's -1 means none.
pub(crate) const fn optional_number(id: Id) -> ReadWrite<Option<u32>> {
    ReadWrite::ranged(
        id,
        0..=INT_MAX,
        "",
        get_optional_number,
        set_optional_number,
    )
}

/// A short name.
pub(crate) const fn name(id: Id) -> ReadWrite<String> {
    ReadWrite::ranged(id, 1..=NAME_MAX as u64, " bytes", get_name, set_name)
}

/// A short name, where the system's empty one means none.
pub(crate) const fn optional_name(id: Id) -> ReadWrite<Option<String>> {
    ReadWrite::ranged(
        id,
        1..=NAME_MAX as u64,
        " bytes",
        get_optional_name,
        set_optional_name,
    )
}

/// An `int` with a meaning of its own.
pub(crate) fn get_int<T: From<i32>>(info: &Info, sock: Sock<'_>) -> io::Result<T> {
    let bits = get_number(info, sock)?;
    Ok(T::from(i32::from_ne_bytes(bits.to_ne_bytes())))
}

/// How many `unit`s hold all of `duration`: any fraction counts as a whole one.
#[inline]
pub(crate) fn whole(duration: Duration, unit: Duration) -> u64 {
    let units = duration.as_nanos().div_ceil(unit.as_nanos());
    u64::try_from(units).unwrap_or(u64::MAX)
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const MICROSECOND: Duration = Duration::from_micros(1);

/// Reads an `int` by its bits: the caller knows whether a negative one has a meaning.
#[inline]
pub(crate) fn get_number(info: &Info, sock: Sock<'_>) -> io::Result<u32> {
    let mut bytes = [0; 4];
    match os::get(sock, info.id, &mut bytes)? {
        1 => Ok(u32::from(bytes[0])),
        4 => Ok(u32::from_ne_bytes(bytes)),
        length => Err(unexpected(info.id, length)),
    }
}

/// Checks and sets an `int`. The range of every option ends below 2^32.
#[inline]
fn set_checked(info: &Info, sock: Sock<'_>, value: u64) -> io::Result<()> {
    info.check(value)?;
    let bits = u32::try_from(value).expect("a range that fits 32 bits");
    os::set(sock, info.id, &bits.to_ne_bytes())
}

/// Checks and sets what a system may keep in one byte. The range ends at 255.
fn set_multicast(info: &Info, sock: Sock<'_>, value: u64) -> io::Result<()> {
    if !os::SYSTEM.multicast_v4_takes_a_byte {
        return set_checked(info, sock, value);
    }
    info.check(value)?;
    let byte = u8::try_from(value).expect("a range that fits a byte");
    os::set(sock, info.id, &[byte])
}

#[inline]
fn get_flag(info: &Info, sock: Sock<'_>) -> io::Result<bool> {
    // Not one but the flag's own bit stands for true on the BSDs.
    get_number(info, sock).map(|value| value != 0)
}

#[inline]
fn set_flag(info: &Info, sock: Sock<'_>, value: bool) -> io::Result<()> {
    set_checked(info, sock, u64::from(value))
}

fn set_multicast_flag(info: &Info, sock: Sock<'_>, value: bool) -> io::Result<()> {
    set_multicast(info, sock, u64::from(value))
}

#[inline]
fn set_number(info: &Info, sock: Sock<'_>, value: u32) -> io::Result<()> {
    set_checked(info, sock, u64::from(value))
}

fn set_multicast_number(info: &Info, sock: Sock<'_>, value: u32) -> io::Result<()> {
    set_multicast(info, sock, u64::from(value))
}

fn get_optional_number(info: &Info, sock: Sock<'_>) -> io::Result<Option<u32>> {
    let bits = get_number(info, sock)?;
    Ok((u64::from(bits) <= INT_MAX).then_some(bits))
}

fn set_optional_number(info: &Info, sock: Sock<'_>, value: Option<u32>) -> io::Result<()> {
    match value {
        Some(value) => set_number(info, sock, value),
        None => os::set(sock, info.id, &(-1_i32).to_ne_bytes()),
    }
}

#[inline]
fn get_size(info: &Info, sock: Sock<'_>) -> io::Result<usize> {
    let value = get_number(info, sock)?;
    usize::try_from(value).map_err(io::Error::other)
}

#[inline]
fn set_size(info: &Info, sock: Sock<'_>, value: usize) -> io::Result<()> {
    set_checked(info, sock, u64::try_from(value).unwrap_or(u64::MAX))
}

#[inline]
fn get_units(info: &Info, sock: Sock<'_>, unit: Duration) -> io::Result<Duration> {
    Ok(unit * get_number(info, sock)?)
}

#[inline]
fn get_seconds(info: &Info, sock: Sock<'_>) -> io::Result<Duration> {
    get_units(info, sock, SECOND)
}

#[inline]
fn set_seconds(info: &Info, sock: Sock<'_>, value: Duration) -> io::Result<()> {
    set_checked(info, sock, whole(value, SECOND))
}

#[inline]
fn get_micros(info: &Info, sock: Sock<'_>) -> io::Result<Duration> {
    get_units(info, sock, MICROSECOND)
}

#[inline]
fn set_micros(info: &Info, sock: Sock<'_>, value: Duration) -> io::Result<()> {
    set_checked(info, sock, whole(value, MICROSECOND))
}

fn get_optional_units(info: &Info, sock: Sock<'_>, unit: Duration) -> io::Result<Option<Duration>> {
    let value = get_units(info, sock, unit)?;
    Ok((!value.is_zero()).then_some(value))
}

fn set_optional_units(
    info: &Info,
    sock: Sock<'_>,
    value: Option<Duration>,
    unit: Duration,
) -> io::Result<()> {
    match value {
        Some(value) => set_checked(info, sock, whole(value, unit)),
        None => os::set(sock, info.id, &0_i32.to_ne_bytes()),
    }
}

fn get_optional_seconds(info: &Info, sock: Sock<'_>) -> io::Result<Option<Duration>> {
    get_optional_units(info, sock, SECOND)
}

fn set_optional_seconds(info: &Info, sock: Sock<'_>, value: Option<Duration>) -> io::Result<()> {
    set_optional_units(info, sock, value, SECOND)
}

fn get_optional_millis(info: &Info, sock: Sock<'_>) -> io::Result<Option<Duration>> {
    get_optional_units(info, sock, MILLISECOND)
}

fn set_optional_millis(info: &Info, sock: Sock<'_>, value: Option<Duration>) -> io::Result<()> {
    set_optional_units(info, sock, value, MILLISECOND)
}

fn get_name(info: &Info, sock: Sock<'_>) -> io::Result<String> {
    // More than any name: a system that has longer ones shows them whole.
    let mut buffer = [0; 64];
    let length = os::get(sock, info.id, &mut buffer)?;
    let text = buffer[..length]
        .split(|&byte| byte == 0)
        .next()
        .unwrap_or_default();
    String::from_utf8(text.to_vec())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn set_name(info: &Info, sock: Sock<'_>, value: String) -> io::Result<()> {
    // The system would cut a longer name off in silence, and end one at a NUL.
    info.check(u64::try_from(value.len()).unwrap_or(u64::MAX))?;
    if value.contains('\0') {
        return Err(OptionError::NulByte {
            option: info.id.text,
        }
        .into());
    }
    os::set(sock, info.id, value.as_bytes())
}

fn get_optional_name(info: &Info, sock: Sock<'_>) -> io::Result<Option<String>> {
    let name = get_name(info, sock)?;
    Ok((!name.is_empty()).then_some(name))
}

fn set_optional_name(info: &Info, sock: Sock<'_>, value: Option<String>) -> io::Result<()> {
    match value {
        Some(value) => set_name(info, sock, value),
        None => os::set(sock, info.id, &[]),
    }
}

/// The system answered in a form that this option never had.
#[cold]
pub(crate) fn unexpected(id: Id, length: usize) -> io::Error {
    let text = format!("{}: an answer of {length} bytes", id.text);
    io::Error::new(io::ErrorKind::InvalidData, text)
}
