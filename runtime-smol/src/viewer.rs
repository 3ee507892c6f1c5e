//! A browser's WebSocket: frames in, frames out, news of the lists, and an end when it falls silent.

use crate::driver::{Changes, Handle, News, Said, Viewer, ViewerEnds};
use async_channel::Receiver;
use async_tungstenite::tungstenite::{Bytes, Message};
use async_tungstenite::{WebSocketReceiver, WebSocketSender, WebSocketStream};
use consort_core::{Instant, NodeId, View, ViewerInput, ViewerKey, ViewerOutput};
use consort_web::frames::{ClientMessage, Frame, Incoming, ProtocolError, control, decode, encode};
use consort_web::json::{Agent, Control, NodeFacts};
use futures_lite::{AsyncRead, AsyncWrite, StreamExt, future};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

/// Frames that may be on their way to the socket.
const ROOM: usize = 8;
/// The node asks a quiet connection for a sign of life this often.
const PING_EVERY: Duration = Duration::from_secs(5);
/// A connection that says nothing for this long is over.
const SILENCE: Duration = Duration::from_secs(15);
/// News that input is written waits this long for the echo, so as not to get in its way.
const ECHO: Duration = Duration::from_millis(5);

/// Serves one browser until its connection ends. `who` is for the audit log.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocketStream<S>,
    who: String,
    handle: Handle,
    facts: Arc<NodeFacts>,
) {
    let (mut sender, mut receiver) = socket.split();
    let key = match greet(facts.id, &mut receiver).await {
        Ok(Some(key)) => key,
        Ok(None) => return,
        Err(error) => return complain(&mut sender, &error).await,
    };
    let (frames, outgoing) = async_channel::unbounded();
    let news = News::default();
    let Some(viewer) = handle.open_viewer(key, ViewerEnds { frames, news: news.clone() }, who) else {
        let message = "Too many browsers are connected.".to_string();
        let full = Control::Error { code: "too-many", message, hint: "Close some of them." };
        let _ = send(&mut sender, control(&full)).await;
        return;
    };
    for _ in 0..ROOM {
        viewer.say(Said::Plain(ViewerInput::Writable));
    }
    let (answers, answered) = async_channel::bounded(ROOM);
    let life = Life { heard: Cell::new(std::time::Instant::now()), echo_due: Cell::new(false) };
    let incoming = read(facts.id, &mut receiver, &viewer, &life, answers);
    let writer = Writer { outgoing, answered, news, handle: &handle, facts: &facts, viewer: &viewer, life: &life };
    // Writing first: an echo does not wait for a look at what comes in. It waits itself after each few frames.
    let outgoing = async {
        writer.run(&mut sender).await;
        None
    };
    let error = future::or(outgoing, incoming).await;
    if let Some(error) = error {
        complain(&mut sender, &error).await;
    }
}

/// Waits for `hello`. `None`: the connection ended before.
async fn greet<S>(own: NodeId, receiver: &mut WebSocketReceiver<S>) -> Result<Option<ViewerKey>, ProtocolError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let message = async { receiver.next().await.and_then(Result::ok) };
    let silence = async {
        async_io::Timer::after(SILENCE).await;
        None
    };
    let Some(message) = future::or(message, silence).await else { return Ok(None) };
    match understand(own, &message)? {
        Some(ClientMessage::Hello(key)) => Ok(Some(key)),
        Some(ClientMessage::Ping(_) | ClientMessage::Viewer(_)) | None => {
            Err(ProtocolError::Field { field: "t", expected: "'hello' in the first message" })
        }
    }
}

/// What a message says; `None` for those that are only signs of life.
fn understand(own: NodeId, message: &Message) -> Result<Option<ClientMessage<'_>>, ProtocolError> {
    match message {
        Message::Text(text) => decode(own, Incoming::Text(text.as_str())).map(Some),
        Message::Binary(bytes) => decode(own, Incoming::Binary(bytes)).map(Some),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(None),
    }
}

/// What reading and writing know of each other.
struct Life {
    /// When the connection last said something.
    heard: Cell<std::time::Instant>,
    /// Something was typed, and no output sent since.
    echo_due: Cell<bool>,
}

/// Reads until the connection ends (`None`) or breaks the protocol.
async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    own: NodeId,
    receiver: &mut WebSocketReceiver<S>,
    viewer: &Viewer,
    life: &Life,
    answers: async_channel::Sender<u64>,
) -> Option<ProtocolError> {
    while let Some(Ok(message)) = receiver.next().await {
        life.heard.set(std::time::Instant::now());
        match understand(own, &message) {
            Ok(None) => {}
            Ok(Some(ClientMessage::Hello(_))) => {
                return Some(ProtocolError::Field { field: "t", expected: "'hello' only once" });
            }
            Ok(Some(ClientMessage::Ping(id))) => answers.send(id).await.ok()?,
            Ok(Some(ClientMessage::Viewer(input))) => {
                let said = owned(input);
                let typed = matches!(said, Said::Typed(..));
                viewer.say(said);
                if typed {
                    life.echo_due.set(true);
                }
            }
            Err(error) => return Some(error),
        }
    }
    None
}

fn owned(input: ViewerInput<'_>) -> Said {
    Said::Plain(match input {
        ViewerInput::Input { stream, heard, seq, bytes } => {
            return Said::Typed(stream, heard, seq, bytes.to_vec());
        }
        ViewerInput::Attach { stream, agent, pane, from, size, take } => {
            ViewerInput::Attach { stream, agent, pane, from, size, take }
        }
        ViewerInput::Resize { stream, size, take } => ViewerInput::Resize { stream, size, take },
        ViewerInput::Ack { stream, offset } => ViewerInput::Ack { stream, offset },
        ViewerInput::Release(stream) => ViewerInput::Release(stream),
        ViewerInput::Detach(stream) => ViewerInput::Detach(stream),
        ViewerInput::Seen(agent) => ViewerInput::Seen(agent),
        ViewerInput::Opened(key) => ViewerInput::Opened(key),
        ViewerInput::Writable => ViewerInput::Writable,
        ViewerInput::Closed => ViewerInput::Closed,
    })
}

struct Writer<'a> {
    outgoing: Receiver<ViewerOutput>,
    answered: Receiver<u64>,
    news: News,
    handle: &'a Handle,
    facts: &'a Arc<NodeFacts>,
    viewer: &'a Viewer,
    life: &'a Life,
}

/// News of written input that waits for the echo.
#[derive(Default)]
struct Held {
    frames: Vec<ViewerOutput>,
    /// Rings when they have waited long enough; set anew only when it has rung.
    alarm: Option<async_io::Timer>,
}

impl Held {
    fn hold(&mut self, frame: ViewerOutput) {
        self.frames.push(frame);
        self.alarm.get_or_insert_with(|| async_io::Timer::after(ECHO));
    }

    async fn waited(&mut self) {
        match &mut self.alarm {
            Some(alarm) => drop(alarm.await),
            None => future::pending().await,
        }
        self.alarm = None;
    }
}

enum Next {
    Output(ViewerOutput),
    News(Changes),
    Pong(u64),
    /// What is held has waited long enough.
    Held,
    /// Time to ask for a sign of life.
    Ping,
    End,
}

impl Writer<'_> {
    /// Writes until the connection fails.
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(&self, sender: &mut WebSocketSender<S>) {
        let Some(first) = self.look(everything).await else { return };
        for frame in first {
            if send(sender, frame).await.is_err() {
                return;
            }
        }
        // One timer for the life of the connection: setting one for every frame would cost more than the frame.
        let mut ticks = async_io::Timer::interval(PING_EVERY);
        let mut held = Held::default();
        loop {
            let sent = match self.next(&mut ticks, &mut held).await {
                Next::Output(output) => self.output(sender, output, &mut held).await,
                Next::Held => self.send_held(sender, &mut held).await,
                Next::News(changes) => self.tell(sender, changes).await,
                Next::Pong(id) => send(sender, control(&Control::Pong { id })).await,
                Next::Ping => sender.send(Message::Ping(Bytes::new())).await.map_err(|_| Closed),
                Next::End => return,
            };
            if sent.is_err() {
                return;
            }
        }
    }

    /// Sends a frame. News that input is written comes after the echo, if that is not long in coming.
    async fn output<S>(
        &self,
        sender: &mut WebSocketSender<S>,
        output: ViewerOutput,
        held: &mut Held,
    ) -> Result<(), Closed>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match output {
            ViewerOutput::InputAck { .. } if self.life.echo_due.get() => {
                held.hold(output);
                Ok(())
            }
            ViewerOutput::Data { .. } => {
                self.life.echo_due.set(false);
                self.send_one(sender, &output).await?;
                self.send_held(sender, held).await
            }
            other => {
                self.send_held(sender, held).await?;
                self.send_one(sender, &other).await
            }
        }
    }

    async fn send_held<S>(&self, sender: &mut WebSocketSender<S>, held: &mut Held) -> Result<(), Closed>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        for frame in held.frames.drain(..) {
            self.send_one(sender, &frame).await?;
        }
        Ok(())
    }

    async fn send_one<S>(&self, sender: &mut WebSocketSender<S>, output: &ViewerOutput) -> Result<(), Closed>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let sent = send(sender, encode(self.facts.id, output)).await;
        self.viewer.say(Said::Plain(ViewerInput::Writable));
        sent
    }

    async fn next(&self, ticks: &mut async_io::Timer, held: &mut Held) -> Next {
        let output = async { self.outgoing.recv().await.map_or(Next::End, Next::Output) };
        let pong = async { self.answered.recv().await.map_or(Next::End, Next::Pong) };
        let news = async { Next::News(self.news.take().await) };
        let ping = async {
            ticks.next().await;
            if self.life.heard.get().elapsed() > SILENCE { Next::End } else { Next::Ping }
        };
        let waited = async {
            held.waited().await;
            Next::Held
        };
        future::or(pong, future::or(output, future::or(waited, future::or(news, ping)))).await
    }

    async fn tell<S>(&self, sender: &mut WebSocketSender<S>, changes: Changes) -> Result<(), Closed>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let look = move |view: View<'_>, now, facts: &NodeFacts| changed(view, now, facts, &changes);
        for frame in self.look(look).await.ok_or(Closed)? {
            send(sender, frame).await?;
        }
        Ok(())
    }

    async fn look(
        &self,
        look: impl FnOnce(View<'_>, Instant, &NodeFacts) -> Vec<Frame> + Send + 'static,
    ) -> Option<Vec<Frame>> {
        let facts = Arc::clone(self.facts);
        self.handle.read(move |view, now| look(view, now, &facts)).await
    }
}

fn everything(view: View<'_>, now: Instant, facts: &NodeFacts) -> Vec<Frame> {
    vec![
        control(&Control::welcome(view, now, facts)),
        control(&Control::nodes(view, now, facts)),
        control(&Control::agents(view, now)),
        control(&Control::categories(view)),
    ]
}

fn changed(view: View<'_>, now: Instant, facts: &NodeFacts, changes: &Changes) -> Vec<Frame> {
    let mut frames = Vec::new();
    if changes.nodes {
        frames.push(control(&Control::nodes(view, now, facts)));
    }
    if changes.categories {
        frames.push(control(&Control::categories(view)));
    }
    frames.extend(changes.agents.iter().map(|id| match view.agent(*id) {
        Some(agent) => control(&Control::Agent { agent: Agent::new(view, &agent, now) }),
        None => control(&Control::AgentGone { id: id.written_at(view.id()) }),
    }));
    frames
}

struct Closed;

async fn send<S: AsyncRead + AsyncWrite + Unpin>(sender: &mut WebSocketSender<S>, frame: Frame) -> Result<(), Closed> {
    let message = match frame {
        Frame::Text(text) => Message::text(text),
        Frame::Binary(bytes) => Message::binary(bytes),
    };
    sender.send(message).await.map_err(|_| Closed)
}

async fn complain<S: AsyncRead + AsyncWrite + Unpin>(sender: &mut WebSocketSender<S>, error: &ProtocolError) {
    let told = async {
        let _ = send(sender, control(&error.into())).await;
        let _ = sender.close(None).await;
    };
    let patience = async {
        async_io::Timer::after(Duration::from_secs(1)).await;
    };
    future::or(told, patience).await;
}
