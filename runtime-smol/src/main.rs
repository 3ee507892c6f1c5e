//! The binary: `consort` runs a node, `consort VERB` talks to it.

use consort::cli::{self, Args};
use consort::serve::serve;
use std::process::ExitCode;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let args = Args::from_command_line();
    let options = match args.serve_options() {
        Ok(Some(options)) => options,
        Ok(None) => return cli::run(args),
        Err(failure) => return cli::report(&failure),
    };
    match serve(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("consort: {error}");
            ExitCode::FAILURE
        }
    }
}
