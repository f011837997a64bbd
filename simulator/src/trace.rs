//! A history that people can read and machines can repeat: a head with the plan and the digest of
//! the run, then a line for each thing that happened.
//!
//! ```text
//! lockstep trace 1
//! plan {"version":1,"seed":7, ...}
//! digest 5f1c...
//! verdict agreement at 12.034567: at height 5 2 decided A1B2, 3 decided C3D4
//!
//! 12.034567 n2 <- n0 prevote 5/0 A1B2C3
//! ```

pub(crate) mod words;

use std::collections::VecDeque;
use std::fmt;

use crate::moment::Moment;
use crate::plan::{Plan, PlanError};
use crate::report::{Report, hex};

/// The version of the form of traces; what is in them also has a version, see
/// [`crate::plan::PLAN_VERSION`].
pub const TRACE_VERSION: u32 = 1;
/// Lines that a trace has if nobody asks for more: the last ones before the failure.
pub const LINES_MAX: usize = 200_000;

/// What the first line begins with, in every version.
const MARK: &str = "lockstep trace ";

/// The last lines of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    lines: VecDeque<String>,
    lines_max: usize,
    forgotten: u64,
}

impl Trace {
    /// Nothing has happened yet. Of what will, the last so many lines are kept.
    pub fn new(lines_max: usize) -> Self {
        Self { lines: VecDeque::new(), lines_max, forgotten: 0 }
    }

    /// Something happens.
    pub fn tell(&mut self, at: Moment, what: &str) {
        self.lines.push_back(format!("{at} {what}"));
        if self.lines_max < self.lines.len() {
            self.lines.pop_front();
            self.forgotten += 1;
        }
    }

    /// The lines that are left.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// The whole text: what makes the history, how it ended, and the lines.
    pub fn text(&self, plan: &Plan, report: &Report) -> String {
        let mut text = Head::of(plan, report).to_string();
        text.push('\n');
        if 0 < self.forgotten {
            let kept = self.lines.len();
            let forgotten = self.forgotten;
            text.push_str(&format!("({forgotten} earlier lines are left out; the last {kept}:)\n"));
        }
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// What is needed of a trace to repeat it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// All that makes the run.
    pub plan: Plan,
    /// Of all that happened, in hex.
    pub digest: String,
    /// What a judge said, or `none`.
    pub verdict: String,
}

/// Why a trace cannot be repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// Something else.
    #[error("this is no trace: it does not begin with `lockstep trace`")]
    Foreign,
    /// It is of another version.
    #[error("the trace is of version {actual}, and this is version {expected}")]
    Version {
        /// Whose it is.
        actual: String,
        /// Ours.
        expected: u32,
    },
    /// Its head lacks something.
    #[error("the trace is corrupt: line {line} is not its {what}")]
    Corrupt {
        /// Where.
        line: usize,
        /// What should be there.
        what: &'static str,
    },
    /// Its plan makes no world.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl Head {
    /// Of a run.
    pub fn of(plan: &Plan, report: &Report) -> Self {
        let verdict = report.failure.as_ref().map_or("none".to_owned(), ToString::to_string);
        // A verdict of many lines, as assertions have, would not be one line of the head.
        let verdict = verdict.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { plan: plan.clone(), digest: hex(&report.digest), verdict }
    }

    /// Reads the head of a trace.
    ///
    /// # Errors
    /// If it is no trace, of another version, corrupt, or its plan makes no world.
    pub fn read(text: &str) -> Result<Self, TraceError> {
        let mut lines = text.lines().enumerate();
        let first = lines.next().map_or("", |(_, line)| line);
        let version = first.strip_prefix(MARK).ok_or(TraceError::Foreign)?;
        if version != TRACE_VERSION.to_string() {
            let actual = version.chars().take(20).collect();
            return Err(TraceError::Version { actual, expected: TRACE_VERSION });
        }
        let mut next = |what: &'static str| {
            let line = lines.next();
            let rest = line.and_then(|(_, line)| line.strip_prefix(what));
            let rest = rest.and_then(|rest| rest.strip_prefix(' '));
            let number = line.map_or(text.lines().count(), |(index, _)| index) + 1;
            rest.ok_or(TraceError::Corrupt { line: number, what })
        };
        let plan = Plan::read(next("plan")?)?;
        let digest = next("digest")?.to_owned();
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(TraceError::Corrupt { line: 3, what: "digest" });
        }
        let verdict = next("verdict")?.to_owned();
        Ok(Self { plan, digest, verdict })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{MARK}{TRACE_VERSION}")?;
        writeln!(f, "plan {}", self.plan.line())?;
        writeln!(f, "digest {}", self.digest)?;
        writeln!(f, "verdict {}", self.verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world;

    fn written(lines_max: usize) -> String {
        let plan = Plan::fair(3, &[10; 4], 5);
        let (report, trace) = world::run_traced(&plan, lines_max);
        trace.text(&plan, &report)
    }

    #[test]
    fn a_trace_replays() {
        let head = Head::read(&written(LINES_MAX)).unwrap();
        let report = world::run(&head.plan);
        assert_eq!(Head::of(&head.plan, &report), head);
    }

    #[test]
    fn a_trace_tells_who_said_what_to_whom() {
        let text = written(LINES_MAX);
        for phrase in
            ["n2 <- n0 prevote 5/0 ", " signs precommit 5/0 ", " step 5/0 propose", " on disk"]
        {
            assert!(text.contains(phrase), "{phrase:?} is not in the trace");
        }
    }

    #[test]
    fn a_trace_that_is_too_long_keeps_its_end_and_says_so() {
        let (all, short) = (written(LINES_MAX), written(10));
        assert!(short.contains("earlier lines are left out; the last 10:"));
        let end = |text: &str| text.lines().rev().take(10).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(end(&all), end(&short));
    }

    #[test]
    fn traces_that_cannot_be_repeated_are_refused_with_the_reason() {
        let good = written(0);
        let line = |number: usize| good.lines().nth(number).unwrap_or_default().to_owned();
        let corrupt = |line, what| TraceError::Corrupt { line, what };
        let cases = [
            (String::new(), TraceError::Foreign),
            ("{}".to_owned(), TraceError::Foreign),
            (
                good.replacen("trace 1", "trace 2", 1),
                TraceError::Version { actual: "2".to_owned(), expected: TRACE_VERSION },
            ),
            (line(0), corrupt(2, "plan")),
            (good.replacen("digest ", "digest x", 1), corrupt(3, "digest")),
            (good.replacen("verdict", "verdikt", 1), corrupt(4, "verdict")),
            (
                good.replacen(r#""version":1"#, r#""version":0"#, 1),
                TraceError::Plan(PlanError::Version { actual: 0, expected: 1 }),
            ),
        ];
        for (text, error) in cases {
            assert_eq!(Head::read(&text), Err(error));
        }
        let cut = good.replacen(r#","heights""#, "", 1);
        assert!(matches!(Head::read(&cut), Err(TraceError::Plan(PlanError::Unreadable(_)))));
    }
}
