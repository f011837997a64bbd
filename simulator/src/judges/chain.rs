//! An own model of the chain: what the next block must say, made from the genesis file, the decided
//! blocks and the application's answers alone. It never asks `ChainState`.

use std::sync::Arc;

use types::params::ParamsUpdate;
use types::{
    AppHash, BlockId, BlockOutcome, ChainId, ConsensusParams, Genesis, Hash, Height, Time, TxResult,
};

use super::committee::{Committee, Rotation, Seat};
use super::merkle;

/// The chain up to the last block that somebody has decided.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Its name.
    pub chain_id: ChainId,
    /// Height of the first block.
    pub first: Height,
    /// When it began.
    pub genesis_time: Time,
    /// Who votes on the next block, and whose turn it is.
    pub rotation: Rotation,
    /// The same for the block after.
    pub following: Rotation,
    /// The same for the last block, once that is executed.
    before: Option<Rotation>,
    /// Parameters of the next block.
    pub params: ConsensusParams,
    /// What headers say of them.
    pub consensus_hash: Hash,
    /// The application's version.
    pub app_version: u64,
    /// The application's state after the last executed block.
    pub app_hash: AppHash,
    /// Root over the last executed block's results.
    pub results_hash: Hash,
    past: Vec<Past>,
}

/// A block of the past.
#[derive(Clone, Debug)]
pub struct Past {
    /// Its id.
    pub id: BlockId,
    /// Its time.
    pub time: Time,
    /// Who voted on it.
    pub committee: Arc<Committee>,
    /// What the application made of it; none as long as nobody has executed it.
    pub outcome: Option<Arc<BlockOutcome>>,
}

impl Chain {
    /// Before the first block.
    pub fn new(genesis: &Genesis) -> Self {
        let members = genesis.validators.iter().map(|it| (it.public_key, it.power.0));
        let rotation = Rotation::first(&members.collect::<Vec<_>>());
        Self {
            chain_id: genesis.chain_id.clone(),
            first: genesis.initial_height,
            genesis_time: genesis.genesis_time,
            following: rotation.advanced(1),
            rotation,
            before: None,
            consensus_hash: hash_of_params(&genesis.params),
            app_version: genesis.params.version.app,
            params: genesis.params.clone(),
            app_hash: genesis.app_hash.clone(),
            results_hash: merkle::root::<&[u8]>(&[]),
            past: Vec::new(),
        }
    }

    /// The height of the next block.
    pub fn next_height(&self) -> Height {
        let blocks = u64::try_from(self.past.len()).expect("a length fits 64 bits");
        Height(self.first.0 + blocks)
    }

    /// The last block.
    pub fn last(&self) -> Option<&Past> {
        self.past.last()
    }

    /// The block of a height.
    pub fn at(&self, height: Height) -> Option<&Past> {
        let index = height.0.checked_sub(self.first.0)?;
        self.past.get(usize::try_from(index).ok()?)
    }

    /// Whose turn it was in the rounds of the last block, up to this one.
    pub fn last_proposers(&self, round: u32) -> Vec<Seat> {
        let executed = self.last().is_some_and(|last| last.outcome.is_some());
        let rotation = self.before.as_ref().filter(|_| executed).unwrap_or(&self.rotation);
        rotation.proposers(round)
    }

    /// Whether the next block can be judged: the last one was executed by somebody.
    pub fn is_ready(&self) -> bool {
        self.last().is_none_or(|last| last.outcome.is_some())
    }

    /// The next block is decided.
    pub fn decided(&mut self, id: BlockId, time: Time) {
        let committee = Arc::clone(self.rotation.committee());
        self.past.push(Past { id, time, committee, outcome: None });
    }

    /// A member's application has executed the block of a height. The first answer makes the next
    /// state, and all others must be equal to it.
    pub fn executed(&mut self, height: Height, outcome: &Arc<BlockOutcome>) -> Result<(), String> {
        let is_last = height.next() == self.next_height();
        let index = height.0.checked_sub(self.first.0).and_then(|it| usize::try_from(it).ok());
        let Some(past) = index.and_then(|index| self.past.get_mut(index)) else {
            return Err(format!("the block of height {height} is executed, but nobody decided it"));
        };
        if let Some(first) = &past.outcome {
            let same = Arc::ptr_eq(first, outcome) || is_same(first, outcome);
            return if same { Ok(()) } else { Err(difference(height, first, outcome)) };
        }
        past.outcome = Some(Arc::clone(outcome));
        assert!(is_last, "a block is judged only after the one before was executed");
        if let Some(update) = &outcome.params_update {
            self.change_params(update);
        }
        self.app_hash = outcome.app_hash.clone();
        self.results_hash = outcome.results_hash();
        let after = self.following.updated(&outcome.validator_updates);
        let rotation = std::mem::replace(&mut self.following, after);
        self.before = Some(std::mem::replace(&mut self.rotation, rotation));
        Ok(())
    }

    fn change_params(&mut self, update: &ParamsUpdate) {
        let ParamsUpdate { block, evidence, validator, version, abci, authority } = update;
        let params = &mut self.params;
        params.block = block.clone().unwrap_or_else(|| params.block.clone());
        params.evidence = evidence.clone().unwrap_or_else(|| params.evidence.clone());
        params.validator = validator.clone().unwrap_or_else(|| params.validator.clone());
        params.version = version.clone().unwrap_or_else(|| params.version.clone());
        params.abci = abci.clone().unwrap_or_else(|| params.abci.clone());
        params.authority = authority.clone().unwrap_or_else(|| params.authority.clone());
        self.app_version = self.params.version.app;
        self.consensus_hash = hash_of_params(&self.params);
    }
}

/// Whether two outcomes are equal in all that every member must agree on.
fn is_same(one: &BlockOutcome, other: &BlockOutcome) -> bool {
    let agreed = |it: &TxResult| (it.code, it.data.clone(), it.gas_wanted, it.gas_used);
    one.app_hash == other.app_hash
        && one.validator_updates == other.validator_updates
        && one.params_update == other.params_update
        && one.tx_results.iter().map(agreed).eq(other.tx_results.iter().map(agreed))
}

fn difference(height: Height, one: &BlockOutcome, other: &BlockOutcome) -> String {
    if one.app_hash != other.app_hash {
        return format!("app hashes after {height}: {}, {}", one.app_hash, other.app_hash);
    }
    format!("outcomes of {height} differ: {one:?}, {other:?}")
}

/// What headers say of parameters: `HashedParams { block_max_bytes, block_max_gas }`, absent is -1.
fn hash_of_params(params: &ConsensusParams) -> Hash {
    let mut bytes = Vec::new();
    for (tag, limit) in [(0x08, params.block.bytes_max), (0x10, params.block.gas_max)] {
        let mut rest = limit.unwrap_or(u64::MAX);
        if rest == 0 {
            continue;
        }
        bytes.push(tag);
        while 0x7F < rest {
            bytes.push(u8::try_from(rest & 0x7F).expect("seven bits") | 0x80);
            rest >>= 7;
        }
        bytes.push(u8::try_from(rest).expect("seven bits"));
    }
    Hash::of(&bytes)
}

#[cfg(test)]
mod tests {
    use types::params::BlockParams;

    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn applications_that_differ_are_found() {
        let mut sample = Sample::new(false);
        let block = sample.block();
        sample.follow(&block);
        let (chain, height) = (&mut sample.chain, types::Height(1));
        let outcome = Sample::outcome(&block);
        assert_eq!(chain.executed(height, &outcome), Ok(()));
        let mut other = (*outcome).clone();
        other.tx_results[0].log = "for people".to_owned();
        assert_eq!(chain.executed(height, &Arc::new(other.clone())), Ok(()));
        other.tx_results[0].code = 1;
        assert!(chain.executed(height, &Arc::new(other)).unwrap_err().contains("differ"));
        let app_hash = AppHash(vec![1].into());
        let other = BlockOutcome { app_hash, ..(*outcome).clone() };
        assert!(chain.executed(height, &Arc::new(other)).unwrap_err().contains("app hashes"));
        assert!(chain.executed(types::Height(5), &outcome).unwrap_err().contains("nobody"));
    }

    #[test]
    fn turns_of_the_last_block_stay_when_it_is_executed() {
        let mut sample = Sample::new(false);
        let turns = sample.chain.rotation.proposers(3);
        let block = sample.block();
        sample.chain.decided(block.id, block.block.header.time);
        assert_eq!(sample.chain.last_proposers(3), turns);
        sample.chain.executed(types::Height(1), &Sample::outcome(&block)).unwrap();
        assert_eq!(sample.chain.last_proposers(3), turns);
        assert_ne!(sample.chain.rotation.proposers(3), turns);
    }

    #[test]
    fn params_have_the_hash_that_headers_say() {
        for (bytes_max, gas_max) in [(Some(1), Some(0)), (None, None), (Some(22_020_096), Some(7))]
        {
            let block = BlockParams { bytes_max, gas_max };
            let params = ConsensusParams { block, ..ConsensusParams::default() };
            assert_eq!(hash_of_params(&params), params.hash());
        }
    }
}
