//! The one task that owns the node: feeds it what happened, does what it says, wakes it in time.
//!
//! Everybody else holds a [`Handle`] and sends messages. The driver never waits for a viewer, a backend, the disk or a peer.

mod links;
mod news;
mod notes;
mod signals;

pub use links::{Link, LinkEnds};
pub use news::{Changes, News};

use crate::audit::{Audit, AuditEvent, By};
use crate::backend::{FromBackend, TerminalEvent, ToBackend, Way};
use crate::directories::Directories;
use crate::environment::{Environments, ProgramLists};
use crate::link::Dial;
use crate::screens::Screens;
use crate::screens::load::Manifests;
use crate::store::{StoreAnswer, StoreWorker};
use async_channel::{Receiver, Sender};
use consort_core::directory::BackendKind;
use consort_core::error::RefusalCode;
use consort_core::{
    Act, AgentId, BackendInput, BackendOperation, Command, CommandId, Event, Input, Instant, Node, NodeId,
    OperationError, OperationId, Output, Refusal, Reply, StreamId, View, ViewerId, ViewerInput, ViewerKey,
    ViewerOutput,
};
use consort_recording::Recorder;
use consort_web::hook::HookMessage;
use futures_lite::future;
use links::{LinkMessage, Links};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[cfg(debug_assertions)]
type Core = consort_core::monitor::Monitor;
#[cfg(not(debug_assertions))]
type Core = Node;

#[cfg(debug_assertions)]
fn node(core: &Core) -> &Node {
    core.node()
}
#[cfg(not(debug_assertions))]
fn node(core: &Core) -> &Node {
    core
}

/// Browsers get changes of the list at most this often.
const NEWS_EVERY: Duration = Duration::from_millis(25);

/// A look at the node: called once, with the view and the present time.
pub type Look = Box<dyn FnOnce(View<'_>, Instant) + Send>;

/// What a viewer's connection said, owned.
#[derive(Debug)]
pub enum Said {
    /// Numbered input.
    Typed(StreamId, u32, u64, Vec<u8>),
    /// Everything else.
    Plain(ViewerInput<'static>),
}

enum Message {
    Open(ViewerId, ViewerKey, ViewerEnds, String),
    Viewer(ViewerId, Said),
    Link(LinkMessage),
    Command(NodeId, Command, Sender<Result<Reply, Refusal>>),
    Read(Look),
    Hook(HookMessage),
    Listen(News),
    Stop,
}

/// What the driver gives to a viewer's connection.
#[derive(Clone, Debug)]
pub struct ViewerEnds {
    /// Frames in order. Bounded by the room that the connection gives.
    pub frames: Sender<ViewerOutput>,
    /// What in the lists has changed.
    pub news: News,
}

/// A way to talk to the driver, from any thread.
#[derive(Clone)]
pub struct Handle {
    messages: Sender<Message>,
    viewers: Arc<AtomicU64>,
    open_viewers: Arc<AtomicU64>,
    links: Arc<AtomicU64>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle")
    }
}

impl Handle {
    /// A new viewer; `who` is for the audit log. `None`: there are [`VIEWERS`](consort_core::limits::VIEWERS) already.
    #[must_use]
    pub fn open_viewer(&self, key: ViewerKey, ends: ViewerEnds, who: String) -> Option<Viewer> {
        let limit = consort_core::limits::VIEWERS as u64;
        let one_more = |open: u64| (open < limit).then_some(open + 1);
        self.open_viewers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        let id = ViewerId(self.viewers.fetch_add(1, Ordering::Relaxed));
        self.send(Message::Open(id, key, ends, who));
        Some(Viewer { id, handle: self.clone() })
    }

    /// Asks a node for something and waits for the answer.
    ///
    /// # Errors
    /// Core's refusal; or `Unavailable` if the node is stopping.
    pub async fn command(&self, node: NodeId, command: Command) -> Result<Reply, Refusal> {
        let (sender, receiver) = async_channel::bounded(1);
        self.send(Message::Command(node, command, sender));
        receiver.recv().await.unwrap_or_else(|_| {
            let message = "The node is stopping.".to_string();
            Err(Refusal { code: RefusalCode::Unavailable, message, hint: String::new() })
        })
    }

    /// What changes in the lists from now on is added to `news`, for as long as the driver runs.
    pub fn listen(&self, news: News) {
        self.send(Message::Listen(news));
    }

    /// Calls `look` with the node's view and waits for what it gives. `None`: the node is stopping.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(View<'_>, Instant) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = async_channel::bounded(1);
        let look = move |view: View<'_>, now| {
            let _ = sender.try_send(look(view, now));
        };
        self.send(Message::Read(Box::new(look)));
        receiver.recv().await.ok()
    }

    /// A hook of an agent's program says something.
    pub fn hook(&self, message: HookMessage) {
        self.send(Message::Hook(message));
    }

    /// Ends the driver.
    pub fn stop(&self) {
        self.send(Message::Stop);
    }

    fn send(&self, message: Message) {
        // A closed channel: the node is stopping, and whoever waits for an answer learns it from the dropped sender.
        let _ = self.messages.try_send(message);
    }
}

/// A viewer that the node knows. Dropping it closes the viewer, whatever way its connection ends.
#[derive(Debug)]
pub struct Viewer {
    id: ViewerId,
    handle: Handle,
}

impl Viewer {
    /// Something that the connection brought.
    pub fn say(&self, said: Said) {
        self.handle.send(Message::Viewer(self.id, said));
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.handle.open_viewers.fetch_sub(1, Ordering::Relaxed);
        self.say(Said::Plain(ViewerInput::Closed));
    }
}

/// The parts that a driver is put together from.
#[allow(missing_debug_implementations, reason = "ways to backends are functions")]
pub struct Parts {
    /// A fresh node.
    pub node: Node,
    /// The moment that the node calls [`Instant::START`].
    pub started: std::time::Instant,
    /// Messages from everybody else.
    pub mailbox: Mailbox,
    /// Reports of all backends.
    pub reports: Receiver<FromBackend>,
    /// The way to each backend.
    pub backends: BTreeMap<BackendKind, Way>,
    /// Where directories are read.
    pub directories: Directories,
    /// Where programs are looked for.
    pub programs: ProgramLists,
    /// What keeps changes, and its answers, once each and in order.
    pub store: (StoreWorker, Receiver<StoreAnswer>),
    /// Where people's acts are noted.
    pub audit: Audit,
    /// Where to ask for links to other nodes.
    pub dials: Sender<Dial>,
    /// Where the user keeps manifests of programs.
    pub manifests: Option<PathBuf>,
    /// What agents are started with.
    pub environments: Option<Environments>,
    /// Who is told all that the node is told.
    pub recorder: Option<Recorder>,
}

/// A command that was given here and is not answered.
struct Waiting {
    /// For which node.
    node: NodeId,
    act: Act,
    sender: Sender<Result<Reply, Refusal>>,
}

/// The owner of the node.
pub struct Driver {
    core: Core,
    started: std::time::Instant,
    messages: Receiver<Message>,
    reports: Receiver<FromBackend>,
    backends: BTreeMap<BackendKind, Way>,
    /// Which backend carries an agent.
    carriers: BTreeMap<AgentId, BackendKind>,
    viewers: BTreeMap<ViewerId, (ViewerEnds, String)>,
    listeners: Vec<News>,
    links: Links,
    waiting: BTreeMap<CommandId, Waiting>,
    next_command: u64,
    /// Operations that nobody could be asked for; answered before anything else.
    unanswerable: VecDeque<(OperationId, OperationError)>,
    directories: Directories,
    programs: ProgramLists,
    store: StoreWorker,
    stored: Receiver<StoreAnswer>,
    audit: Audit,
    recorder: Option<Recorder>,
    changes: Changes,
    news_at: Option<std::time::Instant>,
    alarm: Alarm,
    screens: Screens,
    environments: Option<Environments>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("viewers", &self.viewers.len()).finish_non_exhaustive()
    }
}

/// A driver's way in, made before the driver so that its parts can hold it.
#[derive(Debug)]
pub struct Mailbox {
    messages: Receiver<Message>,
    /// For everybody else.
    pub handle: Handle,
}

impl Default for Mailbox {
    fn default() -> Self {
        // Unbounded as a channel; bounded by what is in it: each viewer's input window and room, each link's room, the door's acts.
        let (sender, messages) = async_channel::unbounded();
        let handle =
            Handle { messages: sender, viewers: Arc::default(), open_viewers: Arc::default(), links: Arc::default() };
        Mailbox { messages, handle }
    }
}

impl Driver {
    /// A driver that has not started yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        #[cfg(debug_assertions)]
        let core = consort_core::monitor::Monitor::new(parts.node);
        #[cfg(not(debug_assertions))]
        let core = parts.node;
        Driver {
            core,
            started: parts.started,
            messages: parts.mailbox.messages,
            reports: parts.reports,
            backends: parts.backends,
            carriers: BTreeMap::new(),
            viewers: BTreeMap::new(),
            listeners: Vec::new(),
            links: Links { ends: BTreeMap::new(), dials: parts.dials },
            waiting: BTreeMap::new(),
            next_command: 0,
            unanswerable: VecDeque::new(),
            directories: parts.directories,
            programs: parts.programs,
            store: parts.store.0,
            stored: parts.store.1,
            audit: parts.audit,
            recorder: parts.recorder,
            changes: Changes::default(),
            news_at: None,
            alarm: Alarm::default(),
            screens: Screens::new(Manifests::new(parts.manifests)),
            environments: parts.environments,
        }
    }

    /// Runs until [`Handle::stop`].
    pub async fn run(mut self) {
        loop {
            match self.next().await {
                Next::Message(Message::Stop) => return,
                Next::Message(message) => self.message(message),
                Next::Report(report) => self.report(report),
                Next::Stored((id, result)) => self.handle(Input::Stored(id, result)),
                Next::Time => self.handle(Input::Wake),
            }
            if self.news_at.is_some_and(|at| at <= std::time::Instant::now()) {
                self.tell_news();
            }
            // The connections on this thread get their turn, however much there is to do here.
            future::yield_now().await;
        }
    }

    async fn next(&mut self) -> Next {
        // People before programs: a flood of output does not delay what somebody types.
        if let Ok(message) = self.messages.try_recv() {
            return Next::Message(message);
        }
        if let Ok(report) = self.reports.try_recv() {
            return Next::Report(report);
        }
        let message = async { self.messages.recv().await.map_or(Next::Message(Message::Stop), Next::Message) };
        let stored = async {
            match self.stored.recv().await {
                Ok(answer) => Next::Stored(answer),
                Err(_) => future::pending().await,
            }
        };
        let report = async {
            match self.reports.recv().await {
                Ok(report) => Next::Report(report),
                Err(_) => future::pending().await,
            }
        };
        let at = self.next_time();
        let time = async {
            self.alarm.ring_at(at).await;
            Next::Time
        };
        future::or(message, future::or(stored, future::or(report, time))).await
    }

    fn next_time(&self) -> Option<std::time::Instant> {
        let deadline = self.core.next_deadline().map(|deadline| {
            // One more: the clock of core counts whole milliseconds.
            self.started + Duration::from_millis(deadline.at.as_millis())
        });
        [deadline, self.news_at].into_iter().flatten().min()
    }

    fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn view(&self) -> View<'_> {
        node(&self.core).view()
    }

    fn message(&mut self, message: Message) {
        match message {
            Message::Open(id, key, ends, who) => {
                self.viewers.insert(id, (ends, who));
                self.handle(Input::Viewer(id, ViewerInput::Opened(key)));
            }
            Message::Viewer(id, Said::Typed(stream, heard, seq, bytes)) => {
                self.handle(Input::Viewer(id, ViewerInput::Input { stream, heard, seq, bytes: &bytes }));
            }
            Message::Viewer(id, Said::Plain(input)) => {
                if input == ViewerInput::Closed {
                    self.viewers.remove(&id);
                }
                self.handle(Input::Viewer(id, input));
            }
            Message::Link(message) => self.link_message(message),
            Message::Command(node, command, sender) => {
                let id = CommandId(self.next_command);
                self.next_command += 1;
                self.waiting.insert(id, Waiting { node, act: Act::of(&command), sender });
                self.handle(Input::Command(id, node, command));
            }
            Message::Listen(news) => self.listeners.push(news),
            Message::Read(look) => look(self.view(), self.now()),
            Message::Hook(message) => self.hook(&message),
            Message::Stop => {}
        }
    }

    fn report(&mut self, report: FromBackend) {
        match report {
            FromBackend::Backend(input) => {
                match &input {
                    BackendInput::Seen(observation) => {
                        self.carriers.insert(observation.agent, observation.backend);
                    }
                    BackendInput::Gone(agent) => {
                        self.carriers.remove(agent);
                    }
                    BackendInput::Unavailable(kind, why) => {
                        log::warn!(
                            "{} cannot be used: {}. Agents run on terminals of this node and end with it.",
                            kind.as_str(),
                            why.trim_end_matches('.')
                        );
                    }
                    BackendInput::Available(..) | BackendInput::Listed(_) | BackendInput::Done(..) => {}
                }
                let (seen, gone) = match &input {
                    BackendInput::Seen(observation) => (Some(observation.agent), None),
                    BackendInput::Gone(agent) => (None, Some(*agent)),
                    _ => (None, None),
                };
                self.handle(Input::Backend(input));
                if let Some(agent) = seen {
                    self.titles(agent);
                }
                if let Some(agent) = gone {
                    self.forget_screens(agent);
                }
            }
            FromBackend::Terminal(id, TerminalEvent::Screen(text, cursor_shown)) => {
                self.screen(id, &text, cursor_shown)
            }
            FromBackend::Terminal(id, event) => {
                if let Some(input) = event.as_input() {
                    self.handle(Input::Terminal(id, input));
                }
            }
        }
    }

    /// One input, and everything that follows from it.
    fn handle(&mut self, input: Input<'_>) {
        let now = self.now();
        self.feed(now, input);
        while let Some((id, error)) = self.unanswerable.pop_front() {
            self.feed(now, Input::Backend(BackendInput::Done(id, Err(error))));
        }
    }

    /// The only place where the node is told anything.
    fn feed(&mut self, now: Instant, input: Input<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.input(now, &input, node(&self.core).shows_sent_text(&input));
        }
        self.core.handle(now, input);
        while let Some(output) = self.core.poll_output() {
            if let Some(recorder) = &mut self.recorder {
                recorder.output(&output);
            }
            self.output(output);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.followed(node(&self.core));
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Terminal(id, what) => {
                if let Some(backend) = self.backend_of(id.agent) {
                    backend(ToBackend::Terminal(id, what));
                }
            }
            Output::Viewer(id, frame) => {
                if let Some((ends, _)) = self.viewers.get(&id) {
                    let _ = ends.frames.try_send(frame);
                }
            }
            Output::Backend(id, operation) => self.operate(id, operation),
            Output::ListDirectory(id, path) => {
                if let Err(error) = self.directories.list(id, path) {
                    self.unanswerable.push_back((id, error));
                }
            }
            Output::ListPrograms(id) => self.programs.list(id),
            Output::Reply(id, result) => {
                if let Some(Waiting { node, act, sender }) = self.waiting.remove(&id) {
                    self.note(node, act, &result);
                    let _ = sender.try_send(result);
                }
            }
            Output::Store(id, operation) => self.store.submit(id, operation),
            Output::Dial(id, node, address) => self.dial(id, node, address),
            Output::Transmit(id, frame) => self.transmit(id, frame),
            Output::CloseLink(id) => self.close_link(id),
            Output::Event(event) => self.event(event),
        }
    }

    fn operate(&mut self, id: OperationId, operation: BackendOperation) {
        let backend = match &operation {
            BackendOperation::Launch(spec) | BackendOperation::ReadStart(spec) => self.backends.get(&spec.backend),
            BackendOperation::Kill(agent) | BackendOperation::Rename(agent, _) | BackendOperation::Mark(agent) => {
                self.backend_of(*agent)
            }
            BackendOperation::Paste { terminal, .. }
            | BackendOperation::Type { terminal, .. }
            | BackendOperation::ReadProcess { terminal }
            | BackendOperation::ReadText { terminal, .. } => self.backend_of(terminal.agent),
        };
        let asked = backend.is_some_and(|backend| backend(ToBackend::Operation(id, operation)));
        if !asked {
            let (code, message) = ("gone".into(), "The terminal is gone.".to_string());
            self.unanswerable.push_back((id, OperationError { code, message, hint: String::new() }));
        }
    }

    fn backend_of(&self, agent: AgentId) -> Option<&Way> {
        self.backends.get(self.carriers.get(&agent)?)
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::AgentChanged(id) | Event::AgentRemoved(id) => {
                self.changes.agents.insert(id);
            }
            Event::CategoriesChanged => self.changes.categories = true,
            Event::NodeChanged(_) | Event::NodeRemoved(_) => self.changes.nodes = true,
            Event::LinkFault(node, fault) => {
                log::warn!("the link to node {} was closed: {fault}", node.short());
                let (who, what) = (By::Node { id: node, via: Some(node) }, "link".to_string());
                return self.audit.record(AuditEvent::Refused { who, what, why: fault.to_string() });
            }
            Event::Attached(who, terminal) => {
                return self.audit.record(AuditEvent::Attached { who: self.by(who), terminal });
            }
            Event::Typed(who, terminal, bytes) => {
                return self.audit.record(AuditEvent::Typed { who: self.by(who), terminal, bytes });
            }
            Event::Acted(node, act, result) => return self.note_of_another(node, act, &result),
        }
        self.news_at.get_or_insert_with(|| std::time::Instant::now() + NEWS_EVERY);
    }

    fn tell_news(&mut self) {
        self.news_at = None;
        let changes = std::mem::take(&mut self.changes);
        let viewers = self.viewers.values().map(|(ends, _)| &ends.news);
        viewers.chain(&self.listeners).for_each(|news| news.add(&changes));
    }
}

/// A timer that is set anew only when the moment is another one: setting it costs system calls, and most turns of the driver
/// change nothing about it.
#[derive(Debug, Default)]
struct Alarm(Option<(std::time::Instant, async_io::Timer)>);

impl Alarm {
    /// Waits for the moment, or for ever.
    async fn ring_at(&mut self, at: Option<std::time::Instant>) {
        let Some(at) = at else { return future::pending().await };
        match &mut self.0 {
            // One that rings too early costs one needless turn and no system calls until then.
            Some((set, timer)) if *set <= at => {
                if *set < at && std::time::Instant::now() >= *set {
                    timer.set_at(at);
                    *set = at;
                }
                timer.await;
            }
            Some((set, timer)) => {
                timer.set_at(at);
                *set = at;
                timer.await;
            }
            None => {
                let (_, timer) = self.0.insert((at, async_io::Timer::at(at)));
                timer.await;
            }
        }
        self.0 = None;
    }
}

enum Next {
    Message(Message),
    Report(FromBackend),
    Stored(StoreAnswer),
    Time,
}
