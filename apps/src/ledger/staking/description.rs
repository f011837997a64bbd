//! What staking says of itself.

use crate::framework::{Description, Field, Kind, MessageDescription, QueryDescription};

const VALIDATOR: Field = Field {
    name: "validator",
    kind: Kind::Account,
    summary: "The account that registered the validator",
};
const AMOUNT: Field = Field { name: "amount", kind: Kind::Number, summary: "How much" };

const fn number(name: &'static str, summary: &'static str) -> Field {
    Field { name, kind: Kind::Number, summary }
}

/// Of the module.
pub const DESCRIPTION: Description = Description {
    name: "staking",
    summary: "Stake, validators, and what faults cost",
    messages: &[
        MessageDescription {
            name: "register",
            tag: 0,
            summary: "Becomes a validator, with stake of one's own",
            fields: &[
                Field {
                    name: "key",
                    kind: Kind::PublicKey,
                    summary: "The key that the validator votes with",
                },
                AMOUNT,
            ],
        },
        MessageDescription {
            name: "delegate",
            tag: 1,
            summary: "Bonds coins to a validator",
            fields: &[VALIDATOR, AMOUNT],
        },
        MessageDescription {
            name: "undelegate",
            tag: 2,
            summary: "Takes stake back, after a delay",
            fields: &[VALIDATOR, AMOUNT],
        },
        MessageDescription {
            name: "unjail",
            tag: 3,
            summary: "Votes again after having been jailed for downtime",
            fields: &[],
        },
    ],
    queries: &[
        QueryDescription {
            name: "validator",
            summary: "A validator: its key, stake and standing",
            parameters: &[VALIDATOR],
            answer: &[
                Field { name: "key", kind: Kind::PublicKey, summary: "What it votes with" },
                number("stake", "Its own and others'"),
                Field { name: "shares", kind: Kind::LargeNumber, summary: "Of the stake" },
                number("unbondings", "On their way"),
                Field { name: "jailed", kind: Kind::Flag, summary: "Whether it may not vote" },
                number("jailed_until", "In seconds since 1970"),
                number("fault_at", "The height that it voted on twice; 0 if it never did"),
                number("fault_proven", "The height of the block with the proof"),
            ],
        },
        QueryDescription {
            name: "delegation",
            summary: "Somebody's shares of a validator's stake",
            parameters: &[
                VALIDATOR,
                Field { name: "owner", kind: Kind::Account, summary: "Whose shares" },
            ],
            answer: &[Field { name: "shares", kind: Kind::LargeNumber, summary: "How many" }],
        },
        QueryDescription {
            name: "rules",
            summary: "What staking goes by",
            parameters: &[],
            answer: &[
                Field { name: "denom", kind: Kind::Text, summary: "Of what stake is" },
                number("power_unit", "Stake for one of voting power"),
                Field { name: "validators_max", kind: Kind::SmallNumber, summary: "In the set" },
                number("unbonding_seconds", "How long stake is on its way back"),
                number("equivocation_loss", "In ten thousandths of the stake"),
                number("downtime_loss", "In ten thousandths of the stake"),
                number("downtime_window", "In blocks"),
                number("downtime_misses_max", "In a window"),
                number("jail_seconds", "For downtime"),
            ],
        },
    ],
    events: &[
        "staking.register",
        "staking.delegate",
        "staking.undelegate",
        "staking.release",
        "staking.reward",
        "staking.slash",
        "staking.jail",
        "staking.unjail",
        "staking.nobody",
    ],
};
