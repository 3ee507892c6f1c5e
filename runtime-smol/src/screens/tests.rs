//! The manifests against recordings of real programs, and what they must not take for a question.

use super::load::{BUILT_IN, Manifests};
use super::*;
use consort_core::{AgentId, Size};

fn glance<'a>(command: &'a str, title: &'a str) -> Glance<'a> {
    Glance { command, title, ..Glance::default() }
}

fn screen(text: &str) -> ScreenText {
    ScreenText { size: Size::DEFAULT, cursor: (0, 0), text: text.to_owned() }
}

fn read(command: &str, text: &str) -> Reading {
    let mut screens = Screens::new(Manifests::new(None));
    screens.read(TerminalId { agent: AgentId(1), pane: 1 }, &screen(text), false, glance(command, ""))
}

#[test]
fn our_manifests_are_right() {
    for (file, text) in BUILT_IN {
        let manifest = Manifest::parse(text).unwrap_or_else(|why| panic!("{file}: {why}"));
        assert_eq!(format!("{}.toml", manifest.name), file);
    }
}

#[test]
fn a_permission_of_claude_has_its_command_and_its_choices() {
    let text = "● Bash(touch a.txt)\n  ⎿  Waiting…\n\n────────────\n Bash command\n\n   touch a.txt\n   Works on a file\n\n \
                Do you want to proceed?\n   1. Yes\n ❯ 2. Yes, and always allow access to work/\n   3. No\n\n Esc to cancel · Tab to amend\n";
    let dialog = read("claude", text).dialog.expect("a question");
    assert_eq!(dialog.question.kind, consort_core::directory::signal::QuestionKind::Permission);
    assert_eq!(dialog.question.text, "Do you want to proceed?");
    assert_eq!(dialog.question.detail, "Bash command\ntouch a.txt\nWorks on a file");
    let labels: Vec<_> = dialog.question.choices.iter().map(|choice| choice.label.as_str()).collect();
    assert_eq!(labels, ["Yes", "Yes, and always allow access to work/", "No"]);
    assert_eq!(dialog.keys, [b"1", b"2", b"3"]);
    let other = text.replace("   1. Yes\n ❯ 2. Yes", " ❯ 1. Yes\n   2. Yes");
    assert_eq!(read("claude", &other).dialog.map(|dialog| dialog.question), Some(dialog.question), "its cursor moved");
}

#[test]
fn an_answer_in_words_has_a_place_that_is_no_choice() {
    let text = "────────────\n ☐ Colour\n\nWhich colour?\n\n❯ 1. Blue\n     As the sky\n  2. Green\n  3. Type something.\n────────────\n  \
                4. Chat about this\n\nEnter to select · ↑/↓ to navigate · Esc to cancel\n";
    let closed = read("claude", text).dialog.expect("a question");
    let keys: Vec<_> = closed.question.choices.iter().map(|choice| choice.key.as_str()).collect();
    assert_eq!(keys, ["1", "2", "4"]);
    assert!(closed.question.free_text);
    assert_eq!(closed.keys, [b"1", b"2", b"4", b"3"], "the last opens the place");
    // What stands there already is not a choice either, and the question is the same.
    let open = text.replace("❯ 1. Blue", "  1. Blue").replace("  3. Type something.", "❯ 3. purple, 2");
    let open = read("claude", &open).dialog.expect("a question");
    assert_eq!((open.question, open.keys.len()), (closed.question, 3));

    let text = "  ┃  Which colour?\n  ┃\n  ┃  1. Blue\n  ┃  2. Type your own answer\n  ┃\n  ┃  ↑↓ select  enter submit  esc dismiss\n  ┃\n";
    let closed = read("opencode", text).dialog.expect("a question");
    assert_eq!((closed.question.choices.len(), closed.question.free_text), (1, true));
    assert_eq!(closed.keys, [b"1", b"2"]);
    let open = text.replace("own answer\n  ┃\n", "own answer\n  ┃     Type your own answer\n  ┃\n");
    let open = read("opencode", &open).dialog.expect("a question");
    assert_eq!((open.question, open.keys), (closed.question, vec![b"1".to_vec()]));
}

#[test]
fn buttons_without_a_mark_are_clicked_on() {
    let text = "\n  ┃  △ Permission required\n  ┃    # Shell command\n  ┃\n  ┃  $ touch a.txt\n  ┃\n  \
                ┃   Allow once   Allow always   Reject     ⇆ select  enter confirm\n  ┃\n";
    let dialog = read("opencode", text).dialog.expect("a question");
    let typed = |key: &str| {
        let at = dialog.question.choices.iter().position(|choice| choice.key == key).expect("a choice");
        String::from_utf8_lossy(&dialog.keys[at]).into_owned()
    };
    assert_eq!(typed("once"), "\x1b[<0;7;7M\x1b[<0;7;7m");
    assert_eq!(typed("always"), "\x1b[<0;20;7M\x1b[<0;20;7m");
    assert_eq!(typed("esc"), "\x1b");
}

#[test]
fn several_choices_of_claude_are_marked_one_by_one_and_then_submitted() {
    let text = "────────────\n←  ☒ Checks  ✔ Submit  →\n\nWhich checks?\n\n❯ 1. [✔] Unit tests\n  Fast\n  2. [ ] Benchmarks\n  \
                3. [ ] Type something\n     Submit\n────────────\n  4. Chat about this\n\nEnter to select · ↑/↓ to navigate · Esc to cancel\n";
    let dialog = read("claude", text).dialog.expect("a question");
    let choices: Vec<_> = dialog.question.choices.iter().map(|choice| (&*choice.key, &*choice.label)).collect();
    assert_eq!(choices[..2], [("1", "[✔] Unit tests"), ("2", "[ ] Benchmarks")]);
    assert_eq!(choices.last(), Some(&("tab", "Go on with these")));
    assert_eq!(dialog.keys.last(), Some(&b"\t".to_vec()));
    let one = text.replace("[✔] ", "").replace("[ ] ", "").replace("     Submit\n", "");
    assert!(read("claude", &one).dialog.expect("a question").question.choices.iter().all(|choice| choice.key != "tab"));
}

#[test]
fn a_permission_of_codex_is_answered_by_its_own_keys() {
    let text = "  Would you like to run the following command?\n\n  Environment: local\n\n  $ touch a.txt\n\n› 1. Yes, proceed (y)\n  \
                2. Yes, and don't ask again (p)\n  3. No, and tell Codex what to do differently (esc)\n\n  Press enter to confirm or esc to cancel\n";
    let dialog = read("codex", text).dialog.expect("a question");
    assert_eq!(dialog.question.text, "Would you like to run the following command?");
    assert_eq!(dialog.question.detail, "Environment: local\n$ touch a.txt");
    assert_eq!(dialog.keys, [b"y".to_vec(), b"p".to_vec(), b"\x1b".to_vec()]);
}

#[test]
fn a_program_in_node_is_known_by_its_title() {
    let mut screens = Screens::new(Manifests::new(None));
    let id = TerminalId { agent: AgentId(1), pane: 1 };
    let says =
        screens.title(id, &glance("node", "[ ! ] Action Required | fix it")).expect("another title").expect("it says");
    assert_eq!(says.kind, StateKind::Waiting);
    assert_eq!(screens.title(id, &glance("node", "[ ! ] Action Required | fix it")), None, "the same");
    let says = screens.title(id, &glance("node", "⠙ fix it")).expect("another title").expect("it says");
    assert_eq!(says.kind, StateKind::Working);
    assert_eq!(screens.title(id, &Glance { shell: true, ..glance("bash", "x") }), Some(None));
}

#[test]
fn a_file_of_the_users_replaces_ours_and_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claude.toml");
    let text = |words: &str| {
        format!(
            "name = 'claude'\ntitle = 'Mine'\ncommands = ['claude']\n[[rules]]\nname = 'busy'\nstate = 'working'\nany = ['{words}']\n"
        )
    };
    std::fs::write(&path, text("hammering")).unwrap();
    let mut manifests = Manifests::new(Some(folder.path().to_path_buf()));
    let title = |manifests: &Manifests| manifests.get("claude").map(|manifest| manifest.title.clone());
    assert_eq!(title(&manifests).as_deref(), Some("Mine"));
    assert!(manifests.get("codex").is_some());
    std::fs::write(&path, "name = 'claude'\ntitle =\n").unwrap();
    manifests.look_now();
    assert_eq!(title(&manifests).as_deref(), Some("Mine"), "a file that is wrong leaves what was there");
    std::fs::remove_file(&path).unwrap();
    manifests.look_now();
    assert_eq!(title(&manifests).as_deref(), Some("Claude Code"));
}

#[test]
fn what_is_wrong_in_a_manifest_is_said_with_its_line() {
    let wrong = |text: &str| Manifest::parse(text).unwrap_err();
    assert!(wrong("name = 'x'\ntitle = 'X'\ncolour = 1\n").starts_with("line 3: "));
    assert!(wrong("name = 'x'\ntitle = 'X'\n").contains("belongs to no program"));
    let rule =
        |rest: &str| wrong(&format!("name = 'x'\ntitle = 'X'\ncommands = ['x']\n[[rules]]\nname = 'r'\n{rest}\n"));
    assert!(rule("state = 'idle'").contains("rule 'r': it needs"));
    assert!(rule("state = 'busy'\nany = ['x']").starts_with("line 6: "));
    assert!(rule("state = 'idle'\nany = ['x']\nchoose = 'digit'").contains("only a rule for `waiting`"));
    assert!(rule("state = 'idle'\nany = ['{x}']").contains("{digits}"));
    assert!(wrong(&"#".repeat(70_000)).contains("64 KiB"));
}

/// A recording of a real screen: a head of lines `name: value`, a line `---`, the visible text.
struct Recording {
    program: String,
    right: Vec<String>,
    titles: Vec<String>,
    cursor: (u16, u16),
    text: String,
}

fn recordings() -> Vec<(std::path::PathBuf, Recording)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/agents/screens");
    let mut all = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "txt") {
                all.push((path.clone(), recording(&std::fs::read_to_string(&path).unwrap())));
            }
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn recording(file: &str) -> Recording {
    let (head, text) = file.split_once("---\n").expect("a head");
    let values = |name: &str| {
        let prefix = format!("{name}: ");
        head.lines()
            .filter_map(|line| line.strip_prefix(&prefix))
            .map(|value| value.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let words = |name: &str| values(name).concat().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let cursor = words("cursor");
    let number = |at: usize| cursor.get(at).and_then(|number| number.parse().ok()).unwrap_or(0);
    Recording {
        program: words("program")[0].clone(),
        right: words("right"),
        titles: values("title"),
        cursor: (number(0), number(1)),
        text: text.to_owned(),
    }
}

/// What a screen and its last title alone say, by the rules of core that the strongest of both counts.
fn state(recording: &Recording) -> (Option<StateKind>, Option<StateKind>, Reading) {
    let mut screens = Screens::new(Manifests::new(None));
    let id = TerminalId { agent: AgentId(1), pane: 1 };
    let title = recording.titles.last().map_or("", String::as_str);
    let glance = glance(&recording.program, title);
    let says = screens.title(id, &glance).flatten().map(|says| says.kind);
    let text = ScreenText { size: Size::DEFAULT, cursor: recording.cursor, text: recording.text.clone() };
    let reading = screens.read(id, &text, true, glance);
    let shown = reading.dialog.as_ref().map(|_| StateKind::Waiting).or(reading.says.as_ref().map(|says| says.kind));
    (says, shown, reading)
}

/// What neither screen nor title of the program says.
const SILENT: [&str; 1] = ["gemini/0.61.0/retrying"];

#[test]
fn the_recorded_screens_of_real_programs_are_read_right() {
    let mut wrong = Vec::new();
    for (path, recording) in recordings() {
        if recording.right.iter().any(|right| right == "exited")
            || SILENT.iter().any(|name| path.with_extension("").ends_with(name))
        {
            continue;
        }
        let (title, shown, reading) = state(&recording);
        let visible = shown.filter(|kind| matches!(kind, StateKind::Waiting | StateKind::Failed));
        let kind = visible.or(title).or(shown);
        let name = match kind {
            Some(StateKind::Working) => "working",
            Some(StateKind::Waiting) => "waiting",
            Some(StateKind::Failed) => "failed",
            Some(_) => "idle",
            None => "nothing",
        };
        if !recording.right.iter().any(|right| right == name) {
            wrong.push(format!("{}: {name} instead of {:?} ({reading:?})", path.display(), recording.right));
        }
        if let Some(dialog) = &reading.dialog {
            let unusable = dialog.keys.iter().any(Vec::is_empty) || dialog.question.choices.is_empty();
            if unusable && recording.program != "opencode" {
                wrong.push(format!("{}: choices without keys: {dialog:?}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_program_is_known_by_its_name_also_where_an_interpreter_runs_it() {
    let manifests = Manifests::new(None);
    let known = |program: &str, args: &[&str]| {
        let args: Vec<String> = args.iter().map(|argument| (*argument).to_owned()).collect();
        let program = super::script(program, &args).unwrap_or(program).to_owned();
        let glance = Glance { command: "node", program: &program, ..Glance::default() };
        manifests.identify(&glance, None).map(|manifest| manifest.name.clone())
    };
    assert_eq!(known("/usr/bin/gemini", &[]).as_deref(), Some("gemini"));
    assert_eq!(known("/usr/bin/node", &["--no-warnings", "/x/bundle/gemini.js"]).as_deref(), Some("gemini"));
    assert_eq!(known("node", &["server.js"]), None);
    assert_eq!(known("sh", &["gemini"]), None);
}
