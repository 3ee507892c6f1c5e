//! Differences that stay, each with its reason.

use super::{Case, Difference};

/// Why a difference of this case stays; `None` if nothing explains it.
#[must_use]
pub fn reason(_case: &Case, _difference: &Difference) -> Option<&'static str> {
    None
}
