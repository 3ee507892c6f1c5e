//! The binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    env_logger::init();
    let args: Vec<String> = std::env::args().collect();
    let get = |name: &str| args.iter().position(|a| a == name).map(|i| args[i + 1].clone());
    let port = get("--listen").map_or(23000, |l| l.rsplit(':').next().unwrap().parse().unwrap());
    let options = consort::serve::Options {
        addresses: vec![],
        port,
        sites: vec![],
        state_dir: get("--state-dir").unwrap().into(),
        tmux_socket: get("--tmux-socket"),
        name: "x".into(),
    };
    std::fs::create_dir_all(&options.state_dir).unwrap();
    std::fs::write(options.state_dir.join("token"), "x").unwrap();
    if let Err(error) = consort::serve::serve(&options) {
        eprintln!("consort: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
