//! Reads what programs show: which program it is, what its title says, what its screen asks. The words of vendors are in manifests
//! (`runtime-smol/agents/*.toml`), which the user may replace and add to; this module applies them.

mod generic;
mod lines;
pub(crate) mod load;
pub(crate) mod manifest;
#[cfg(test)]
mod noise_tests;
mod pattern;
mod rules;
#[cfg(test)]
mod tests;

use crate::hook::own::KnownSettings;
use consort_core::directory::StateKind;
use consort_core::directory::signal::{Composer, Reading, Report};
use consort_core::input::ScreenText;
use consort_core::{AgentView, TerminalId};
use load::Manifests;
use manifest::Manifest;
use rules::Found;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// The name of the rules for programs that nobody knows.
const GENERIC: &str = "";

/// What is known of a terminal when it is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Glance<'a> {
    /// The command in the foreground, and the program that the agent was made with, while it runs.
    pub(crate) command: &'a str,
    pub(crate) program: &'a str,
    pub(crate) title: &'a str,
    /// What the program was started with so that its hooks report.
    pub(crate) hooks: Option<&'a str>,
    /// A shell waits for commands there.
    pub(crate) shell: bool,
    pub(crate) cursor: (u16, u16),
    pub(crate) cursor_shown: bool,
    /// Rows of the screen.
    pub(crate) rows: u16,
}

/// Reads screens and titles.
#[derive(Debug)]
pub(crate) struct Screens {
    manifests: Manifests,
    /// Which program a terminal was found to run, with the command that it was found by.
    known: BTreeMap<TerminalId, (String, String)>,
    titles: BTreeMap<TerminalId, String>,
    /// The hooks in the user's own settings of programs.
    settings: KnownSettings,
}

impl Screens {
    pub(crate) fn new(manifests: Manifests) -> Self {
        Screens { manifests, known: BTreeMap::new(), titles: BTreeMap::new(), settings: KnownSettings::default() }
    }

    /// What the title of a terminal says now; `None`: it is the same title as before.
    pub(crate) fn title(&mut self, id: TerminalId, glance: &Glance<'_>) -> Option<Option<Report>> {
        let before = self.titles.get(&id).map_or("", String::as_str);
        if before == glance.title {
            return None;
        }
        self.titles.insert(id, glance.title.to_owned());
        let name = self.program(id, glance, None);
        Some(if glance.shell { None } else { title_says(self.manifests.get(&name), glance.title) })
    }

    /// What the screen of a terminal shows.
    pub(crate) fn read(
        &mut self,
        id: TerminalId,
        text: &ScreenText,
        cursor_shown: bool,
        glance: Glance<'_>,
    ) -> Reading {
        let glance = Glance { cursor: text.cursor, cursor_shown, rows: text.size.rows(), ..glance };
        self.manifests.refresh();
        let name = self.program(id, &glance, Some(&text.text));
        let manifest = self.manifests.get(&name);
        let hooks = match (manifest.filter(|manifest| manifest.hooks.is_some()), glance.hooks) {
            (None, _) => String::new(),
            (_, Some(added)) => format!("it was started with {added}"),
            (Some(manifest), None) => self.settings.described(manifest),
        };
        Reading { hooks: hooks.into(), ..read_with(manifest, text, &glance) }
    }

    /// Forgets terminals that are gone.
    pub(crate) fn retain(&mut self, exists: impl Fn(TerminalId) -> bool) {
        self.known.retain(|id, _| exists(*id));
        self.titles.retain(|id, _| exists(*id));
    }

    /// The name of the manifest for what runs in a terminal.
    fn program(&mut self, id: TerminalId, glance: &Glance<'_>, text: Option<&str>) -> String {
        if glance.shell || generic::is_reader(glance.command) {
            self.known.remove(&id);
            return GENERIC.to_owned();
        }
        if let Some((command, name)) = self.known.get(&id)
            && command == glance.command
        {
            return name.clone();
        }
        let Some(manifest) = self.manifests.identify(glance, text) else { return GENERIC.to_owned() };
        let name = manifest.name.clone();
        self.known.insert(id, (glance.command.to_owned(), name.clone()));
        name
    }
}

/// What is known of the terminal of an agent.
pub(crate) fn glance<'a>(agent: &'a AgentView<'_>, pane: u32) -> Option<Glance<'a>> {
    let info = agent.terminals.iter().find(|info| info.pane == pane)?;
    let runs = info.exit_code.is_none();
    // A shell that was given a script by the agent's own record asks as any other program does.
    let scripted = agent.program.is_some() && !agent.args.is_empty() && runs;
    Some(Glance {
        command: &info.command,
        program: agent.program.filter(|_| runs).map_or("", |program| script(program, agent.args).unwrap_or(program)),
        title: info.title.trim(),
        shell: info.shell && !scripted,
        ..Glance::default()
    })
}

/// Programs that run others' programs.
const INTERPRETERS: [&str; 6] = ["node", "bun", "deno", "python", "python3", "npx"];

/// What an interpreter runs, as in `node --no-warnings bundle/gemini.js`.
fn script<'a>(program: &str, args: &'a [String]) -> Option<&'a str> {
    script_at(program, args).map(|at| &*args[at])
}

/// Which of the arguments it is.
fn script_at(program: &str, args: &[String]) -> Option<usize> {
    let name = program.rsplit('/').next()?;
    INTERPRETERS.contains(&name).then(|| args.iter().position(|argument| !argument.starts_with('-')))?
}

fn title_says(manifest: Option<&Manifest>, title: &str) -> Option<Report> {
    if let Some(manifest) = manifest {
        let rule = manifest.titles.iter().find(|rule| rule.any.iter().any(|pattern| pattern.matches(title)))?;
        return Some(Report { kind: rule.state.kind(), why: rule.why.clone() });
    }
    let busy = title.chars().next().is_some_and(pattern::is_spinner);
    busy.then(|| Report { kind: StateKind::Working, why: "its title shows a spinner".to_owned() })
}

fn read_with(manifest: Option<&Manifest>, text: &ScreenText, glance: &Glance<'_>) -> Reading {
    let lines = lines::of(&text.text);
    let found = match manifest {
        Some(manifest) => rules::first(&manifest.rules, &lines),
        None => generic::read(&lines, glance),
    };
    let mut hasher = DefaultHasher::new();
    text.text.hash(&mut hasher);
    let mut reading = Reading {
        rules: manifest.map_or_else(String::new, |manifest| manifest.name.clone()),
        guessed: manifest.is_none(),
        digest: hasher.finish(),
        ..Reading::default()
    };
    reading.composer = manifest.and_then(|manifest| composer(manifest.composer.as_ref()?, &lines));
    match found {
        Some(Found::Asks(dialog)) => reading.dialog = Some(dialog),
        Some(Found::Says(report)) => reading.says = Some(report),
        None => {}
    }
    reading
}

/// What stands on the line for texts.
fn composer(place: &manifest::Composer, lines: &[lines::Line<'_>]) -> Option<Composer> {
    let line = match &place.above {
        None => {
            let prompt = lines.iter().rev().find_map(|line| line.bare.strip_prefix(&place.prompt))?;
            prompt.trim()
        }
        Some(below) => {
            let at = lines.iter().rposition(|line| below.matches(line.bare))?;
            // The line, and the empty ones around it.
            lines[..at].iter().rev().take(3).find(|line| !line.is_blank()).map_or("", |line| line.bare)
        }
    };
    let pasted = place.pasted.iter().any(|pattern| pattern.matches(line));
    Some(Composer { line: line.to_owned(), pasted })
}
