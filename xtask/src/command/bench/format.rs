//! Numbers as a person reads them.

/// A time: `41.3 ns`, `1.23 ms`.
pub(super) fn seconds(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    let fitting = units.iter().find(|(size, _)| seconds.abs() >= *size);
    let (size, unit) = fitting.copied().unwrap_or((1e-9, "ns"));
    format!("{} {unit}", three_digits(seconds / size))
}

/// A time that is round, as at a line of a chart: `5 µs`, `0.5 s`.
pub(super) fn round_seconds(time: f64) -> String {
    if time == 0.0 {
        return "0".to_owned();
    }
    let text = seconds(time);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            let number = number.trim_end_matches('0').trim_end_matches('.');
            format!("{number} {unit}")
        }
        _ => text,
    }
}

/// A ratio: `1.021`, `12.3`, `1,234`.
pub(super) fn ratio(ratio: f64) -> String {
    if ratio.abs() < 10.0 {
        return format!("{ratio:.3}");
    }
    three_digits(ratio)
}

/// A share: `3.1 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A number of things: a whole one without decimals, and no more than two of them.
pub(super) fn count(count: f64) -> String {
    let text = format!("{count:.2}");
    match text.split_once('.') {
        Some((whole, "00")) => thousands(whole),
        Some((whole, rest)) => format!("{}.{rest}", thousands(whole)),
        None => text,
    }
}

/// With so many decimals that three digits tell something.
fn three_digits(number: f64) -> String {
    match number.abs() {
        size if size < 10.0 => format!("{number:.2}"),
        size if size < 100.0 => format!("{number:.1}"),
        _ => thousands(&format!("{number:.0}")),
    }
}

/// Puts commas into digits.
fn thousands(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let mut text = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digit.is_ascii_digit() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_fits() {
        for (value, text) in [
            (4.13e-9, "4.13 ns"),
            (41.34e-9, "41.3 ns"),
            (1.234e-6, "1.23 µs"),
            (0.123, "123 ms"),
            (2.0, "2.00 s"),
            (-3.0e-6, "-3.00 µs"),
        ] {
            assert_eq!(seconds(value), text);
        }
    }

    #[test]
    fn round_times_have_no_decimals_that_they_do_not_need() {
        for (value, text) in [
            (0.0, "0"),
            (5e-6, "5 µs"),
            (20e-9, "20 ns"),
            (100e-6, "100 µs"),
            (2.5e-3, "2.5 ms"),
        ] {
            assert_eq!(round_seconds(value), text);
        }
    }

    #[test]
    fn ratios_are_told_to_a_thousandth_where_that_tells_something() {
        for (value, text) in [
            (1.0214, "1.021"),
            (12.34, "12.3"),
            (1234.5, "1,234"),
            (0.004, "0.004"),
        ] {
            assert_eq!(ratio(value), text);
        }
    }

    #[test]
    fn counts_are_whole_where_they_are() {
        for (value, text) in [
            (1.0, "1"),
            (1001.0, "1,001"),
            (1.05, "1.05"),
            (12_345_678.0, "12,345,678"),
        ] {
            assert_eq!(count(value), text);
        }
    }
}
