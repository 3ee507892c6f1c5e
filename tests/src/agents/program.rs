//! The agent programs: where they are installed, and how each is set up to run in a folder of its own against our model API,
//! without updates, telemetry or any other network.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Program {
    /// Anthropic's Claude Code.
    Claude,
    /// OpenAI's Codex.
    Codex,
    /// Google's Gemini CLI.
    Gemini,
    /// OpenCode.
    OpenCode,
    /// GitHub's Copilot CLI.
    Copilot,
}

/// Which version of a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// The one that `tests/agents` names.
    Pinned,
    /// The newest one, as `make agents` installs it.
    Newest,
}

/// A program that is there.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Which.
    pub program: Program,
    /// Its version.
    pub version: String,
    /// What to run, with the first arguments.
    command: Vec<String>,
}

/// How a program's user has set it up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Setup {
    /// Logged in, the folder trusted.
    Ready,
    /// As ready, and it plans before it does anything.
    Planning,
    /// The folder is new to it.
    Untrusted,
    /// Nobody has logged in.
    LoggedOut,
}

/// How to start a program.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The file to run.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Its working directory.
    pub directory: PathBuf,
}

impl Program {
    /// All.
    pub const ALL: [Program; 5] =
        [Program::Claude, Program::Codex, Program::Gemini, Program::OpenCode, Program::Copilot];

    /// The name of its folder in `tests/agents`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Program::Claude => "claude",
            Program::Codex => "codex",
            Program::Gemini => "gemini",
            Program::OpenCode => "opencode",
            Program::Copilot => "copilot",
        }
    }

    /// The program of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Program> {
        Program::ALL.into_iter().find(|program| program.name() == name)
    }

    /// Finds it, installed by `tests/agents/install.sh`.
    ///
    /// # Errors
    /// Why it cannot be run, for the person who reads the table.
    pub fn find(self, version: Version) -> Result<Installed, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let manifest = std::fs::read_to_string(root.join("agents").join(self.name()).join("package.json"));
        let manifest: Value = manifest
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .ok_or_else(|| format!("tests/agents/{}/package.json cannot be read", self.name()))?;
        let dependencies = manifest["dependencies"].as_object().ok_or("its package.json names no dependency")?;
        let (package, pinned) = dependencies.iter().next().ok_or("its package.json names no dependency")?;
        let pinned = pinned.as_str().unwrap_or_default();
        let installed = root.join("../target/agents").join(self.name());
        let folder = installed.join(if version == Version::Pinned { pinned } else { "newest" });
        if let Ok(reason) = std::fs::read_to_string(folder.join("skipped")) {
            return Err(reason.trim().to_string());
        }
        let modules = folder.join("node_modules");
        let manifest = std::fs::read_to_string(modules.join(package).join("package.json"));
        let manifest: Value = manifest
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .ok_or("it is not installed: run sh tests/agents/install.sh")?;
        let version = manifest["version"].as_str().unwrap_or_default().to_string();
        let command = self.command(&modules).ok_or("it has no binary for this platform")?;
        Ok(Installed { program: self, version, command })
    }

    /// What to run in a folder of installed packages: the program itself, without a wrapper in between.
    fn command(self, modules: &Path) -> Option<Vec<String>> {
        let platform = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
        let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let file = match self {
            Program::Claude => modules.join(format!("@anthropic-ai/claude-code-{platform}-{processor}/claude")),
            Program::Codex => {
                let vendor = modules.join(format!("@openai/codex-{platform}-{processor}/vendor"));
                let target = std::fs::read_dir(vendor).ok()?.flatten().next()?;
                target.path().join("bin/codex")
            }
            Program::Gemini => modules.join("@google/gemini-cli/bundle/gemini.js"),
            Program::OpenCode => modules.join(format!("opencode-{platform}-{processor}/bin/opencode")),
            Program::Copilot => modules.join(format!("@github/copilot-{platform}-{processor}/copilot")),
        };
        let file = file.canonicalize().ok()?.to_str()?.to_string();
        Some(if self == Program::Gemini {
            vec!["node".to_string(), "--no-warnings".to_string(), file]
        } else {
            vec![file]
        })
    }
}

impl Installed {
    /// Writes the files of a set-up into an empty folder, and says how to start the program there.
    ///
    /// # Panics
    /// If the folder cannot be written to.
    #[must_use]
    pub fn prepare(&self, home: &Path, api: &str, setup: Setup) -> Launch {
        let directory = home.join("work");
        std::fs::create_dir_all(&directory).expect("a folder");
        let mut command = self.command.iter().cloned();
        let mut launch = Launch {
            program: command.next().unwrap_or_default(),
            args: command.collect(),
            env: Vec::new(),
            directory: directory.clone(),
        };
        let home_text = home.to_str().expect("UTF-8");
        launch.set("HOME", home_text);
        for (name, folder) in [
            ("XDG_CONFIG_HOME", ".config"),
            ("XDG_DATA_HOME", ".local/share"),
            ("XDG_STATE_HOME", ".local/state"),
            ("XDG_CACHE_HOME", ".cache"),
        ] {
            launch.set(name, &format!("{home_text}/{folder}"));
        }
        launch.set("COLORTERM", "truecolor");
        launch.set("LC_ALL", "C.UTF-8");
        // Whatever wants to go elsewhere fails at once instead of waiting for a network.
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            launch.set(name, "http://127.0.0.1:9");
        }
        for name in ["NO_PROXY", "no_proxy"] {
            launch.set(name, "127.0.0.1,localhost");
        }
        launch.set("DO_NOT_TRACK", "1");
        match self.program {
            Program::Claude => claude(&mut launch, home, api, setup),
            Program::Codex => codex(&mut launch, home, api, setup),
            Program::Gemini => gemini(&mut launch, home, api, setup),
            Program::OpenCode => opencode(&mut launch, home, api, setup),
            Program::Copilot => copilot(&mut launch, home, api, setup),
        }
        launch
    }
}

impl Launch {
    fn set(&mut self, name: &str, value: &str) {
        self.env.push((name.to_string(), value.to_string()));
    }

    fn arguments(&mut self, args: &[&str]) {
        self.args.extend(args.iter().map(ToString::to_string));
    }
}

fn write(file: &Path, text: &str) {
    let folder = file.parent().expect("a folder");
    std::fs::create_dir_all(folder).expect("a folder");
    std::fs::write(file, text).expect("a file");
}

fn claude(launch: &mut Launch, home: &Path, api: &str, setup: Setup) {
    let folder = home.join(".claude");
    launch.set("CLAUDE_CONFIG_DIR", folder.to_str().expect("UTF-8"));
    for name in ["DISABLE_AUTOUPDATER", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_TELEMETRY"] {
        launch.set(name, "1");
    }
    launch.set("ANTHROPIC_BASE_URL", api);
    if setup != Setup::LoggedOut {
        launch.set("ANTHROPIC_AUTH_TOKEN", "test");
    }
    let trusted = setup != Setup::Untrusted;
    let project = json!({ "hasTrustDialogAccepted": trusted, "hasCompletedProjectOnboarding": true });
    let mut projects = serde_json::Map::new();
    projects.insert(launch.directory.to_str().expect("UTF-8").to_string(), project);
    let state = json!({
        "hasCompletedOnboarding": true, "theme": "dark", "projects": projects, "autoUpdates": false,
        "lastOnboardingVersion": "99.0.0",
    });
    write(&folder.join(".claude.json"), &state.to_string());
    write(&folder.join("settings.json"), &json!({ "permissions": { "allow": ["Bash(sleep:*)"] } }).to_string());
    if setup == Setup::Planning {
        launch.arguments(&["--permission-mode", "plan"]);
    }
}

fn codex(launch: &mut Launch, home: &Path, api: &str, setup: Setup) {
    if setup == Setup::Untrusted {
        // It asks about repositories only.
        let made = Command::new("git").args(["init", "--quiet"]).current_dir(&launch.directory).status();
        assert!(made.is_ok_and(|status| status.success()), "git init");
    }
    let folder = home.join(".codex");
    launch.set("CODEX_HOME", folder.to_str().expect("UTF-8"));
    let provider = if setup == Setup::LoggedOut { "" } else { "model_provider = \"test\"\n" };
    let trust = if setup == Setup::Untrusted {
        String::new()
    } else {
        format!("[projects.\"{}\"]\ntrust_level = \"trusted\"\n", launch.directory.display())
    };
    // Who has chosen these trusts the folder.
    let policy = if setup == Setup::Untrusted {
        ""
    } else {
        "approval_policy = \"on-request\"\nsandbox_mode = \"workspace-write\"\n"
    };
    let config = format!(
        "model = \"gpt-5\"\n{provider}check_for_update_on_startup = false\n{policy}\
         [features]\ndefault_mode_request_user_input = true\n[analytics]\nenabled = false\n\
         [model_providers.test]\nname = \"Test\"\nbase_url = \"{api}/v1\"\nwire_api = \"responses\"\n{trust}"
    );
    write(&folder.join("config.toml"), &config);
    launch.arguments(&["--no-daemon"]);
}

fn gemini(launch: &mut Launch, home: &Path, api: &str, setup: Setup) {
    launch.set("GOOGLE_GEMINI_BASE_URL", api);
    launch.set("GEMINI_CLI_NO_RELAUNCH", "true");
    let mut settings = json!({
        "general": { "enableAutoUpdate": false, "enableAutoUpdateNotification": false, "disableAutoUpdate": true, "disableUpdateNag": true },
        "privacy": { "usageStatisticsEnabled": false },
        "telemetry": { "enabled": false },
        "ide": { "hasSeenNudge": true },
        "security": { "folderTrust": { "enabled": true } },
    });
    if setup != Setup::LoggedOut {
        launch.set("GEMINI_API_KEY", "test");
        settings["security"]["auth"] = json!({ "selectedType": "gemini-api-key" });
    }
    if setup != Setup::Untrusted {
        let mut folders = serde_json::Map::new();
        folders.insert(launch.directory.to_str().expect("UTF-8").to_string(), json!("TRUST_FOLDER"));
        write(&home.join(".gemini/trustedFolders.json"), &Value::Object(folders).to_string());
    }
    write(&home.join(".gemini/settings.json"), &settings.to_string());
    let rule =
        "[[rule]]\ntoolName = \"run_shell_command\"\ncommandPrefix = \"sleep\"\ndecision = \"allow\"\npriority = 100\n";
    write(&home.join(".gemini/policies/sleep.toml"), rule);
    launch.arguments(&["--model", "gemini-2.5-flash"]);
    if setup == Setup::Planning {
        launch.arguments(&["--approval-mode", "plan"]);
    }
}

fn opencode(launch: &mut Launch, home: &Path, api: &str, setup: Setup) {
    for name in ["OPENCODE_DISABLE_AUTOUPDATE", "OPENCODE_DISABLE_MODELS_FETCH", "OPENCODE_DISABLE_LSP_DOWNLOAD"] {
        launch.set(name, "1");
    }
    let limit = json!({ "context": 100_000, "output": 10_000 });
    let mut config = json!({ "autoupdate": false, "share": "disabled", "permission": { "bash": { "*": "ask", "sleep *": "allow" } } });
    if setup != Setup::LoggedOut {
        config["model"] = json!("test/model");
        config["small_model"] = json!("test/model");
        config["provider"] = json!({ "test": {
            "name": "Test", "npm": "@ai-sdk/openai-compatible",
            "options": { "baseURL": format!("{api}/v1"), "apiKey": "test" },
            "models": { "model": { "name": "Model", "tool_call": true, "limit": limit } },
        } });
    }
    write(&home.join(".config/opencode/opencode.json"), &config.to_string());
    if setup == Setup::Planning {
        launch.arguments(&["--agent", "plan"]);
    }
}

fn copilot(launch: &mut Launch, home: &Path, api: &str, setup: Setup) {
    launch.set("COPILOT_AUTO_UPDATE", "false");
    launch.set("COPILOT_HOME", home.join(".copilot").to_str().expect("UTF-8"));
    if setup != Setup::LoggedOut {
        launch.set("COPILOT_PROVIDER_BASE_URL", &format!("{api}/v1"));
        launch.set("COPILOT_PROVIDER_API_KEY", "test");
        launch.set("COPILOT_PROVIDER_TYPE", "openai");
        launch.set("COPILOT_MODEL", "gpt-5");
        launch.set("COPILOT_OFFLINE", "true");
    }
    let mut config = json!({ "banner": "never" });
    if setup != Setup::Untrusted {
        config["trusted_folders"] = json!([launch.directory]);
    }
    write(&home.join(".copilot/config.json"), &config.to_string());
    launch.arguments(&["--allow-tool", "shell(sleep)"]);
}
