//! The command line as it is read.

use super::*;
use crate::cli::listen::Listen;
use crate::recorder::RecordOptions;

fn args(line: &str) -> Args {
    read(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn read(line: &str) -> Result<Args, clap::Error> {
    Args::read(std::iter::once("consort").chain(line.split_whitespace()))
}

#[test]
fn the_definition_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn consort_alone_serves_on_both_loopback_addresses() {
    let options = args("--state-dir /s").serve_options().unwrap().unwrap();
    assert_eq!(options.state_dir, PathBuf::from("/s"));
    let addresses: Vec<String> = options.listen.addresses().iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["127.0.0.1:23000", "[::1]:23000"]);
    assert!(!options.name.is_empty() && !options.open);
}

#[test]
fn serve_takes_its_flags_with_and_without_the_word() {
    for line in ["", "serve"] {
        let line = format!("{line} --state-dir /s --listen 0.0.0.0:0 --tmux-socket t --name laptop --open");
        let options = args(&line).serve_options().unwrap().unwrap();
        let expected = ServeOptions {
            listen: Listen::Address("0.0.0.0:0".parse().unwrap()),
            state_dir: "/s".into(),
            tmux_socket: Some("t".into()),
            name: "laptop".into(),
            advertise: vec![],
            trusted: vec![],
            mdns: false,
            record: None,
            open: true,
            origins: vec![],
        };
        assert_eq!(options, expected);
    }
}

#[test]
fn flags_of_serve_may_stand_before_the_word() {
    let options = args("--listen 0.0.0.0:0 --name laptop --open --state-dir /s serve --tmux-socket t");
    let options = options.serve_options().unwrap().unwrap();
    let expected = ServeOptions {
        listen: Listen::Address("0.0.0.0:0".parse().unwrap()),
        state_dir: "/s".into(),
        tmux_socket: Some("t".into()),
        name: "laptop".into(),
        open: true,
        advertise: Vec::new(),
        trusted: Vec::new(),
        mdns: false,
        record: None,
        origins: vec![],
    };
    assert_eq!(options, expected);
    assert!(read("--listen 1 serve --listen 2").is_err(), "which one is meant?");
    let named = args("--state-dir /s --name serve serve").serve_options().unwrap().unwrap();
    assert_eq!(named.name, "serve");
}

#[test]
fn what_is_recorded_is_bounded_and_without_secrets_unless_somebody_says_otherwise() {
    let record = |line: &str| args(&format!("--state-dir /s {line}")).serve_options().unwrap().unwrap().record;
    let options = |limit_bytes, all| Some(RecordOptions { directory: "/r".into(), limit_bytes, all });
    assert_eq!(record(""), None);
    assert_eq!(record("--record /r"), options(256 << 20, false));
    assert_eq!(record("--record /r --record-limit 1 --record-all serve"), options(1 << 20, true));
    assert!(read("--record-all").is_err() && read("--record /r --record-limit 0").is_err());
}

#[test]
fn a_flag_of_serve_before_another_command_is_refused_with_its_place() {
    let error = read("--listen localhost:1 ls").unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("--listen is a flag of `consort serve`"), "{error}");
    assert!(read("--state-dir /s ls").is_ok() && read("ls --state-dir /s").is_ok());
}

#[test]
fn everything_after_two_dashes_is_the_program() {
    let Some(Command::New(new)) = args("new a-b -e K=V=W --tag x --tag y -- claude --continue -- x").command else {
        panic!("new is read as something else");
    };
    assert_eq!(new.program, ["claude", "--continue", "--", "x"]);
    assert_eq!(new.env, [("K".to_string(), "V=W".to_string())]);
    assert_eq!(new.tag, ["x", "y"]);
    assert!(read("new a-b claude").is_err(), "a program without -- could be a typing error");
    assert!(read("new a-b --env K").is_err());
}

#[test]
fn a_client_command_is_not_serve() {
    assert_eq!(args("ls").serve_options(), Ok(None));
}

#[test]
fn every_verb_on_an_agent_takes_its_machine_as_a_flag() {
    let verbs = [
        "attach a",
        "send a text",
        "screen a",
        "rename a b",
        "stop a",
        "start a",
        "restart a",
        "rm a --yes",
        "notes a",
        "new a",
        "ls",
    ];
    for verb in verbs {
        assert!(read(&format!("{verb} --node server")).is_ok(), "{verb}");
    }
    let Some(Command::Start { agent, .. }) = args("start a@server").command else { panic!("read as something else") };
    assert_eq!((&*agent.agent, agent.node), ("a@server", None));
}

#[test]
fn stop_without_a_name_is_the_node() {
    let stop = |line: &str| match read(line).ok()?.command {
        Some(Command::Stop { agent, node, yes }) => Some((agent, node, yes)),
        _ => panic!("{line} is read as something else"),
    };
    assert_eq!(stop("stop --yes"), Some((None, None, true)));
    assert_eq!(stop("stop a --node server"), Some((Some("a".into()), Some("server".into()), false)));
    assert_eq!(stop("stop --node server"), None, "not the node of another machine");
    assert_eq!(stop("stop a --yes"), None, "stopping an agent never asks");
}

#[test]
fn a_node_runs_in_the_foreground_unless_asked_otherwise() {
    for (line, launch) in [
        ("", Launch::Foreground),
        ("-d", Launch::Background),
        ("serve --daemon", Launch::Background),
        ("-d serve --name x", Launch::Background),
        ("serve -d --detached", Launch::Detached),
    ] {
        assert_eq!(args(line).launch(), launch, "{line}");
    }
    assert!(read("-d ls").is_err());
}

#[test]
fn origins_are_addresses_of_pages() {
    let line = "--state-dir /s --origin https://Box.example.org/consort --origin http://localhost:8023,http://b.lan";
    let urls: Vec<String> =
        args(line).serve_options().unwrap().unwrap().origins.iter().map(|site| site.url()).collect();
    assert_eq!(urls, ["https://box.example.org/consort/", "http://localhost:8023/", "http://b.lan/"]);
    for bad in ["box.example.org", "ftp://box", "https://box/?x"] {
        assert!(read(&format!("--origin {bad}")).is_err() && read(&format!("allow {bad}")).is_err(), "{bad}");
    }
    assert!(read("allow --remove").is_err(), "remove what?");
}

#[test]
fn every_state_is_a_filter_and_has_a_symbol() {
    use consort_core::directory::StateKind::{Done, Exited, Failed, Idle, Unknown, Waiting, Working};
    let none = crate::cli::table::symbol("no state", true).0;
    for kind in [Working, Waiting, Failed, Idle, Done, Exited, Unknown] {
        // The compiler asks for a new one here.
        match kind {
            Working | Waiting | Failed | Idle | Done | Exited | Unknown => {}
        }
        let name = consort_web::json::kind_name(kind);
        assert!(read(&format!("ls --state {name}")).is_ok(), "{name}");
        assert_eq!(read(&format!("wait a --until {name}")).is_ok(), kind != Unknown, "{name}");
        assert_eq!(crate::cli::table::symbol(name, true).0 != none, kind != Unknown, "{name}");
    }
}
