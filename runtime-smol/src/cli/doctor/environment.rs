//! What agents are started with: whether the login shell could be read.

use super::Check;
use crate::cli::api::{EnvironmentReport, Shell};
use crate::cli::environment::described;

pub(super) fn checks(report: &EnvironmentReport) -> Vec<Check> {
    let shell = match &report.shell {
        None => Check::good("environment", "your login shell is being asked"),
        Some(shell) => login(shell),
    };
    vec![shell]
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
    use crate::cli::doctor::Outcome;

    #[test]
    fn a_shell_that_could_not_be_read_is_a_warning_with_what_to_do() {
        let shell = Shell { problem: Some("It waits.".into()), advice: Some("See why.".into()), ..Shell::default() };
        let checks = checks(&EnvironmentReport { shell: Some(shell), variables: Vec::new() });
        assert_eq!((checks[0].outcome, checks[0].advice.as_deref()), (Outcome::Warning, Some("See why.")));
    }
}
