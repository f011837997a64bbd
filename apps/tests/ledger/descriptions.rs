//! What modules say of themselves agrees with what they read and answer.

use apps::framework::description::{parse_fields, show_fields};
use apps::framework::{Description, Kind, Module};
use apps::ledger::auth::Auth;
use apps::ledger::bank::{Bank, BankMessage};
use apps::ledger::kv::{Kv, KvMessage};
use apps::ledger::params::{Limits, Params, ParamsMessage};
use apps::ledger::staking::{Staking, StakingMessage};
use borsh::BorshDeserialize;

use super::{Story, UNIT, account, public};

/// A text for each field, of its kind.
fn text_of(kind: Kind) -> String {
    match kind {
        Kind::Account => account(1).to_string(),
        Kind::PublicKey => "07".repeat(32),
        Kind::SmallNumber | Kind::Number | Kind::LargeNumber => "5".to_owned(),
        Kind::Flag => "true".to_owned(),
        Kind::Text => "stake".to_owned(),
        Kind::Bytes => "0x6b".to_owned(),
        Kind::Rest => "00".to_owned(),
    }
}

/// All messages, as their descriptions make them.
fn messages<M: Module>() -> Vec<M::Message> {
    let described = M::DESCRIPTION.messages.iter().map(|message| {
        let texts: Vec<(&str, String)> =
            message.fields.iter().map(|it| (it.name, text_of(it.kind))).collect();
        let text_of = |name: &str| {
            texts.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str())
        };
        let made = message.message(M::DESCRIPTION.name, text_of).unwrap();
        M::Message::try_from_slice(&made.content).unwrap()
    });
    described.collect()
}

#[test]
fn messages_made_from_descriptions_are_what_modules_read() {
    let limits = Limits {
        block_bytes_max: 5,
        block_gas_max: 5,
        evidence_age_blocks: 5,
        evidence_age_seconds: 5,
        evidence_bytes_max: 5,
    };
    let (one, denom, key) = (account(1), "stake".to_owned(), b"k".to_vec());
    assert_eq!(messages::<Bank>(), [BankMessage::Send { to: one, denom, amount: 5 }]);
    assert_eq!(
        messages::<Kv>(),
        [KvMessage::Set { key: key.clone(), value: key.clone() }, KvMessage::Remove { key }]
    );
    assert_eq!(
        messages::<Staking>(),
        [
            StakingMessage::Register { key: [7; 32], amount: 5 },
            StakingMessage::Delegate { validator: one, amount: 5 },
            StakingMessage::Undelegate { validator: one, amount: 5 },
            StakingMessage::Unjail,
        ]
    );
    assert_eq!(
        messages::<Params>(),
        [
            ParamsMessage::ProposeLimits(limits),
            ParamsMessage::ProposeUpgrade { height: 5, version: 5 },
            ParamsMessage::Vote { proposal: 5, accept: true },
        ]
    );
    assert!(messages::<Auth>().is_empty());
}

/// Asks every question of a module about something that is there, and reads the answer.
fn ask_all(
    story: &Story,
    description: Description,
    text_of: impl Fn(&str) -> Option<&'static str>,
) {
    for query in description.queries {
        let parameters = parse_fields(query.parameters, &text_of).unwrap();
        let path = format!("/{}/{}", description.name, query.name);
        let request = abci::QueryRequest {
            data: parameters.into(),
            path: path.clone(),
            ..abci::QueryRequest::default()
        };
        let answer = abci::Application::query(&*story.host, &request).unwrap();
        assert_eq!((answer.code, answer.log.as_str()), (0, "exists"), "{path}");
        assert!(show_fields(query.answer, &answer.value).is_some(), "{path}");
    }
}

#[test]
fn answers_are_what_descriptions_say() {
    let mut story = Story::begin();
    story.act(0, "kv", &KvMessage::Set { key: b"k".to_vec(), value: b"v".to_vec() });
    story.act(0, "params", &ParamsMessage::ProposeUpgrade { height: 40, version: 2 });
    for voter in 0..3 {
        story.act(voter, "params", &ParamsMessage::Vote { proposal: 1, accept: true });
    }
    story.act(0, "params", &ParamsMessage::ProposeUpgrade { height: 41, version: 2 });
    story.act(0, "params", &ParamsMessage::Vote { proposal: 2, accept: true });
    story.act(10, "staking", &StakingMessage::Register { key: public(10).0, amount: UNIT });
    let zero: &'static str = Box::leak(account(0).to_string().into_boxed_str());
    let texts = |name: &str| match name {
        "account" | "validator" | "owner" => Some(zero),
        "denom" => Some("stake"),
        "key" => Some("k"),
        "proposal" => Some("2"),
        _ => None,
    };
    for description in story.host.router().descriptions() {
        ask_all(&story, description, texts);
    }
}
