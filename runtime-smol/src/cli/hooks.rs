//! `consort hooks`: hooks in the user's own settings of agent programs, for sessions that Consort did not start.

use super::args::HooksCommand;
use super::failure::Failure;
use super::{output, state_dir, text};
use crate::hook::equip::{content, entry};
use crate::hook::own::{Installed, OURS, OwnSettings};
use crate::hook::{self, settings};
use crate::screens::load::{self, Manifests};
use crate::screens::manifest::{Hooks, Manifest};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What a back-up of a file is called.
const BACKUP: &str = "before-consort";

/// Does what is asked for.
pub(crate) fn run(command: &HooksCommand, state_dir: &Path) -> Result<(), Failure> {
    let manifests = Manifests::new(load::folder());
    let (name, yes) = match command {
        HooksCommand::Status { program } => (program.as_deref(), false),
        HooksCommand::Install { program, yes } | HooksCommand::Remove { program, yes } => (program.as_deref(), *yes),
    };
    let all: Vec<Place<'_>> = manifests.all().filter_map(|manifest| Place::of(manifest, state_dir)).collect();
    let known: Vec<&str> = all.iter().map(|place| place.manifest.name.as_str()).collect();
    let places: Vec<&Place<'_>> =
        all.iter().filter(|place| name.is_none_or(|name| name == place.manifest.name)).collect();
    if places.is_empty() {
        let name = text::one_line(name.unwrap_or_default());
        return Err(Failure::usage(format!("Consort knows no hooks for {name}."))
            .hint(format!("Choose one of: {}", known.join(", "))));
    }
    match command {
        HooksCommand::Status { .. } => {
            let lines: Vec<String> = places.iter().map(|place| place.status()).collect();
            output::line(&lines.join("\n"))
        }
        HooksCommand::Install { .. } => {
            // Without a name: of the programs that are used here.
            let used = places.into_iter().filter(|place| name.is_some() || place.is_used());
            change(used, yes, &INSTALL)
        }
        HooksCommand::Remove { .. } => change(places.into_iter(), yes, &REMOVE),
    }
}

/// A change of files: what a person is asked, and what holds when it is done.
struct Change {
    question: &'static str,
    done: &'static str,
    /// A program's file afterwards; `None`: there is none.
    after: fn(&Place<'_>, &str) -> Result<Option<String>, Failure>,
    /// What a program wants of a person then is said.
    has_remarks: bool,
}

const INSTALL: Change = Change {
    question: "Install these hooks?",
    done: "Sessions that are started from now on report what they do.",
    after: |place, before| place.with(before),
    has_remarks: true,
};
const REMOVE: Change = Change {
    question: "Remove these hooks?",
    done: "The hooks are removed. Sessions that run already may report until they end.",
    after: |place, before| place.without(before),
    has_remarks: false,
};

/// Changes files after a person has seen how.
fn change<'a>(places: impl Iterator<Item = &'a Place<'a>>, yes: bool, change: &Change) -> Result<(), Failure> {
    let mut changes = Vec::new();
    let mut failed = None;
    for place in places {
        let planned = place.read().and_then(|before| Ok(((change.after)(place, &before)?, before)));
        match planned {
            Ok((after, before)) if after.as_deref().unwrap_or_default() != before => {
                changes.push((place, before, after))
            }
            Ok(_) => {}
            // The files of other programs are changed all the same.
            Err(failure) => {
                if let Some(earlier) = failed.replace(failure) {
                    output::line(&earlier.to_string())?;
                }
            }
        }
    }
    if changes.is_empty() {
        return failed.map_or_else(|| output::line("There is nothing to change."), Err);
    }
    for (place, before, after) in &changes {
        output::line(&place.described(before, after.as_deref()))?;
    }
    let what = "This changes settings of other programs";
    output::confirm(yes, what, change.question, "Nothing was changed.")?;
    for (place, before, after) in &changes {
        place.write(before, after.as_deref())?;
        if !place.hooks.remark.is_empty() && change.has_remarks {
            output::line(&place.hooks.remark)?;
        }
    }
    output::done(change.done)?;
    failed.map_or(Ok(()), Err)
}

/// The settings of one program, and the command that hooks there run.
struct Place<'a> {
    manifest: &'a Manifest,
    hooks: &'a Hooks,
    file: PathBuf,
    own: OwnSettings<'a>,
    command: String,
}

impl<'a> Place<'a> {
    fn of(manifest: &'a Manifest, state_dir: &Path) -> Option<Self> {
        let own = OwnSettings::of(manifest, |name| std::env::var_os(name))?;
        // Where everybody looks for the node it need not be named.
        let elsewhere = state_dir::resolve(None).map_or(true, |usual| usual != state_dir);
        let consort = std::env::current_exe().unwrap_or_else(|_| "consort".into());
        let command = hook::command(&consort, &manifest.name, elsewhere.then_some(state_dir));
        Some(Place { manifest, hooks: own.hooks, file: own.file.clone(), own, command })
    }

    /// Its program has been used by this user.
    fn is_used(&self) -> bool {
        let below = self.hooks.file.matches('/').count() + 1;
        self.file.ancestors().nth(below).is_some_and(Path::is_dir)
    }

    fn is_ours(&self, entry: &str) -> bool {
        self.own.is_ours(entry)
    }

    /// Its text; empty if there is no file.
    fn read(&self) -> Result<String, Failure> {
        self.own.read().map_err(|error| Failure::new(format!("{} cannot be read: {error}.", self.file.display())))
    }

    fn unreadable(&self, why: &settings::Unreadable) -> Failure {
        Failure::new(format!("{} is left as it is: {}.", self.file.display(), why.0.trim_end_matches('.')))
            .hint("Mend the file, and try again.")
    }

    fn with(&self, before: &str) -> Result<Option<String>, Failure> {
        if !self.hooks.content.is_empty() {
            if !before.is_empty() && !before.contains(OURS) {
                let message = format!("{} is a file of yours and is left as it is.", self.file.display());
                return Err(Failure::new(message).hint("Give it another name, and try again."));
            }
            return Ok(Some(content(self.hooks, &self.command)));
        }
        let entries: Vec<_> =
            self.hooks.events.iter().map(|event| (event.clone(), entry(self.hooks, event, &self.command))).collect();
        settings::installed(before, &entries, |entry| self.is_ours(entry))
            .map(Some)
            .map_err(|why| self.unreadable(&why))
    }

    /// `None`: there is to be no file.
    fn without(&self, before: &str) -> Result<Option<String>, Failure> {
        if before.is_empty() {
            return Ok(None);
        }
        if !self.hooks.content.is_empty() {
            return Ok(Some(before.to_owned()).filter(|text| !text.contains(OURS)));
        }
        let after = settings::removed(before, |entry| self.is_ours(entry)).map_err(|why| self.unreadable(&why))?;
        if after == before {
            return Ok(Some(after));
        }
        // If nothing else has changed since, it becomes exactly what it was.
        if let Ok(backup) = fs::read_to_string(self.backup())
            && self.with(&backup)?.as_deref() == Some(before)
        {
            return Ok(Some(backup).filter(|backup| !backup.is_empty()));
        }
        Ok(Some(after))
    }

    fn backup(&self) -> PathBuf {
        let mut name = self.file.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(BACKUP);
        self.file.with_file_name(name)
    }

    /// What a change does, for a person.
    fn described(&self, before: &str, after: Option<&str>) -> String {
        let file = self.file.display();
        let count = |text: &str| settings::events(text, |entry| self.is_ours(entry)).map_or(0, |events| events.len());
        let (had, has) = (count(before), count(after.unwrap_or_default()));
        match after {
            None => format!("{}: removes {file}", self.manifest.title),
            Some(_) if !self.hooks.content.is_empty() => {
                format!("{}: writes {file}, which runs: {}", self.manifest.title, self.command)
            }
            Some(_) if has > 0 => format!(
                "{}: in {file}, hooks for {has} events ({}) run: {}",
                self.manifest.title,
                self.hooks.events.join(", "),
                self.command
            ),
            Some(_) => format!("{}: in {file}, {had} hooks are removed", self.manifest.title),
        }
    }

    fn status(&self) -> String {
        let file = self.file.display();
        let name = &self.manifest.name;
        let state = match self.read().map(|text| (self.own.installed_in(&text), text)) {
            Err(failure) => failure.to_string(),
            Ok((Installed::No, _)) => "not installed".to_owned(),
            Ok((Installed::Unreadable(why), _)) => format!("cannot be read: {why}"),
            Ok((Installed::Without(missing), _)) => {
                format!("not installed for {}: consort hooks install {name}", missing.join(", "))
            }
            Ok((Installed::All, text)) => match self.with(&text) {
                Ok(Some(after)) if after == text => "installed".to_owned(),
                _ if !self.hooks.content.is_empty() => "installed".to_owned(),
                _ => format!("of another version: consort hooks install {name}"),
            },
        };
        let own = if self.hooks.arguments.is_empty() && self.hooks.environment.is_empty() { "no" } else { "yes" };
        text::one_line(&format!("{name}: {state} ({file}); agents that Consort starts have hooks anyway: {own}"))
    }

    /// Replaces the file, with a back-up of what it was before our first change.
    fn write(&self, before: &str, after: Option<&str>) -> Result<(), Failure> {
        // Its program may have written to it while a person was asked.
        if self.read()? != before {
            let message = format!("{} has changed in the meantime and is left as it is.", self.file.display());
            return Err(Failure::new(message).hint("Try again."));
        }
        let failed = |error: io::Error| Failure::new(format!("{} cannot be written: {error}.", self.file.display()));
        let Some(after) = after else {
            let _ = fs::remove_file(self.backup());
            return fs::remove_file(&self.file).map_err(failed);
        };
        // A link stays one.
        let file = fs::canonicalize(&self.file).unwrap_or_else(|_| self.file.clone());
        let folder = file.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(failed)?;
        let has_ours = settings::events(before, |entry| self.is_ours(entry)).is_ok_and(|events| !events.is_empty());
        let mode = fs::metadata(&file).map_or(0o600, |data| data.permissions().mode() & 0o777);
        if self.hooks.content.is_empty() && !has_ours {
            create(&self.backup(), before, mode).map_err(failed)?;
        }
        let mut name: OsString = file.file_name().unwrap_or_default().to_owned();
        name.push(".consort-new");
        let new = file.with_file_name(name);
        create(&new, after, mode).and_then(|()| fs::rename(&new, &file)).map_err(|error| {
            let _ = fs::remove_file(&new);
            failed(error)
        })?;
        let has_none = settings::events(after, |entry| self.is_ours(entry)).is_ok_and(|events| events.is_empty());
        if self.hooks.content.is_empty() && has_none {
            let _ = fs::remove_file(self.backup());
        }
        Ok(())
    }
}

/// Writes a file that nobody may read who may not read what it is made from.
fn create(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
