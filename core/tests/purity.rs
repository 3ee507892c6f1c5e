//! Core performs no IO, reads no clock and draws no randomness: what it is built from cannot even name them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything that core may be built from. A new one needs a reason and a line in ARCHITECTURE.md.
const ALLOWED: [&str; 16] = [
    "cobs",
    "consort-core",
    "postcard",
    "ppv-lite86",
    "proc-macro2",
    "quote",
    "rand_chacha",
    "rand_core",
    "serde",
    "serde_core",
    "serde_derive",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
    "zerocopy",
];

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn core_is_built_from_what_is_on_the_list_and_nothing_else() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "consort-core", "--edges", "normal", "--prefix", "none", "--offline"])
        .current_dir(here())
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8_lossy(&tree.stdout);
    let reached: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(reached.contains("serde"), "{text}");
    let surprising: Vec<_> = reached.iter().filter(|name| !name.is_empty() && !ALLOWED.contains(name)).collect();
    assert!(surprising.is_empty(), "core must not depend on {surprising:?}");
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn no_source_of_core_names_the_standard_library_or_a_map_without_order() {
    let mut files = Vec::new();
    sources(&here().join("src"), &mut files);
    assert!(files.len() > 20);
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        for (number, line) in text.lines().enumerate() {
            for forbidden in ["std::", "HashMap", "HashSet", "extern crate std"] {
                assert!(!line.contains(forbidden), "{}:{}: {forbidden}", file.display(), number + 1);
            }
        }
    }
}

#[test]
fn the_node_that_people_run_names_no_sham_seal() {
    let mut files = Vec::new();
    for package in ["runtime-smol", "web"] {
        sources(&here().join("..").join(package).join("src"), &mut files);
    }
    assert!(files.len() > 50);
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let text = fs::read_to_string(file).unwrap_or_default();
        assert!(!text.contains("sham::"), "{} must seal with a key", file.display());
    }
}

#[test]
fn core_says_that_it_has_no_standard_library_and_no_unsafe_code() {
    let root = fs::read_to_string(here().join("src/lib.rs")).expect("core's root");
    for line in ["#![no_std]", "#![forbid(unsafe_code)]"] {
        assert!(root.lines().any(|found| found == line), "{line}");
    }
}
