//! A report for machines: as JSON, and as JUnit XML.

use abci::check::{Claim, Finding, Report};
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
pub fn junit(report: &Report) -> String {
    let (failed, skipped) = (report.failed().len(), report.not_reached().len());
    let counts = format!(
        r#"tests="{}" failures="{failed}" errors="0" skipped="{skipped}""#,
        report.findings.len()
    );
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str(&format!("<testsuites name=\"lockstep app check\" {counts}>\n"));
    let suite = escaped(&report.application);
    text.push_str(&format!("  <testsuite name=\"{suite}\" {counts}>\n"));
    for (claim, finding) in &report.findings {
        let (id, title) = (claim.id(), escaped(claim.title()));
        text.push_str(&format!("    <testcase classname=\"abci\" name=\"{id}: {title}\">"));
        match finding {
            Finding::Passed { .. } => {}
            Finding::Failed { evidence, .. } => {
                let said = escaped(&evidence.to_string());
                text.push_str(&format!("<failure type=\"{id}\" message=\"{said}\"/>"));
            }
            Finding::NotReached { reason } => {
                text.push_str(&format!("<skipped message=\"{}\"/>", escaped(reason)));
            }
        }
        text.push_str("</testcase>\n");
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// A text within an attribute. What XML has no way to say is replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            control if control < ' ' => escaped.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
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
        let text = junit(&report());
        assert!(text.contains(r#"<testsuite name="app &quot;1&quot;" tests="3" failures="1""#));
        let failure = "message=\"block 5: key &quot;a&lt;b&quot; &amp; \u{fffd}: x, then y\"/>";
        assert!(text.contains(failure), "{text}");
        assert!(text.contains(r#"<skipped message="none"/></testcase>"#), "{text}");
        assert_eq!(text.matches("<testcase ").count(), 3);
        assert_eq!(text.matches("</testcase>").count(), 3);
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
