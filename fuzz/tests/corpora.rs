//! Every file of every corpus, and some random bytes, on every run of the tests.

use consort_core::random::Random;
use consort_fuzz::{TARGETS, target};
use std::fs;
use std::path::PathBuf;

fn corpus(name: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.sort();
    files
}

#[test]
fn every_file_of_every_corpus_passes() {
    for (name, target) in TARGETS {
        let files = corpus(name);
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            println!("{}", file.display());
            target(&fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
        }
    }
}

#[test]
fn random_bytes_of_fixed_seeds_pass() {
    for (name, target) in TARGETS {
        let mut random = Random::fork([3; 32], 0);
        let runs = if name == "simulator_ops" { 20 } else { 200 };
        for run in 0..runs {
            let length = random.below(600);
            let bytes: Vec<u8> = (0..length).map(|_| random.draw() as u8).collect();
            println!("{name}, run {run}");
            target(&bytes);
        }
    }
}

#[test]
fn every_corpus_belongs_to_a_target() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(folder).expect("the corpora are there") {
        let name = entry.expect("a folder").file_name();
        assert!(name.to_str().and_then(target).is_some(), "{name:?} is no target");
    }
}
