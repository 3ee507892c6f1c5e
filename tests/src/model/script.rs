//! What the model says in each scene, and what the programs call the tools that it asks for.

use serde_json::{Value, json};
use std::time::Duration;

/// A situation that a prompt brings a program into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scene {
    /// A short answer.
    Text,
    /// The start of an answer, whose end does not come.
    Working,
    /// No word of the answer comes.
    Thinking,
    /// A shell command that the program has to ask about.
    Permission,
    /// A shell command that prints nothing and takes long, and that the program need not ask about.
    Silent,
    /// A sub-agent that thinks for long.
    Delegated,
    /// A question with three choices.
    Question,
    /// A plan that has to be approved.
    Plan,
    /// The API is overloaded for ever.
    Overloaded,
    /// The API fails for ever.
    Failing,
    /// The user's quota is used up.
    Quota,
    /// The user's key is not valid.
    Refused,
    /// An answer that looks like a question.
    ProseQuestion,
    /// An answer that looks like work in progress.
    ProseWork,
}

/// What the model does.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Say(&'static str),
    /// Nothing, for this long.
    Hold(Duration),
    /// Asks for a tool, with the command for the shell.
    Call(Tool, String),
    /// Answers with an error.
    Fail(u16),
}

/// A tool that the programs have under names of their own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tool {
    /// Runs a command.
    Shell,
    /// Asks the user.
    Question,
    /// Has a sub-agent do something.
    Delegate,
    /// Shows a plan to the user.
    Plan,
    /// Writes a file, which a plan is in some programs.
    Write,
}

/// The answer to whatever is no conversation: fits titles as well as the classifiers that want JSON.
pub(super) const AUXILIARY: &str = r#"{"title":"Tests","reasoning":"simple","model_choice":"flash","next_speaker":"user","complexity_score":10,"complexity_reasoning":"simple"}"#;

/// The file that the command makes that a person has to approve.
pub const APPROVED: &str = "approved-by-a-person.txt";

/// What a plan says.
const PLAN: &str = "# The button\n\n1. Read the tests.\n2. Change the button.\n3. Run the tests.\n";

/// Longer than any test looks at a scene.
const LONG: Duration = Duration::from_secs(600);

impl Scene {
    /// All, with the names that prompts use.
    pub const ALL: [(&'static str, Scene); 14] = [
        ("text", Scene::Text),
        ("working", Scene::Working),
        ("thinking", Scene::Thinking),
        ("permission", Scene::Permission),
        ("silent", Scene::Silent),
        ("delegated", Scene::Delegated),
        ("question", Scene::Question),
        ("plan", Scene::Plan),
        ("overloaded", Scene::Overloaded),
        ("failing", Scene::Failing),
        ("quota", Scene::Quota),
        ("refused", Scene::Refused),
        ("prose-question", Scene::ProseQuestion),
        ("prose-work", Scene::ProseWork),
    ];

    /// The scene that a prompt names last, as `scene:NAME`.
    #[must_use]
    pub fn named_in(text: &str) -> Option<Scene> {
        let (_, rest) = text.rsplit_once("scene:")?;
        let name: String = rest.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '-').collect();
        Scene::ALL.iter().find(|(known, _)| *known == name).map(|(_, scene)| *scene)
    }

    /// What a prompt says to bring it about.
    ///
    /// # Panics
    /// Never: every scene has a name.
    #[must_use]
    pub fn prompt(self) -> String {
        let (name, _) = Scene::ALL.iter().find(|(_, scene)| *scene == self).expect("every scene has a name");
        format!("play scene:{name}")
    }

    /// What the model does when the program has sent so many results of tools since the prompt, and wants plans to be in a
    /// file, if it does.
    pub(super) fn steps(self, results: usize, plan: Option<&str>, silence: Duration) -> Vec<Step> {
        let plan_file = || plan.unwrap_or_default().to_string();
        match self {
            Scene::Plan if results == 1 && plan.is_some() => vec![Step::Call(Tool::Plan, plan_file())],
            _ if results > 0 => vec![Step::Say("That is finished.")],
            Scene::Text => vec![Step::Say("All four tests pass. "), Step::Say("Nothing else is left.")],
            Scene::Working => vec![Step::Say("Now the sources are read one by one.\n\n"), Step::Hold(LONG)],
            Scene::Thinking => vec![Step::Hold(LONG)],
            Scene::Delegated => vec![Step::Call(Tool::Delegate, Scene::Thinking.prompt())],
            Scene::Permission => {
                vec![Step::Say("A file is made."), Step::Call(Tool::Shell, format!("touch {APPROVED}"))]
            }
            Scene::Silent => vec![
                Step::Say("A long build follows."),
                Step::Call(Tool::Shell, format!("sleep {}", silence.as_secs())),
            ],
            Scene::Question => vec![Step::Call(Tool::Question, String::new())],
            Scene::Plan if plan.is_some() => vec![Step::Call(Tool::Write, plan_file())],
            Scene::Plan => vec![Step::Call(Tool::Plan, String::new())],
            Scene::Overloaded => vec![Step::Fail(529)],
            Scene::Failing => vec![Step::Fail(500)],
            Scene::Quota => vec![Step::Fail(429)],
            Scene::Refused => vec![Step::Fail(401)],
            Scene::ProseQuestion => vec![Step::Say(
                "The installer prints this:\n\n```\nDo you want to proceed?\n❯ 1. Yes\n  2. No, and tell what to do differently (esc)\n\
                 Overwrite all files? (y/n)\n```\n\nIt then waits for an answer.",
            )],
            Scene::ProseWork => vec![Step::Say(
                "While it works, the tool prints this:\n\n```\n✻ Thinking… (12s · esc to interrupt)\n⠋ Working (5s • esc to interrupt)\n```\n\n\
                 That is all about it.",
            )],
        }
    }
}

impl Tool {
    /// Whether a program means this tool by a name.
    #[must_use]
    pub fn is(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Tool::Shell => &["Bash", "exec_command", "shell", "shell_command", "run_shell_command", "bash"],
            Tool::Question => &["AskUserQuestion", "request_user_input", "ask_user", "ask_user_question", "question"],
            Tool::Delegate => &["Agent", "Task", "task"],
            Tool::Plan => &["ExitPlanMode", "exit_plan_mode", "plan_exit"],
            Tool::Write => &["Write", "write_file", "write"],
        };
        names.contains(&name)
    }

    /// What the program of that name for it wants to be given.
    #[must_use]
    pub(super) fn arguments(self, name: &str, command: &str) -> Value {
        match (self, name) {
            // Codex asks about a command that wants to leave its sandbox.
            (Tool::Shell, "exec_command") if command.starts_with("touch") => json!({
                "cmd": command, "sandbox_permissions": "require_escalated", "justification": "May the file be made?",
            }),
            (Tool::Shell, "exec_command") => json!({ "cmd": command, "yield_time_ms": 120_000 }),
            (Tool::Shell, "shell") => json!({ "command": ["sh", "-c", command] }),
            (Tool::Shell, _) => json!({ "command": command, "description": "Works on a file" }),
            (Tool::Question, "ask_user") if !command.is_empty() => json!({ "question": command }),
            (Tool::Question, _) => {
                let options = [("Blue", "As the sky"), ("Green", "As the grass"), ("Red", "As a rose")];
                let options = options.map(|(label, description)| json!({ "label": label, "description": description }));
                let question = "Which colour shall the button have?";
                json!({
                    "questions": [{
                        "id": "colour", "question": question, "header": "Colour", "type": "choice", "multiSelect": false,
                        "options": options,
                    }],
                })
            }
            (Tool::Delegate, name) => json!({
                "description": "Think", "prompt": command,
                "subagent_type": if name == "task" { "general" } else { "general-purpose" },
            }),
            (Tool::Plan, "ExitPlanMode") => json!({ "plan": PLAN }),
            (Tool::Plan, _) => json!({ "plan_filename": command.rsplit('/').next() }),
            // The schemas take no member that they do not know.
            (Tool::Write, "write") => json!({ "filePath": command, "content": PLAN }),
            (Tool::Write, _) => json!({ "file_path": command, "content": PLAN }),
        }
    }
}
