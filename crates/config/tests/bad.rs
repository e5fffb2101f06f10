//! Bad configurations: `tests/bad/NAME.yaml` is refused with exactly the text of `tests/bad/NAME.expect.txt`.
//!
//! Remake the texts with `UPDATE_EXPECT=1 cargo test -p siptls-config --test bad`, then read the difference as the
//! operator who made the mistake.

use std::collections::BTreeSet;
use std::path::Path;

/// How many there are: a pair that vanishes is noticed.
const PAIRS: usize = 34;

#[test]
fn each_bad_configuration_is_refused_with_its_text() {
    // Relative, so that messages name no folder of one machine: tests run in the package's folder.
    let folder = Path::new("tests/bad");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut names = BTreeSet::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(name) = name
            .strip_suffix(".yaml")
            .or_else(|| name.strip_suffix(".expect.txt"))
        {
            names.insert(name.to_owned());
        }
    }
    let mut wrong = Vec::new();
    for name in &names {
        let expect = folder.join(format!("{name}.expect.txt"));
        let text = match siptls_config::load(&folder.join(format!("{name}.yaml"))) {
            Ok(_) => {
                wrong.push(format!("{name}: loads"));
                continue;
            }
            Err(faults) => {
                assert!(faults.count() > 0, "{name}");
                format!("{faults}\n")
            }
        };
        if update {
            std::fs::write(&expect, &text).unwrap();
        }
        match std::fs::read_to_string(&expect) {
            Err(_) => wrong.push(format!("{name}: {} is missing", expect.display())),
            Ok(expected) if expected != text => {
                wrong.push(format!("{name}: expected\n{expected}found\n{text}"))
            }
            Ok(_) => {}
        }
        for line in text.lines() {
            assert!(
                line.chars().count() < 600,
                "{name}: a line of {} characters",
                line.chars().count()
            );
        }
        assert!(
            !text.contains("hunter2") && !text.contains("secret"),
            "{name}: contents of a file are shown"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(names.len(), PAIRS);
}
