//! What a run can find, by kind; each kind has its exit code.

use std::fmt;

/// Which promise is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    /// Something wrong happened.
    Safety,
    /// Something right did not happen, though nothing failed any more.
    Liveness,
    /// The same seed gave two different runs.
    Nondeterminism,
    /// A panic: a broken contract or invariant, or a plain crash.
    Crash,
}

impl FailureKind {
    /// The exit code of `consort-sim`.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            FailureKind::Safety => 2,
            FailureKind::Liveness => 3,
            FailureKind::Nondeterminism => 4,
            FailureKind::Crash => 5,
        }
    }
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which kind.
    pub kind: FailureKind,
    /// What was expected and what was found.
    pub text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.text)
    }
}

/// The result of everything that checks.
pub(crate) type Checked = Result<(), Failure>;

pub(crate) fn unsafe_because(text: impl Into<String>) -> Failure {
    Failure { kind: FailureKind::Safety, text: text.into() }
}

pub(crate) fn pending_because(text: impl Into<String>) -> Failure {
    Failure { kind: FailureKind::Liveness, text: text.into() }
}

/// Fails with a safety violation unless the condition holds.
macro_rules! must {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err($crate::failure::unsafe_because(format!($($words)+)));
        }
    };
}
pub(crate) use must;
