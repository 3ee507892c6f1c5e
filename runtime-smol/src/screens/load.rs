//! The manifests in use: ours, and the user's from `~/.config/consort/agents`, which are read again when they change.

use super::Glance;
use super::manifest::{MANIFEST_BYTES, Manifest};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Ours.
pub(crate) const BUILT_IN: [(&str, &str); 10] = [
    ("claude.toml", include_str!("../../agents/claude.toml")),
    ("codex.toml", include_str!("../../agents/codex.toml")),
    ("gemini.toml", include_str!("../../agents/gemini.toml")),
    ("opencode.toml", include_str!("../../agents/opencode.toml")),
    ("aider.toml", include_str!("../../agents/aider.toml")),
    ("qwen.toml", include_str!("../../agents/qwen.toml")),
    ("copilot.toml", include_str!("../../agents/copilot.toml")),
    ("amp.toml", include_str!("../../agents/amp.toml")),
    ("cursor.toml", include_str!("../../agents/cursor.toml")),
    ("goose.toml", include_str!("../../agents/goose.toml")),
];
/// Files of the user's that are read.
const FILES: usize = 100;
/// How often it is looked whether they have changed.
const LOOK: Duration = Duration::from_secs(2);

/// The user's files with when they were changed last.
type Stamps = BTreeMap<PathBuf, Option<SystemTime>>;

#[derive(Debug)]
pub(crate) struct Manifests {
    all: BTreeMap<String, Manifest>,
    folder: Option<PathBuf>,
    stamps: Stamps,
    looked: Option<Instant>,
}

impl Manifests {
    /// Ours, and those in this folder.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        let mut manifests = Manifests { all: built_in(), folder, stamps: Stamps::new(), looked: None };
        manifests.refresh();
        manifests
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Manifest> {
        self.all.get(name)
    }

    /// Reads the user's files again if any has changed. One that is wrong leaves what was there before, and a warning.
    pub(crate) fn refresh(&mut self) {
        let Some(folder) = &self.folder else { return };
        let now = Instant::now();
        if self.looked.is_some_and(|at| now - at < LOOK) {
            return;
        }
        self.looked = Some(now);
        let stamps = stamps(folder);
        if stamps == self.stamps {
            return;
        }
        let mut all = built_in();
        for path in stamps.keys() {
            match read(path) {
                Ok(manifest) => drop(all.insert(manifest.name.clone(), manifest)),
                Err(why) => {
                    log::warn!("{}: {why}; see: consort agents check", path.display());
                    // What this file said last goes on.
                    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                    if let Some(before) = self.all.remove(name) {
                        all.insert(name.to_owned(), before);
                    }
                }
            }
        }
        (self.all, self.stamps) = (all, stamps);
    }

    /// As if it had not been looked for long.
    #[cfg(test)]
    pub(crate) fn look_now(&mut self) {
        self.looked = None;
        self.refresh();
    }

    /// All, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Manifest> {
        self.all.values()
    }

    /// The manifest of a command line, and how many of its arguments belong to the interpreter that runs the program.
    pub(crate) fn of_command(&self, program: &str, args: &[String]) -> Option<(&Manifest, usize)> {
        match super::script_at(program, args) {
            Some(at) => Some((self.named(&args[at])?, at + 1)),
            None => Some((self.named(program)?, 0)),
        }
    }

    /// The manifest of a program, by its name or path.
    fn named(&self, name: &str) -> Option<&Manifest> {
        let path = Path::new(name);
        let script = path.extension().is_some_and(|end| ["js", "mjs", "cjs", "py"].iter().any(|known| end == *known));
        let name = if script { path.file_stem() } else { path.file_name() };
        let name = name.and_then(|name| name.to_str()).unwrap_or_default();
        self.all.values().find(|manifest| manifest.commands.iter().any(|command| command == name))
    }

    /// The manifest of what runs in a terminal: by its name, else by what its title or its screen gives away.
    pub(super) fn identify(&self, glance: &Glance<'_>, text: Option<&str>) -> Option<&Manifest> {
        if let Some(manifest) = self.named(glance.command).or_else(|| self.named(glance.program)) {
            return Some(manifest);
        }
        let titled =
            |manifest: &&Manifest| manifest.identify.titles.iter().any(|pattern| pattern.matches(glance.title));
        let by_title = self.all.values().find(|manifest| !glance.title.is_empty() && titled(manifest));
        let lines = text.map(super::lines::of).unwrap_or_default();
        let shown = |manifest: &&Manifest| {
            lines.iter().any(|line| manifest.identify.screen.iter().any(|pattern| pattern.matches(line.bare)))
        };
        by_title.or_else(|| self.all.values().find(shown))
    }
}

fn built_in() -> BTreeMap<String, Manifest> {
    // A test reads all of them.
    let ours = BUILT_IN.iter().filter_map(|(_, text)| Manifest::parse(text).ok());
    ours.map(|manifest| (manifest.name.clone(), manifest)).collect()
}

fn stamps(folder: &Path) -> Stamps {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.take(FILES).map(|path| (path.clone(), fs::metadata(path).and_then(|data| data.modified()).ok())).collect()
}

/// Reads one file.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(path: &Path) -> Result<Manifest, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    file.take(MANIFEST_BYTES as u64 + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Manifest::parse(&text)
}

/// Where the user's manifests are.
pub(crate) fn folder() -> Option<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let config = config.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")))?;
    Some(config.join("consort").join("agents"))
}
