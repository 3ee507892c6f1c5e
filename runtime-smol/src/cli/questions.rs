//! The commands about what agents ask and why they are in the state they are in.

use super::api::{Agent, Api, Choice, Question};
use super::args::AgentArg;
use super::failure::Failure;
use super::pick::{Census, Precision};
use super::{output, text};
use crate::screens::load;
use serde_json::{Value, json};
use std::path::Path;

/// Lists what agents ask.
pub(crate) fn list(api: &Api, as_json: bool) -> Result<(), Failure> {
    let census = Census::take(api)?;
    let mut asking: Vec<(&Agent, &Question)> = census
        .agents
        .iter()
        .filter(|agent| census.machine_of(agent).is_none_or(|machine| machine.reachable))
        .filter_map(|agent| Some((agent, agent.state.question.as_ref()?)))
        .collect();
    // Who has waited longest comes first.
    asking.sort_by_key(|(agent, _)| std::cmp::Reverse(agent.state.age_ms));
    if as_json {
        let lines = asking.iter().map(|(agent, question)| {
            json!({ "agent": agent.id, "name": agent.name, "called": census.called(agent), "age_ms": agent.state.age_ms, "question": question })
        });
        return output::line(&format!("{:#}", Value::Array(lines.collect())));
    }
    if asking.is_empty() {
        return output::line("Nobody asks anything.");
    }
    let all: Vec<String> =
        asking.iter().map(|(agent, question)| shown(&census.called(agent), agent, question)).collect();
    output::line(&all.join("\n\n"))
}

/// One question with its choices.
fn shown(called: &str, agent: &Agent, question: &Question) -> String {
    let mut lines = vec![format!(
        "{} ({}): {}",
        text::one_line(called),
        text::age(agent.state.age_ms),
        text::one_line(&question.text)
    )];
    lines.extend(question.detail.lines().map(|line| format!("    {}", text::one_line(line))));
    let choice = |choice: &Choice| format!("  {:>3}  {}", text::one_line(&choice.key), text::one_line(&choice.label));
    lines.extend(question.choices.iter().map(choice));
    if question.free_text {
        lines.push("  --text TEXT".to_owned());
    }
    lines.join("\n")
}

/// Answers what an agent asks.
pub(crate) fn answer(api: &Api, wanted: &AgentArg, choice: Option<&str>, given: Option<&str>) -> Result<(), Failure> {
    let census = Census::take(api)?;
    let agent = census.pick(wanted, Precision::Beginning)?;
    let called = text::one_line(&census.called(agent));
    let Some(question) = &agent.state.question else {
        return Err(Failure::new(format!("{called} asks nothing.")).hint("See who asks what with: consort questions"));
    };
    let body = match (choice, given) {
        (Some(choice), _) => json!({ "question": question.id, "choice": chosen(question, choice)? }),
        (None, Some(given)) => json!({ "question": question.id, "text": output::argument_or_stdin(given)? }),
        (None, None) => {
            return Err(Failure::usage("An answer is a choice, or --text TEXT.").hint(shown(&called, agent, question)));
        }
    };
    api.answer(&agent.id, &body)?;
    output::done(&format!("answered {called}: {}", text::one_line(&question.text)))
}

/// The key of the choice that is meant: by its key, or by how its label begins.
fn chosen<'a>(question: &'a Question, choice: &str) -> Result<&'a str, Failure> {
    if let Some(exact) = question.choices.iter().find(|offered| offered.key == choice) {
        return Ok(&exact.key);
    }
    let wanted = choice.to_lowercase();
    let mut fitting = question.choices.iter().filter(|offered| offered.label.to_lowercase().starts_with(&wanted));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) if !wanted.is_empty() => Ok(&one.key),
        _ => {
            let offered = question.choices.iter().map(|choice| format!("{} ({})", choice.key, choice.label));
            let offered = text::one_line(&offered.collect::<Vec<_>>().join(", "));
            Err(Failure::usage(format!("'{}' is none of its choices, or several.", text::one_line(choice)))
                .hint(format!("Choose one of: {offered}")))
        }
    }
}

/// Says why an agent is in its state.
pub(crate) fn explain(api: &Api, wanted: &AgentArg, as_json: bool) -> Result<(), Failure> {
    let census = Census::take(api)?;
    let agent = census.pick(wanted, Precision::Beginning)?;
    let explanation = api.explain(&agent.id)?;
    if as_json {
        return output::line(&format!("{explanation:#}"));
    }
    let state = &agent.state;
    let mut lines = vec![format!(
        "{} is {} ({}) for {}: {}",
        text::one_line(&census.called(agent)),
        text::one_line(&state.kind),
        text::one_line(&state.source),
        text::age(state.age_ms),
        text::one_line(&state.why)
    )];
    let rules = explanation["rules"].as_str().unwrap_or_default();
    lines.push(format!("Its screen is read by the rules of: {}", if rules.is_empty() { "any program" } else { rules }));
    let several = agent.terminals.len() > 1;
    for signal in explanation["signals"].as_array().into_iter().flatten() {
        let field = |name: &str| text::one_line(signal[name].as_str().unwrap_or("-"));
        let mark = if signal["decisive"] == true { '>' } else { ' ' };
        let pane = if several { format!("pane {:<4}", signal["terminal"]) } else { String::new() };
        let age = text::age(signal["age_ms"].as_u64().unwrap_or(0));
        lines.push(format!("{mark} {pane}{:<8} {:<8} {age:>8}  {}", field("source"), field("says"), field("why")));
    }
    output::line(&lines.join("\n"))
}

/// Checks manifests: this file, or all of the user's.
pub(crate) fn check(file: Option<&Path>) -> Result<(), Failure> {
    if let Some(file) = file {
        let manifest = load::read(file).map_err(|why| Failure::new(format!("{}: {why}", file.display())))?;
        return output::line(&format!(
            "{}: right; {} rules for {}",
            file.display(),
            manifest.rules.len(),
            manifest.title
        ));
    }
    let Some(folder) = load::folder() else { return Err(Failure::new("There is no home directory.")) };
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let wrong: Vec<String> =
        files.iter().filter_map(|file| Some(format!("{}: {}", file.display(), load::read(file).err()?))).collect();
    if !wrong.is_empty() {
        return Err(Failure::new(wrong.join("\n")).hint("Until that is right, what was there before goes on."));
    }
    let ours: Vec<&str> = load::BUILT_IN.iter().map(|(name, _)| name.trim_end_matches(".toml")).collect();
    output::line(&format!(
        "{} of yours in {}, all right. Built in: {}.",
        match files.len() {
            0 => "None".to_owned(),
            count => count.to_string(),
        },
        folder.display(),
        ours.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        let choice = |key: &str, label: &str| Choice { key: key.into(), label: label.into() };
        let choices = vec![choice("1", "Yes"), choice("2", "Yes, always"), choice("3", "No")];
        Question { id: "0".repeat(16), text: "Proceed?".into(), choices, ..Question::default() }
    }

    #[test]
    fn a_choice_is_named_by_its_key_or_by_how_it_begins() {
        let question = question();
        assert_eq!(chosen(&question, "2").unwrap(), "2");
        assert_eq!(chosen(&question, "no").unwrap(), "3");
        assert_eq!(chosen(&question, "yes, al").unwrap(), "2");
        assert!(chosen(&question, "yes").unwrap_err().to_string().contains("several"));
        assert!(chosen(&question, "").is_err() && chosen(&question, "4").is_err());
    }

    #[test]
    fn a_question_is_shown_with_its_detail_and_its_choices() {
        let agent = Agent::default();
        let question = Question { detail: "touch a.txt\u{1b}[31m".into(), ..question() };
        let shown = shown("a@b", &agent, &question);
        assert!(shown.starts_with("a@b ("), "{shown}");
        assert!(shown.contains("\n    touch a.txt") && !shown.contains('\u{1b}'), "{shown}");
        assert!(shown.ends_with("    1  Yes\n    2  Yes, always\n    3  No"), "{shown}");
    }
}
