//! A report for machines: as JSON, and as JUnit XML.

use abci::check::{Claim, Finding, Report};
use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

/// The report as JSON.
pub fn json(report: &Report) -> Value {
    let (failed, not_reached) = (report.failed().len(), report.not_reached().len());
    json!({
        "application": report.application,
        "seed": report.seed,
        "blocks": report.blocks,
        "transactions": report.txs,
        "passed": report.findings.len() - failed - not_reached,
        "failed": failed,
        "not_reached": not_reached,
        "findings": report.findings.iter().map(|(claim, it)| one(*claim, it)).collect::<Vec<_>>(),
    })
}

fn one(claim: Claim, finding: &Finding) -> Value {
    let mut value = match finding {
        Finding::Passed { times, note } => {
            json!({ "verdict": "passed", "times": times, "note": note })
        }
        Finding::Failed { times, evidence } => json!({
            "verdict": "failed",
            "times": times,
            "evidence": {
                "block": evidence.height.map(|it| it.0),
                "call": evidence.call.map(abci::Call::name),
                "what": evidence.what,
                "first": evidence.first,
                "second": evidence.second,
            },
        }),
        Finding::NotReached { reason } => json!({ "verdict": "not reached", "reason": reason }),
    };
    value["id"] = claim.id().into();
    value["title"] = claim.title().into();
    value["requirement"] = claim.requirement().into();
    value
}

/// The report as JUnit XML: what was not reached is skipped.
pub fn junit(report: &Report) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(report.application.as_str());
    for (claim, finding) in &report.findings {
        let status = match finding {
            Finding::Passed { .. } => TestCaseStatus::success(),
            Finding::Failed { evidence, .. } => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_type(claim.id()).set_message(evidence.to_string());
                status
            }
            Finding::NotReached { reason } => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(reason.as_str());
                status
            }
        };
        let mut case = TestCase::new(format!("{}: {}", claim.id(), claim.title()), status);
        case.set_classname("abci");
        suite.add_test_case(case);
    }
    let mut all = quick_junit::Report::new("lockstep app check");
    all.add_test_suite(suite);
    all.to_string()
}

#[cfg(test)]
mod tests {
    use abci::check::Evidence;
    use types::Height;

    use super::*;

    fn report() -> Report {
        let evidence = Evidence::new("key \"a<b\" & \u{1}").at(Height(5)).between("x", "y");
        let findings = vec![
            (Claim::PrepareFits, Finding::Passed { times: 3, note: String::new() }),
            (Claim::CommitOnly, Finding::Failed { times: 2, evidence }),
            (Claim::Snapshot, Finding::NotReached { reason: "none".to_owned() }),
        ];
        let application = "app \"1\"".to_owned();
        Report { application, seed: 1, blocks: 21, txs: 72, findings }
    }

    #[test]
    fn a_report_in_xml_says_what_failed_and_what_was_skipped() {
        let text = junit(&report()).unwrap();
        let read = quick_junit::Report::deserialize_from_str(&text).unwrap();
        let suite = &read.test_suites[0];
        assert_eq!(suite.name.as_str(), r#"app "1""#);
        assert_eq!((suite.tests, suite.failures, suite.skipped), (3, 1, 1));
        let messages = suite.test_cases.iter().map(|it| match &it.status {
            TestCaseStatus::Success { .. } => None,
            TestCaseStatus::NonSuccess { message, .. }
            | TestCaseStatus::Skipped { message, .. } => message.as_ref().map(|it| it.as_str()),
        });
        let messages: Vec<Option<&str>> = messages.collect();
        assert_eq!(messages, [None, Some(r#"block 5: key "a<b" & : x, then y"#), Some("none")]);
    }

    #[test]
    fn a_report_in_json_has_the_evidence_field_by_field() {
        let value = json(&report());
        assert_eq!((&value["passed"], &value["failed"]), (&json!(1), &json!(1)));
        let failed = &value["findings"][1];
        assert_eq!(failed["evidence"]["block"], 5);
        assert_eq!(failed["evidence"]["second"], "y");
        assert_eq!(value["findings"][0]["requirement"], 2);
        assert_eq!(failed["requirement"], Value::Null);
    }
}
