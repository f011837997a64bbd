//! What a block does to the kvstore, worked out without touching the committed state.

use std::collections::BTreeMap;
use std::sync::Arc;

use abci::{BlockRequest, Misbehavior, MisbehaviorKind};
use types::validator::ValidatorSetError;
use types::{
    BlockOutcome, Event, EventAttribute, TxResult, ValidatorSet, ValidatorUpdate, VotingPower,
};

use super::answer::app_hash;
use super::store::{Changes, Summary, Validators};
use super::transaction::{Transaction, shown};
use super::{CODE_INVALID_FORMAT, CODE_UNAUTHORIZED};

/// What a block changes, and what is said of it.
pub fn execute(mut summary: Summary, block: &BlockRequest) -> (Changes, BlockOutcome) {
    let mut updates = punishments(&summary.validators, &block.misbehavior);
    let mut updating = Vec::new();
    let mut pairs = BTreeMap::new();
    let mut tx_results = Vec::with_capacity(block.txs.len());
    for (index, tx) in block.txs.iter().enumerate() {
        let Some(transaction) = Transaction::parse(tx) else {
            tx_results.push(TxResult { code: CODE_INVALID_FORMAT, ..TxResult::default() });
            continue;
        };
        match transaction {
            Transaction::Set { key, value } => {
                pairs.insert(tx.slice_ref(key), tx.slice_ref(value));
            }
            Transaction::Update(update) => {
                updates.push(update);
                updating.push(index);
            }
        }
        tx_results.push(TxResult { events: events(tx), ..TxResult::default() });
        summary.size += 1;
    }
    match validators_after(&summary.validators, &updates) {
        Ok(validators) => summary.validators = validators,
        Err(error) => {
            updates.clear();
            for index in updating {
                let log = error.to_string();
                tx_results[index] =
                    TxResult { code: CODE_UNAUTHORIZED, log, ..TxResult::default() };
            }
        }
    }
    summary.height = Some(block.height);
    let outcome = BlockOutcome {
        tx_results,
        validator_updates: updates.clone(),
        app_hash: app_hash(summary.size),
        ..BlockOutcome::default()
    };
    (Changes { summary, pairs, updates }, outcome)
}

/// Takes one from the power of everybody who voted twice. As the reference, from the power at that
/// time, whatever it is by now.
fn punishments(validators: &Validators, misbehavior: &[Misbehavior]) -> Vec<ValidatorUpdate> {
    let twice = misbehavior.iter().filter(|it| it.kind == MisbehaviorKind::DuplicateVote);
    let known = twice.filter_map(|it| validators.get(&it.address).zip(Some(it.power)));
    known
        .map(|(culprit, power)| ValidatorUpdate {
            public_key: culprit.public_key,
            power: VotingPower(power.0.saturating_sub(1)),
        })
        .collect()
}

/// The validators after a block's updates, by the rules of the chain, which would stop if it were
/// told of updates that break them.
fn validators_after(
    validators: &Arc<Validators>,
    updates: &[ValidatorUpdate],
) -> Result<Arc<Validators>, ValidatorSetError> {
    if updates.is_empty() {
        return Ok(Arc::clone(validators));
    }
    let member = |it: &ValidatorUpdate| (it.public_key, it.power);
    let set = if validators.is_empty() {
        ValidatorSet::new(&updates.iter().map(member).collect::<Vec<_>>())?
    } else {
        let known: Vec<_> = validators.values().map(member).collect();
        ValidatorSet::new(&known)?.updated(updates)?
    };
    let after = set
        .validators()
        .iter()
        .map(|it| (it.address, ValidatorUpdate { public_key: it.public_key, power: it.power }));
    Ok(Arc::new(after.collect()))
}

/// The two events of every transaction.
fn events(tx: &[u8]) -> Vec<Event> {
    let (key, value) = shown(tx);
    vec![event("Cosmoshi Netowoko", key), event("Cosmoshi", value)]
}

fn event(creator: &str, key: &[u8]) -> Event {
    let attribute =
        |name: &str, value: String, index| EventAttribute { key: name.to_owned(), value, index };
    Event {
        kind: "app".to_owned(),
        attributes: vec![
            attribute("creator", creator.to_owned(), true),
            attribute("key", String::from_utf8_lossy(key).into_owned(), true),
            attribute("index_key", "index is working".to_owned(), true),
            attribute("noindex_key", "index is working".to_owned(), false),
        ],
    }
}
