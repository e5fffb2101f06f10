//! Sizes as text: a whole number with its unit, never a bare number.

use std::ops::RangeInclusive;

/// The units, largest first.
const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads `512MiB` or `1GiB`, within a range; otherwise message and hint.
pub(crate) fn parse(text: &str, range: &RangeInclusive<u64>) -> Result<u64, (String, Option<String>)> {
    let found = crate::target::found_text(text);
    let bytes = UNITS.iter().find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if digits {
            number.parse::<u64>().ok()?.checked_mul(*factor)
        } else {
            None
        }
    });
    match bytes {
        Some(bytes) if range.contains(&bytes) => Ok(bytes),
        Some(_) => {
            let (least, most) = (show(*range.start()), show(*range.end()));
            Err((
                format!("expected a size from {least} to {most}, found {found}"),
                None,
            ))
        }
        None => Err((
            format!("expected a size with its unit, found {found}"),
            Some("write a whole number with a unit: `512MiB`, `1GiB`".to_owned()),
        )),
    }
}

/// A size as it is written: in the largest unit that leaves a whole number.
pub(crate) fn show(bytes: u64) -> String {
    let unit = UNITS.iter().find(|(_, factor)| bytes.is_multiple_of(*factor));
    let (unit, factor) = unit.unwrap_or(&("KiB", 1 << 10));
    format!("{}{unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        let range = (1 << 20)..=(1 << 40);
        for text in ["1MiB", "1025KiB", "512MiB", "1GiB", "1024GiB"] {
            let bytes = parse(text, &range).expect(text);
            assert_eq!(show(bytes), text);
        }
        assert_eq!(parse("1024KiB", &range), Ok(1 << 20));
        for text in [
            "",
            "1",
            "1GB",
            "GiB",
            "1 GiB",
            "-1GiB",
            "1.5GiB",
            "+1GiB",
            "99999999999999GiB",
        ] {
            let (message, hint) = parse(text, &range).expect_err(text);
            assert!(
                message.starts_with("expected a size with its unit, found"),
                "{text}: {message}"
            );
            assert!(hint.is_some());
        }
        let (message, _) = parse("4KiB", &range).expect_err("small");
        assert_eq!(message, "expected a size from 1MiB to 1024GiB, found `4KiB`");
    }
}
