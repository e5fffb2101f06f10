//! A buffer of exposition text: samples, numbers, headers.

use crate::family::Family;
use std::time::Duration;

/// Exposition text under construction, with a count of its samples.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    pub(crate) samples: usize,
}

impl Text {
    /// The `# HELP` and `# TYPE` lines. Help texts of the table need no escaping; a test sees to it.
    pub(crate) fn header(&mut self, family: &Family) {
        for part in [
            "# HELP ",
            family.name,
            " ",
            family.help,
            "\n# TYPE ",
            family.name,
            " ",
            family.kind.code(),
            "\n",
        ] {
            self.push(part);
        }
    }

    /// `name{labels} value`.
    pub(crate) fn sample(&mut self, name: &str, labels: &str, value: u64) {
        self.open(name, "", labels);
        self.close();
        self.integer(value);
        self.end();
    }

    /// `name value`, for a family without labels.
    pub(crate) fn bare(&mut self, name: &str, value: u64) {
        self.push(name);
        self.push(" ");
        self.integer(value);
        self.end();
    }

    /// `name{labels,key="value"} number`; key and value need no escaping.
    pub(crate) fn labelled(&mut self, name: &str, labels: &str, extra: &str, value: u64) {
        self.open(name, "", labels);
        self.push(",");
        self.push(extra);
        self.close();
        self.integer(value);
        self.end();
    }

    /// `name` and `suffix`, and the labels of the subject; more labels may follow.
    pub(crate) fn open(&mut self, name: &str, suffix: &str, labels: &str) {
        self.push(name);
        self.push(suffix);
        self.push("{");
        self.push(labels);
    }

    /// The end of the labels.
    pub(crate) fn close(&mut self) {
        self.push("} ");
    }

    /// The end of the sample.
    pub(crate) fn end(&mut self) {
        self.push("\n");
        self.samples += 1;
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn integer(&mut self, value: u64) {
        if value < 10 {
            self.bytes.push(b'0' + u8::try_from(value).unwrap_or(0));
            return;
        }
        let mut digits = [b'0'; 20];
        let mut at = digits.len();
        let mut rest = value;
        while rest > 0 && at > 0 {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        self.bytes.extend_from_slice(&digits[at..]);
    }

    pub(crate) fn signed(&mut self, value: i64) {
        if value < 0 {
            self.push("-");
        }
        self.integer(value.unsigned_abs());
    }

    /// Seconds as an exact decimal number, without trailing zeros.
    pub(crate) fn seconds(&mut self, value: Duration) {
        self.integer(value.as_secs());
        let nanos = value.subsec_nanos();
        if nanos == 0 {
            return;
        }
        self.push(".");
        let mut divisor = 100_000_000;
        let mut rest = nanos;
        while rest > 0 && divisor > 0 {
            self.integer(u64::from(rest / divisor));
            rest %= divisor;
            divisor /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(print: impl FnOnce(&mut Text)) -> String {
        let mut text = Text::default();
        print(&mut text);
        String::from_utf8(text.bytes).unwrap()
    }

    #[test]
    fn numbers_print_exactly() {
        for value in [0, 7, 9, 10, 99, 100, 1_795_330_483, u64::MAX] {
            assert_eq!(printed(|text| text.integer(value)), value.to_string());
        }
        for value in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(printed(|text| text.signed(value)), value.to_string());
        }
        for (nanos, expected) in [
            (0, "0"),
            (1, "0.000000001"),
            (50_000_000, "0.05"),
            (1_000_000_000, "1"),
            (12_000_345_000, "12.000345"),
            (999_999_999, "0.999999999"),
        ] {
            assert_eq!(
                printed(|text| text.seconds(Duration::from_nanos(nanos))),
                expected
            );
        }
    }
}
