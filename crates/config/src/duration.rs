//! Durations as text: a whole number with its unit, never a bare number.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The units, largest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads `500ms`, `5s`, `2m`, `6h`, `1d` or several units in falling order such as `1h30m`, within a range.
///
/// Otherwise message and hint.
pub(crate) fn parse(
    text: &str,
    range: &RangeInclusive<Duration>,
) -> Result<Duration, (String, Option<String>)> {
    let found = crate::target::found_text(text);
    match milliseconds(text) {
        Some(milliseconds) => {
            let duration = Duration::from_millis(milliseconds);
            if range.contains(&duration) {
                return Ok(duration);
            }
            let (least, most) = (show(*range.start()), show(*range.end()));
            Err((
                format!("expected a duration from {least} to {most}, found {found}"),
                None,
            ))
        }
        None => {
            let bare = !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
            let hint = if bare {
                format!("write the unit: `{text}s`")
            } else {
                "write whole numbers with a unit: `500ms`, `5s`, `2m`, `6h`, `1d`".to_owned()
            };
            Err((
                format!("expected a duration with its unit, found {found}"),
                Some(hint),
            ))
        }
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut allowed = UNITS.as_slice();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let index = allowed.iter().position(|(name, _)| *name == unit)?;
        let factor = allowed.get(index)?.1;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        allowed = allowed.get(index + 1..)?;
        rest = after;
    }
    Some(total)
}

/// A duration as it is written: in the largest unit that leaves a whole number, and `60s` for a minute.
pub(crate) fn show(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let fits = |name: &str, factor: u64| {
        milliseconds != 0
            && milliseconds.is_multiple_of(u128::from(factor))
            && !(name == "m" && milliseconds == 60_000)
    };
    let unit = UNITS.iter().find(|(name, factor)| fits(name, *factor));
    let (name, factor) = unit.unwrap_or(&("s", 1_000));
    format!("{}{name}", milliseconds / u128::from(*factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_written() {
        for (text, shown) in [
            ("500ms", "500ms"),
            ("5s", "5s"),
            ("60s", "60s"),
            ("1m", "60s"),
            ("120s", "2m"),
            ("90s", "90s"),
            ("2m", "2m"),
            ("6h", "6h"),
            ("1d", "1d"),
            ("1h30m", "90m"),
            ("1d2h3m4s5ms", "93784005ms"),
            ("0s", "0s"),
        ] {
            let duration = Duration::from_millis(milliseconds(text).expect(text));
            assert_eq!(show(duration), shown);
            assert_eq!(milliseconds(shown), milliseconds(text), "{shown}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "60",
            "s",
            "5 s",
            "-5s",
            "+5s",
            "1.5s",
            "5S",
            "5sec",
            "30m1h",
            "1s1s",
            "9999999999999d",
            "5s\n",
            "٥s",
        ] {
            assert_eq!(milliseconds(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_bare_number_gets_its_unit_in_the_hint() {
        let range = Duration::from_secs(1)..=Duration::from_secs(604_800);
        let (message, hint) = parse("60", &range).expect_err("bare");
        assert_eq!(message, "expected a duration with its unit, found `60`");
        assert_eq!(hint.as_deref(), Some("write the unit: `60s`"));
        let (message, _) = parse("8d", &range).expect_err("long");
        assert_eq!(message, "expected a duration from 1s to 7d, found `8d`");
    }
}
