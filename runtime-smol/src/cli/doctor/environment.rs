//! What agents are started with: whether the login shell could be read, and which agent programs they find.

use super::Check;
use crate::cli::api::{Api, EnvironmentReport, Programs, Shell};
use crate::cli::environment::described;
use crate::cli::text;
use std::time::{Duration, Instant};

/// How long a person may wait for programs to say their versions.
const PATIENCE: Duration = Duration::from_secs(6);

pub(super) fn checks(api: &Api) -> Vec<Check> {
    // After the programs, for which the node waits until the shell has answered.
    let programs = programs(api);
    let environment = api.environment().ok();
    let mut checks: Vec<Check> = environment.iter().map(shell).collect();
    checks.extend(programs.iter().flat_map(found));
    checks
}

/// What is known once all have said their versions, or have had the time to.
fn programs(api: &Api) -> Option<Programs> {
    let until = Instant::now() + PATIENCE;
    loop {
        let programs = api.programs().ok()?;
        if Instant::now() > until || programs.programs.iter().all(|program| !program.checking) {
            return Some(programs);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn found(programs: &Programs) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut missing = Vec::new();
    for program in &programs.programs {
        let name = text::one_line(&program.name);
        match &program.path {
            Some(path) => {
                let version = program.version.as_deref().unwrap_or("its version is not known");
                checks.push(Check::good(name, format!("{}, {}", text::one_line(version), text::one_line(path))));
            }
            None => missing.push(name),
        }
    }
    let missing = missing.join(", ");
    if checks.is_empty() && !missing.is_empty() {
        let message = format!("none of these is in the PATH of agents: {missing}");
        let advice = format!(
            "Install one, or add its folder in a start-up file of your shell; then: consort env reload\nPATH of agents: {}",
            programs.path
        );
        return vec![Check::warning("programs", message, advice)];
    }
    if !missing.is_empty() {
        checks.push(Check::good("programs", format!("not in the PATH of agents: {missing}")));
    }
    checks
}

fn shell(report: &EnvironmentReport) -> Check {
    match &report.shell {
        None => Check::good("environment", "your login shell is being asked"),
        Some(shell) => login(shell),
    }
}

fn login(shell: &Shell) -> Check {
    match &shell.problem {
        None => Check::good("environment", described(shell)),
        Some(problem) => Check::warning("environment", problem.clone(), shell.advice.clone().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::api::Program;
    use crate::cli::doctor::Outcome;

    #[test]
    fn a_shell_that_could_not_be_read_is_a_warning_with_what_to_do() {
        let shell = Shell { problem: Some("It waits.".into()), advice: Some("See why.".into()), ..Shell::default() };
        let check = super::shell(&EnvironmentReport { shell: Some(shell), variables: Vec::new() });
        assert_eq!((check.outcome, check.advice.as_deref()), (Outcome::Warning, Some("See why.")));
    }

    #[test]
    fn programs_are_shown_with_version_and_place_and_none_at_all_is_a_warning() {
        let program = |name: &str, path: Option<&str>, version: Option<&str>| Program {
            name: name.into(),
            path: path.map(Into::into),
            version: version.map(Into::into),
            checking: false,
        };
        let programs = vec![program("claude", Some("/b/claude"), Some("2.1.0")), program("codex", None, None)];
        let checks = found(&Programs { path: "/b".into(), programs });
        let messages: Vec<&str> = checks.iter().map(|check| check.message.as_str()).collect();
        assert_eq!(messages, ["2.1.0, /b/claude", "not in the PATH of agents: codex"]);
        let checks = found(&Programs { path: "/b".into(), programs: vec![program("codex", None, None)] });
        assert_eq!((checks.len(), checks[0].outcome), (1, Outcome::Warning));
        assert!(checks[0].advice.as_deref().is_some_and(|advice| advice.ends_with("PATH of agents: /b")));
    }
}
