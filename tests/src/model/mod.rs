//! A model API of our own, on loopback, that real agent programs talk to: Anthropic Messages, OpenAI Responses and Chat
//! Completions, Gemini.
//!
//! What it answers is scripted by *scenes*: a test types a prompt that contains `scene:NAME`, and the program is brought into
//! that situation. It keeps a record of every request, which is the truth that a state shown by the node is compared with.

mod anthropic;
mod chat;
mod gemini;
mod http;
mod responses;
mod script;

pub use script::{APPROVED, Scene, Tool};

use script::Step;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is kept of a tool's result.
const RESULT_LETTERS: usize = 200;

/// The API. It ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct ModelApi {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    exchanges: Mutex<Vec<Exchange>>,
    ended: AtomicBool,
    /// How long a silent tool runs.
    silence: Duration,
}

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Method and path.
    pub request: String,
    /// The last text of the user that names a scene.
    pub prompt: String,
    /// The scene that the conversation is in; none for auxiliary requests (titles, token counts, lists of models).
    pub scene: Option<Scene>,
    /// The scenes that all messages of the user in it name, the first one first: what the conversation was before.
    pub scenes: Vec<Scene>,
    /// Results of tools that the program sent since the prompt of that scene.
    pub results: usize,
    /// What the last of them says, shortened.
    pub result: String,
    /// Names of the tools that the program offers.
    pub tools: Vec<String>,
    /// The tool that the answer asks the program to run.
    pub call: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// How far the answer is.
    pub progress: Progress,
    /// When the request came.
    pub at: Instant,
}

/// How far an answer is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// It is being written.
    Answering,
    /// It is written to its end.
    Finished,
    /// The program hung up before its end.
    HungUp,
}

/// What a request means, whatever protocol it came by.
#[derive(Clone, Debug, Default)]
struct Turn {
    prompt: String,
    scene: Option<Scene>,
    scenes: Vec<Scene>,
    results: usize,
    result: String,
    tools: Vec<String>,
    streamed: bool,
    model: String,
}

impl Turn {
    /// Takes note of a text of the user: it may name the scene that follows.
    fn user_text(&mut self, text: &str) {
        if let Some(scene) = Scene::named_in(text) {
            self.scene = Some(scene);
            self.prompt = text.to_owned();
            self.scenes.push(scene);
            self.results = 0;
            self.result.clear();
        }
    }

    /// Takes note of what a tool gave.
    fn tool_result(&mut self, result: &Value) {
        self.results += 1;
        self.result = result.to_string().chars().take(RESULT_LETTERS).collect();
    }
}

/// Writes the steps of an answer as one protocol does.
trait Protocol {
    /// The head of the body.
    fn begin(&mut self, out: &mut http::Answer<'_>) -> std::io::Result<()>;
    /// A piece of text.
    fn say(&mut self, out: &mut http::Answer<'_>, text: &str) -> std::io::Result<()>;
    /// A tool to run.
    fn call(&mut self, out: &mut http::Answer<'_>, tool: &str, arguments: &Value) -> std::io::Result<()>;
    /// Something that shows that the connection lives, and means nothing.
    fn ping(&mut self, out: &mut http::Answer<'_>) -> std::io::Result<()>;
    /// The end of the body.
    fn end(&mut self, out: &mut http::Answer<'_>) -> std::io::Result<()>;
    /// The body of an error.
    fn error(&self, status: u16) -> Value;
}

impl ModelApi {
    /// On a free port. A silent tool runs for `silence`.
    ///
    /// # Panics
    /// If there is no port for it.
    #[must_use]
    pub fn start(silence: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a port");
        let shared = Arc::new(Shared { exchanges: Mutex::default(), ended: AtomicBool::new(false), silence });
        let api = ModelApi { address, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&shared)) else { continue };
                // An error is a program that hung up, which is recorded where it matters.
                std::thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        api
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was asked so far, in order.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.exchanges().clone()
    }

    /// The last request of the conversation itself that belongs to a scene.
    #[must_use]
    pub fn last(&self, scene: Scene) -> Option<Exchange> {
        self.shared.exchanges().iter().rev().find(|exchange| exchange.scene == Some(scene)).cloned()
    }
}

impl Drop for ModelApi {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn exchanges(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, and says whether the API still runs.
    fn pause(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.ended.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20).min(until - Instant::now().min(until)));
        }
        !self.ended.load(Ordering::Relaxed)
    }
}

/// Answers one connection's requests.
fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(request) = http::read(stream)? else { return Ok(()) };
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let path = request.path.split('?').next().unwrap_or_default();
    let (turn, mut protocol): (Turn, Box<dyn Protocol>) = match path {
        "/v1/messages" => (anthropic::turn(&body), Box::<anthropic::Messages>::default()),
        "/v1/responses" => (responses::turn(&body), Box::<responses::Responses>::default()),
        "/v1/chat/completions" => (chat::turn(&body), Box::<chat::Completions>::default()),
        _ if path.ends_with(":streamGenerateContent") || path.ends_with(":generateContent") => {
            let streamed = path.ends_with(":streamGenerateContent");
            (gemini::turn(&body, streamed), Box::<gemini::Content>::default())
        }
        _ => return auxiliary(stream, shared, &request, path),
    };
    // A request that offers no shell is no part of the conversation: titles, summaries, classifiers.
    let shell = turn.tools.iter().any(|tool| Tool::Shell.is(tool));
    let scene = turn.scene.filter(|_| shell);
    let steps = match scene {
        Some(scene) => scene.steps(turn.results, plan_file(&request.body).as_deref(), shared.silence),
        None if shell => Scene::Text.steps(0, None, shared.silence),
        None => vec![Step::Say(script::AUXILIARY)],
    };
    let status = steps.iter().find_map(|step| if let Step::Fail(status) = step { Some(*status) } else { None });
    let status = status.unwrap_or(200);
    let number = {
        let mut exchanges = shared.exchanges();
        exchanges.push(Exchange {
            request: format!("{} {}", request.method, request.path),
            prompt: turn.prompt.clone(),
            scene,
            scenes: turn.scenes.clone(),
            results: turn.results,
            result: turn.result.clone(),
            tools: turn.tools.clone(),
            call: None,
            status,
            progress: Progress::Answering,
            at: Instant::now(),
        });
        exchanges.len() - 1
    };
    let result = if status == 200 {
        let mut answer = http::Answer::begin(stream, turn.streamed, &turn.model)?;
        answer_with(
            &mut answer,
            protocol.as_mut(),
            &steps,
            &turn,
            |call| {
                shared.exchanges()[number].call = Some(call.to_string());
            },
            shared,
        )
    } else {
        http::json(stream, status, &protocol.error(status))
    };
    shared.exchanges()[number].progress = if result.is_ok() { Progress::Finished } else { Progress::HungUp };
    result
}

fn answer_with(
    out: &mut http::Answer<'_>,
    protocol: &mut dyn Protocol,
    steps: &[Step],
    turn: &Turn,
    calls: impl Fn(&str),
    shared: &Shared,
) -> std::io::Result<()> {
    protocol.begin(out)?;
    for step in steps {
        match step {
            Step::Say(text) => protocol.say(out, text)?,
            Step::Hold(time) => {
                let until = Instant::now() + *time;
                while Instant::now() < until {
                    if !shared.pause(Duration::from_millis(250)) {
                        return Err(std::io::ErrorKind::ConnectionAborted.into());
                    }
                    protocol.ping(out)?;
                }
            }
            Step::Call(tool, command) => {
                // The program's own name for it; one that it does not offer is answered with words.
                match turn.tools.iter().find(|name| tool.is(name)) {
                    Some(name) => {
                        calls(name);
                        protocol.call(out, name, &tool.arguments(name, command))?;
                    }
                    None => protocol.say(out, "There is no such tool here.")?,
                }
            }
            Step::Fail(_) => {}
        }
    }
    // Everything is said. A program may hang up as soon as it has read that, and before the last bytes are written.
    let _ = protocol.end(out).and_then(|()| out.end());
    Ok(())
}

/// The file that a program's instructions name for plans, or one in the folder that they name.
fn plan_file(body: &[u8]) -> Option<String> {
    let body = String::from_utf8_lossy(body);
    let letter = |letter: &char| letter.is_ascii_alphanumeric() || "-_./".contains(*letter);
    body.match_indices("/plans").find_map(|(at, mark)| {
        let folder: String = body[..at].chars().rev().take_while(letter).collect();
        let folder: String = folder.chars().rev().collect();
        let name: String = body[at + mark.len()..].chars().take_while(letter).collect();
        let name = name.strip_prefix('/').filter(|name| name.ends_with(".md")).unwrap_or("plan.md");
        // A path from the root, and no part of an address.
        (folder.starts_with('/') && !folder.starts_with("//")).then(|| format!("{folder}/plans/{name}"))
    })
}

/// Names in a list of tools.
fn names(tools: &Value, name: impl Fn(&Value) -> &Value) -> Vec<String> {
    tools.as_array().into_iter().flatten().filter_map(|tool| name(tool).as_str().map(str::to_string)).collect()
}

/// An identifier that was not given out before.
fn fresh(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    format!("{prefix}{:024}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Requests that are no conversation get answers that do no harm.
fn auxiliary(stream: &TcpStream, shared: &Shared, request: &http::Request, path: &str) -> std::io::Result<()> {
    let answer = if path.ends_with("/count_tokens") {
        json!({ "input_tokens": 100 })
    } else if path.ends_with(":countTokens") {
        json!({ "totalTokens": 100 })
    } else if path.ends_with("/models") {
        let models = ["model", "claude-sonnet-4-5", "gpt-5"].map(|id| json!({ "id": id, "object": "model" }));
        json!({ "object": "list", "data": models, "has_more": false })
    } else {
        json!({})
    };
    shared.exchanges().push(Exchange {
        request: format!("{} {}", request.method, request.path),
        prompt: String::new(),
        scene: None,
        scenes: Vec::new(),
        results: 0,
        result: String::new(),
        tools: Vec::new(),
        call: None,
        status: 200,
        progress: Progress::Finished,
        at: Instant::now(),
    });
    http::json(stream, 200, &answer)
}
