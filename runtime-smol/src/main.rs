//! The binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    env_logger::init();
    let state_dir = std::path::PathBuf::from(std::env::args().nth(1).expect("dir"));
    let options = consort::serve::Options { addresses: vec![], port: 23111, sites: vec![], state_dir, tmux_socket: Some("consort-try".into()), name: "x".into() };
    if let Err(error) = consort::serve::serve(&options) {
        eprintln!("consort: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
