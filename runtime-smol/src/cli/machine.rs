//! Which machine a person means: by its name, its id, or an unambiguous beginning of either.

use super::api::Machine;
use super::failure::Failure;
use super::text;
use consort_core::NodeId;

impl Machine {
    /// One of which nothing else is known.
    pub(crate) fn named(id: &str, name: &str) -> Self {
        Machine { id: id.into(), name: name.into(), ..Machine::default() }
    }

    /// Its name and the beginning of its id, for messages.
    pub(crate) fn called(&self) -> String {
        format!("{} ({})", text::one_line(&self.name), self.short())
    }

    pub(crate) fn short(&self) -> &str {
        self.id.get(..7).unwrap_or(&self.id)
    }

    /// `here`, `reachable` or `unreachable`.
    pub(crate) fn state(&self) -> &'static str {
        match self {
            Machine { own: true, .. } => "here",
            Machine { reachable: true, .. } => "reachable",
            Machine { .. } => "unreachable",
        }
    }
}

/// What a machine is called in a list: its name, and the beginning of its id if the name says too little.
pub(crate) fn label(machine: &Machine, all: &[Machine]) -> String {
    match all.iter().filter(|other| other.name == machine.name).count() {
        _ if machine.name.is_empty() => machine.short().into(),
        0 | 1 => machine.name.clone(),
        _ => format!("{}·{}", machine.name, machine.short()),
    }
}

/// The one machine that `wanted` names; capitals, and `.local` at the end, do not matter.
///
/// # Errors
/// None, or more than one: the message lists which it could have meant.
pub(crate) fn pick<'a>(machines: &'a [Machine], wanted: &str) -> Result<&'a Machine, Failure> {
    if wanted.is_empty() {
        return Err(Failure::usage("A machine's name cannot be empty."));
    }
    // Also the long spelling with check characters, and what lists call one of several of the same name.
    let id = wanted.split('·').next_back().unwrap_or(wanted);
    let id = id.parse::<NodeId>().map_or_else(|_| id.to_lowercase(), |id| id.to_string());
    let plain = |name: &str| {
        let name = name.to_lowercase();
        name.strip_suffix(".local").map(str::to_string).unwrap_or(name)
    };
    let name = plain(wanted);
    let exactly = |machine: &&Machine| machine.name == wanted || machine.id == id;
    let nearly = |machine: &&Machine| plain(&machine.name) == name;
    let begins = |machine: &&Machine| plain(&machine.name).starts_with(&name) || machine.id.starts_with(&id);
    let ways: [&dyn Fn(&&Machine) -> bool; 3] = [&exactly, &nearly, &begins];
    let found = ways.iter().map(|way| machines.iter().filter(way).collect::<Vec<_>>()).find(|found| !found.is_empty());
    match &found.unwrap_or_default()[..] {
        [machine] => Ok(machine),
        [] => Err(Failure::new(format!("There is no machine {wanted}.")).hint(unknown(machines, &name))),
        several => {
            let lines: Vec<String> = several.iter().take(8).map(|machine| format!("  {}", machine.called())).collect();
            let message = format!("{wanted} could be {} machines. Use the id:", several.len());
            Err(Failure::new(message).hint(lines.join("\n")))
        }
    }
}

/// What to try instead of a name that no machine has.
fn unknown(machines: &[Machine], wanted: &str) -> String {
    let allowed = wanted.chars().count().div_ceil(2).min(3);
    let near = machines.iter().map(|machine| (text::distance(&machine.name.to_lowercase(), wanted), machine));
    match near.filter(|(typing_errors, _)| *typing_errors <= allowed).min_by_key(|(typing_errors, _)| *typing_errors) {
        Some((_, machine)) => {
            format!("Did you mean {}? See which there are: consort peers", text::one_line(&machine.name))
        }
        None => "See which there are: consort peers".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_named_by_its_name_its_id_or_a_beginning() {
        let machines =
            [("a", "desk"), ("b", "laptop"), ("c", "far")].map(|(id, name)| Machine::named(&id.repeat(52), name));
        let picked = |wanted: &str| pick(&machines, wanted).map(|machine| machine.name.clone()).ok();
        assert_eq!(picked("laptop").as_deref(), Some("laptop"));
        assert_eq!(picked("la").as_deref(), Some("laptop"));
        assert_eq!(picked("ccc").as_deref(), Some("far"));
        assert_eq!(picked("CCC").as_deref(), Some("far"));
        assert_eq!(picked(&NodeId([0; 32]).checked()), None);
        let twins = ["1", "2"].map(|id| Machine::named(&id.repeat(52), "x"));
        assert!(pick(&twins, "x").unwrap_err().to_string().contains("Use the id:\n  x (1111111)\n  x (2222222)"));
    }

    #[test]
    fn capitals_and_the_local_domain_do_not_matter_and_a_typing_error_gets_a_suggestion() {
        let machines =
            [("a", "laptop"), ("b", "Mini"), ("c", "mini2")].map(|(id, name)| Machine::named(&id.repeat(52), name));
        let picked = |wanted: &str| pick(&machines, wanted).map(|machine| machine.name.clone());
        assert_eq!(picked("LAPTOP"), Ok("laptop".into()));
        assert_eq!(picked("mini.local"), Ok("Mini".into()));
        for (wanted, meant) in [("lptop", "laptop"), ("mniin", "Mini")] {
            let error = picked(wanted).unwrap_err().to_string();
            assert!(error.contains(&format!("Did you mean {meant}")), "{error}");
        }
        assert!(!picked("nowhere").unwrap_err().to_string().contains("Did you mean"));
    }

    #[test]
    fn machines_of_one_name_are_told_apart_in_lists_and_found_by_what_lists_say() {
        let machines =
            [("1", "srv1"), ("2", "srv1"), ("3", "desk")].map(|(id, name)| Machine::named(&id.repeat(52), name));
        let labels = machines.iter().map(|machine| label(machine, &machines)).collect::<Vec<_>>();
        assert_eq!(labels, ["srv1·1111111", "srv1·2222222", "desk"]);
        for (machine, label) in machines.iter().zip(labels) {
            assert_eq!(pick(&machines, &label).map(|found| &found.id), Ok(&machine.id));
        }
    }
}
