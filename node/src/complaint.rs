//! What an operator is told when something of theirs cannot be used: one line that names the file,
//! the field, the problem and the remedy.

use std::fmt;

/// A fault that the operator can mend. Displays as `file: field: problem; remedy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The file or the flag that is at fault, with line and column if known.
    pub place: String,
    /// The field within it, such as `rpc.laddr`; empty if it is the whole.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

impl Complaint {
    /// A complaint about one field of a file.
    pub fn new(
        place: impl fmt::Display,
        field: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            place: place.to_string(),
            field: field.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

impl std::error::Error for Complaint {}
