//! A member's verifier: what peers say is checked as the node does it, before the replica hears it.

use execution::SharedMemory;
use types::commit::Demand;
use types::evidence::EvidenceContext;
use types::verified::Look;
use types::{
    ChainId, Commit, Evidence, ExtendedCommit, Height, Keyring, Message, Time, ValidatorSet,
};

use crate::curves::Curves;

/// Checks what peers say.
pub struct Verifier {
    real: bool,
    memory: SharedMemory,
}

/// What the chain knows of a height that evidence speaks of.
pub struct Past<'a> {
    /// The chain.
    pub chain_id: &'a ChainId,
    /// Who voted there.
    pub validators: &'a ValidatorSet,
    /// When its block was made.
    pub time: Time,
}

impl Verifier {
    /// One that shares what all members remember.
    pub fn new(curves: &Curves) -> Self {
        Self { real: curves.are_real(), memory: curves.memory() }
    }

    /// Checks the signatures of a message, and to whom they belong.
    pub fn message(&self, keyring: &Keyring, message: &Message) -> Look {
        if !self.real {
            return keyring.screen(message, Curves::is_stand_in);
        }
        let verdicts = keyring.verify(vec![message.clone()], &mut self.memory.lock());
        verdicts.first().expect("one verdict for each message").into()
    }

    /// Whether evidence proves what it claims.
    pub fn evidence(&self, past: &Past<'_>, evidence: &Evidence) -> bool {
        let Past { chain_id, validators, time } = *past;
        let context = EvidenceContext { chain_id, validators, block_time: time, trusted: None };
        evidence.verify(&context, &mut self.memory.lock()).is_ok()
    }

    /// Whether a commit proves that its block was decided by these validators.
    pub fn commit(
        &self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
        height: Height,
        commit: &Commit,
    ) -> bool {
        let at = (height, &commit.block_id, Demand::Full);
        commit.verify_remembering(chain_id, validators, at, &mut self.memory.lock()).is_ok()
    }

    /// Whether a commit with its extensions does.
    pub fn extended_commit(
        &self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
        commit: &ExtendedCommit,
        extended: bool,
    ) -> bool {
        let at = (commit.height, &commit.block_id);
        commit.verify(chain_id, validators, at, extended, &mut self.memory.lock()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use types::verified::Look;
    use types::{
        BlockId, ChainState, Hash, Offence, PartSetHeader, Round, UnsignedVote, ValidatorIndex,
        Vote, VoteKind,
    };

    use super::*;
    use crate::plan::Plan;
    use crate::world::World;

    /// What is signed in the name of each validator.
    fn vote(world: &World, validator: u32, signer: usize) -> Vote {
        let genesis = &world.outside.genesis;
        let index = ValidatorIndex(validator);
        let whose = world.genesis.validators.get(index).unwrap().address;
        let hash = Hash::of(b"a block");
        let unsigned = UnsignedVote {
            kind: VoteKind::Prevote,
            height: Height::FIRST,
            round: Round::FIRST,
            block_id: Some(BlockId { hash, parts: PartSetHeader { total: 1, hash } }),
            timestamp: genesis.genesis_time,
            validator_address: whose,
            validator_index: index,
            extension: None,
        };
        let curves = &world.outside.curves;
        let signature = curves.sign(signer, || unsigned.sign_bytes(&genesis.chain_id));
        unsigned.signed(genesis.genesis_time, signature, None)
    }

    fn keyring(state: &ChainState) -> Keyring {
        Keyring {
            chain_id: state.chain_id.clone(),
            height: Height::FIRST,
            round: Round::FIRST,
            last: None,
            current: std::sync::Arc::clone(&state.validators),
            next: std::sync::Arc::clone(&state.next_validators),
            extensions_enabled: false,
        }
    }

    #[test]
    fn what_one_member_has_found_right_helps_no_forgery_before_another() {
        let mut plan = Plan::fair(1, &[10; 4], 10);
        plan.real_signatures = true;
        let world = World::new(plan);
        let keyring = keyring(&world.genesis);
        let holder = |it: &usize| {
            let address = world.outside.curves.public(*it).address();
            keyring.current.get(ValidatorIndex(0)).unwrap().address == address
        };
        let holder = (0..4).find(holder).expect("somebody is the first validator");
        let right = vote(&world, 0, holder);
        let other_round = Vote { round: Round(1), ..right.clone() };
        let nil = Vote { block_id: None, ..right.clone() };
        let other_name = Vote { signature: right.signature, ..vote(&world, 1, holder) };
        let other_key = vote(&world, 0, (holder + 1) % 4);
        let mut torn = right.clone();
        torn.signature.0[40] ^= 1;
        let members = [(); 3].map(|()| Verifier::new(&world.outside.curves));
        for verifier in members.iter().chain(&members) {
            for forged in [&other_round, &nil, &other_name, &other_key, &torn] {
                let look = verifier.message(&keyring, &Message::Vote(forged.clone().into()));
                assert_eq!(look, Look::Refused(Offence::BadSignature), "{forged:?}");
            }
            let look = verifier.message(&keyring, &Message::Vote(right.clone().into()));
            assert_eq!(look, Look::Right);
        }
    }
}
