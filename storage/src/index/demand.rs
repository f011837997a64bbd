//! What a search demands, sorted by how it can be answered: heights, hashes, and attributes.
//! spec: `state/txindex/kv`, `state/indexer/block/kv`.
//!
//! All attributes that a search asks for must be in one event. As in the reference, orders (`>`,
//! `<=` and so on) under one name are about one and the same value; other claims may each be true
//! of a value of its own.

use types::{Hash, Height, TxHash};

use super::claim::{Claim, Condition, Relation, Scalar};
use super::decimal::Decimal;
use super::place::Subject;
use super::search::SearchError;

/// What an event must carry: a value under a name, of which all claims are true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    pub name: String,
    pub claims: Vec<Claim>,
}

/// What a search demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Demands {
    /// Heights from the first to the last, both included.
    pub heights: (u64, u64),
    /// Claims on heights that no range can say.
    pub odd_heights: Vec<Claim>,
    /// The transaction's hash.
    pub hash: Option<TxHash>,
    /// What one event must carry.
    pub event: Vec<Demand>,
}

impl Demands {
    /// Sorts conditions; none if they contradict each other.
    pub fn of(subject: Subject, conditions: &[Condition]) -> Result<Option<Self>, SearchError> {
        let mut demands =
            Self { heights: (0, u64::MAX), odd_heights: vec![], hash: None, event: vec![] };
        for Condition { key, claim } in conditions {
            let possible = if key == subject.height_key() {
                demands.narrow(claim);
                true
            } else if subject.is_reserved(key) {
                demands.name_hash(claim)?
            } else {
                demands.ask(key, claim);
                true
            };
            if !possible {
                return Ok(None);
            }
        }
        let (first, last) = demands.heights;
        Ok((first <= last).then_some(demands))
    }

    /// Whether every claim on heights is true of this one, range aside.
    pub fn allow(&self, height: Height) -> bool {
        self.odd_heights.is_empty() || {
            let text = height.to_string();
            self.odd_heights.iter().all(|claim| claim.holds(&text))
        }
    }

    fn narrow(&mut self, claim: &Claim) {
        let (first, last) = match claim {
            Claim::Exists => return,
            Claim::Compares(relation, Scalar::Number(number)) => heights(*relation, number),
            Claim::Is(text) => match text.parse() {
                Ok(height) if u64::to_string(&height) == *text => (height, height),
                _ => NO_HEIGHT,
            },
            Claim::Compares(_, Scalar::Time(..)) => NO_HEIGHT,
            Claim::Contains(_) => return self.odd_heights.push(claim.clone()),
        };
        self.heights = (self.heights.0.max(first), self.heights.1.min(last));
    }

    /// Whether there can be such a transaction.
    fn name_hash(&mut self, claim: &Claim) -> Result<bool, SearchError> {
        let text = match claim {
            Claim::Exists => return Ok(true),
            Claim::Is(text) => text,
            Claim::Contains(_) | Claim::Compares(..) => {
                return Err(SearchError::Hash { claim: claim.to_string() });
            }
        };
        let bytes = hex::decode(text);
        let bytes = bytes.map_err(|_| SearchError::Hash { claim: claim.to_string() })?;
        let Ok(bytes) = bytes.try_into() else { return Ok(false) };
        let hash = TxHash(Hash(bytes));
        Ok(*self.hash.get_or_insert(hash) == hash)
    }

    fn ask(&mut self, name: &str, claim: &Claim) {
        let same = |it: &&mut Demand| it.name == name && is_order(&it.claims[0]);
        match self.event.iter_mut().find(same).filter(|_| is_order(claim)) {
            Some(demand) => demand.claims.push(claim.clone()),
            None => {
                let demand = Demand { name: name.to_owned(), claims: vec![claim.clone()] };
                self.event.push(demand);
            }
        }
    }
}

const NO_HEIGHT: (u64, u64) = (1, 0);

/// Whether a claim is `<`, `<=`, `>` or `>=`.
fn is_order(claim: &Claim) -> bool {
    match claim {
        Claim::Compares(Relation::Equal, _) => false,
        Claim::Compares(..) => true,
        Claim::Exists | Claim::Is(_) | Claim::Contains(_) => false,
    }
}

/// The heights in a relation to a number.
fn heights(relation: Relation, number: &Decimal) -> (u64, u64) {
    let exact = number.fraction().is_empty();
    let whole = if number.whole().is_empty() { Some(0) } else { number.whole().parse().ok() };
    let Some(whole): Option<u64> = whole else {
        // Beyond all heights.
        return match relation {
            Relation::Less | Relation::AtMost => (0, u64::MAX),
            Relation::Equal | Relation::AtLeast | Relation::Greater => NO_HEIGHT,
        };
    };
    let above = || whole.checked_add(1).map_or(NO_HEIGHT, |first| (first, u64::MAX));
    match (relation, exact) {
        (Relation::Less, true) => whole.checked_sub(1).map_or(NO_HEIGHT, |last| (0, last)),
        (Relation::Less, false) | (Relation::AtMost, _) => (0, whole),
        (Relation::Equal, true) => (whole, whole),
        (Relation::Equal, false) => NO_HEIGHT,
        (Relation::AtLeast, true) => (whole, u64::MAX),
        (Relation::AtLeast, false) | (Relation::Greater, _) => above(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_with_heights_become_ranges() {
        let cases = [
            (Relation::Less, "5", (0, 4)),
            (Relation::Less, "5.5", (0, 5)),
            (Relation::AtMost, "5", (0, 5)),
            (Relation::Equal, "5.0", (5, 5)),
            (Relation::AtLeast, "5", (5, u64::MAX)),
            (Relation::AtLeast, "5.1", (6, u64::MAX)),
            (Relation::Greater, "0", (1, u64::MAX)),
            (Relation::Less, "0", NO_HEIGHT),
            (Relation::Equal, "5.5", NO_HEIGHT),
            (Relation::Greater, "18446744073709551615", NO_HEIGHT),
            (Relation::Greater, "99999999999999999999", NO_HEIGHT),
            (Relation::Less, "99999999999999999999", (0, u64::MAX)),
        ];
        for (relation, number, range) in cases {
            let number = Decimal::leading(number).unwrap();
            assert_eq!(heights(relation, &number), range, "{relation} {number}");
        }
    }

    fn condition(key: &str, claim: Claim) -> Condition {
        Condition { key: key.to_owned(), claim }
    }

    #[test]
    fn orders_under_one_name_are_about_one_value() {
        let above =
            |number| Claim::Compares(Relation::Greater, Scalar::Number(Decimal::from(number)));
        let conditions = [
            condition("a.b", above(1)),
            condition("a.b", Claim::Exists),
            condition("a.c", above(2)),
            condition("a.b", above(3)),
        ];
        let demands = Demands::of(Subject::Txs, &conditions).unwrap().unwrap();
        let claims: Vec<usize> = demands.event.iter().map(|it| it.claims.len()).collect();
        assert_eq!(claims, [2, 1, 1]);
    }

    #[test]
    fn a_hash_is_named_by_its_digits() {
        let named = |text: &str| {
            Demands::of(Subject::Txs, &[condition("tx.hash", Claim::Is(text.to_owned()))])
        };
        let digits = "ab".repeat(32);
        let demands = named(&digits).unwrap().unwrap();
        assert_eq!(demands.hash, Some(TxHash(Hash([0xAB; 32]))));
        assert_eq!(named("ABCD").unwrap(), None);
        assert!(named("no hash").is_err());
        assert!(named("ABC").is_err());
        let exists = condition("tx.hash", Claim::Exists);
        assert_eq!(
            Demands::of(Subject::Txs, std::slice::from_ref(&exists)).unwrap().unwrap().hash,
            None
        );
        let of_a_block = Demands::of(Subject::Blocks, &[exists]).unwrap().unwrap();
        assert_eq!(of_a_block.event.len(), 1);
    }
}
