//! What was found out about an application: a finding for each claim, with its evidence.

use std::collections::BTreeMap;
use std::fmt;

use types::Height;

use super::Claim;
use crate::application::{ApplicationError, Call};

/// What was found out about one claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It held as often as it was looked at.
    Passed {
        /// How often.
        times: u64,
        /// What was measured; may be empty.
        note: String,
    },
    /// It did not hold.
    Failed {
        /// How often not.
        times: u64,
        /// The first time.
        evidence: Evidence,
    },
    /// Nothing was seen that could tell.
    NotReached {
        /// Why, and what would help.
        reason: String,
    },
}

/// What was seen that should not be.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Evidence {
    /// In which block; none if it was about none.
    pub height: Option<Height>,
    /// In which call; none if it was about none.
    pub call: Option<Call>,
    /// What is wrong, and where: the field, the index, the key.
    pub what: String,
    /// What was due, or what was answered first; may be empty.
    pub first: String,
    /// What came instead; may be empty.
    pub second: String,
}

impl Evidence {
    /// Something wrong in words.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// In this block.
    #[must_use]
    pub fn at(self, height: impl Into<Option<Height>>) -> Self {
        Self { height: height.into(), ..self }
    }

    /// In this call.
    #[must_use]
    pub fn in_call(self, call: Call) -> Self {
        Self { call: Some(call), ..self }
    }

    /// What was due, and what came.
    #[must_use]
    pub fn between(self, first: impl fmt::Display, second: impl fmt::Display) -> Self {
        Self { first: first.to_string(), second: second.to_string(), ..self }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.height, self.call) {
            (Some(height), Some(call)) => write!(f, "block {height}, {call}: ")?,
            (Some(height), None) => write!(f, "block {height}: ")?,
            (None, Some(call)) => write!(f, "{call}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.what)?;
        if self.first.is_empty() && self.second.is_empty() {
            return Ok(());
        }
        write!(f, ": {}, then {}", Shown(&self.first), Shown(&self.second))
    }
}

/// An answer, or the word for none.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "nothing" } else { self.0 })
    }
}

/// All that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the application calls itself.
    pub application: String,
    /// What chance was drawn from.
    pub seed: u64,
    /// Blocks that the first instance executed.
    pub blocks: u64,
    /// Transactions in them.
    pub txs: u64,
    /// Each claim, in the order of [`Claim::ALL`].
    pub findings: Vec<(Claim, Finding)>,
}

impl Report {
    /// What was found out about a claim.
    pub fn of(&self, claim: Claim) -> &Finding {
        let found = self.findings.iter().find(|(it, _)| *it == claim);
        &found.expect("a report has every claim").1
    }

    /// The claims that do not hold.
    pub fn failed(&self) -> Vec<Claim> {
        let failed = |(_, finding): &&(Claim, Finding)| matches!(finding, Finding::Failed { .. });
        self.findings.iter().filter(failed).map(|(claim, _)| *claim).collect()
    }

    /// The claims of which nothing was seen.
    pub fn not_reached(&self) -> Vec<Claim> {
        let unseen = |(_, it): &&(Claim, Finding)| matches!(it, Finding::NotReached { .. });
        self.findings.iter().filter(unseen).map(|(claim, _)| *claim).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} blocks, {} transactions", self.application, self.blocks, self.txs)?;
        for (claim, finding) in &self.findings {
            let (word, more) = match finding {
                Finding::Passed { note, .. } => ("passed", note.clone()),
                Finding::Failed { times, evidence } if 1 < *times => {
                    ("FAILED", format!("{evidence} (and {} more)", times - 1))
                }
                Finding::Failed { evidence, .. } => ("FAILED", evidence.to_string()),
                Finding::NotReached { reason } => ("not reached", reason.clone()),
            };
            let number = claim.requirement().map(|it| it.to_string()).unwrap_or_default();
            writeln!(f, "{number:>2}  {:<25}  {word:<11}  {}", claim.id(), claim.title())?;
            if !more.is_empty() {
                writeln!(f, "      {more}")?;
            }
        }
        let (failed, unseen) = (self.failed().len(), self.not_reached().len());
        let passed = self.findings.len() - failed - unseen;
        writeln!(f, "{passed} passed, {failed} failed, {unseen} not reached (seed {})", self.seed)
    }
}

/// Where findings are gathered.
#[derive(Debug, Default)]
pub(super) struct Board {
    held: BTreeMap<Claim, u64>,
    notes: BTreeMap<Claim, String>,
    failures: BTreeMap<Claim, (u64, Evidence)>,
    reasons: BTreeMap<Claim, String>,
}

/// The application broke off, or cannot be asked any more.
#[derive(Debug)]
pub(super) struct Stopped;

impl Board {
    /// A claim held once.
    pub(super) fn held(&mut self, claim: Claim) {
        *self.held.entry(claim).or_default() += 1;
    }

    /// A claim did not hold.
    pub(super) fn failed(&mut self, claim: Claim, evidence: Evidence) {
        self.failures.entry(claim).or_insert((0, evidence)).0 += 1;
    }

    /// A claim held, or did not.
    pub(super) fn expect(&mut self, claim: Claim, holds: bool, wrong: impl FnOnce() -> Evidence) {
        if holds { self.held(claim) } else { self.failed(claim, wrong()) }
    }

    /// What was measured for a claim.
    pub(super) fn note(&mut self, claim: Claim, note: String) {
        self.notes.insert(claim, note);
    }

    /// Why nothing can be seen of some claims, if nothing is; the first reason stands.
    pub(super) fn unreached(&mut self, claims: &[Claim], reason: &str) {
        for claim in claims {
            self.reasons.entry(*claim).or_insert_with(|| reason.to_owned());
        }
    }

    /// Whether a claim did not hold.
    pub(super) fn has_failed(&self, claim: Claim) -> bool {
        self.failures.contains_key(&claim)
    }

    /// Takes an answer, or notes that there is none.
    pub(super) fn answered<T>(
        &mut self,
        height: impl Into<Option<Height>>,
        answer: Result<T, ApplicationError>,
    ) -> Result<T, Stopped> {
        match answer {
            Ok(answer) => {
                self.held(Claim::Answers);
                Ok(answer)
            }
            Err(error) => {
                let evidence = Evidence::new(error.reason).in_call(error.call).at(height);
                self.failed(Claim::Answers, evidence);
                Err(Stopped)
            }
        }
    }

    /// What was found out about each claim.
    pub(super) fn findings(mut self) -> Vec<(Claim, Finding)> {
        let otherwise = if self.failures.contains_key(&Claim::Answers) {
            format!("the application broke off before, see {}", Claim::Answers.id())
        } else {
            "no block showed it".to_owned()
        };
        let mut finding = |claim: Claim| {
            if let Some((times, evidence)) = self.failures.remove(&claim) {
                return Finding::Failed { times, evidence };
            }
            if let Some(&times) = self.held.get(&claim) {
                let note = self.notes.remove(&claim).unwrap_or_default();
                return Finding::Passed { times, note };
            }
            let reason = self.reasons.remove(&claim).unwrap_or_else(|| otherwise.clone());
            Finding::NotReached { reason }
        };
        Claim::ALL.iter().map(|&claim| (claim, finding(claim))).collect()
    }
}
