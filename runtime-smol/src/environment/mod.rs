//! The environment of agents: that of the user's login shell, without marks of what is around the node, with what an agent has
//! of its own.

mod frames;
pub mod helper;
mod login;
pub mod names;
mod probe;
mod programs;
mod variables;

pub use login::Question;
pub use variables::VariablesError;

use crate::hook::equip::Equipment;
use crate::screens::load::{self, Manifests};
use consort_core::LaunchSpec;
use consort_core::input::{Programs, StartInfo};
use consort_web::environment::{EnvironmentReport, LoginReport};
use login::Login;
pub use programs::ProgramLists;
use programs::Versions;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use variables::Variables;

/// Variables by name.
pub type Environment = BTreeMap<OsString, OsString>;

/// Where programs are looked for if nobody says.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Browsers show UTF-8; a program that is told of no encoding would print ASCII.
const DEFAULT_LANG: &str = if cfg!(target_os = "macos") { "en_US.UTF-8" } else { "C.UTF-8" };
/// The folder of the state directory with environments that wait for their programs.
const FOLDER: &str = "launch";

/// What agents of this node are started with. Clones are the same.
#[derive(Clone, Debug)]
pub struct Environments(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    question: Question,
    folder: PathBuf,
    login: Mutex<Option<Arc<Login>>>,
    known: Condvar,
    variables: Variables,
    versions: Versions,
    equipment: Equipment,
    /// One at a time.
    asking: Mutex<()>,
    stop: AtomicBool,
}

impl Environments {
    /// Asks the login shell in the background; who needs the answer waits for it. Environments on their way to a program are
    /// kept in `state_dir`.
    ///
    /// # Errors
    /// There is no thread, or no folder, or the user's variables cannot be read.
    pub fn ask(question: Question, state_dir: &Path) -> Result<Self, EnvironmentError> {
        let environments = Environments::new(question, state_dir, Manifests::new(load::folder()))?;
        let asking = environments.clone();
        std::thread::Builder::new().name("login shell".into()).spawn(move || asking.reload())?;
        Ok(environments)
    }

    /// Agents get these variables, and no shell is asked.
    ///
    /// # Errors
    /// As for [`ask`](Self::ask).
    pub fn fixed(
        variables: Vec<(OsString, OsString)>,
        helper: PathBuf,
        state_dir: &Path,
    ) -> Result<Self, EnvironmentError> {
        let environment = variables.iter().filter(|(name, _)| !name.to_str().is_some_and(names::is_stripped));
        let environment = environment.cloned().collect();
        let question = Question { helper, node: variables, times: (Duration::ZERO, Duration::ZERO) };
        let environments = Environments::new(question, state_dir, Manifests::new(None))?;
        *environments.login() = Some(Arc::new(Login { environment, report: LoginReport::default() }));
        Ok(environments)
    }

    fn new(question: Question, state_dir: &Path, manifests: Manifests) -> Result<Self, EnvironmentError> {
        let folder = state_dir.join(FOLDER);
        // What a former life of the node has left there, nobody will ask for.
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let equipment = Equipment::new(state_dir, question.helper.clone(), manifests);
        Ok(Environments(Arc::new(Inner {
            equipment,
            question,
            folder,
            login: Mutex::default(),
            known: Condvar::new(),
            variables: Variables::load(state_dir)?,
            versions: Versions::default(),
            asking: Mutex::default(),
            stop: AtomicBool::new(false),
        })))
    }

    /// Asks the login shell again; agents that are started from now on get what it says.
    pub fn reload(&self) {
        let _asking = self.0.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let login = Arc::new(login::ask(&self.0.question, &self.0.stop));
        *self.login() = Some(login);
        self.0.known.notify_all();
    }

    /// The node is stopping: a shell that is being asked is ended. Returns when it is.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
        drop(self.0.asking.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What the login shell said last, and what the user has set, without values.
    #[must_use]
    pub fn report(&self) -> EnvironmentReport {
        let shell = self.login().as_ref().map(|login| login.report.clone());
        EnvironmentReport { shell, variables: self.0.variables.report() }
    }

    /// The value of a variable that the user has set for all agents.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        self.0.variables.get(name)
    }

    /// Sets a variable for all agents that are started from now on, or removes it. Returns whether it was there.
    ///
    /// # Errors
    /// It cannot be stored; then everything is as before.
    pub fn set_variable(&self, name: &str, value: Option<&str>) -> io::Result<bool> {
        self.0.variables.set(name, value)
    }

    /// Of the variables of a shell on this machine, those that an agent gets which is created from there: its `PATH`, and what the
    /// login shell does not have, or has otherwise. Waits for the login shell's first answer.
    #[must_use]
    pub fn handed_over(&self, caller: Vec<(String, String)>) -> Vec<(String, String)> {
        let login = self.wait();
        let known = |name: &str| login.as_ref().and_then(|login| login.environment.get(OsStr::new(name)));
        let wanted = |(name, value): &(String, String)| {
            let new = name == "PATH" || known(name).is_none_or(|known| known != value.as_str());
            new && !names::is_stripped(name) && !names::is_of_a_moment(name)
        };
        caller.into_iter().filter(wanted).collect()
    }

    fn login(&self) -> MutexGuard<'_, Option<Arc<Login>>> {
        self.0.login.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the first answer, which has a time limit.
    fn wait(&self) -> Option<Arc<Login>> {
        let waited = self.0.known.wait_timeout_while(self.login(), login::LONGEST * 2, |login| login.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Everything that an agent is started with: its program goes on with its last conversation, if it has one, and has what it needs for
    /// its hooks to report, unless its user has something in that place. Waits for the login shell's first answer.
    #[must_use]
    pub fn prepared(&self, spec: &LaunchSpec) -> Equipped {
        let mut environment = self.of(spec);
        let (resumed, start) = self.0.equipment.resumed(spec, &environment);
        let spec = self.0.equipment.equipped(&resumed, |name| environment.contains_key(OsStr::new(name)));
        let added = spec.env.iter().skip(resumed.env.len());
        environment.extend(added.map(|(name, value)| (name.into(), value.into())));
        if let Some(session) = &start.session {
            let (name, id, command) = (&spec.name, &session.id, start.command.join(" "));
            log::info!("{name} goes on with the conversation {id}: {}", command.escape_debug());
        }
        Equipped { spec, environment, start }
    }

    /// What a start would do: whether the agent's program goes on with its last conversation. Waits for the login shell's first answer.
    #[must_use]
    pub fn start_of(&self, spec: &LaunchSpec) -> StartInfo {
        self.0.equipment.resumed(spec, &self.of(spec)).1
    }

    /// What a program of an agent is started with so that its hooks report, in words; nothing if nothing is added.
    pub(crate) fn hooks_of(&self, program: &str, args: &[String]) -> Option<String> {
        let login = self.login().clone();
        let machine = self.0.variables.all();
        let is_set = |name: &str| {
            machine.iter().any(|(known, _)| known == name)
                || login.as_ref().is_some_and(|login| login.environment.contains_key(OsStr::new(name)))
        };
        self.0.equipment.described(program, args, is_set)
    }

    /// The environment of an agent, but for what depends on its terminal. Waits for the login shell's first answer.
    #[must_use]
    pub fn of(&self, spec: &LaunchSpec) -> Environment {
        let login = self.wait().map(|login| login.environment.clone()).unwrap_or_default();
        composed(login, self.added(spec))
    }

    /// Which known agent programs agents find. Waits for the login shell's first answer, and for no program.
    #[must_use]
    pub fn programs(&self) -> Programs {
        let login = self.wait().map(|login| login.environment.clone()).unwrap_or_default();
        let machine = self.0.variables.all().into_iter().map(|(name, value)| (name.into(), value.into()));
        self.0.versions.report(&composed(login, machine.collect()))
    }

    /// What an agent gets beside that of the login shell. Later ones win: of the shell that it was created from, for all agents, its own,
    /// who it is.
    pub(crate) fn added(&self, spec: &LaunchSpec) -> Environment {
        let machine = self.0.variables.all();
        let named = [("CONSORT_AGENT_ID", spec.agent.to_string()), ("CONSORT_AGENT_NAME", spec.name.clone())];
        let named = named.map(|(name, value)| (name.to_owned(), value));
        let all = spec.caller.iter().cloned().chain(machine).chain(spec.env.iter().cloned()).chain(named);
        all.map(|(name, value)| (name.into(), value.into())).collect()
    }

    /// Our own program, which hands environments over.
    pub(crate) fn helper(&self) -> &Path {
        &self.0.question.helper
    }

    /// Puts an environment where [`helper`] finds it, for one program.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn hand_over(&self, environment: &Environment) -> io::Result<Handover> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let path = self.0.folder.join(data_encoding::HEXLOWER.encode(&random));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let handover = Handover(Some(path));
        file.write_all(&[&login::encoded(environment)[..], helper::COMPLETE].concat())?;
        Ok(handover)
    }
}

/// What an agent is started with.
#[derive(Debug)]
pub struct Equipped {
    /// The launch, with the arguments and variables that were added.
    pub spec: LaunchSpec,
    /// Its environment, but for what depends on its terminal.
    pub environment: Environment,
    /// Whether its program goes on with a conversation.
    pub start: StartInfo,
}

/// A file with an environment. It goes when this is dropped, unless a program was started that takes it.
#[derive(Debug)]
pub(crate) struct Handover(Option<PathBuf>);

impl Handover {
    pub(crate) fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    /// Leaves it to the program that was started.
    pub(crate) fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = fs::remove_file(path);
        }
    }
}

/// Why agents cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The user's variables cannot be read.
    #[error(transparent)]
    Variables(#[from] VariablesError),
    /// The system refused something.
    #[error("the environments of agents cannot be prepared: {0}")]
    System(#[from] io::Error),
}

/// What a login shell has, what an agent needs in any case, and what is added, which wins.
fn composed(login: Environment, added: Environment) -> Environment {
    let mut environment = login;
    let mut default = |name: &str, value: &str| {
        environment.entry(name.into()).or_insert_with(|| value.into());
    };
    default("PATH", DEFAULT_PATH);
    default("SHELL", "/bin/sh");
    let encoded = ["LANG", "LC_ALL", "LC_CTYPE"].iter().any(|name| environment.contains_key(OsStr::new(name)));
    if !encoded {
        environment.insert("LANG".into(), DEFAULT_LANG.into());
    }
    environment.insert("COLORTERM".into(), "truecolor".into());
    environment.extend(added);
    environment
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::directory::BackendKind;
    use consort_core::{AgentId, Size};

    fn spec(env: &[(&str, &str)]) -> LaunchSpec {
        LaunchSpec {
            agent: AgentId(7),
            backend: BackendKind::Pty,
            name: "a-b".into(),
            directory: "~".into(),
            program: None,
            args: Vec::new(),
            env: pairs(env),
            caller: pairs(&[("WHO", "caller"), ("CALLER", "yes"), ("PATH", "/venv/bin:/bin")]),
            size: Size::DEFAULT,
            last: None,
        }
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    fn environments(login: &[(&str, &str)]) -> (tempfile::TempDir, Environments) {
        let folder = tempfile::tempdir().unwrap();
        let login = login.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        let environments = Environments::fixed(login, "/bin/false".into(), folder.path()).unwrap();
        (folder, environments)
    }

    fn made(login: &[(&str, &str)], own: &[(&str, &str)]) -> BTreeMap<String, String> {
        let (_folder, environments) = environments(login);
        environments.set_variable("WHO", Some("machine")).unwrap();
        environments.set_variable("MACHINE", Some("yes")).unwrap();
        let text = |text: OsString| text.into_string().unwrap();
        let made = environments.of(&LaunchSpec { env: pairs(own), ..spec(&[]) });
        made.into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn an_agent_has_its_login_and_knows_who_it_is() {
        let made = made(&[("HOME", "/home/me"), ("KEY", "k"), ("LANG", "de_DE.UTF-8")], &[]);
        let expected = [
            ("HOME", "/home/me"),
            ("KEY", "k"),
            ("LANG", "de_DE.UTF-8"),
            ("COLORTERM", "truecolor"),
            ("CONSORT_AGENT_ID", &AgentId(7).to_string()),
            ("CONSORT_AGENT_NAME", "a-b"),
        ];
        for (name, value) in expected {
            assert_eq!(made[name], value, "{name}");
        }
    }

    #[test]
    fn an_agent_s_own_variables_win_but_not_over_its_name() {
        let own = [("PATH", "/opt/bin"), ("TERM", "vt100"), ("CONSORT_AGENT_NAME", "other")];
        let made = made(&[("PATH", "/bin")], &own);
        assert_eq!((&*made["PATH"], &*made["TERM"], &*made["CONSORT_AGENT_NAME"]), ("/opt/bin", "vt100", "a-b"));
    }

    #[test]
    fn the_machine_s_variables_win_over_the_caller_s_and_the_agent_s_over_both() {
        let login = [("WHO", "login"), ("LOGIN", "yes"), ("PATH", "/bin")];
        let made_of = |own| made(&login, own);
        let made = made_of(&[]);
        assert_eq!([&*made["LOGIN"], &*made["CALLER"], &*made["MACHINE"]], ["yes"; 3]);
        assert_eq!((&*made["WHO"], &*made["PATH"]), ("machine", "/venv/bin:/bin"));
        assert_eq!(made_of(&[("WHO", "agent")])["WHO"], "agent");
    }

    #[test]
    fn of_a_caller_s_shell_agents_get_its_path_and_what_the_login_shell_has_not() {
        let (_folder, environments) = environments(&[("PATH", "/bin"), ("LANG", "C"), ("EDITOR", "vi")]);
        let caller = [
            ("PATH", "/bin"),
            ("LANG", "C"),
            ("EDITOR", "emacs"),
            ("VIRTUAL_ENV", "/venv"),
            ("TMUX", "/tmp/x"),
            ("CLAUDECODE", "1"),
            ("CONSORT_STATE_DIR", "/x"),
            ("SSH_CONNECTION", "1 2 3 4"),
            ("XDG_SESSION_ID", "3"),
            ("npm_lifecycle_event", "start"),
        ];
        let handed_over = environments.handed_over(pairs(&caller));
        assert_eq!(handed_over, pairs(&[("PATH", "/bin"), ("EDITOR", "emacs"), ("VIRTUAL_ENV", "/venv")]));
    }

    #[test]
    fn an_agent_has_an_encoding_and_a_path_whatever_the_login_says() {
        let made = composed(Environment::new(), Environment::new());
        assert!(made[OsStr::new("LANG")].to_str().unwrap().ends_with("UTF-8"));
        assert_eq!(made[OsStr::new("PATH")], *DEFAULT_PATH);
    }
}
