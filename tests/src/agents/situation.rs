//! The situations: what brings a program into each, and what proves, from the side of the model and on the screen, that it is
//! there.

use super::actor::{Actor, Look};
use super::program::{Program, Setup};
use crate::ModelApi;
use crate::model::{APPROVED, Exchange, Progress, Scene, Tool};
use std::time::{Duration, Instant};

/// A situation in the life of an agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Situation {
    /// It has started and waits for its first prompt.
    Rest,
    /// A prompt was typed while it still started.
    Early,
    /// The model writes its answer.
    Working,
    /// The model has not written anything yet.
    Thinking,
    /// A command runs that prints nothing.
    Silent,
    /// It asks whether it may run a command.
    Permission,
    /// The same, with another choice marked than the first.
    CursorMoved,
    /// The question was answered, from another machine.
    Answered,
    /// It asks a question with choices.
    Question,
    /// The same, after an answer to the question before it was refused.
    Changed,
    /// It shows a plan and asks for approval.
    Plan,
    /// It asks whether it may trust the folder.
    Trust,
    /// It asks to log in.
    Login,
    /// The answer is complete.
    Finished,
    /// The answer is complete and looks like a question.
    ProseQuestion,
    /// The answer is complete and looks like work.
    ProseWork,
    /// The API fails, and it tries again.
    Retrying,
    /// The API is overloaded.
    Overloaded,
    /// The quota is used up.
    Quota,
    /// The key was refused.
    Refused,
    /// A sub-agent works for it.
    Delegated,
    /// A person has pressed Esc while it worked.
    Interrupted,
    /// The conversation was cleared.
    Cleared,
    /// A person has ended it.
    Exited,
    /// Its process was killed.
    Crashed,
}

use Situation::{
    Answered, Changed, Cleared, Crashed, CursorMoved, Delegated, Early, Exited, Finished, Interrupted, Login,
    Overloaded, Permission, Plan, ProseQuestion, ProseWork, Question, Quota, Refused, Rest, Retrying, Silent, Thinking,
    Trust, Working,
};

/// What one program plays from its start to its end.
#[derive(Clone, Copy, Debug)]
pub struct Play {
    /// How it is set up.
    pub setup: Setup,
    /// The situations, one after the other.
    pub situations: &'static [Situation],
}

/// The plays that bring a program into every situation. Few, because the start of a program is what costs most.
pub const PLAYS: [Play; 5] = [
    Play {
        setup: Setup::Ready,
        situations: &[Rest, Finished, ProseQuestion, ProseWork, Working, Interrupted, Cleared, Exited],
    },
    Play {
        setup: Setup::Ready,
        situations: &[
            Early,
            Permission,
            CursorMoved,
            Answered,
            Question,
            Changed,
            Silent,
            Quota,
            Refused,
            Overloaded,
            Retrying,
            Crashed,
        ],
    },
    Play { setup: Setup::Planning, situations: &[Plan] },
    Play { setup: Setup::Untrusted, situations: &[Trust] },
    Play { setup: Setup::LoggedOut, situations: &[Login] },
];

/// What is played again on every other stage: it tells whether the signals arrive there.
pub const SHORT_PLAY: Play = Play { setup: Setup::Ready, situations: &[Rest, Permission, Thinking] };

/// What is played with hooks: each of the things that they tell.
pub const HOOK_PLAY: Play = Play {
    setup: Setup::Ready,
    situations: &[Finished, Working, Interrupted, Permission, Question, Delegated, Refused],
};

impl Situation {
    /// Its name in tables and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Rest => "rest",
            Early => "early",
            Working => "working",
            Thinking => "thinking",
            Silent => "silent",
            Permission => "permission",
            CursorMoved => "cursor-moved",
            Answered => "answered",
            Changed => "question-changed",
            Question => "question",
            Plan => "plan",
            Trust => "trust",
            Login => "login",
            Finished => "finished",
            ProseQuestion => "prose-question",
            ProseWork => "prose-work",
            Retrying => "retrying",
            Overloaded => "overloaded",
            Quota => "quota",
            Refused => "refused",
            Delegated => "delegated",
            Interrupted => "interrupted",
            Cleared => "cleared",
            Exited => "exited",
            Crashed => "crashed",
        }
    }

    /// The states that are right in it.
    #[must_use]
    pub fn right(self, program: Program) -> &'static [&'static str] {
        match self {
            // It asks whether it shall go on trying.
            Quota if program == Program::Gemini => &["waiting"],
            Rest | Cleared => &["idle"],
            Finished | ProseQuestion | ProseWork | Interrupted | Early | Answered => &["done", "idle"],
            Working | Thinking | Silent | Delegated => &["working"],
            Permission | CursorMoved | Question | Changed | Plan | Trust | Login => &["waiting"],
            Retrying | Overloaded | Quota | Refused => &["failed"],
            Exited => &["exited"],
            Crashed => &["exited", "failed"],
        }
    }

    /// Why a program cannot be brought into it.
    #[must_use]
    pub fn impossible(self, program: Program) -> Option<&'static str> {
        match (program, self) {
            (Program::Gemini | Program::Codex, Delegated) => Some("it has no tool for that by default"),
            (Program::OpenCode, Trust) => Some("it trusts every folder"),
            (Program::OpenCode, Login) => Some("it needs no login: it has models that are free"),
            (Program::Codex, Plan) => Some("its plan is an answer, approved by the next prompt"),
            (Program::OpenCode, Plan) => Some("its plan is an answer, approved by a switch of its mode"),
            (Program::Gemini | Program::OpenCode | Program::Codex, Overloaded) => Some("to it that is as any failure"),
            _ => None,
        }
    }

    /// Whether what the node did is not what its state says: a prompt that was sent and never arrived.
    #[must_use]
    pub fn lost(self, api: &ModelApi) -> bool {
        self == Early && attempts(api, Scene::Text) == 0
    }

    /// Brings the program into it, and proves that it is there.
    ///
    /// # Errors
    /// If it does not come to that: what was missing, and the screen.
    pub fn bring(self, actor: &mut Actor) -> Result<Look, String> {
        let program = actor.installed.program;
        match self {
            Rest => actor.until("a composer", move |look, _| at_rest(program, look)),
            Trust => actor.until("the question of trust", |look, _| any(&look.screen, &["trust"])),
            Login => {
                if program == Program::Claude {
                    // Its own first start looks for its servers, which are not here.
                    actor.until("a composer", move |look, _| at_rest(program, look))?;
                    std::thread::sleep(Duration::from_secs(1));
                    actor.enter("/login")?;
                }
                actor.until("a way to log in", |look, _| any(&look.screen, LOGIN))
            }
            Early => {
                // No wait for anything: this is what a script does that creates an agent and prompts it.
                match actor.send(&Scene::Text.prompt()) {
                    // On a machine that is busy a program may take longer to start than the node waits for it.
                    Err(refused) if refused.contains("has not shown") => drop(actor.send(&Scene::Text.prompt())?),
                    sent => drop(sent?),
                }
                actor.until("a composer", move |look, _| at_rest(program, look))?;
                // What is lost is seen as lost in the table, and does not end the play. OpenCode's first request takes long.
                let until = Instant::now() + Duration::from_secs(30);
                while attempts(&actor.api, Scene::Text) == 0 && Instant::now() < until {
                    std::thread::sleep(Duration::from_millis(100));
                }
                actor.until("a composer", move |look, _| at_rest(program, look))
            }
            Finished => answered(actor, Scene::Text, "Nothing else is left."),
            ProseQuestion => answered(actor, Scene::ProseQuestion, "waits for an answer."),
            ProseWork => answered(actor, Scene::ProseWork, "That is all about it."),
            Working => {
                prompt(actor, Scene::Working)?;
                actor.until("the start of an answer", |look, api| {
                    look.screen.contains("one by one") && answering(api, Scene::Working)
                })
            }
            Thinking => {
                prompt(actor, Scene::Thinking)?;
                actor.until("a request", |_, api| answering(api, Scene::Thinking))
            }
            Delegated => {
                prompt(actor, Scene::Delegated)?;
                actor.until("a request of the sub-agent", |_, api| answering(api, Scene::Thinking))
            }
            Silent => {
                prompt(actor, Scene::Silent)?;
                actor.until("a running command", |_, api| called(api, Scene::Silent, Tool::Shell))
            }
            Permission => {
                prompt(actor, Scene::Permission)?;
                actor.until("the question for permission", |look, api| {
                    called(api, Scene::Permission, Tool::Shell) && any(&look.screen, PERMISSION)
                })
            }
            CursorMoved => {
                actor.keys(if program == Program::OpenCode { b"\x1b[C" } else { b"\x1b[B" });
                std::thread::sleep(Duration::from_millis(500));
                actor.until("the question for permission", |look, api| {
                    called(api, Scene::Permission, Tool::Shell) && any(&look.screen, PERMISSION)
                })
            }
            Answered => {
                actor.answer()?;
                let look = actor.until("what comes of the answer", move |look, api| {
                    let result = api.last(Scene::Permission).is_some_and(|last| last.results == 1);
                    result && at_rest(program, look) && !any(&look.screen, PERMISSION)
                })?;
                if actor.has_file(APPROVED) { Ok(look) } else { Err("it did not do what was chosen".to_owned()) }
            }
            Question => {
                prompt(actor, Scene::Question)?;
                actor.until("the question", asks_for_a_colour)
            }
            Changed => {
                actor.answer_again()?;
                actor.until("the question", asks_for_a_colour)
            }
            Plan => {
                prompt(actor, Scene::Plan)?;
                actor.until("the plan", |look, api| called(api, Scene::Plan, Tool::Plan) && any(&look.screen, PLAN))
            }
            Retrying => {
                prompt(actor, Scene::Failing)?;
                actor.until("two attempts", move |look, api| {
                    // Its first attempts of each request, which take three seconds, are its own affair.
                    let shown = program != Program::Codex || look.screen.contains("Reconnecting");
                    attempts(api, Scene::Failing) > 1 && shown
                })
            }
            Overloaded => failed(actor, Scene::Overloaded),
            Quota => failed(actor, Scene::Quota),
            Refused => failed(actor, Scene::Refused),
            Interrupted => {
                actor.keys(b"\x1b");
                if program == Program::OpenCode {
                    actor.until("the second Esc asked for", |look, _| look.screen.contains("again to interrupt"))?;
                    actor.keys(b"\x1b");
                }
                actor.until("the end of the request", move |look, api| {
                    api.last(Scene::Working).is_some_and(|last| last.progress == Progress::HungUp)
                        && at_rest(program, look)
                })
            }
            Cleared => {
                calm(actor)?;
                let command = if program == Program::OpenCode { "/new" } else { "/clear" };
                actor.enter(command)?;
                actor.until("an empty conversation", move |look, _| {
                    !look.screen.contains("one by one") && at_rest(program, look)
                })
            }
            Exited => {
                calm(actor)?;
                actor.enter(
                    if program == Program::Claude
                        || program == Program::Codex
                        || program == Program::Gemini
                        || program == Program::Copilot
                    {
                        "/quit"
                    } else {
                        "/exit"
                    },
                )?;
                gone(actor)
            }
            Crashed => {
                actor.crash()?;
                gone(actor)
            }
        }
    }
}

/// Words of a question for permission.
const PERMISSION: &[&str] = &[
    "Do you want to proceed?",
    "Would you like to run the following command?",
    "Allow execution of",
    "Permission required",
    "Do you want to run this command?",
];
/// Words of a question about a plan.
const PLAN: &[&str] = &["Would you like to proceed?", "Exit plan mode?", "Approve", "approve"];
/// Words of a screen for those who are not logged in.
const LOGIN: &[&str] = &[
    "Select login method",
    "log in",
    "Log in",
    "login",
    "Login",
    "Sign in",
    "sign in",
    "How would you like to authenticate",
];

fn any(screen: &str, words: &[&str]) -> bool {
    words.iter().any(|word| screen.contains(word))
}

/// Whether the composer is there, and nothing that a program shows while it works.
fn at_rest(program: Program, look: &Look) -> bool {
    // Prose further up may look like anything.
    let lines: Vec<&str> = look.screen.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = if program == Program::Gemini { 9 } else { 6 };
    let screen = lines[lines.len().saturating_sub(last)..].join("\n");
    match program {
        // Esc twice opens a list of what can be gone back to.
        Program::Claude => {
            screen.contains('❯')
                && !screen.contains("esc to interrupt")
                && !look.screen.contains("Restore the code and/or")
        }
        Program::Codex => {
            screen.contains('›')
                && screen.contains("gpt-5")
                && !screen.contains("esc to interrupt")
                && !screen.contains("Starting")
        }
        Program::Gemini => screen.contains("Type your message") && !screen.contains("esc to cancel"),
        Program::OpenCode => screen.contains("ctrl+p commands") && !screen.contains("esc interrupt"),
        Program::Copilot => screen.contains('❯') && !screen.contains("Working"),
    }
}

fn answering(api: &ModelApi, scene: Scene) -> bool {
    api.last(scene).is_some_and(|last| last.progress == Progress::Answering)
}

/// A tool was asked for, and nothing came back from it.
fn called(api: &ModelApi, scene: Scene, tool: Tool) -> bool {
    let asked = |last: Exchange| last.call.is_some_and(|name| tool.is(&name)) && last.progress == Progress::Finished;
    api.last(scene).is_some_and(asked)
}

fn attempts(api: &ModelApi, scene: Scene) -> usize {
    api.exchanges().iter().filter(|exchange| exchange.scene == Some(scene)).count()
}

/// Ends whatever it does, so that it takes a prompt.
fn calm(actor: &mut Actor) -> Result<(), String> {
    let program = actor.installed.program;
    let mut presses = 0;
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let Some(look) = actor.look() else { return Err("it is gone".to_string()) };
        if at_rest(program, &look) && !any(&look.screen, PERMISSION) && !look.screen.contains("Which colour") {
            return Ok(());
        }
        presses += 1;
        if presses > 3 {
            return actor.until("a composer", move |look, _| at_rest(program, look)).map(|_| ());
        }
        if look.screen.contains("Usage limit reached") {
            // Gemini: Stop. Esc ends what it does and leaves the question.
            actor.keys(b"2");
        } else if presses > 1 || actor.api.exchanges().iter().any(|exchange| exchange.scene.is_some()) {
            actor.keys(b"\x1b");
        }
        std::thread::sleep(Duration::from_millis(700));
    }
}

fn prompt(actor: &mut Actor, scene: Scene) -> Result<(), String> {
    let program = actor.installed.program;
    if actor.api.exchanges().iter().all(|exchange| exchange.scene.is_none()) {
        actor.until("a composer", move |look, _| at_rest(program, look))?;
        // What is typed while a program still starts may be lost, which is the situation `Early`.
        std::thread::sleep(Duration::from_millis(1000));
    }
    calm(actor)?;
    actor.enter(&scene.prompt())
}

fn answered(actor: &mut Actor, scene: Scene, end: &'static str) -> Result<Look, String> {
    let program = actor.installed.program;
    prompt(actor, scene)?;
    actor.until("the end of the answer", move |look, api| {
        let finished = api.last(scene).is_some_and(|last| last.progress == Progress::Finished);
        finished && look.screen.contains(end) && at_rest(program, look)
    })
}

fn failed(actor: &mut Actor, scene: Scene) -> Result<Look, String> {
    prompt(actor, scene)?;
    actor.until("a refused request", move |_, api| attempts(api, scene) > 0)?;
    std::thread::sleep(Duration::from_secs(1));
    actor.until("a screen", |_, _| true)
}

fn asks_for_a_colour(look: &Look, api: &ModelApi) -> bool {
    called(api, Scene::Question, Tool::Question)
        && look.screen.contains("Which colour")
        && look.screen.contains("Green")
}

/// Waits until the program has ended. An agent without a terminal shows nothing.
fn gone(actor: &mut Actor) -> Result<Look, String> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        if actor.processes().is_empty() {
            return Ok(actor.look().unwrap_or_else(|| actor.blank()));
        }
        if Instant::now() > until {
            return Err(format!(
                "it does not end; the screen:\n{}",
                actor.look().map(|look| look.screen).unwrap_or_default()
            ));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
