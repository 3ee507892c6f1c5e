//! The binary: `consort` runs a node, `consort VERB` talks to it.

use consort::background::Background;
use consort::cli::{self, Args, Failure, Launch, ServeOptions};
use consort::environment::helper;
use consort::hook;
use consort::serve::serve;
use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    // What shells and tmux run of ours comes first: it must cost nothing.
    if let Some(code) = helper::run() {
        return code;
    }
    if let Some(code) = hook::run() {
        return code;
    }
    cli::complete();
    let args = Args::from_command_line();
    let options = match args.serve_options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            logger().init();
            return cli::run(args);
        }
        Err(failure) => return cli::report(&failure),
    };
    match args.launch() {
        Launch::Foreground => {
            logger().init();
            let Err(error) = serve(&options, None) else { return ExitCode::SUCCESS };
            // Standard error may be a terminal that was closed.
            let _ = std::io::stderr().write_all(format!("consort: {error}\n").as_bytes());
            ExitCode::FAILURE
        }
        Launch::Background => cli::start(&options),
        Launch::Detached => detached(&options),
    }
}

/// Runs the node that `consort -d` has started, and waits for.
fn detached(options: &ServeOptions) -> ExitCode {
    let background = match Background::enter(&options.state_dir) {
        Ok(background) => background,
        Err(error) => {
            let folder = options.state_dir.display();
            return cli::report(&Failure::new(format!("A log file cannot be kept in {folder}: {error}")));
        }
    };
    let log = env_logger::Target::Pipe(background.logger());
    logger().target(log).write_style(env_logger::WriteStyle::Never).init();
    match serve(options, Some(&background)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            background.failed(&format!("consort: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn logger() -> env_logger::Builder {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn"))
}
