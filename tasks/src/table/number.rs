//! Numbers and dates in cells.

/// The number that a cell writes, if it is one and finite.
pub fn number(cell: &[u8]) -> Option<f64> {
    let cell = cell.trim_ascii();
    // `inf`, `nan` and their like are words here.
    if !matches!(cell.last()?, b'0'..=b'9' | b'.') {
        return None;
    }
    let number = str::from_utf8(cell).ok()?.parse::<f64>().ok()?;
    // One zero, whatever its sign.
    number.is_finite().then_some(number + 0.0)
}

/// A whole number as people write it: no leading zeros, which belong to codes, and no plus.
pub fn integer(cell: &[u8]) -> Option<i64> {
    let digits = cell.strip_prefix(b"-").unwrap_or(cell);
    if digits.is_empty() || digits.len() > 18 || (digits[0] == b'0' && cell.len() > 1) {
        return None;
    }
    let mut value = 0i64;
    for digit in digits {
        value = value * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some(if digits.len() < cell.len() { -value } else { value })
}

/// Seconds since 1970-01-01 of `2024-05-31`, `2024/05/31`, with or without a time such as `T13:45:10.5+02:00`.
pub fn date(cell: &[u8]) -> Option<f64> {
    let cell = cell.trim_ascii();
    let (day, rest) = cell.split_at_checked(10)?;
    let separator = day[4];
    if !matches!(separator, b'-' | b'/') || day[7] != separator {
        return None;
    }
    let days = days(digits(&day[..4])?, digits(&day[5..7])?, digits(&day[8..])?)?;
    let seconds = match rest.split_first() {
        None => 0.0,
        Some((b' ' | b'T', time)) => time_of_day(time)?,
        Some(_) => return None,
    };
    Some(days as f64 * 86_400.0 + seconds)
}

fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 9 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
}

/// Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Seconds of `13:45`, `13:45:10`, `13:45:10.5`, with `Z` or an offset behind.
fn time_of_day(text: &[u8]) -> Option<f64> {
    let at = text.iter().position(|byte| matches!(byte, b'Z' | b'+' | b'-')).unwrap_or(text.len());
    let (clock, zone) = text.split_at(at);
    let mut parts = clock.splitn(3, |byte| *byte == b':');
    let (hours, minutes) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let seconds = parts.next().map_or(Some(0.0), number)?;
    if hours > 24 || minutes > 59 || !(0.0..61.0).contains(&seconds) {
        return None;
    }
    Some((hours * 3600 + minutes * 60) as f64 + seconds - offset(zone)?)
}

fn offset(zone: &[u8]) -> Option<f64> {
    let (sign, clock) = match zone.split_first() {
        None | Some((b'Z', [])) => return Some(0.0),
        Some((b'+', clock)) => (1, clock),
        Some((b'-', clock)) => (-1, clock),
        Some(_) => return None,
    };
    let (hours, minutes) = match clock.len() {
        2 => (digits(clock)?, 0),
        4 => (digits(&clock[..2])?, digits(&clock[2..])?),
        5 if clock[2] == b':' => (digits(&clock[..2])?, digits(&clock[3..])?),
        _ => return None,
    };
    Some((sign * (hours * 3600 + minutes * 60)) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_finite_and_zero_has_no_sign() {
        assert_eq!(number(b" -1.5e3 "), Some(-1500.0));
        assert_eq!(number(b"-0").map(f64::to_bits), Some(0));
        for word in ["", "nan", "inf", "1e999", "1,5", "0x10", "1_000", "12a"] {
            assert_eq!(number(word.as_bytes()), None, "{word}");
        }
    }

    #[test]
    fn codes_with_leading_zeros_are_no_integers() {
        assert_eq!(["0", "-7", "120"].map(|text| integer(text.as_bytes())), [Some(0), Some(-7), Some(120)]);
        for word in ["", "-", "007", "-0", "1.0", "+1", "1234567890123456789"] {
            assert_eq!(integer(word.as_bytes()), None, "{word}");
        }
    }

    #[test]
    fn dates_are_seconds_since_1970() {
        for (text, seconds) in [
            ("1970-01-01", 0.0),
            ("2000/03/01", 951_868_800.0),
            ("1969-12-31", -86_400.0),
            ("2024-02-29T12:30:15.5Z", 1_709_209_815.5),
            ("2024-02-29 12:30+02:00", 1_709_202_600.0),
        ] {
            assert_eq!(date(text.as_bytes()), Some(seconds), "{text}");
        }
        for word in ["2023-02-29", "2024-13-01", "2024-1-1", "20240101", "2024-01-01x", "2024-01-01T25:00"] {
            assert_eq!(date(word.as_bytes()), None, "{word}");
        }
    }
}
