//! Names of agents.

use consort_core::directory::{Name, place};
use consort_core::limits;

/// Any text has a place in the tree from which it can be put together again; a text that is a name keeps all rules of names.
pub fn agent_names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = place(&text);
    let mut parts = found.path.clone();
    parts.push(found.leaf);
    assert_eq!(parts.join("-"), text, "path and leaf are the name");
    assert!(found.path.len() <= 2);
    match Name::parse(&text) {
        Ok(name) => {
            assert_eq!(name.as_str(), text);
            assert!(
                text.chars().count() <= limits::NAME_CHARS && !text.contains(['.', ':', ' ', '\n', '\0', '#', '{'])
            );
            assert!(!text.starts_with('-'), "no command line takes it for a flag");
        }
        Err(error) => assert!(error.to_string().ends_with('.')),
    }
}
