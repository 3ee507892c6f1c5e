//! Hooks in the user's own settings of a program: where they are, and which are missing.

use super::settings;
use crate::screens::manifest::{Hooks, Manifest};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a file that is ours as a whole says of itself.
pub(crate) const OURS: &str = "Written by Consort";
/// Bytes of settings that are read.
const MOST_BYTES: u64 = 4 << 20;
/// How long what was read holds.
const FRESH: Duration = Duration::from_secs(5);

/// The settings of one program.
#[derive(Clone, Debug)]
pub(crate) struct OwnSettings<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) hooks: &'a Hooks,
    pub(crate) file: PathBuf,
}

/// Whether the user's settings have our hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Installed {
    /// For all events.
    All,
    /// Not for these.
    Without(Vec<String>),
    No,
    /// The file cannot be read, and why.
    Unreadable(String),
}

impl<'a> OwnSettings<'a> {
    /// Where they are, with these variables; nothing if the program has no hooks.
    pub(crate) fn of(manifest: &'a Manifest, variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let hooks = manifest.hooks.as_ref()?;
        let file = hooks.install.iter().find_map(|path| located(path, &variable))?;
        Some(OwnSettings { manifest, hooks, file })
    }

    /// Whether a hook there is ours.
    pub(crate) fn is_ours(&self, entry: &str) -> bool {
        entry.contains("consort") && entry.contains(&format!(" hook {}", self.manifest.name))
    }

    /// The text of the file; empty if there is none.
    pub(crate) fn read(&self) -> io::Result<String> {
        match fs::read_to_string(&self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            read => read,
        }
    }

    /// What this text of the file has.
    pub(crate) fn installed_in(&self, text: &str) -> Installed {
        if !self.hooks.content.is_empty() {
            return if text.contains(OURS) && self.is_ours(text) { Installed::All } else { Installed::No };
        }
        match settings::events(text, |entry| self.is_ours(entry)) {
            Err(why) => Installed::Unreadable(why.0),
            Ok(events) if events.is_empty() => Installed::No,
            Ok(events) => {
                let missing: Vec<String> =
                    self.hooks.events.iter().filter(|event| !events.contains(event)).cloned().collect();
                if missing.is_empty() { Installed::All } else { Installed::Without(missing) }
            }
        }
    }

    /// How they are, for a person who asks why an agent is in its state, and the command that installs what is missing.
    fn described(&self) -> String {
        let file = self.file.display();
        let is_small = fs::metadata(&self.file).map_or(true, |data| data.len() <= MOST_BYTES);
        let installed = match self.read() {
            _ if !is_small => Installed::Unreadable("it is too large".to_owned()),
            Ok(text) => self.installed_in(&text),
            Err(error) => Installed::Unreadable(error.to_string()),
        };
        let install = format!("consort hooks install {}", self.manifest.name);
        match installed {
            Installed::All => {
                format!("its hooks are in {file}; a session that began before, or does not trust them, reports nothing")
            }
            Installed::Without(events) => {
                format!("in {file}, hooks for {} are missing; for sessions from now on: {install}", events.join(", "))
            }
            Installed::No => {
                format!("it was started without hooks, and none are in {file}; for sessions from now on: {install}")
            }
            Installed::Unreadable(why) => format!("{file} cannot be read: {}", why.trim_end_matches('.')),
        }
    }
}

/// What the settings of programs have, read anew now and then.
#[derive(Debug, Default)]
pub(crate) struct KnownSettings(BTreeMap<String, (Instant, String)>);

impl KnownSettings {
    /// How the hooks in the user's settings of this program are, for a person; empty if it can have none.
    pub(crate) fn described(&mut self, manifest: &Manifest) -> String {
        if let Some((at, known)) = self.0.get(&manifest.name)
            && at.elapsed() < FRESH
        {
            return known.clone();
        }
        let own = OwnSettings::of(manifest, |name| std::env::var_os(name));
        let described = own.map_or_else(String::new, |own| own.described());
        self.0.insert(manifest.name.clone(), (Instant::now(), described.clone()));
        described
    }
}

/// A path of a manifest (`$VARIABLE/…`, `~/…`) on this machine; nothing if its variable is not set.
fn located(path: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let (first, rest) = path.split_once('/')?;
    let folder = match first.strip_prefix('$') {
        Some(name) => variable(name).filter(|value| !value.is_empty())?,
        None if first == "~" => variable("HOME")?,
        None => return None,
    };
    let folder = Path::new(&folder);
    folder.is_absolute().then(|| folder.join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screens::load::Manifests;

    #[test]
    fn what_is_missing_is_named_with_the_command_that_installs_it() {
        let home = tempfile::tempdir().unwrap();
        let manifests = Manifests::new(None);
        let variable = |name: &str| (name == "HOME").then(|| home.path().into());
        let of = |name: &str| OwnSettings::of(manifests.get(name).unwrap(), variable).unwrap();
        let claude = of("claude");
        let file = claude.file.display().to_string();
        assert!(file.ends_with("/.claude/settings.json"), "{file}");
        let install = "for sessions from now on: consort hooks install claude";
        assert_eq!(claude.described(), format!("it was started without hooks, and none are in {file}; {install}"));

        fs::create_dir(home.path().join(".claude")).unwrap();
        let hook = r#"[{"hooks":[{"type":"command","command":"/usr/bin/consort hook claude"}]}]"#;
        let all = |events: &[String]| {
            let events: Vec<String> = events.iter().map(|event| format!("\"{event}\": {hook}")).collect();
            format!("{{\"hooks\": {{{}}}}}", events.join(", "))
        };
        let (last, others) = claude.hooks.events.split_last().unwrap();
        fs::write(&claude.file, all(others)).unwrap();
        assert_eq!(claude.described(), format!("in {file}, hooks for {last} are missing; {install}"));
        fs::write(&claude.file, all(&claude.hooks.events)).unwrap();
        assert!(claude.described().starts_with(&format!("its hooks are in {file}; ")));
        fs::write(&claude.file, "{").unwrap();
        assert!(claude.described().starts_with(&format!("{file} cannot be read: ")));

        // A file that is ours as a whole.
        let opencode = of("opencode");
        assert_eq!(opencode.installed_in("// mine"), Installed::No);
        let ours = "// Written by Consort\nconst HOOK = \"/usr/bin/consort hook opencode\"";
        assert_eq!(opencode.installed_in(ours), Installed::All);
    }
}
