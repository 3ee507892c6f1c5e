//! Names of variables: which ones never reach an agent, whoever has them, and which ones a login begins with.

/// Variables of the node that its user's login shell begins with, as after a login: who the user is, the session, the locale.
const OF_A_LOGIN: [&str; 24] = [
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "TMUX_TMPDIR",
    "SSH_AUTH_SOCK",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",
    "SECURITYSESSIONID",
    "__CF_USER_TEXT_ENCODING",
    "WSL_DISTRO_NAME",
    "WSL_INTEROP",
    "NIX_PATH",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];
/// Beginnings of such names.
const OF_A_LOGIN_BEGINNINGS: [&str; 2] = ["LC_", "XDG_"];

/// Variables that say where a program runs or what started it. They would be wrong for an agent.
const STRIPPED: [&str; 76] = [
    // A multiplexer around the node or the caller.
    "TMUX",
    "TMUX_PANE",
    "STY",
    "WINDOW",
    // An agent around it. What configures agent programs (CODEX_HOME, CLAUDE_CONFIG_DIR …) stays.
    "AGENT",
    "AI_AGENT",
    "AUGMENT_AGENT",
    "CLAUDECODE",
    "CLAUDE_CODE",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_EXECPATH",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_AGENT_SDK_VERSION",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PROJECT_DIR",
    "CODEX_CI",
    "CODEX_INTERNAL_ORIGINATOR_OVERRIDE",
    "CODEX_MANAGED_BY_BUN",
    "CODEX_MANAGED_BY_NPM",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CODEX_THREAD_ID",
    "COPILOT_AGENT",
    "COPILOT_CLI",
    "CURSOR_AGENT",
    "CURSOR_TRACE_ID",
    "GEMINI_CLI",
    "GEMINI_CLI_NO_RELAUNCH",
    "GOOSE_TERMINAL",
    "OPENCODE",
    "OPENCODE_CALLER",
    "OPENCODE_CLIENT",
    "OPENCODE_PID",
    "OPENCODE_PROCESS_ROLE",
    "OPENCODE_RUN_ID",
    "QWEN_CODE",
    "AMP_CURRENT_THREAD_ID",
    // The shell's own.
    "_",
    "SHLVL",
    "PWD",
    "OLDPWD",
    // The terminal.
    "TERM",
    "COLORTERM",
    "COLORFGBG",
    "COLUMNS",
    "LINES",
    "GPG_TTY",
    "INSIDE_EMACS",
    "LC_TERMINAL",
    "LC_TERMINAL_VERSION",
    "NVIM",
    "NVIM_LISTEN_ADDRESS",
    "SSH_TTY",
    "TERMCAP",
    "TERMINAL_EMULATOR",
    "TERMINFO",
    "TERM_FEATURES",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "TERM_SESSION_ID",
    "TILIX_ID",
    "VIM",
    "VIMRUNTIME",
    "VTE_VERSION",
    "WINDOWID",
    "WT_PROFILE_ID",
    "WT_SESSION",
    // The service manager that started the node.
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDS",
    "LISTEN_PID",
    "MAINPID",
    "MANAGERPID",
    "NOTIFY_SOCKET",
];

/// Beginnings of such names.
const STRIPPED_BEGINNINGS: [&str; 12] = [
    "CONSORT_",
    "ZELLIJ",
    "ALACRITTY_",
    "GHOSTTY_",
    "GNOME_TERMINAL_",
    "ITERM_",
    "KITTY_",
    "KONSOLE_",
    "VSCODE_",
    "WATCHDOG_",
    "WEZTERM_",
    "XTERM_",
];

/// Variables that mean something as long as a session, a login or a command lasts: agents outlive those.
const OF_A_MOMENT: [&str; 7] =
    ["SSH_CLIENT", "SSH_CONNECTION", "XDG_SEAT", "XDG_VTNR", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"];
/// Beginnings of such names.
const OF_A_MOMENT_BEGINNINGS: [&str; 3] = ["XDG_SESSION_", "SUDO_", "npm_"];

/// Whether a variable of a caller's shell is not worth keeping with an agent.
#[must_use]
pub fn is_of_a_moment(name: &str) -> bool {
    OF_A_MOMENT.contains(&name) || OF_A_MOMENT_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether a variable never reaches an agent from a shell or a node.
#[must_use]
pub fn is_stripped(name: &str) -> bool {
    STRIPPED.contains(&name) || STRIPPED_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether a login shell that the node starts gets this variable of the node's.
#[must_use]
pub fn is_of_a_login(name: &str) -> bool {
    // The upper-case spellings of proxies are as common as the lower-case ones.
    let proxy = name.ends_with("_PROXY") && OF_A_LOGIN.contains(&name.to_ascii_lowercase().as_str());
    let beginning = OF_A_LOGIN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    (proxy || beginning || OF_A_LOGIN.contains(&name)) && !is_stripped(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_other_programs_are_stripped_and_their_settings_are_not() {
        for name in ["TMUX", "CLAUDECODE", "CODEX_SANDBOX", "OPENCODE", "KITTY_WINDOW_ID", "CONSORT_TOKEN", "PWD", "_"]
        {
            assert!(is_stripped(name), "{name}");
        }
        for name in
            ["PATH", "CODEX_HOME", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_USE_BEDROCK", "OPENCODE_CONFIG", "TERMINFO_DIRS"]
        {
            assert!(!is_stripped(name), "{name}");
        }
    }

    #[test]
    fn a_login_has_its_session_and_no_secret_of_the_node() {
        for name in ["HOME", "PATH", "LC_ALL", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "HTTPS_PROXY", "https_proxy"] {
            assert!(is_of_a_login(name), "{name}");
        }
        for name in ["AWS_SECRET_ACCESS_KEY", "LC_TERMINAL", "VIRTUAL_ENV", "CONSORT_STATE_DIR", "TERM", "MY_PROXY"] {
            assert!(!is_of_a_login(name), "{name}");
        }
    }
}
