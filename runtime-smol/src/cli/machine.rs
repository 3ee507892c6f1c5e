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

/// The one machine that `wanted` names.
///
/// # Errors
/// None, or more than one: the message lists which it could have meant.
pub(crate) fn pick<'a>(machines: &'a [Machine], wanted: &str) -> Result<&'a Machine, Failure> {
    if wanted.is_empty() {
        return Err(Failure::usage("A machine's name cannot be empty."));
    }
    // Also the long spelling with check characters.
    let id = wanted.parse::<NodeId>().map_or_else(|_| wanted.to_lowercase(), |id| id.to_string());
    let named: Vec<&Machine> = machines.iter().filter(|machine| machine.name == wanted || machine.id == id).collect();
    let begins = |machine: &&Machine| machine.name.starts_with(wanted) || machine.id.starts_with(&id);
    let found = if named.is_empty() { machines.iter().filter(begins).collect() } else { named };
    match &found[..] {
        [machine] => Ok(machine),
        [] => Err(Failure::new(format!("There is no machine {wanted}.")).hint("See which there are: consort peers")),
        several => {
            let lines: Vec<String> = several.iter().take(8).map(|machine| format!("  {}", machine.called())).collect();
            let message = format!("{wanted} could be {} machines. Use the id:", several.len());
            Err(Failure::new(message).hint(lines.join("\n")))
        }
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
}
