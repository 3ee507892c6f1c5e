//! Every bound of every queue and table. Reaching one is an answer (a refusal, a collapse to a snapshot), never growth.

use crate::time::Duration;

/// Agents on one node.
pub const AGENTS: usize = 4_096;
/// Terminals of one agent.
pub const TERMINALS_PER_AGENT: usize = 256;
/// Viewer connections to one node.
pub const VIEWERS: usize = 1_024;
/// Streams of one viewer.
pub const STREAMS_PER_VIEWER: usize = 256;
/// Commands that wait for a backend or the store.
pub const PENDING_COMMANDS: usize = 1_024;

/// Members of a mesh, removed ones included.
pub const NODES: usize = 4_096;
/// Up to this many members every node links to every other.
pub const FULL_MESH: usize = 64;
/// Links of one node, and dials under way.
pub const LINKS: usize = 256;
/// Bytes of one frame on a link.
pub const LINK_FRAME_BYTES: usize = 72 << 10;
/// Bytes of an address.
pub const ADDRESS_BYTES: usize = 256;
/// Addresses of one node.
pub const ADDRESSES: usize = 16;
/// Bytes of one encoded fact; longer agents are told shortened.
pub const FACT_BYTES: usize = 16 << 10;
/// Things that a fact says besides, for later versions.
pub const FACT_EXTRAS: usize = 16;
/// How often a node can be admitted or removed: no peer can state a longer history. Even, so that the last word is a removal.
pub const MEMBERSHIP_LENGTH: u64 = u64::MAX - 1;
/// Facts that a node keeps: what is beyond is not taken.
pub const FACTS: usize = 128 << 10;
/// Bytes of all facts together, encoded: what is beyond is not taken.
pub const FACTS_BYTES: usize = 64 << 20;
/// Bytes of facts in one frame, unless a single fact is longer.
pub const FACTS_FRAME_BYTES: usize = 32 << 10;
/// Agents that are gone and whose end is still told. Beyond this the node begins a new epoch, which forgets them everywhere.
pub const TOMBSTONES: usize = 1_024;
/// Bytes of the body of one parcel. It holds one frame of a terminal, and with its frame it fits one message of a link's session.
pub const PARCEL_BYTES: usize = 64 << 10;
/// Bytes of what is sealed in one piece: a Noise message.
pub const SEALED_BYTES: usize = 65_535;
/// Bytes that a seal adds.
pub const SEAL_BYTES: usize = 16;
/// Bytes of parcels between one pair of nodes that wait at one link.
pub const RELAY_PAIR_BYTES: usize = 4 << 20;
/// Bytes of parcels that wait at one link.
pub const RELAY_LINK_BYTES: usize = 16 << 20;
/// Notices of lost parcels that wait at one link.
pub const NOTICES: usize = 256;
/// Spans of a reconciliation in one frame.
pub const SPANS: usize = 256;
/// Keys that are listed for one span of a reconciliation; more are split.
pub const SPAN_KEYS: usize = 32;
/// Nodes to which a direct link is wanted because something uses it.
pub const DIRECT: usize = 64;
/// Changes of nodes that the store works on at a time.
pub const STORES: usize = 16;
/// Nodes that a parcel passes at most.
pub const HOPS: u8 = 16;

/// New facts wait this long for others, so that a burst is one frame.
pub const COALESCE_TIME: Duration = Duration::from_millis(25);
/// One more link to a node that others lead to already is told this late: most joins change many links at once.
pub const LINK_NEWS_TIME: Duration = Duration::from_millis(500);
/// In a large mesh, a link to a node that nobody leads to is told once the other end has told it, which makes a way of it, or after this
/// long: a node that joins opens many links at once, and all but the first are only more ways to it.
pub const LINK_DOUBT_TIME: Duration = Duration::from_millis(150);
/// A node sends a heartbeat on each of its links this often.
pub const HEARTBEAT_TIME: Duration = Duration::from_secs(2);
/// A link that has brought nothing for this long is dead.
pub const SILENCE_TIME: Duration = Duration::from_secs(5);
/// A dial that was not answered for this long has failed.
pub const DIAL_TIME: Duration = Duration::from_secs(10);
/// Back-off between dials: full jitter between nothing and a bound that doubles from the first to the second.
pub const DIAL_AGAIN_TIME: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A node that finds itself to be this late gives its links a fresh interval before it judges them.
pub const LATE_TIME: Duration = Duration::from_secs(1);
/// A node with a larger id than its peer's waits this long with its first dial, so that usually only one of the two dials.
pub const DIAL_POLITE_TIME: Duration = Duration::from_millis(300);
/// A peer that is not known to be a member is asked to leave after this long: the fact that admits it may be on its way.
pub const STRANGER_TIME: Duration = Duration::from_secs(1);
/// A reconciliation that has not moved for this long makes place for one with another peer.
pub const RECONCILE_TIME: Duration = Duration::from_millis(500);
/// A link that neither end needs is let go after this long.
pub const SPARE_TIME: Duration = Duration::from_secs(60);
/// A link that is let go is not listed any more; it is closed this much later, when nobody sends over it.
pub const LET_GO_TIME: Duration = Duration::from_secs(2);
/// That a link is gone which its other end does not list any more is told this late: no way leads over it.
pub const LINK_OVER_TIME: Duration = Duration::from_secs(5);
/// What differs only in the titles of an agent's terminals is published at most this often.
pub const TITLE_TIME: Duration = Duration::from_secs(1);
/// Pauses between the attempts of a node to assert itself against facts in its name that it did not write; doubled each time.
pub const ASSERT_TIME: Duration = Duration::from_secs(15);
/// Such attempts, before the node leaves it to a person.
pub const ASSERTIONS: u32 = 6;
/// A command for another node is refused when it was not answered for this long.
pub const REMOTE_COMMAND_TIME: Duration = Duration::from_secs(30);

/// Circuits that a node opens, and as many that others open to it.
pub const CIRCUITS: usize = 1_024;
/// Frames of one viewer that may be on the way from another node, in whatever node or queue between them: one window.
pub const REMOTE_ROOM: u32 = 8;
/// Viewers that one node has at another.
pub const REMOTE_VIEWERS: usize = VIEWERS;
/// Streams that one node has at another.
pub const REMOTE_STREAMS: usize = 1_024;
/// Bytes, and pieces, that wait for the way to another node. What is beyond comes again after the circuit was opened anew.
pub const CIRCUIT_QUEUE: (usize, usize) = (1 << 20, 8_192);
/// Commands of one node that another has not answered.
pub const REMOTE_COMMANDS: usize = 64;
/// Bytes of one encoded command for another node: a text to paste, with room to spare.
pub const REMOTE_COMMAND_BYTES: usize = PASTE_BYTES + (1 << 20);
/// Bytes of one encoded answer.
pub const REMOTE_ANSWER_BYTES: usize = SNAPSHOT_BYTES;
/// Something that the other end of a circuit has not acknowledged for this long is asked about; again after twice as long, and so on.
pub const PROBE_TIME: Duration = Duration::from_secs(1);
/// So many questions without any answer: the circuit is broken.
pub const PROBES: u32 = 4;
/// Back-off between openings of a circuit that keeps breaking: full jitter below a bound that is the first, doubled with every opening since
/// the circuit lasted or was opened first, up to the second. After the first break there is no pause.
pub const CIRCUIT_AGAIN_TIME: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A circuit that has lasted this long is opened anew at once.
pub const CIRCUIT_STEADY_TIME: Duration = Duration::from_secs(10);

/// Output bytes kept for one terminal that somebody looks at.
pub const RING_BYTES: usize = 1 << 20;
/// Output bytes kept once every viewer has processed them, so that a reconnecting one can go on.
pub const RESUME_BYTES: usize = 64 << 10;
/// Pieces a ring is kept in; small ones are merged.
pub const RING_CHUNKS: usize = 1_024;
/// How long a terminal is watched, and its ring kept, after its last viewer left.
pub const LINGER: Duration = Duration::from_secs(30);
/// Bytes that may be on their way to a viewer beyond what it acknowledged. A viewer that is further behind than this gets no
/// more; one that falls out of the ring gets a snapshot.
pub const WINDOW_BYTES: u64 = 512 << 10;
/// Bytes of one data frame, and at most as many are read from a terminal at a time: such a frame, sealed, fits one parcel.
pub const FRAME_BYTES: usize = 63 << 10;
/// Bytes of one snapshot. A backend drops the oldest history to stay below.
pub const SNAPSHOT_BYTES: usize = 8 << 20;
/// Lines of history in a snapshot.
pub const SNAPSHOT_HISTORY_LINES: u32 = 10_000;

/// Bytes of one numbered input.
pub const INPUT_CHUNK_BYTES: usize = 16 << 10;
/// Input bytes of one stream that are not acknowledged.
pub const INPUT_WINDOW_BYTES: usize = 64 << 10;
/// Viewers whose input numbers a terminal remembers.
pub const INPUT_MEMORY: usize = 64;
/// How long a terminal remembers the input numbers of a viewer that is gone.
pub const INPUT_MEMORY_TIME: Duration = Duration::from_secs(3_600);
/// Bytes of a text that is pasted by a command.
pub const PASTE_BYTES: usize = 2 << 20;
/// Texts that wait for one agent.
pub const QUEUE_TEXTS: usize = 100;
/// Bytes of the texts that wait for one agent: any text that can be pasted can be queued.
pub const QUEUE_BYTES: usize = PASTE_BYTES;
/// Bytes of all texts that wait on one node.
pub const QUEUES_BYTES: usize = 32 << 20;

/// Characters of an agent's name.
pub const NAME_CHARS: usize = 100;
/// Bytes of an agent's notes.
pub const NOTES_BYTES: usize = 256 << 10;
/// Tags of an agent, and characters of one.
pub const TAGS: usize = 32;
/// Characters of one tag.
pub const TAG_CHARS: usize = 40;
/// Arguments of a program.
pub const ARGUMENTS: usize = 256;
/// Words of a command line that is started: the program, its arguments, and what is added to go on with a conversation.
pub const STARTED_WORDS: usize = ARGUMENTS + 17;
/// Environment variables of an agent.
pub const VARIABLES: usize = 256;
/// Bytes of all variables together that an agent gets from the shell that created it.
pub const CALLER_BYTES: usize = 128 << 10;
/// Bytes of a directory, a program, an argument or a variable.
pub const TEXT_BYTES: usize = 16 << 10;
/// Directories that are listed of one directory.
pub const DIRECTORY_ENTRIES: usize = 2_000;
/// Agent programs that are known by name.
pub const PROGRAMS: usize = 100;
/// Characters of a line that is quoted as the reason of a state.
pub const QUOTE_CHARS: usize = 120;
/// Bytes of the id of a conversation of an agent program.
pub const SESSION_ID_BYTES: usize = 128;
/// Bytes of the path of the file that a program keeps a conversation in.
pub const TRANSCRIPT_BYTES: usize = 4 << 10;
/// A hook that reports shortly before its program is seen in the terminal is of that program: tmux is asked once a second what runs.
pub const HOOK_LEAD: Duration = Duration::from_secs(2);
/// Characters of what a question is about.
pub const DETAIL_CHARS: usize = 600;
/// Choices of a question.
pub const CHOICES: usize = 16;
/// Characters kept of a title or a running command.
pub const TITLE_CHARS: usize = 256;

/// After bytes were skipped, snapshots carry only [`FLOOD_HISTORY_LINES`] until nothing was skipped for this long; then the full
/// history follows.
pub const FLOOD_TIME: Duration = Duration::from_secs(1);
/// Lines of history in a snapshot during a flood.
pub const FLOOD_HISTORY_LINES: u32 = 200;
/// A viewer's typing is told at most this often.
pub const TYPED_EVENT_TIME: Duration = Duration::from_secs(60);

/// An agent counts as printing for this long after its last output.
pub const PRINTING_TIME: Duration = Duration::from_secs(3);
/// A program that has printed nothing for this long has drawn what it draws: its screen is read. Above a second, as tmux is asked for
/// activity once a second.
pub const SETTLE_TIME: Duration = Duration::from_millis(1_100);
/// After a sign of activity more may be printed for this long without another sign: tmux gives its time in whole seconds.
pub const ACTIVITY_TIME: Duration = Duration::from_millis(1_050);
/// The screen of a program that prints again is read this soon.
pub const FIRST_READ_TIME: Duration = Duration::from_millis(400);
/// A question that is a guess is looked for once more after this long, and counts if it is still there.
pub const GUESS_TIME: Duration = Duration::from_millis(250);
/// Time between two looks at the screen of a program that goes on printing: at first, at most while it asks, at most otherwise. It doubles
/// as long as every look finds the same.
pub const READ_PACE: (Duration, Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(8));
/// A weaker signal that contradicts a stronger one counts if it is newer by more than this.
pub const SIGNAL_MARGIN: Duration = Duration::from_millis(500);
/// The same for a question or a failure on the screen, against a hook: the screen is read again after each.
pub const HOOK_MARGIN: Duration = Duration::from_millis(200);
/// The same for titles, which tmux is asked for once a second.
pub const TITLE_MARGIN: Duration = Duration::from_millis(1_500);
/// A question that was answered is not answered again for this long, unless it is another one.
pub const ANSWER_TIME: Duration = Duration::from_secs(3);
/// An agent is idle for this long before a queued text is typed: programs rest for a moment between two steps.
pub const QUEUE_SETTLE_TIME: Duration = Duration::from_secs(1);
/// A person who has typed into a terminal may go on typing for this long: no queued text goes between.
pub const PERSON_TIME: Duration = Duration::from_secs(10);
/// After a queued text was typed, the next one waits until the agent has worked, or for this long: some texts are no work.
pub const QUEUE_PAUSE: Duration = Duration::from_secs(10);
/// A queued text that was not typed after all is tried again after this long.
pub const QUEUE_AGAIN_TIME: Duration = Duration::from_secs(2);
/// After a text and Enter, the screen is read this often until the text has gone.
pub const CONFIRM_LOOK_TIME: Duration = Duration::from_millis(300);
/// Enter is pressed once more if a screen that stands still shows the text this long after.
pub const ENTER_AGAIN_TIME: Duration = Duration::from_millis(1_500);
/// A text that is on its line this long after the last Enter was not taken.
pub const CONFIRM_TIME: Duration = Duration::from_secs(5);
/// A long text is given this much more for each so many bytes of it, and at most that.
pub const CONFIRM_MORE: (Duration, usize, Duration) = (Duration::from_secs(1), 10 << 10, Duration::from_secs(20));
/// Characters by which a text is recognised on a program's line.
pub const CONFIRM_CHARS: usize = 24;
/// A hook that reported work is not believed any more when the terminal has printed nothing for this long.
pub const HOOK_TIME: Duration = Duration::from_secs(300);
/// A screen that was asked for is waited for this long before the state is decided without it.
pub const READ_TIME: Duration = Duration::from_secs(1);
/// How long a program has to open the place where an answer in words is written.
pub const OPEN_TIME: Duration = Duration::from_secs(3);
/// A program that is known, and that has been started, is waited for this long until it shows that it can be written to. Then it is
/// written to all the same: its rules may not know its present version.
pub const START_TIME: Duration = Duration::from_secs(45);
/// Output this soon after input or a change of the size is taken for an echo, not for work.
pub const ECHO_TIME: Duration = Duration::from_secs(2);
/// Output without longer pauses than [`WORK_PAUSE`] for at least this long is work, and its end is *done* until somebody looks.
pub const WORK_TIME: Duration = Duration::from_secs(5);
/// tmux tells of output in whole seconds and is asked once a second: work looks as if it paused this long.
pub const WORK_PAUSE: Duration = Duration::from_millis(2_500);
/// A program that draws itself anew regularly (a monitor, a clock) pauses at least and at most this long.
pub const REDRAW_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// Two pauses are as long as each other if they differ by no more than this.
pub const REDRAW_JITTER: Duration = Duration::from_millis(1_500);
/// A state that comes back within this time was only interrupted: it lasts since it first began.
pub const FLAP_TIME: Duration = Duration::from_secs(5);
/// An agent that ended by itself counts as wanted stopped only after this long: a machine that shuts down ends tmux a moment
/// before the node, and those agents shall start again.
pub const ENDED_TIME: Duration = Duration::from_secs(10);
/// How long agents have been in their states is written so long after a change, with all other changes since.
pub const AGES_STORE_TIME: Duration = Duration::from_secs(3);
/// After the start of a node, an agent that is found in the state of the node's former life within this time has been in it since then.
pub const FORMER_STATE_TIME: Duration = Duration::from_secs(15);
/// A change that nobody waits for and that could not be stored is stored again after this long.
pub const STORE_AGAIN_TIME: Duration = Duration::from_secs(30);
