//! Two states of one aspect: whether they contradict each other, and how they differ in words.

use crate::change::Difference;
use serde_json::Value;
use siptls_model::{Aspect, escape_text_bounded};

/// What was not found out agrees with anything.
const UNKNOWN: &str = "unknown";
/// An endpoint accepts either way; whether a handshake was finished depends on the survey.
const ACCEPTED: [&str; 2] = ["accepted", "selected"];
/// Longest value that words repeat, in characters: a distinguished name fits.
const MAX_SHOWN: usize = 300;

/// A state as JSON; what is none, from a file that somebody wrote into, is a text.
pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Whether `after` is a change against `before`.
///
/// A field that only one of them has is none, so that a version of this program that sees more makes no history of it;
/// nor is `unknown`. Of a verdict only the verdict counts: checks and reason explain it.
pub(crate) fn contradicts(aspect: Aspect, before: &Value, after: &Value) -> bool {
    match aspect {
        Aspect::Verdict => before.get("verdict") != after.get("verdict"),
        _ => differs(before, after),
    }
}

fn differs(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before
            .iter()
            .any(|(key, value)| after.get(key).is_some_and(|later| differs(value, later))),
        (Value::String(before), Value::String(after)) => {
            let either = |text: &str| before == text || after == text;
            let accepted = |text: &String| ACCEPTED.contains(&text.as_str());
            before != after && !either(UNKNOWN) && !(accepted(before) && accepted(after))
        }
        (before, after) => before != after,
    }
}

/// Puts what was known in the place of what `after` did not find out.
pub(crate) fn fill(after: &mut Value, before: &Value) {
    match (after, before) {
        (Value::Object(after), Value::Object(before)) => {
            for (key, value) in after {
                if let Some(known) = before.get(key) {
                    fill(value, known);
                }
            }
        }
        (Value::String(after), Value::String(known)) if after == UNKNOWN => after.clone_from(known),
        _ => {}
    }
}

/// What differs, in the order of `before`, then of `after`.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    add(&mut found, "", before, after);
    found
}

fn add(found: &mut Vec<Difference>, what: &str, before: &Value, after: &Value) {
    if before == after {
        return;
    }
    let one = |how: String| Difference {
        what: what.to_owned(),
        how,
    };
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, value) in before {
                add(
                    found,
                    &inside(what, key),
                    value,
                    after.get(key).unwrap_or(&Value::Null),
                );
            }
            for (key, value) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
                add(found, &inside(what, key), &Value::Null, value);
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            let gone = before.iter().filter(|item| !after.contains(item));
            let come = after.iter().filter(|item| !before.contains(item));
            found.extend(gone.map(|item| one(format!("- {}", shown(item)))));
            found.extend(come.map(|item| one(format!("+ {}", shown(item)))));
        }
        (before, after) => found.push(one(format!("{} -> {}", shown(before), shown(after)))),
    }
}

/// The words for a field: `cipher_suites`, `TLS_X` is `cipher suites TLS_X`. Names of suites keep their underscores.
fn inside(what: &str, key: &str) -> String {
    let key = if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
        escape_text_bounded(key, MAX_SHOWN)
    } else {
        escape_text_bounded(&key.replace('_', " "), MAX_SHOWN)
    };
    if what.is_empty() {
        key
    } else {
        format!("{what} {key}")
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => {
            escape_text_bounded(&text.replace("not_requested", "not requested"), MAX_SHOWN)
        }
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => match fields.get("name") {
            Some(name) => shown(name),
            None => escape_text_bounded(&value.to_string(), MAX_SHOWN),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_known_contradicts_nothing() {
        let known =
            json!({"versions": {"TLSv1.0": "refused", "TLSv1.2": "accepted"}, "suite_preference": "server"});
        for (later, change) in [
            (
                json!({"versions": {"TLSv1.0": "unknown", "TLSv1.2": "selected"}}),
                false,
            ),
            (
                json!({"versions": {"TLSv1.3": "accepted"}, "suite_preference": "unknown"}),
                false,
            ),
            (json!({"versions": {"TLSv1.0": "accepted"}}), true),
            (json!({"suite_preference": "client"}), true),
        ] {
            assert_eq!(contradicts(Aspect::Suites, &known, &later), change, "{later}");
        }
        let mut later = json!({"versions": {"TLSv1.0": "unknown", "TLSv1.2": "refused"}});
        fill(&mut later, &known);
        assert_eq!(
            later,
            json!({"versions": {"TLSv1.0": "refused", "TLSv1.2": "refused"}})
        );
        let (none, some) = (
            json!({"trust_anchor": null}),
            json!({"trust_anchor": {"name": "R"}}),
        );
        assert!(contradicts(Aspect::Identity, &none, &some));
        let (one, other) = (
            json!({"verdict": "fail", "checks": ["a"]}),
            json!({"verdict": "fail", "checks": []}),
        );
        assert!(!contradicts(Aspect::Verdict, &one, &other));
    }

    #[test]
    fn words_say_what_came_and_went() {
        let before = json!({
            "mode": "not_requested", "requested": false, "authorities": [{"name": "CN=A", "subject_hash": "1"}],
            "cipher_suites": {"TLS_X_Y": "refused"}, "same": 1, "extended_key_usage": ["serverAuth"], "trust_anchor": null,
        });
        let after = json!({
            "mode": "required", "requested": true, "authorities": [{"name": "CN=B\u{202e}", "subject_hash": "2"}],
            "cipher_suites": {"TLS_X_Y": "accepted"}, "same": 1, "extended_key_usage": null,
            "trust_anchor": {"name": "CN=R"}, "new": [1],
        });
        let mut words: Vec<String> = differences(&before, &after)
            .iter()
            .map(ToString::to_string)
            .collect();
        words.sort();
        assert_eq!(
            words,
            [
                "authorities: + CN=B\\u{202e}",
                "authorities: - CN=A",
                "cipher suites TLS_X_Y: refused -> accepted",
                "extended key usage: serverAuth -> none",
                "mode: not requested -> required",
                "new: none -> 1",
                "requested: no -> yes",
                "trust anchor: none -> CN=R",
            ]
        );
        assert_eq!(differences(&parse("{"), &parse("{}"))[0].how, "{ -> {}");
    }
}
