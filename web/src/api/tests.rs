//! Every endpoint of the API, from request to response, with a node that says what the test wants.

use super::*;
use crate::http::{Headers, Via};
use crate::lines::Lines;
use consort_core::command::{NewAgent, WhenBusy};
use consort_core::directory::BackendKind;
use consort_core::error::RefusalCode;
use consort_core::input::{BackendInput, ListedDirectory, Listing, Observation, ScreenText, TerminalInfo};
use consort_core::{AgentAddress, AgentId, Identity, Input, NodeId, Restored, Size};
use proptest::prelude::*;
use std::collections::VecDeque;

const CLOCK: Clock = Clock { unix_ms: 1_790_000_000_000, uptime_ms: 5_000 };
const AGENT: AgentId = AgentId(77);
const AT: AgentAddress = AgentAddress { node: NodeId([7; 32]), agent: AGENT };

/// Real core with one agent in it; commands are noted and get the replies that were prepared.
struct Fake {
    core: Mutex<consort_core::Node>,
    commands: Mutex<Vec<(NodeId, Command)>>,
    replies: Mutex<VecDeque<Result<Reply, Refusal>>>,
    audit: Mutex<Vec<String>>,
    stopping: bool,
}

impl Node for Fake {
    fn command(&self, node: NodeId, command: Command) -> Eventually<'_, Result<Reply, Refusal>> {
        self.commands.lock().unwrap().push((node, command));
        at_once(self.replies.lock().unwrap().pop_front().unwrap_or(Ok(Reply::Agent(AT))))
    }

    fn read(&self, look: Look) -> Eventually<'_, ()> {
        if !self.stopping {
            look(self.core.lock().unwrap().view(), Instant::from_millis(1_200));
        }
        at_once(())
    }

    fn sleep(&self, _: Duration) -> Eventually<'_, ()> {
        at_once(())
    }

    fn audit(&self, event: Audit<'_>) {
        self.audit.lock().unwrap().push(format!("{event:?}"));
    }

    fn invite(&self, rights: Rights) -> Eventually<'_, Result<Invite, Refusal>> {
        at_once(Ok(Invite {
            number: "0a0b0c0d".into(),
            code: format!("{rights:?}"),
            lifetime_s: 600,
            addresses: vec!["10.0.0.1:1".into()],
        }))
    }

    fn join<'a>(&'a self, target: &'a str, _: Rights) -> Eventually<'a, Result<Joined, Refusal>> {
        let rights = (target != "host").then_some(Rights::Operate);
        at_once(Ok(Joined { node: NodeId([5; 32]), name: "desk".into(), rights }))
    }

    fn admit(&self, node: NodeId, _: Rights) -> Eventually<'_, Result<Reply, Refusal>> {
        at_once(Ok(Reply::Node(node)))
    }

    fn refuse(&self, node: NodeId) -> Result<(), Refusal> {
        self.audit.lock().unwrap().push(format!("refused {node}"));
        Ok(())
    }

    fn keep_origins(&self, origins: Vec<String>) -> Eventually<'_, Result<(), Refusal>> {
        self.audit.lock().unwrap().push(format!("kept {origins:?}"));
        at_once(Ok(()))
    }

    fn meeting(&self) -> Meeting {
        let (name, from) = ("new".to_owned(), "10.0.0.9".to_owned());
        let request = JoinRequest { node: NodeId([9; 32]), name, from, version: String::new(), age_ms: 1 };
        Meeting { requests: vec![request], ..Meeting::default() }
    }
}

fn at_once<T: 'static>(answer: T) -> Eventually<'static, T> {
    Box::pin(std::future::ready(answer))
}

fn core() -> consort_core::Node {
    let config = consort_core::Config { name: "laptop".to_owned(), start_unix_ms: None };
    let identity = Identity { id: NodeId([7; 32]), epoch: 1 };
    let mut core = consort_core::Node::new(
        config,
        identity,
        Restored::default(),
        Box::new(consort_core::sham::Sham::new(identity.id, 1)),
        [1; 32],
        Instant::START,
    )
    .unwrap();
    let terminal = TerminalInfo {
        pane: 3,
        title: "✳ Fix the build".to_owned(),
        command: "node".to_owned(),
        shell: false,
        window: "1:zsh".to_owned(),
        active: true,
        size: Size::clamped(120, 40),
        corner: (60, 1),
        index: 2,
        exit_code: None,
        activity: 0,
        bell: false,
    };
    let seen = Observation {
        agent: AGENT,
        backend: BackendKind::Tmux,
        name: "customers-zoom-backend".to_owned(),
        directory: "/home/me/zoom".to_owned(),
        created_unix_ms: 1_790_000_000_000,
        terminals: vec![terminal],
        shown_elsewhere: false,
    };
    let available = BackendInput::Available(BackendKind::Tmux, "tmux 3.3a".to_owned());
    for input in [available, BackendInput::Seen(seen)] {
        while core.poll_output().is_some() {}
        core.handle(Instant::START, Input::Backend(input));
    }
    while core.poll_output().is_some() {}
    core
}

struct Case {
    api: Api,
    node: Arc<Fake>,
}

fn case() -> Case {
    with(Ok(Reply::Agent(AT)))
}

fn with(reply: Result<Reply, Refusal>) -> Case {
    build(reply, false)
}

fn build(reply: Result<Reply, Refusal>, stopping: bool) -> Case {
    let node = Arc::new(Fake {
        core: Mutex::new(core()),
        commands: Mutex::default(),
        replies: Mutex::new(VecDeque::from([reply])),
        audit: Mutex::default(),
        stopping,
    });
    let config = Config {
        sites: Sites::new(23_000, Names { local: vec!["localhost".into()], ..Names::default() }),
        cookie_key: CookieKey::new(&[1; 32]),
        token: "t0ken".to_owned(),
        events: Arc::new(crate::events::Events::new(7)),
        facts: NodeFacts {
            id: NodeId([7; 32]),
            version: "0.1.0",
            home: "/home/me".to_owned(),
            lines: Lines::default(),
            serving: vec!["127.0.0.1:23000".parse().unwrap()],
            tmux_socket: Some("work".into()),
            log: Some("/state/consort.log".into()),
            tmux: crate::tmux::TmuxReport::default(),
        },
    };
    Case { api: Api::new(config, Arc::clone(&node) as Arc<dyn Node>), node }
}

const PROGRAM: Headers<'_> = Headers {
    host: Some("localhost:23000"),
    authorization: Some("Bearer t0ken"),
    content_type: Some("application/json"),
    origin: None,
    fetch_site: None,
    cookie: None,
    accept_encoding: None,
    if_none_match: None,
    last_event_id: None,
    accept: None,
    fetch_mode: None,
    forwarded_proto: None,
};

impl Case {
    fn ask(&self, method: &str, target: &str, body: &str) -> Response {
        self.ask_with(PROGRAM, method, target, body)
    }

    fn ask_with(&self, headers: Headers<'_>, method: &str, target: &str, body: &str) -> Response {
        let head = Head { via: Via::Tcp, method, target, headers };
        let admitted = self.api.admit(&head, CLOCK);
        let response = futures_lite::future::block_on(self.api.answer(&head, body.as_bytes(), CLOCK));
        if let Err(refused) = admitted {
            assert_eq!(refused, response, "admission and answer judge alike");
        }
        response
    }

    fn command(&self) -> Command {
        let (node, command) = self.command_for();
        assert_eq!(node, AT.node, "for the node itself");
        command
    }

    fn command_for(&self) -> (NodeId, Command) {
        self.node.commands.lock().unwrap().pop().unwrap()
    }
}

fn json(response: &Response) -> serde_json::Value {
    assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
    serde_json::from_slice(&response.body).unwrap()
}

fn code(response: &Response) -> (u16, String) {
    let error = json(response);
    let error = error["error"].as_object().unwrap();
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "hint", "message"], "one shape");
    assert!(!error["message"].as_str().unwrap().is_empty());
    (response.status, error["code"].as_str().unwrap().to_owned())
}

#[test]
fn health_is_told_to_everybody() {
    let headers = Headers { host: Some("localhost:23000"), ..Headers::default() };
    let response = case().ask_with(headers, "GET", "/api/health", "");
    let expected = serde_json::json!({
        "status": "ok", "version": "0.1.0", "node": NodeId([7; 32]).short(), "uptime_ms": 5_000,
    });
    assert_eq!((response.status, json(&response)), (200, expected));
}

#[test]
fn an_agent_has_every_field_of_the_protocol() {
    let response = case().ask("GET", &format!("/api/agents/{AGENT}"), "");
    let mut agent = json(&response)["agent"].take();
    let state = agent["state"].take();
    for field in ["kind", "why", "source"] {
        assert!(state[field].is_string(), "{field}");
    }
    assert_eq!(state["age_ms"], 1_200);
    agent.as_object_mut().unwrap().remove("state");
    let expected = serde_json::json!({
        "id": AGENT.to_string(), "node": NodeId([7; 32]).to_string(), "name": "customers-zoom-backend",
        "path": ["customers", "zoom"], "leaf": "backend", "backend": "tmux", "managed": false, "origin": "found", "running": true,
        "wanted": "running", "autostart": agent["autostart"], "program": null, "args": [], "directory": "/home/me/zoom",
        "notes": "", "notes_revision": 0, "tags": [], "created_unix_ms": 1_790_000_000_000_u64,
        "terminals": [{
            "id": 3, "title": "✳ Fix the build", "command": "node", "cols": 120, "rows": 40, "left": 60, "top": 1, "index": 2,
            "active": true, "window": "1:zsh", "exit_code": null,
        }],
        "queued": 0,
    });
    assert_eq!(agent, expected);
}

#[test]
fn lists_have_all_agents_and_this_node() {
    let case = case();
    assert_eq!(json(&case.ask("GET", "/api/agents", ""))["agents"].as_array().unwrap().len(), 1);
    let nodes = json(&case.ask("GET", "/api/nodes", ""));
    let expected = serde_json::json!([{
        "id": NodeId([7; 32]).to_string(), "short": NodeId([7; 32]).short(), "name": "laptop", "version": "0.1.0",
        "self": true, "member": true, "removed": false, "reachable": true, "since_ms": 1_200, "home": "/home/me",
        "rights": "operate", "addresses": [], "via": null, "hops": 0, "address": null, "dialled": null,
        "latency_ms": null, "protocol": nodes["nodes"][0]["protocol"], "incompatible": false, "conflict": false,
        "backends": {
            "tmux": { "available": true, "detail": "tmux 3.3a" },
            "pty": nodes["nodes"][0]["backends"]["pty"],
        },
    }]);
    assert_eq!(nodes["nodes"], expected);
}

#[test]
fn creating_an_agent_needs_only_a_name() {
    let case = case();
    let response = case.ask("POST", "/api/agents", r#"{"name":"a-b"}"#);
    assert_eq!((response.status, &json(&response)["agent"]["id"]), (201, &AGENT.to_string().into()));
    let least = NewAgent { name: "a-b".into(), autostart: true, created_unix_ms: CLOCK.unix_ms, ..NewAgent::default() };
    assert_eq!(case.command(), Command::Create(least));
}

#[test]
fn creating_an_agent_takes_every_field_of_the_protocol() {
    let case = case();
    let body = r#"{"name":"a-b","directory":"~/src","program":"claude","args":["-c"],"env":{"K":"V","A":"B"},"notes":"n",
        "tags":["t"],"backend":"pty","autostart":true,"cols":120,"rows":40}"#;
    assert_eq!(case.ask("POST", "/api/agents", body).status, 201);
    let all = NewAgent {
        name: "a-b".into(),
        backend: Some(BackendKind::Pty),
        directory: "~/src".into(),
        program: Some("claude".into()),
        args: vec!["-c".into()],
        env: vec![("K".into(), "V".into()), ("A".into(), "B".into())],
        notes: "n".into(),
        tags: vec!["t".into()],
        autostart: true,
        size: Size::clamped(120, 40),
        created_unix_ms: CLOCK.unix_ms,
    };
    assert_eq!(case.command(), Command::Create(all));
}

#[test]
fn variables_of_the_caller_s_shell_go_to_this_node_only() {
    let case = case();
    assert_eq!(case.ask("POST", "/api/agents", r#"{"name":"a-b","caller":{"K":"V"}}"#).status, 201);
    let Command::CreateFrom { new, caller } = case.command() else { panic!("not an agent of a shell's") };
    assert_eq!((new.name.as_str(), caller), ("a-b", vec![("K".to_owned(), "V".to_owned())]));
    let body = format!(r#"{{"name":"a-b","caller":{{"K":"V"}},"node":"{}"}}"#, NodeId([9; 32]));
    assert_eq!(code(&case.ask("POST", "/api/agents", &body)), (400, "invalid".into()));
}

#[test]
fn a_variable_for_all_agents_is_checked_before_the_node_gets_it() {
    let case = case();
    let set = |name: &str| case.ask("POST", "/api/environment", &format!(r#"{{"name":"{name}","value":"v"}}"#));
    for wrong in ["", "1X", "A-B", "CONSORT_X"] {
        assert_eq!(code(&set(wrong)), (400, "invalid".into()), "{wrong}");
    }
    assert_eq!(code(&set("KEY")), (503, "unavailable".into()), "this node keeps none");
    assert_eq!(code(&case.ask("GET", "/api/environment/variable?name=KEY", "")), (404, "not-found".into()));
    assert_eq!(case.ask("GET", "/api/environment", "").status, 200);
}

#[test]
fn every_verb_becomes_its_command() {
    let at = |verb: &str| format!("/api/agents/{AGENT}{verb}");
    let edit = |name: Option<&str>, tags: Option<&[&str]>, autostart| Command::Edit {
        agent: AGENT,
        name: name.map(Into::into),
        tags: tags.map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect()),
        autostart,
    };
    let paste = |pane, submit| Command::Paste { agent: AGENT, pane, text: "hello".into(), submit, anyway: false };
    let unix_ms = CLOCK.unix_ms;
    let sent = |pane, busy| Command::Send { agent: AGENT, pane, text: "hello".into(), busy, unix_ms };
    let changed = |text: Option<&str>| Command::EditQueue { agent: AGENT, number: 7, text: text.map(Into::into) };
    let notes = |revision| Command::SetNotes { agent: AGENT, notes: "n".into(), revision };
    let table = [
        ("PATCH", at(""), r#"{"name":"c"}"#, edit(Some("c"), None, None)),
        ("PATCH", at(""), r#"{"tags":["x"],"autostart":false}"#, edit(None, Some(&["x"]), Some(false))),
        ("DELETE", at(""), "", Command::Delete(AGENT)),
        ("POST", at("/start"), "", Command::Start(AGENT)),
        ("POST", at("/start"), r#"{"fresh":true}"#, Command::StartFresh(AGENT)),
        ("GET", at("/start"), "", Command::ReadStart(AGENT)),
        ("POST", at("/restart"), r#"{"fresh":true}"#, Command::RestartFresh(AGENT)),
        ("POST", at("/stop"), "{}", Command::Stop(AGENT)),
        ("POST", at("/restart"), " {} ", Command::Restart(AGENT)),
        ("POST", at("/input"), r#"{"text":"hello"}"#, paste(None, false)),
        ("POST", at("/input"), r#"{"text":"hello","submit":true,"terminal":3}"#, sent(Some(3), WhenBusy::Refuse)),
        ("POST", at("/input"), r#"{"text":"hello","submit":true,"now":true}"#, paste(None, true)),
        ("POST", at("/queue"), r#"{"text":"hello","terminal":3}"#, sent(Some(3), WhenBusy::Queue)),
        ("GET", at("/queue"), "", Command::ReadQueue(AGENT)),
        ("PATCH", at("/queue/7"), r#"{"text":"n"}"#, changed(Some("n"))),
        ("DELETE", at("/queue/7"), "", changed(None)),
        ("PUT", at("/notes"), r#"{"notes":"n"}"#, notes(None)),
        ("PUT", at("/notes"), r#"{"notes":"n","revision":4}"#, notes(Some(4))),
        ("DELETE", format!("/api/peers/{}", NodeId([5; 32])), "", Command::Remove(NodeId([5; 32]))),
        ("POST", "/api/leave".into(), "", Command::Remove(AT.node)),
        ("GET", at("/screen"), "", Command::ReadText { agent: AGENT, pane: None, history_lines: 0 }),
        (
            "GET",
            at("/screen?history=5&terminal=3"),
            "",
            Command::ReadText { agent: AGENT, pane: Some(3), history_lines: 5 },
        ),
        (
            "GET",
            at("/screen?history=4294967295"),
            "",
            Command::ReadText { agent: AGENT, pane: None, history_lines: consort_core::limits::SNAPSHOT_HISTORY_LINES },
        ),
    ];
    for (method, target, body, command) in table {
        let case = case();
        let response = case.ask(method, &target, body);
        assert_eq!(response.status, 200, "{method} {target}: {response:?}");
        assert_eq!(case.command(), command, "{method} {target}");
    }
}

#[test]
fn every_reply_has_its_answer() {
    let text = ScreenText { size: Size::clamped(120, 40), cursor: (1, 3), text: "$ \n".into() };
    let screen = serde_json::json!({ "cols": 120, "rows": 40, "cursor": { "col": 1, "row": 3 }, "text": "$ \n" });
    let table = [
        (Reply::Deleted(AT), serde_json::json!({ "deleted": AGENT.to_string() })),
        (Reply::Notes { revision: 5 }, serde_json::json!({ "revision": 5 })),
        (Reply::Pasted { bytes: 5, submitted: true }, serde_json::json!({ "written": 5, "submitted": true })),
        (
            Reply::Sent { bytes: 5, submitted: false },
            serde_json::json!({ "written": 5, "submitted": false, "verified": true }),
        ),
        (Reply::Text(text), screen),
    ];
    for (reply, expected) in table {
        let response = with(Ok(reply)).ask("DELETE", &format!("/api/agents/{AGENT}"), "");
        assert_eq!((response.status, json(&response)), (200, expected));
    }
}

#[test]
fn a_long_text_goes_to_few_agents_at_a_time() {
    let send = |agents: u64| {
        let agents: Vec<String> = (1..=agents).map(|number| AgentId(number).to_string()).collect();
        let body = serde_json::json!({ "agents": agents, "text": "x".repeat(1 << 20) });
        with(Ok(Reply::Sent { bytes: 1 << 20, submitted: true })).ask("POST", "/api/send", &body.to_string())
    };
    assert_eq!(json(&send(2))["results"][0]["submitted"], true);
    assert_eq!(code(&send(33)), (400, "invalid".into()));
}

#[test]
fn an_agent_that_is_named_twice_gets_no_text_twice() {
    let body = serde_json::json!({ "agents": [AGENT.to_string(), AGENT.to_string()], "text": "go on" });
    let response = with(Ok(Reply::Sent { bytes: 5, submitted: true })).ask("POST", "/api/send", &body.to_string());
    assert_eq!(code(&response), (400, "invalid".into()));
}

#[test]
fn every_refusal_has_its_status_and_keeps_its_words() {
    let table = [
        (RefusalCode::NotFound, 404),
        (RefusalCode::Invalid, 400),
        (RefusalCode::NameTaken, 409),
        (RefusalCode::Conflict, 409),
        (RefusalCode::NotesChanged, 409),
        (RefusalCode::TooMany, 503),
        (RefusalCode::Unavailable, 503),
        (RefusalCode::NotStored, 507),
        (RefusalCode::Backend("no-directory".into()), 422),
    ];
    for (refusal, status) in table {
        let refused = Refusal { code: refusal.clone(), message: "What.".into(), hint: "Do.".into() };
        let response = with(Err(refused)).ask("POST", &format!("/api/agents/{AGENT}/start"), "");
        assert_eq!(code(&response), (status, refusal.into_name().into_owned()));
        assert_eq!(
            (&json(&response)["error"]["message"], &json(&response)["error"]["hint"]),
            (&"What.".into(), &"Do.".into())
        );
    }
}

#[test]
fn a_body_that_breaks_a_rule_is_refused_with_field_and_place() {
    let case = case();
    let refused = |body: &str| {
        let response = case.ask("POST", "/api/agents", body);
        let message = json(&response)["error"]["message"].as_str().unwrap().to_owned();
        (code(&response), message)
    };
    let (found, message) = refused(r#"{"name":"a","nome":1}"#);
    assert_eq!(found, (400, "invalid".to_owned()));
    assert!(message.contains("unknown field `nome`") && message.contains("line 1 column 18"), "{message}");
    let (found, message) = refused("{\n\"name\" 1}");
    assert_eq!(found, (400, "bad-json".to_owned()));
    assert!(message.contains("line 2 column 8"), "{message}");
    for body in [
        "",
        "{}",
        "[]",
        "\"a\"",
        r#"{"name":1}"#,
        r#"{"name":"a","name":"b"}"#,
        r#"{"name":"a","backend":"docker"}"#,
        r#"{"name":"a","cols":65536}"#,
        r#"{"name":"a","env":{"K":"1","K":"2"}}"#,
        r#"{"name":"a","env":{"K":1}}"#,
        r#"{"name":"a"} x"#,
    ] {
        assert_eq!(refused(body).0.0, 400, "{body}");
    }
    let plain = Headers { content_type: Some("text/plain"), ..PROGRAM };
    assert_eq!(code(&case.ask_with(plain, "POST", "/api/agents", r#"{"name":"a"}"#)).0, 415);
    let charset = Headers { content_type: Some("Application/JSON; charset=utf-8"), ..PROGRAM };
    assert_eq!(case.ask_with(charset, "POST", "/api/agents", r#"{"name":"a"}"#).status, 201);
    assert_eq!(code(&case.ask("POST", &format!("/api/agents/{AGENT}/start"), r#"{"now":1}"#)).0, 400);
    assert_eq!(code(&case.ask("GET", "/api/agents?x=1", "")).0, 400);
    assert_eq!(code(&case.ask("GET", &format!("/api/agents/{AGENT}/screen?history=-1"), "")).0, 400);
    assert_eq!(case.node.commands.lock().unwrap().len(), 1, "refused means not done");
}

#[test]
fn input_with_a_key_is_written_once_however_often_it_is_sent() {
    let case = case();
    let input = format!("/api/agents/{AGENT}/input");
    let reply = |bytes| Ok(Reply::Pasted { bytes, submitted: false });
    *case.node.replies.lock().unwrap() = VecDeque::from([reply(5), reply(6)]);
    for (key, written) in
        [("AAAAAAAAAAAAAAAAAAAAAA-1", 5), ("AAAAAAAAAAAAAAAAAAAAAA-1", 5), ("AAAAAAAAAAAAAAAAAAAAAA-2", 6)]
    {
        let body = serde_json::json!({ "text": "hello", "once": key }).to_string();
        let answer = json(&case.ask("POST", &input, &body));
        assert_eq!(answer["written"], written, "{answer}");
    }
    assert_eq!(case.node.commands.lock().unwrap().len(), 2);
    assert_eq!(case.ask("POST", &input, r#"{"text":"hello","once":"1"}"#).status, 400);
}

#[test]
fn bodies_have_bounds_by_endpoint() {
    let case = case();
    let body = |bytes: usize| " ".repeat(bytes - 2) + "{}";
    let input = format!("/api/agents/{AGENT}/input");
    assert_eq!(case.ask("POST", "/api/agents", &body(1 << 20)).status, 400);
    assert_eq!(code(&case.ask("POST", "/api/agents", &body((1 << 20) + 1))), (413, "too-large".to_owned()));
    assert_eq!(case.ask("POST", &input, &body(4 << 20)).status, 400);
    assert_eq!(case.ask("POST", &input, &body((4 << 20) + 1)).status, 413);
    assert_eq!(case.ask("GET", "/api/agents", "{}").status, 413);
}

#[test]
fn unknown_addresses_are_404_and_known_ones_name_their_methods() {
    let case = case();
    for target in
        ["/api/", "/api/nothing", "/api/agents/", "/api/agents/no-id", "/nothing", "/../etc/passwd", "/api/health/"]
    {
        assert_eq!(code(&case.ask("GET", target, "")).0, 404, "{target}");
    }
    let agent = format!("/api/agents/{AGENT}");
    assert_eq!(code(&case.ask("GET", &format!("{agent}/fly"), "")).0, 404);
    for (method, target, allow) in [
        ("DELETE", "/api/agents", "GET, POST"),
        ("POST", &agent, "GET, PATCH, DELETE"),
        ("GET", &format!("{agent}/input"), "POST"),
        ("POST", "/", "GET, HEAD"),
        ("get", "/api/agents", "GET, POST"),
    ] {
        let response = case.ask(method, target, "");
        assert_eq!(code(&response).0, 405, "{method} {target}");
        assert_eq!(response.header("allow"), Some(allow));
    }
    let stranger = Headers { host: Some("localhost:23000"), ..Headers::default() };
    assert_eq!(case.ask_with(stranger, "GET", "/api/nothing", "").status, 401, "a stranger learns nothing");
}

#[test]
fn each_part_of_an_address_is_decoded_by_itself_and_strictly() {
    let node = NodeId([5; 32]);
    for (target, command) in [
        (format!("/api/agents/{AGENT}%40{node}/stop"), Command::Stop(AGENT)),
        (format!("/api/agents/{AGENT}@{node}/%73top"), Command::Stop(AGENT)),
        (format!("/api/%61gents/{AGENT}%40{node}/restart"), Command::Restart(AGENT)),
    ] {
        let case = case();
        case.ask("POST", &target, "");
        assert_eq!(case.command_for(), (node, command), "{target}");
    }
    let case = case();
    for garbled in ["/api/agents/%", "/api/agents/%4", "/api/agents/a%zz/stop", "/api/%ff", "/api/agents/a/%+4"] {
        assert_eq!(code(&case.ask("POST", garbled, "")), (400, "invalid".to_owned()), "{garbled}");
    }
    for elsewhere in
        [format!("/api/agents%2F{AGENT}"), format!("/api/agents/{AGENT}%2Fstop"), "/%61pi/agents".to_owned()]
    {
        assert_eq!(code(&case.ask("POST", &elsewhere, "")).0, 404, "{elsewhere}: an encoded slash divides nothing");
    }
    let stranger = Headers { host: Some("localhost:23000"), ..Headers::default() };
    assert_eq!(case.ask_with(stranger, "GET", "/api/%", "").status, 401, "a stranger learns nothing");
}

#[test]
fn an_agent_that_is_not_there_is_404() {
    let case = case();
    let other = AgentId(78);
    assert_eq!(code(&case.ask("GET", &format!("/api/agents/{other}"), "")).0, 404);
    let refusal = Refusal { code: RefusalCode::NotFound, message: "No.".into(), hint: String::new() };
    let case = build(Err(refusal), false);
    assert_eq!(code(&case.ask("GET", &format!("/api/agents/{other}/notes"), "")).0, 404);
}

#[test]
fn notes_come_from_the_node_that_has_them() {
    let case = build(Ok(Reply::NotesText { notes: "n".into(), revision: 4 }), false);
    let notes = case.ask("GET", &format!("/api/agents/{AGENT}/notes"), "");
    assert_eq!(json(&notes), serde_json::json!({ "notes": "n", "revision": 4 }));
    assert_eq!(case.command(), Command::ReadNotes(AGENT));
}

#[test]
fn an_invite_is_a_command_to_run_elsewhere() {
    let case = case();
    let invite = case.ask("POST", "/api/invite", "");
    let expected = serde_json::json!({
        "number": "0a0b0c0d", "code": "Operate",
        "command": "consort join Operate", "expires_s": 600, "addresses": ["10.0.0.1:1"],
    });
    assert_eq!((invite.status, json(&invite)), (201, expected));
    assert_eq!(json(&case.ask("POST", "/api/invite", r#"{"rights":"view"}"#))["code"], "View");
    assert_eq!(code(&case.ask("POST", "/api/invite", r#"{"rights":"everything"}"#)), (400, "invalid".into()));
}

#[test]
fn joining_says_whether_somebody_has_to_decide() {
    let case = case();
    let joined = case.ask("POST", "/api/join", r#"{"target":"code"}"#);
    let expected = serde_json::json!({
        "state": "joined", "id": NodeId([5; 32]).to_string(), "short": NodeId([5; 32]).short(), "name": "desk", "rights": "operate",
    });
    assert_eq!((joined.status, json(&joined)), (200, expected));
    let waiting = case.ask("POST", "/api/join", r#"{"target":"host","rights":"view"}"#);
    assert_eq!((waiting.status, json(&waiting)["state"].as_str()), (202, Some("waiting")));
    assert_eq!(code(&case.ask("POST", "/api/join", "{}")), (400, "invalid".into()));
}

#[test]
fn who_asks_is_listed_and_admitted_or_refused_by_its_id() {
    let case = case();
    let peers = json(&case.ask("GET", "/api/peers", ""));
    assert_eq!(peers["peers"].as_array().unwrap().len(), 1);
    let request = &peers["requests"][0];
    assert_eq!((request["name"].as_str(), request["from"].as_str()), (Some("new"), Some("10.0.0.9")));
    let id = request["id"].as_str().unwrap();
    assert_eq!(case.ask("POST", &format!("/api/peers/{id}/admit"), "").status, 200);
    assert_eq!(code(&case.ask("POST", "/api/peers/xyz/admit", "")).0, 404);
    assert_eq!(case.ask("POST", &format!("/api/peers/{id}/refuse"), "").status, 200);
    assert_eq!(case.node.audit.lock().unwrap().last(), Some(&format!("refused {id}")));
    let long = NodeId([9; 32]).checked();
    assert_eq!(case.ask("POST", &format!("/api/peers/{long}/admit"), "").status, 200, "also with check characters");
}

#[test]
fn a_node_that_is_stopping_says_so() {
    let case = build(Ok(Reply::Agent(AT)), true);
    assert_eq!(code(&case.ask("GET", "/api/agents", "")), (503, "stopping".to_owned()));
}

#[test]
fn the_directories_of_any_machine_are_listed() {
    let expected = serde_json::json!({
        "path": "/home/me/src", "parent": "/home/me", "home": "/home/me",
        "entries": [{ "name": "zoom", "path": "/home/me/src/zoom", "git": true }],
    });
    let entries = vec![ListedDirectory { name: "zoom".into(), git: true }];
    let listing = Listing { path: "/home/me/src".into(), home: "/home/me".into(), entries };
    let case = with(Ok(Reply::Directory(listing)));
    assert_eq!(json(&case.ask("GET", "/api/directories?path=~%2Fsrc", "")), expected);
    assert_eq!(case.command(), Command::ListDirectory("~/src".into()));
    let other = NodeId([5; 32]);
    let root = Listing { path: "/".into(), ..Listing::default() };
    let case = with(Ok(Reply::Directory(root)));
    assert_eq!(
        json(&case.ask("GET", &format!("/api/directories?node={other}"), ""))["parent"],
        serde_json::Value::Null
    );
    assert_eq!(case.command_for(), (other, Command::ListDirectory(String::new())));
}

#[test]
fn an_agent_is_created_on_the_machine_that_is_named() {
    let (case, other) = (case(), NodeId([5; 32]));
    let body = format!(r#"{{"name":"a-b","node":"{other}"}}"#);
    assert_eq!(case.ask("POST", "/api/agents", &body).status, 201);
    let (node, command) = case.command_for();
    assert!(node == other && matches!(command, Command::Create(_)), "{node}: {command:?}");
}

#[test]
fn a_machine_that_does_not_exist_is_named_in_the_refusal() {
    let case = case();
    let refused = case.ask("POST", "/api/agents", r#"{"name":"a-b","node":"nowhere"}"#);
    assert_eq!(code(&refused), (404, "not-found".to_owned()));
    assert_eq!(json(&refused)["error"]["message"], "There is no machine with the id 'nowhere'.");
    assert_eq!(case.ask("GET", "/api/directories?node=", "").status, 404);
    assert!(case.node.commands.lock().unwrap().is_empty());
}

#[test]
fn a_link_from_the_api_logs_in_once() {
    let case = case();
    let link = json(&case.ask("POST", "/api/link", ""))["url"].as_str().unwrap().to_owned();
    let token = link.strip_prefix("http://localhost:23000/#token=").unwrap().to_owned();
    let page = Headers {
        host: Some("localhost:23000"),
        origin: Some("http://localhost:23000"),
        content_type: Some("application/json"),
        ..Headers::default()
    };
    let login = |token: &str| case.ask_with(page, "POST", "/api/login", &format!(r#"{{"token":"{token}"}}"#));
    let first = login(&token);
    assert_eq!(first.status, 204);
    let cookie = first.header("set-cookie").unwrap();
    let browser = Headers { cookie: Some(cookie), ..page };
    assert_eq!(case.ask_with(browser, "GET", "/api/agents", "").status, 200);
    assert_eq!(code(&login(&token)), (401, "login-failed".to_owned()));
    assert_eq!(login("t0ken").status, 204, "the permanent token logs a browser in too");
    assert_eq!(*case.node.audit.lock().unwrap(), ["LoggedIn", "LoginFailed", "LoggedIn"]);
    let gone = case.ask_with(browser, "POST", "/api/logout", "");
    assert!(gone.header("set-cookie").unwrap().contains("Max-Age=0"));
}

#[test]
fn many_failed_logins_are_slowed_down_but_a_good_one_still_works() {
    let case = case();
    let page = Headers {
        host: Some("localhost:23000"),
        origin: Some("http://localhost:23000"),
        content_type: Some("application/json"),
        ..Headers::default()
    };
    let login = |token: &str| case.ask_with(page, "POST", "/api/login", &format!(r#"{{"token":"{token}"}}"#)).status;
    let statuses: Vec<_> = (0..30).map(|_| login("wrong")).collect();
    assert_eq!((statuses[0], statuses[29]), (401, 429));
    assert!(case.node.audit.lock().unwrap().len() < 30, "the log is not flooded");
    assert_eq!(login("t0ken"), 204);
}

#[test]
fn refusals_are_audited_with_their_rule_and_address() {
    let case = case();
    let evil = Headers { origin: Some("http://evil.com"), ..PROGRAM };
    let head = Head { via: Via::Tcp, method: "GET", target: "/ws?token=secret", headers: evil };
    assert_eq!(case.api.admit_socket(&head, CLOCK).unwrap_err().status, 403);
    let noted = case.node.audit.lock().unwrap().pop().unwrap();
    assert_eq!(noted, r#"Refused { code: "origin-refused", path: "/ws" }"#);
}

#[test]
fn an_old_cookie_is_renewed_with_any_answer() {
    let case = case();
    let day_ago = CLOCK.unix_ms / 1_000 - 86_400;
    let local = Headers { host: Some("localhost:23000"), ..Headers::default() };
    let head = Head { via: Via::Tcp, method: "GET", target: "/", headers: local };
    let cookie = case.api.gate.set_cookie(&head, day_ago, [0; 16]).unwrap();
    let headers = Headers { cookie: Some(&cookie), ..local };
    assert!(case.ask_with(headers, "GET", "/api/agents", "").header("set-cookie").is_some());
    assert!(case.ask("GET", "/api/agents", "").header("set-cookie").is_none());
}

#[test]
fn an_origin_is_allowed_kept_and_removed() {
    let case = case();
    let proxied = Headers { origin: Some("https://box.example.org"), ..PROGRAM };
    assert_eq!(code(&case.ask_with(proxied, "GET", "/api/agents", "")), (403, "origin-refused".into()));
    let body = r#"{"url":"https://Box.example.org/consort"}"#;
    let allowed = case.ask("POST", "/api/origins", body);
    assert_eq!(allowed.status, 201);
    assert_eq!(
        json(&allowed)["origins"],
        serde_json::json!([{ "url": "https://box.example.org/consort/", "fixed": false }])
    );
    assert_eq!(case.ask_with(proxied, "GET", "/api/agents", "").status, 200);
    assert_eq!(case.ask("GET", "/consort/api/agents", "").status, 200, "a proxy may leave the prefix in");
    let folder = case.ask("GET", "/consort?x=1", "");
    assert_eq!((folder.status, folder.header("location")), (308, Some("consort/?x=1")));
    assert_eq!(case.ask("POST", "/api/origins", body).status, 201, "twice is once");
    assert_eq!(json(&case.ask("GET", "/api/origins", ""))["origins"].as_array().unwrap().len(), 1);
    assert_eq!(case.ask("DELETE", "/api/origins", body).status, 200);
    assert_eq!(code(&case.ask("DELETE", "/api/origins", body)), (404, "not-found".into()));
    assert_eq!(case.ask_with(proxied, "GET", "/api/agents", "").status, 403);
    let kept: Vec<_> =
        case.node.audit.lock().unwrap().iter().filter(|line| line.starts_with("kept")).cloned().collect();
    assert_eq!(
        kept,
        [r#"kept ["https://box.example.org/consort/"]"#, r#"kept ["https://box.example.org/consort/"]"#, "kept []"]
    );
}

#[test]
fn what_is_not_an_origin_is_not_allowed_and_they_are_bounded() {
    let case = case();
    assert_eq!(code(&case.ask("POST", "/api/origins", r#"{"url":"javascript:alert(1)"}"#)), (400, "invalid".into()));
    for number in 0..crate::auth::ORIGINS {
        let body = format!(r#"{{"url":"https://{number}.example.org"}}"#);
        assert_eq!(case.ask("POST", "/api/origins", &body).status, 201);
    }
    assert_eq!(code(&case.ask("POST", "/api/origins", r#"{"url":"https://x.example.org"}"#)), (409, "too-many".into()));
}

#[test]
fn a_page_cannot_allow_itself() {
    let case = case();
    let head = Head { via: Via::Tcp, method: "GET", target: "/", headers: PROGRAM };
    let cookie = case.api.gate.set_cookie(&head, CLOCK.unix_ms / 1_000, [0; 16]).unwrap();
    let browser = Headers { authorization: None, cookie: Some(&cookie), ..PROGRAM };
    let body = r#"{"url":"https://evil.com"}"#;
    let ask = |headers| case.ask_with(headers, "POST", "/api/origins", body).status;
    assert_eq!(ask(Headers { origin: Some("https://evil.com"), ..browser }), 403);
    assert_eq!(ask(browser), 403, "without an origin");
    assert_eq!(ask(Headers { cookie: None, origin: Some("http://localhost:23000"), ..browser }), 401);
    assert_eq!(ask(Headers { origin: Some("http://localhost:23000"), ..browser }), 201);
}

#[test]
fn one_login_is_offered_by_every_address() {
    let case = case();
    case.api.set_names(Names {
        local: vec!["localhost".into()],
        addresses: vec!["192.168.7.7".parse().unwrap()],
        names: vec!["box".into()],
    });
    let answer = json(&case.ask("POST", "/api/link", ""));
    let links = answer["links"].as_array().unwrap();
    assert_eq!(links.iter().map(|link| link["reach"].as_str().unwrap()).collect::<Vec<_>>(), ["machine", "network"]);
    assert_eq!(links[0]["url"], answer["url"]);
    assert!(links[1]["url"].as_str().unwrap().starts_with("http://192.168.7.7:23000/#token="));
}

proptest! {
    #[test]
    fn every_request_has_an_answer(
        method in "GET|HEAD|PUT|POST|PATCH|DELETE|[A-Z]{0,8}",
        path in "/api/(agents|nodes|login|logout|link|directories|health)?(/000000000004d)?(/[a-z]{0,8})?(\\?[ -~]{0,20})?|/[ -~]{0,20}",
        body in "\\{[ -~]{0,60}\\}|[ -~]{0,20}",
    ) {
        let case = case();
        let response = case.ask(&method, &path, &body);
        prop_assert!((200..600).contains(&response.status));
        prop_assert!(response.status < 500 || response.status == 503);
        if response.status >= 400 {
            code(&response);
        }
    }
}

#[test]
fn waiting_for_an_agent_ends_when_it_is_in_the_state_or_the_time_is_over() {
    let case = case();
    let kind = json(&case.ask("GET", &format!("/api/agents/{AGENT}"), ""))["agent"]["state"]["kind"].clone();
    let wait = |until: &str| case.ask("GET", &format!("/api/agents/{AGENT}/wait?until={until}"), "");
    let now = json(&wait(&format!("exited,{}", kind.as_str().unwrap())));
    assert_eq!((&now["reached"], &now["agent"]["state"]["kind"]), (&serde_json::json!(true), &kind));
    for until in ["exited", "changed"] {
        assert_eq!(json(&wait(until))["reached"], false, "{until}: the time of this node is over at once");
    }
    assert_eq!(code(&wait("asleep")), (400, "invalid".to_owned()));
    assert_eq!(code(&case.ask("GET", &format!("/api/agents/{AGENT}/wait"), "")), (400, "invalid".to_owned()));
    let long = format!("/api/agents/{AGENT}/wait?until=done&timeout=4000");
    assert_eq!(code(&case.ask("GET", &long, "")), (400, "invalid".to_owned()));
    assert_eq!(code(&case.ask("GET", &format!("/api/agents/{}/wait?until=done", AgentId(78)), "")).0, 404);
}
