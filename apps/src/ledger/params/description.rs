//! What params says of itself.

use crate::framework::{Description, Field, Kind, MessageDescription, QueryDescription};

const PROPOSAL: Field = number("proposal", "Which proposal");
const ACCEPT: Field = Field { name: "accept", kind: Kind::Flag, summary: "For or against it" };
const UPGRADE: &[Field] =
    &[number("height", "The first block by the new rules"), number("version", "Of the new rules")];
const LIMITS: &[Field] = &[
    number("block_bytes_max", "Largest block; 0 is as large as the protocol allows"),
    number("block_gas_max", "Most gas in a block; 0 is no limit"),
    number("evidence_age_blocks", "How many blocks evidence counts"),
    number("evidence_age_seconds", "How many seconds evidence counts"),
    number("evidence_bytes_max", "Most bytes of evidence in a block"),
];

const fn number(name: &'static str, summary: &'static str) -> Field {
    Field { name, kind: Kind::Number, summary }
}

/// Of the module.
pub const DESCRIPTION: Description = Description {
    name: "params",
    summary: "Parameters of the chain and upgrades, by vote of the stake",
    messages: &[
        MessageDescription {
            name: "propose-limits",
            tag: 0,
            summary: "Proposes other limits of blocks and evidence",
            fields: LIMITS,
        },
        MessageDescription {
            name: "propose-upgrade",
            tag: 1,
            summary: "Proposes that a version of the rules takes over at a height",
            fields: UPGRADE,
        },
        MessageDescription {
            name: "vote",
            tag: 2,
            summary: "Votes on a proposal; the last vote counts",
            fields: &[PROPOSAL, ACCEPT],
        },
    ],
    queries: &[
        QueryDescription {
            name: "limits",
            summary: "The limits of blocks and evidence",
            parameters: &[],
            answer: LIMITS,
        },
        QueryDescription {
            name: "proposal",
            summary: "What is voted on; its change is shown as bytes",
            parameters: &[PROPOSAL],
            answer: &[
                Field { name: "by", kind: Kind::Account, summary: "Who proposed it" },
                number("until", "Until which height votes count"),
                Field { name: "change", kind: Kind::Rest, summary: "What would change" },
            ],
        },
        QueryDescription {
            name: "vote",
            summary: "How an account votes",
            parameters: &[
                PROPOSAL,
                Field { name: "account", kind: Kind::Account, summary: "Whose vote" },
            ],
            answer: &[ACCEPT],
        },
        QueryDescription {
            name: "upgrade",
            summary: "The upgrade that was agreed on, until it is done",
            parameters: &[],
            answer: UPGRADE,
        },
        QueryDescription {
            name: "version",
            summary: "The version of the rules",
            parameters: &[],
            answer: &[number("version", "Of the rules")],
        },
    ],
    events: &["params.propose", "params.vote", "params.pass", "params.fail", "params.upgrade"],
};
