//! The list of agents as a table for people, and as tab-separated lines for programs.

use super::api::{Agent, Machine};
use super::machine::label;
use super::style::{Paint, Style};
use super::text;
use std::cmp::Reverse;
use std::fmt::Write as _;

/// Columns that a title is worth showing in.
const TITLE_COLUMNS: usize = 8;
/// Columns of the widest directory and program.
const DIRECTORY_COLUMNS: usize = 40;
const PROGRAM_COLUMNS: usize = 16;
const GAP: &str = "  ";

/// The table: one line per agent, siblings together, the part of a name that is its group dimmed.
pub(crate) fn table(agents: &[Agent], machines: &[Machine], style: &Style) -> String {
    let agents = in_order(agents);
    let several_machines = agents.iter().any(|agent| agent.node != agents[0].node);
    let rows: Vec<Row> = agents.iter().map(|agent| Row::of(agent, machines, several_machines, style)).collect();
    let mut widths =
        std::array::from_fn(|column| rows.iter().map(|row| text::width(&row.cells[column].0)).max().unwrap_or(0));
    if let Some(width) = style.width {
        fit(&mut widths, width);
    }
    let mut out = String::new();
    for row in &rows {
        row.write(&widths, style, &mut out);
    }
    out
}

/// How many there are, and how many of them wait for somebody or cannot go on; what a machine does that is away is not known.
pub(crate) fn summary(agents: &[Agent], machines: &[Machine]) -> String {
    let away = |agent: &&Agent| machine_of(agent, machines).is_some_and(|machine| !machine.reachable);
    let unreachable = agents.iter().filter(away).count();
    let count = |kind| agents.iter().filter(|agent| !away(agent) && agent.state.kind == kind).count();
    let mut line = if agents.len() == 1 { "1 agent".to_string() } else { format!("{} agents", agents.len()) };
    let counts = [(count("waiting"), "waiting"), (count("failed"), "failed"), (unreachable, "out of reach")];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(line, ", {count} {what}");
    }
    line + "\n"
}

/// For programs: name, state, age of the state in seconds, program, directory, title, machine, whether that can be reached, and for how
/// many seconds it is so; tabs between, one agent per line. Whatever is added comes behind.
pub(crate) fn lines(agents: &[Agent], machines: &[Machine]) -> String {
    let mut out = String::new();
    for agent in in_order(agents) {
        let machine = machine_of(agent, machines);
        let whose = machine.map_or(agent.node.clone(), |machine| label(machine, machines));
        let reach = machine.map_or("", Machine::state);
        let since = machine.map_or(0, |machine| machine.since_ms / 1_000);
        let title = agent.active_terminal().map_or("", |terminal| &terminal.title);
        let directory = agent.directory.as_deref().unwrap_or_default();
        let (age, since) = ((agent.state.age_ms / 1_000).to_string(), since.to_string());
        let cells = [&agent.name, &agent.state.kind, &age, agent.command(), directory, title, &whose, reach, &since];
        let _ = writeln!(out, "{}", cells.map(text::one_line).join("\t"));
    }
    out
}

fn machine_of<'a>(agent: &Agent, machines: &'a [Machine]) -> Option<&'a Machine> {
    machines.iter().find(|machine| machine.id == agent.node)
}

/// Grouped agents by their groups, then those without one.
fn in_order(agents: &[Agent]) -> Vec<&Agent> {
    let mut agents: Vec<&Agent> = agents.iter().collect();
    agents.sort_by_key(|agent| (Reverse(!agent.path.is_empty()), &agent.path, &agent.leaf, &agent.name, &agent.id));
    agents
}

/// What stands in one line: cells of fixed width with their paint, and the title, which gets the rest.
struct Row {
    cells: [(String, Paint); Row::FIXED],
    /// Bytes of the name that are its group.
    group: usize,
    title: String,
}

impl Row {
    const FIXED: usize = 7;
    const NAME: usize = 1;
    const MACHINE: usize = 2;
    const KIND: usize = 3;
    const AGE: usize = 4;
    const PROGRAM: usize = 5;
    const DIRECTORY: usize = 6;

    fn of(agent: &Agent, machines: &[Machine], several_machines: bool, style: &Style) -> Self {
        let machine = machine_of(agent, machines);
        // What the agents of a machine that cannot be reached do is not known: since when it is away says more.
        let away = machine.filter(|machine| !machine.reachable);
        let (kind, age_ms) = match away {
            Some(machine) => ("unreachable", machine.since_ms),
            None => (agent.state.kind.as_str(), agent.state.age_ms),
        };
        let (symbol, paint) = symbol(kind, style.unicode);
        let home = machine.map_or("", |machine| &machine.home);
        let machine_name = match machine {
            Some(machine) if several_machines => label(machine, machines),
            None if several_machines => agent.node.get(..7).unwrap_or(&agent.node).into(),
            _ => String::new(),
        };
        let directory = text::tilde(agent.directory.as_deref().unwrap_or_default(), home);
        let name = text::one_line(&agent.name);
        let leaf = text::one_line(&agent.leaf);
        let group = if agent.path.is_empty() || !name.ends_with(&leaf) { 0 } else { name.len() - leaf.len() };
        let program = text::cut(&text::one_line(agent.command()), PROGRAM_COLUMNS, style.unicode);
        let directory = text::cut(&text::one_line(&directory), DIRECTORY_COLUMNS, style.unicode);
        Row {
            cells: [
                (symbol.into(), paint),
                (name, if away.is_some() { Paint::Dim } else { Paint::Bold }),
                (text::one_line(&machine_name), Paint::Plain),
                (text::one_line(kind), paint),
                (text::age(age_ms), Paint::Dim),
                (program, Paint::Plain),
                (directory, Paint::Dim),
            ],
            group,
            title: agent.active_terminal().map(|terminal| text::one_line(&terminal.title)).unwrap_or_default(),
        }
    }

    fn write(&self, widths: &[usize; Row::FIXED], style: &Style, out: &mut String) {
        let mut line = String::new();
        let mut used = 0;
        for (column, (cell, paint)) in self.cells.iter().enumerate() {
            if widths[column] == 0 {
                continue;
            }
            if used > 0 {
                line.push_str(gap(column));
                used += gap(column).len();
            }
            let shown = text::cut(cell, widths[column], style.unicode);
            let same = shown.bytes().zip(cell.bytes()).take_while(|(shown, whole)| shown == whole).count();
            let group = if column == Row::NAME { self.group.min(same) } else { 0 };
            let (group, rest) = shown.split_at(shown.floor_char_boundary(group));
            line.push_str(&style.paint(Paint::Dim, group));
            line.push_str(&style.paint(*paint, rest));
            line.push_str(&" ".repeat(widths[column] - text::width(&shown)));
            used += widths[column];
        }
        let room = style.width.map_or(usize::MAX, |width| width.saturating_sub(used + GAP.len()));
        if room >= TITLE_COLUMNS {
            line.push_str(GAP);
            line.push_str(&text::cut(&self.title, room, style.unicode));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Columns that a line takes up to its title.
fn total(widths: &[usize; Row::FIXED]) -> usize {
    let shown = widths.iter().enumerate().filter(|(_, width)| **width > 0);
    let total: usize = shown.map(|(column, width)| width + gap(column).len()).sum();
    total.saturating_sub(gap(0).len())
}

fn gap(column: usize) -> &'static str {
    if column == Row::NAME { " " } else { GAP }
}

/// Makes columns narrower, then leaves them out, until a line fits: first what says least.
fn fit(widths: &mut [usize; Row::FIXED], width: usize) {
    const SHRINK: [(usize, usize); 11] = [
        (Row::DIRECTORY, 16),
        (Row::NAME, 32),
        (Row::PROGRAM, 8),
        (Row::MACHINE, 8),
        (Row::DIRECTORY, 0),
        (Row::NAME, 16),
        (Row::PROGRAM, 0),
        (Row::AGE, 0),
        (Row::MACHINE, 0),
        (Row::KIND, 0),
        (Row::NAME, 0),
    ];
    for (column, least) in SHRINK {
        let excess = total(widths).saturating_sub(width);
        if excess == 0 {
            return;
        }
        // What is left out takes its gap along; a column is either worth showing or left out.
        let narrower = widths[column].saturating_sub(excess);
        widths[column] = if least == 0 && column != Row::NAME { 0 } else { narrower.max(least).min(widths[column]) };
    }
}

/// The symbol of a state, as near to the dashboard's as characters are, and its paint.
pub(super) fn symbol(kind: &str, unicode: bool) -> (&'static str, Paint) {
    let (symbol, ascii, paint) = match kind {
        "working" => ("►", "*", Paint::Green),
        "waiting" => ("◆", "!", Paint::Yellow),
        "failed" => ("▲", "!", Paint::Red),
        "done" => ("✓", "+", Paint::Cyan),
        "idle" => ("○", "-", Paint::Plain),
        "exited" => ("✕", "x", Paint::Red),
        "unreachable" => ("◌", "?", Paint::Yellow),
        _ => ("◌", "?", Paint::Dim),
    };
    (if unicode { symbol } else { ascii }, paint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::api::{AgentState, Terminal};

    const PLAIN: Style = Style { colour: false, unicode: true, width: Some(80), height: Some(24) };

    fn agent(name: &str, kind: &str, age_ms: u64, title: &str) -> Agent {
        let place = consort_core::directory::place(name);
        Agent {
            id: format!("id-of-{name}"),
            node: "n".into(),
            name: name.into(),
            path: place.path.iter().map(ToString::to_string).collect(),
            leaf: place.leaf.into(),
            state: AgentState { kind: kind.into(), age_ms, ..AgentState::default() },
            program: Some("/usr/bin/claude".into()),
            directory: Some("/home/me/zoom".into()),
            terminals: vec![Terminal { title: title.into(), active: true, ..Terminal::default() }],
            ..Agent::default()
        }
    }

    fn machines() -> Vec<Machine> {
        let laptop = Machine { home: "/home/me".into(), own: true, reachable: true, ..Machine::named("n", "laptop") };
        let away = Machine { since_ms: 240_000, ..Machine::named("m", "server") };
        vec![laptop, away]
    }

    fn without_colour(coloured: &str) -> String {
        let parts = coloured.split('\x1b').enumerate();
        parts.map(|(at, part)| if at == 0 { part } else { part.split_once('m').unwrap().1 }).collect()
    }

    #[test]
    fn siblings_stand_together_and_columns_are_aligned() {
        let agents = [
            agent("scratch", "idle", 7_200_000, ""),
            agent("customers-zoom-backend", "working", 12_000, "✳ Fix the build"),
            agent("customers-bank", "waiting", 180_000, "Allow?\x1b[31m"),
        ];
        let expected = "\
◆ customers-bank          waiting  3m   claude  ~/zoom  Allow? [31m
► customers-zoom-backend  working  12s  claude  ~/zoom  ✳ Fix the build
○ scratch                 idle     2h   claude  ~/zoom
";
        assert_eq!(table(&agents, &machines(), &PLAIN), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_because_of_a_title() {
        let agents = [agent("a-b", "idle", 0, &"日本語".repeat(40))];
        for width in 50..100 {
            let table = table(&agents, &machines(), &Style { width: Some(width), ..PLAIN });
            assert!(table.lines().all(|line| text::width(line) <= width), "{width}: {table}");
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_because_of_a_name() {
        let mut agents = [agent("a-b", "idle", 0, "t"), agent(&"very-".repeat(19), "waiting", 0, "日本語")];
        agents[0].node = "another".into();
        agents[1].directory = Some("/somewhere/".repeat(9));
        for width in 1..120 {
            for colour in [false, true] {
                let table = table(&agents, &machines(), &Style { width: Some(width), colour, ..PLAIN });
                let plain = without_colour(&table);
                assert!(plain.lines().all(|line| text::width(line) <= width), "{width}: {table}");
            }
        }
        let table = table(&agents, &machines(), &Style { width: Some(60), ..PLAIN });
        assert!(table.contains("very-very") && table.contains('…') && table.contains("waiting"), "{table}");
        assert!(lines(&agents, &machines()).contains(&"very-".repeat(19)), "for programs nothing is cut");
    }

    #[test]
    fn with_several_machines_each_line_says_which() {
        let mut agents = [agent("a", "idle", 0, ""), agent("b", "idle", 0, "")];
        agents[1].node = "other12345".into();
        let table = table(&agents, &machines(), &PLAIN);
        assert!(table.contains("laptop") && table.contains("other12 "), "{table}");
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let agents = [agent("a-b-c", "done", 0, "t"), agent("d", "exited", 0, "")];
        let coloured = table(&agents, &machines(), &Style { colour: true, ..PLAIN });
        assert_eq!(without_colour(&coloured), table(&agents, &machines(), &PLAIN));
        assert!(coloured.contains("\x1b[2ma-b-\x1b[0m\x1b[1mc\x1b[0m"), "{coloured:?}");
    }

    #[test]
    fn a_terminal_without_utf8_gets_ascii_symbols() {
        let ascii = Style { unicode: false, ..PLAIN };
        assert!(table(&[agent("a", "working", 0, "")], &machines(), &ascii).is_ascii());
    }

    #[test]
    fn programs_get_tabs_and_words() {
        let mut agents = [agent("a-b", "working", 61_000, "one\ttwo"), agent("far", "idle", 0, "")];
        agents[1].node = "m".into();
        let expected = "\
a-b\tworking\t61\tclaude\t/home/me/zoom\tone two\tlaptop\there\t0
far\tidle\t0\tclaude\t/home/me/zoom\t\tserver\tunreachable\t240
";
        assert_eq!(lines(&agents, &machines()), expected);
    }

    #[test]
    fn agents_of_a_machine_that_is_away_are_marked_with_since_when() {
        let mut agents = [agent("near", "working", 12_000, ""), agent("far", "working", 12_000, "")];
        agents[1].node = "m".into();
        let expected = "\
◌ far   server  unreachable  4m   claude  /home/me/zoom
► near  laptop  working      12s  claude  ~/zoom
";
        assert_eq!(table(&agents, &machines(), &PLAIN), expected);
    }

    #[test]
    fn machines_of_one_name_are_told_apart_for_people_and_for_programs() {
        let mut agents = [agent("a", "idle", 0, ""), agent("b", "idle", 0, "")];
        agents[1].node = "m".into();
        let machines: Vec<Machine> =
            machines().into_iter().map(|machine| Machine { name: "srv".into(), ..machine }).collect();
        let (table, lines) = (table(&agents, &machines, &PLAIN), lines(&agents, &machines));
        for shown in ["srv·n", "srv·m"] {
            assert!(table.contains(shown) && lines.contains(shown), "{table}{lines}");
        }
    }

    #[test]
    fn the_last_line_counts_who_is_there_waits_and_is_out_of_reach() {
        let mut agents = [agent("a", "waiting", 0, ""), agent("b", "waiting", 0, ""), agent("c", "idle", 0, "")];
        agents[1].node = "m".into();
        assert_eq!(summary(&agents, &machines()), "3 agents, 1 waiting, 1 out of reach\n");
        assert_eq!(summary(&agents[2..], &machines()), "1 agent\n");
        assert_eq!(summary(&[agent("a", "failed", 0, "")], &machines()), "1 agent, 1 failed\n");
    }
}
