//! What agents that are started here get so that their hooks report: arguments, variables and a file in the state folder, by the manifest
//! of their program. The user's own files are left alone.

use super::command;
use crate::environment::Environment;
use crate::resume;
use crate::screens::load::Manifests;
use crate::screens::manifest::{Hooks, Manifest};
use consort_core::LaunchSpec;
use consort_core::directory::HOOKS_OFF;
use consort_core::input::StartInfo;
use serde_json::json;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The folder of the state directory with the files that programs are pointed to.
const FOLDER: &str = "hooks";

/// What programs get, and where their files are.
#[derive(Debug)]
pub(crate) struct Equipment {
    folder: PathBuf,
    state_dir: PathBuf,
    /// The program that hooks run: this one.
    consort: PathBuf,
    manifests: Mutex<Manifests>,
}

/// What is added to the command line and the environment of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Added {
    /// Arguments, and behind how many of its own they go.
    arguments: Vec<String>,
    at: usize,
    variables: Vec<(String, String)>,
}

impl Equipment {
    pub(crate) fn new(state_dir: &Path, consort: PathBuf, manifests: Manifests) -> Self {
        let folder = state_dir.join(FOLDER);
        Equipment { folder, state_dir: state_dir.to_owned(), consort, manifests: Mutex::new(manifests) }
    }

    /// The same launch in which its program goes on with its last conversation, if it has one, and what that is.
    pub(crate) fn resumed(&self, spec: &LaunchSpec, environment: &Environment) -> (LaunchSpec, StartInfo) {
        let manifest = {
            let mut manifests = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
            manifests.refresh();
            let found = spec.program.as_ref().and_then(|program| manifests.of_command(program, &spec.args));
            found.map(|(manifest, at)| (manifest.clone(), at))
        };
        let Some((manifest, at)) = manifest else { return (spec.clone(), StartInfo::default()) };
        let (args, start) = resume::resumed(&manifest, at, spec, environment);
        (LaunchSpec { args, ..spec.clone() }, start)
    }

    /// The same launch with what its program needs to report. `is_set` says whether it has a variable already. What stands in the way
    /// is logged: an agent starts without hooks as well.
    pub(crate) fn equipped(&self, spec: &LaunchSpec, is_set: impl Fn(&str) -> bool) -> LaunchSpec {
        let mut equipped = spec.clone();
        let Some(program) = &spec.program else { return equipped };
        let is_off = |(name, value): &(String, String)| (name.as_str(), value.as_str()) == HOOKS_OFF;
        if spec.env.iter().chain(&spec.caller).any(is_off) {
            return equipped;
        }
        let mut manifests = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        manifests.refresh();
        let Some((manifest, at)) = manifests.of_command(program, &spec.args) else { return equipped };
        let Some(hooks) = &manifest.hooks else { return equipped };
        let Some(added) = self.added(manifest, at, &spec.args, is_set) else { return equipped };
        if let Err(error) = self.write(manifest, hooks) {
            log::warn!("{} starts without hooks: {error}", manifest.title);
            return equipped;
        }
        equipped.args.splice(added.at..added.at, added.arguments);
        equipped.env.extend(added.variables);
        equipped
    }

    /// What is added to a program with these arguments, in words; nothing if nothing is.
    pub(crate) fn described(&self, program: &str, args: &[String], is_set: impl Fn(&str) -> bool) -> Option<String> {
        let manifests = self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        let (manifest, at) = manifests.of_command(program, args)?;
        let added = self.added(manifest, at, args, is_set)?;
        let variables = added.variables.iter().map(|(name, value)| format!("{name}={value}"));
        Some(variables.chain(added.arguments.iter().cloned()).collect::<Vec<_>>().join(" "))
    }

    fn added(&self, manifest: &Manifest, at: usize, args: &[String], is_set: impl Fn(&str) -> bool) -> Option<Added> {
        let hooks = manifest.hooks.as_ref()?;
        let given = |word: &String| {
            args.iter().any(|arg| arg == word || arg.strip_prefix(&**word).is_some_and(|rest| rest.starts_with('=')))
        };
        let taken = hooks.unless.iter().any(given)
            || hooks.unless_file.as_ref().is_some_and(|file| Path::new(file).exists())
            || hooks.environment.keys().any(|name| is_set(name));
        if taken || hooks.arguments.is_empty() && hooks.environment.is_empty() {
            return None;
        }
        let folder = self.folder.join(&manifest.name);
        let file = folder.join(&hooks.file);
        let filled = |text: &String| {
            text.replace("{file}", &file.to_string_lossy()).replace("{folder}", &folder.to_string_lossy())
        };
        Some(Added {
            arguments: hooks.arguments.iter().map(filled).collect(),
            at,
            variables: hooks.environment.iter().map(|(name, value)| (name.clone(), filled(value))).collect(),
        })
    }

    /// Writes a program's file, unless it is as it should be.
    fn write(&self, manifest: &Manifest, hooks: &Hooks) -> io::Result<()> {
        let file = self.folder.join(&manifest.name).join(&hooks.file);
        let content = content(hooks, &command(&self.consort, &manifest.name, Some(&self.state_dir)));
        if fs::read_to_string(&file).is_ok_and(|there| there == content) {
            return Ok(());
        }
        let folder = file.parent().unwrap_or(&self.folder);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let new = file.with_extension("new");
        fs::write(&new, content)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
        fs::rename(new, file)
    }
}

/// What a program's file of hooks says.
pub(crate) fn content(hooks: &Hooks, command: &str) -> String {
    if hooks.events.is_empty() {
        return hooks.content.replace("{hook}", &json!(command).to_string());
    }
    let events = hooks.events.iter().map(|event| (event.clone(), json!([entry(hooks, event, command)])));
    let events: serde_json::Map<_, _> = events.collect();
    format!("{:#}\n", json!({ "hooks": events }))
}

/// One hook in the form that programs with a settings file have in common.
pub(crate) fn entry(hooks: &Hooks, event: &str, command: &str) -> serde_json::Value {
    let hook = json!({ "type": "command", "command": command, "timeout": hooks.timeout });
    // What has no tools to choose from takes no matcher.
    let chooses = ["Tool", "Permission", "Notification"].iter().any(|part| event.contains(part));
    if chooses { json!({ "matcher": "*", "hooks": [hook] }) } else { json!({ "hooks": [hook] }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::directory::BackendKind;
    use consort_core::{AgentId, Size};

    fn spec(program: &str, args: &[&str], env: &[(&str, &str)]) -> LaunchSpec {
        LaunchSpec {
            agent: AgentId(7),
            backend: BackendKind::Pty,
            name: "a".into(),
            directory: "~".into(),
            program: Some(program.into()),
            args: args.iter().map(ToString::to_string).collect(),
            env: env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            caller: Vec::new(),
            size: Size::DEFAULT,
            last: None,
        }
    }

    fn equipped(spec: LaunchSpec) -> (Vec<String>, Vec<(String, String)>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let equipment = Equipment::new(folder.path(), "/opt/con sort".into(), Manifests::new(None));
        let is_set = |name: &str| spec.env.iter().any(|(known, _)| known == name);
        let equipped = equipment.equipped(&spec, is_set);
        (equipped.args, equipped.env, folder)
    }

    #[test]
    fn claude_code_gets_its_settings_before_its_own_arguments() {
        let (args, env, folder) = equipped(spec("/usr/bin/claude", &["--continue"], &[]));
        let file = folder.path().join("hooks/claude/settings.json");
        assert_eq!(args, ["--settings", file.to_str().unwrap(), "--continue"]);
        assert!(env.is_empty());
        let settings: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let command = settings["hooks"]["PermissionRequest"][0]["hooks"][0]["command"].as_str().unwrap();
        assert_eq!(command, format!("'/opt/con sort' hook claude --state-dir {}", folder.path().display()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn settings_of_the_user_s_own_are_left_alone() {
        for given in [&["--settings", "mine.json"][..], &["--settings=mine.json"]] {
            assert_eq!(equipped(spec("claude", given, &[])).0, given);
        }
        let off = equipped(spec("claude", &[], &[HOOKS_OFF]));
        assert!(off.0.is_empty());
        let env = [("GEMINI_CLI_SYSTEM_SETTINGS_PATH", "/mine")];
        assert_eq!(equipped(spec("gemini", &[], &env)).1.len(), 1);
    }

    #[test]
    fn a_script_of_an_interpreter_is_the_program() {
        let (args, env, folder) = equipped(spec("node", &["--no-warnings", "bundle/gemini.js", "-y"], &[]));
        assert_eq!(args, ["--no-warnings", "bundle/gemini.js", "-y"]);
        let file = folder.path().join("hooks/gemini/settings.json");
        assert_eq!(env, [("GEMINI_CLI_SYSTEM_SETTINGS_PATH".into(), file.to_str().unwrap().into())]);
        let (args, ..) = equipped(spec("node", &["cli/claude.js", "-c"], &[]));
        assert_eq!((&*args[0], &*args[1], args.len()), ("cli/claude.js", "--settings", 4));
    }

    #[test]
    fn opencode_s_plugin_has_the_command_in_it() {
        let manifests = Manifests::new(None);
        let manifest = manifests.get("opencode").unwrap();
        let hooks = manifest.hooks.as_ref().unwrap();
        let text = content(hooks, &command(Path::new("/opt/con \"sort"), "opencode", None));
        assert!(text.contains(r#"const HOOK = "'/opt/con \"sort' hook opencode""#), "{text}");
    }

    #[test]
    fn other_programs_and_shells_start_as_they_are() {
        for program in ["vim", "bash", "codex", "opencode"] {
            let (args, env, _) = equipped(spec(program, &["x"], &[]));
            assert_eq!((args, env.len()), (vec!["x".to_string()], 0));
        }
    }
}
