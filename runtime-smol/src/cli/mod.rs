//! The command line: a client of the node's API on its control socket, and the flags of the node itself.
//!
//! - [`Args`]: every command and flag; [`Args::serve_options`] is for whoever runs the node.
//! - [`run`]: every other command.
//!
//! Commands answer with the exit code of the process: 0 done, 1 refused or failed, 2 wrong usage, 3 no node.

mod agents;
mod allow;
mod api;
mod args;
mod attach;
mod browser;
mod complete;
mod doctor;
mod environment;
mod failure;
mod filter;
mod hooks;
mod http;
mod lifecycle;
mod listen;
mod machine;
mod manual;
mod output;
mod pane;
mod peers;
mod pick;
mod picture;
mod questions;
mod queue;
mod send;
mod start;
mod state_dir;
mod stream;
mod style;
mod table;
mod text;
mod token;
mod watch;

pub use args::{Args, DEFAULT_PORT, Launch, ServeOptions};
pub use attach::{DetachKey, InvalidKey};
pub use browser::open_in_browser;
pub use complete::complete;
pub use failure::Failure;
pub use listen::Listen;
pub use start::start;
pub use state_dir::TOKEN_FILE;
pub(crate) use state_dir::folder as state_folder;

use api::Api;
use args::{AgentArg, AgentsCommand, Command};
use std::path::Path;
use std::process::ExitCode;

/// Runs a command other than `serve`; what went wrong is on standard error.
///
/// The commands block; none needs an executor around it.
#[must_use]
pub fn run(args: Args) -> ExitCode {
    let done = state_dir::resolve(args.state_dir.as_deref()).and_then(|state_dir| match args.command {
        Some(command) => dispatch(command, &state_dir),
        None => Ok(ExitCode::SUCCESS),
    });
    done.unwrap_or_else(|failure| report(&failure))
}

/// Says on standard error why a command failed; the exit code that goes with it.
pub fn report(failure: &Failure) -> ExitCode {
    if failure.code() != failure::OK {
        // Nobody may be there to read it either: then the exit code has to do.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("consort: {failure}\n").as_bytes());
    }
    ExitCode::from(failure.code())
}

fn dispatch(command: Command, state_dir: &Path) -> Result<ExitCode, Failure> {
    let api = Api::new(crate::sockets::place(state_dir).control);
    match command {
        Command::Serve(_) => {}
        Command::Status { json } => {
            return lifecycle::status(crate::sockets::place(state_dir).control, state_dir, json);
        }
        Command::Ls(list) => agents::list(&api, &list)?,
        Command::New(new) => agents::create(&api, new)?,
        Command::Attach { agent, pane, keys } => agents::attach(&api, &agent, pane.pane, keys.detach_key)?,
        Command::Send(send) => send::run(&api, &send)?,
        Command::Queue(queue) => queue::run(&api, &queue)?,
        Command::Hooks { command } => hooks::run(&command, state_dir)?,
        Command::Hook { program, payload } => crate::hook::say(program, state_dir, payload),
        Command::Questions { json } => questions::list(&api, json)?,
        Command::Answer { agent, choice, text } => {
            questions::answer(&api, &agent, choice.as_deref(), text.as_deref())?;
        }
        Command::Explain { agent, json } => questions::explain(&api, &agent, json)?,
        Command::Agents { command: AgentsCommand::Check { file } } => questions::check(file.as_deref())?,
        Command::Screen { agent, history, pane } => agents::screen(&api, &agent, history, pane.pane)?,
        Command::Wait(wait) => watch::wait(&api, &wait)?,
        Command::Events { json, since } => watch::events(&api, json, since.as_deref())?,
        Command::Rename { agent, new, yes } => agents::rename(&api, &agent, &new, yes)?,
        Command::Stop { agent, node, yes } => match agent {
            Some(agent) => agents::order(&api, &AgentArg { agent, node }, agents::Order::Stop)?,
            None => lifecycle::stop(crate::sockets::place(state_dir).control, state_dir, yes)?,
        },
        Command::Start { agent, fresh } => agents::order(&api, &agent, agents::Order::Start { fresh })?,
        Command::Restart { agent, fresh } => agents::order(&api, &agent, agents::Order::Restart { fresh })?,
        Command::Adopt { agent, yes } => agents::adopt(&api, &agent, yes)?,
        Command::Rm { agent, yes } => agents::remove(&api, &agent, yes)?,
        Command::Notes { agent, text } => agents::notes(&api, &agent, text)?,
        Command::Peers { json } => peers::list(&api, json)?,
        Command::Invite { rights } => peers::invite(&api, rights.rights)?,
        Command::Join { target, rights } => peers::join(&api, &target, rights.rights)?,
        Command::Admit { node, rights } => peers::admit(&api, &node, rights.rights)?,
        Command::Remove { node, yes } => peers::remove(&api, &node, yes)?,
        Command::Leave { yes } => peers::leave(&api, yes)?,
        Command::Id => peers::id(&api)?,
        Command::Open { qr: true, .. } => browser::show_code(&api)?,
        Command::Open { print, .. } => browser::open(&api, print)?,
        Command::Allow { url, remove } => allow::run(&api, url.as_ref(), remove)?,
        Command::Env { command } => environment::run(&api, command)?,
        Command::Token => token::print(state_dir)?,
        Command::Doctor { place, json } => return doctor::run(&api, state_dir, &place, json),
        Command::Completions { shell } => complete::script(shell)?,
        Command::Man => manual::print()?,
    }
    Ok(ExitCode::SUCCESS)
}
