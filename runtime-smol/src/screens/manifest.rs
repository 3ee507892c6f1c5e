//! What a program's screens and titles say, as data: one TOML file per program. The format is described in `docs/agents.md`.

use super::pattern::Pattern;
use consort_core::directory::StateKind;
use consort_core::directory::signal::QuestionKind;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Bytes of a manifest.
pub(crate) const MANIFEST_BYTES: usize = 64 << 10;
/// Rules, titles and commands of one manifest, and patterns of one rule.
const MOST: usize = 64;
/// Arguments that make a program go on with a conversation.
const MOST_RESUMING: usize = 16;
/// Lines that a rule may look at.
const MOST_LINES: usize = 100;

/// How one program is read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// A short name; a file of the user's with the same one replaces ours.
    pub(crate) name: String,
    /// What people call the program.
    pub(crate) title: String,
    /// Names of the program: as it is started, or as the system calls its process.
    #[serde(default)]
    pub(crate) commands: Vec<String>,
    /// The versions that it was made for, in words.
    #[serde(default)]
    pub(crate) versions: String,
    /// What gives the program away if its name does not (it runs in `node`).
    #[serde(default)]
    pub(crate) identify: Identify,
    /// What titles say; the first that matches counts.
    #[serde(default)]
    pub(crate) titles: Vec<Title>,
    /// How its hooks are set up.
    pub(crate) hooks: Option<Hooks>,
    /// How it goes on with a conversation.
    pub(crate) resume: Option<Resume>,
    /// What screens say; the first that matches counts.
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
    /// Its line for texts.
    pub(crate) composer: Option<Composer>,
}

/// Where a program shows what is written to it before Enter is pressed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Composer {
    /// Its first line: the last one on the screen that begins so.
    #[serde(default)]
    pub(crate) prompt: String,
    /// Or the last line with something in it above this one.
    pub(crate) above: Option<Pattern>,
    /// What stands for a text that was pasted.
    #[serde(default)]
    pub(crate) pasted: Vec<Pattern>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identify {
    #[serde(default)]
    pub(crate) titles: Vec<Pattern>,
    #[serde(default)]
    pub(crate) screen: Vec<Pattern>,
}

/// How the hooks of a program are set up. In `arguments` and `environment`, `{file}` is the file with the hooks in the state folder, and
/// `{folder}` the folder that it is below; in `content`, `{hook}` is the command as a JSON string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hooks {
    /// Go before the arguments of an agent that is started here.
    #[serde(default)]
    pub(crate) arguments: Vec<String>,
    /// Variables of an agent that is started here.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Nothing is added if the agent has one of these arguments already,
    #[serde(default)]
    pub(crate) unless: Vec<String>,
    /// or if this file exists.
    pub(crate) unless_file: Option<String>,
    /// The file's path below a folder of its own.
    pub(crate) file: String,
    /// The events that are hooked, in the form of a settings file;
    #[serde(default)]
    pub(crate) events: Vec<String>,
    /// or what the file says.
    #[serde(default)]
    pub(crate) content: String,
    /// How long the program waits for a hook, in its own unit.
    #[serde(default)]
    pub(crate) timeout: u32,
    /// Where the user's own file is: the first of these whose variable, if it names one (`$HOME_OF_IT/file`), is set.
    #[serde(default)]
    pub(crate) install: Vec<String>,
    /// What a person has to do after an installation.
    #[serde(default)]
    pub(crate) remark: String,
}

/// How a program is started so that it goes on with a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resume {
    /// Go before the arguments of an agent; `{id}` stands for the id of the conversation.
    pub(crate) arguments: Vec<String>,
    /// Nothing is added if the agent has one of these arguments.
    #[serde(default)]
    pub(crate) unless: Vec<String>,
    /// Where a conversation is found that no hook has reported.
    pub(crate) find: Option<Find>,
}

/// Files of conversations, each of which begins with a line of JSON. `id`, `directory` and `began` are paths of names in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Find {
    /// The first of these whose variable, if it names one (`$HOME_OF_IT/*.jsonl`), is set.
    pub(crate) files: Vec<String>,
    pub(crate) id: String,
    /// The directory, or the SHA-256 of its path in hexadecimal digits.
    pub(crate) directory: String,
    /// When it began: Unix milliseconds, or as `2026-11-30T19:16:44.292Z`.
    pub(crate) began: String,
    /// What else has to stand there.
    #[serde(default)]
    pub(crate) with: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Title {
    pub(crate) any: Vec<Pattern>,
    pub(crate) state: State,
    /// Why, for a person.
    pub(crate) why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// For people who read the file.
    pub(crate) name: String,
    pub(crate) state: State,
    #[serde(default)]
    pub(crate) kind: Kind,
    /// It looks at so many lines from the bottom; blank ones and frames do not count.
    #[serde(default = "most_lines")]
    pub(crate) lines: usize,
    /// It looks only at what is below this line: the `after_nth` one from the bottom.
    pub(crate) after: Option<Pattern>,
    #[serde(default = "one")]
    pub(crate) after_nth: usize,
    /// One of these is there.
    #[serde(default)]
    pub(crate) any: Vec<Pattern>,
    /// All of these are there.
    #[serde(default)]
    pub(crate) all: Vec<Pattern>,
    /// None of these is there.
    #[serde(default)]
    pub(crate) none: Vec<Pattern>,
    /// One of these is in the last lines.
    #[serde(default)]
    pub(crate) footer: Vec<Pattern>,
    #[serde(default = "footer_lines")]
    pub(crate) footer_lines: usize,
    /// The line that asks, above the choices; without one that matches, the paragraph above them.
    #[serde(default)]
    pub(crate) question: Vec<Pattern>,
    /// Where it says what the question is about.
    #[serde(default)]
    pub(crate) detail: Detail,
    /// How a numbered choice is made. Without it the rule needs no choices on the screen.
    pub(crate) choose: Option<Choose>,
    /// The choice that is highlighted has no mark in front of it: only its colour says so.
    #[serde(default)]
    pub(crate) unmarked: bool,
    /// The numbered choice with this label is where an answer in words is written,
    pub(crate) words: Option<Pattern>,
    /// or the one before the choice with this label.
    pub(crate) words_before: Option<Pattern>,
    /// Choices that are not numbered.
    #[serde(default)]
    pub(crate) keys: Vec<Key>,
    /// An answer can be typed.
    #[serde(default)]
    pub(crate) text: bool,
}

fn most_lines() -> usize {
    60
}

fn footer_lines() -> usize {
    3
}

fn one() -> usize {
    1
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Working,
    Waiting,
    Idle,
    Failed,
}

impl State {
    pub(crate) fn kind(self) -> StateKind {
        match self {
            State::Working => StateKind::Working,
            State::Waiting => StateKind::Waiting,
            State::Idle => StateKind::Idle,
            State::Failed => StateKind::Failed,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    #[default]
    Question,
    Permission,
    Plan,
    Trust,
    Login,
}

impl Kind {
    pub(crate) fn kind(self) -> QuestionKind {
        match self {
            Kind::Question => QuestionKind::Question,
            Kind::Permission => QuestionKind::Permission,
            Kind::Plan => QuestionKind::Plan,
            Kind::Trust => QuestionKind::Trust,
            Kind::Login => QuestionKind::Login,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Detail {
    #[default]
    None,
    /// Above the question, up to a frame.
    Above,
    /// Between the question and the choices.
    Between,
}

/// What is typed to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Choose {
    /// The digit.
    Digit,
    /// The digit moves, Enter chooses.
    DigitEnter,
    /// Arrows from the choice that is highlighted, then Enter.
    Arrows,
    /// The key in parentheses behind the choice: `(y)`, `(esc)`.
    Hotkey,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    pub(crate) key: String,
    pub(crate) label: String,
    /// What is typed; the key itself if nothing else is given.
    pub(crate) types: Option<String>,
    /// Only if this is on the screen.
    pub(crate) shown: Option<Pattern>,
    /// A click on these words, where they stand last, instead of keys: for buttons of which only a colour says which one Enter presses.
    pub(crate) click: Option<String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MANIFEST_BYTES {
            return Err(format!("a manifest has at most {} KiB", MANIFEST_BYTES >> 10));
        }
        let manifest: Manifest = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            let line = line.map_or_else(String::new, |line| format!("line {line}: "));
            format!("{line}{}", error.message())
        })?;
        manifest.checked()
    }

    fn checked(self) -> Result<Self, String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.chars().all(is_name) {
            return Err("`name` has 1 to 40 letters, digits and hyphens".into());
        }
        if self.commands.is_empty() && self.identify == Identify::default() {
            return Err("without `commands` and `identify` it belongs to no program".into());
        }
        if let Some(hooks) = &self.hooks {
            hooks.check().map_err(|why| format!("hooks: {why}"))?;
        }
        if let Some(resume) = &self.resume {
            resume.check().map_err(|why| format!("resume: {why}"))?;
        }
        if self.composer.as_ref().is_some_and(|composer| composer.prompt.is_empty() == composer.above.is_none()) {
            return Err("`composer` has either `prompt` or `above`".into());
        }
        for rule in &self.rules {
            rule.check().map_err(|why| format!("rule '{}': {why}", rule.name))?;
        }
        let lists = [self.commands.len(), self.titles.len(), self.rules.len(), self.identify.screen.len()];
        if lists.into_iter().any(|length| length > MOST) {
            return Err(format!("at most {MOST} commands, titles, rules and patterns"));
        }
        Ok(self)
    }
}

impl Hooks {
    fn check(&self) -> Result<(), String> {
        let is_below =
            |path: &str| !path.is_empty() && path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        if !is_below(&self.file) {
            return Err("`file` is a path below a folder of its own, as in plugin/consort.js".into());
        }
        if self.events.is_empty() == self.content.is_empty() {
            return Err("it needs `events` or `content`".into());
        }
        if self.events.len() > MOST || self.arguments.len() > MOST || self.environment.len() > MOST {
            return Err(format!("at most {MOST} events, arguments and variables"));
        }
        Ok(())
    }
}

impl Resume {
    fn check(&self) -> Result<(), String> {
        if !self.arguments.iter().any(|argument| argument.contains("{id}")) {
            return Err("`arguments` has {id} in it, as in [\"--resume\", \"{id}\"]".into());
        }
        if self.arguments.len() > MOST_RESUMING || self.unless.len() > MOST {
            return Err(format!("at most {MOST_RESUMING} arguments, and {MOST} in `unless`"));
        }
        let Some(find) = &self.find else { return Ok(()) };
        let is_placed = |file: &String| ["/", "~/", "$"].iter().any(|begin| file.starts_with(begin));
        if find.files.is_empty() || find.files.len() > MOST || !find.files.iter().all(is_placed) {
            return Err("`files` are paths that begin with /, ~/ or $NAME/".into());
        }
        let parts = find.files.iter().flat_map(|file| file.split('/'));
        if parts.into_iter().any(|part| part.matches('*').count() > 1) {
            return Err("a part of a path in `files` has at most one *".into());
        }
        if [&find.id, &find.directory, &find.began].iter().any(|path| path.is_empty()) || find.with.len() > MOST {
            return Err(format!("`id`, `directory` and `began` name members, and `with` has at most {MOST}"));
        }
        Ok(())
    }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        let lists = [&self.any, &self.all, &self.none, &self.footer, &self.question];
        if self.keys.iter().any(|key| key.click.as_ref().is_some_and(|words| words.is_empty() || key.types.is_some())) {
            return Err("a key has either `types` or `click`, which are the words to click on".into());
        }
        if lists.iter().any(|list| list.len() > MOST) || self.keys.len() > MOST {
            return Err(format!("at most {MOST} patterns of a kind"));
        }
        if self.lines == 0 || self.lines > MOST_LINES || self.footer_lines == 0 || self.after_nth == 0 {
            return Err(format!("`lines` is 1 to {MOST_LINES}, `footer_lines` and `after_nth` at least 1"));
        }
        if self.any.is_empty() && self.all.is_empty() && self.footer.is_empty() {
            return Err("it needs `any`, `all` or `footer`".into());
        }
        if self.choose.is_none() && (self.words.is_some() || self.words_before.is_some()) {
            return Err("`words` and `words_before` are for numbered choices (`choose`)".into());
        }
        let asks = self.choose.is_some() || !self.keys.is_empty() || self.text || !self.question.is_empty();
        if asks && self.state != State::Waiting {
            return Err("only a rule for `waiting` has a question and choices".into());
        }
        Ok(())
    }
}
