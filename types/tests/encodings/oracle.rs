//! Hashes against those of an implementation that we did not write.

use proptest::prelude::*;
use tendermint_proto::v0_38::types as wire;
use types::{Proposal, ValidatorSet, Vote, codec};

use crate::values::{chain_id, header, params, proposal, validator_set, vote};

/// Reads our bytes as the published message, and that as the other implementation's type.
fn as_theirs<W, T>(bytes: &[u8]) -> T
where
    W: prost::Message + Default,
    T: TryFrom<W, Error: std::fmt::Debug>,
{
    T::try_from(W::decode(bytes).unwrap()).unwrap()
}

fn their_set(set: &ValidatorSet) -> tendermint::validator::Set {
    let members = set.validators().iter().map(|it| {
        let key = tendermint::PublicKey::from_raw_ed25519(&it.public_key.0)?;
        let power = tendermint::vote::Power::try_from(it.power.0).ok()?;
        Some(tendermint::validator::Info::new(key, power))
    });
    tendermint::validator::Set::new(members.collect::<Option<Vec<_>>>().unwrap(), None)
}

/// Public keys that are points, as the oracle wants them.
fn signers() -> impl Strategy<Value = ValidatorSet> {
    proptest::collection::vec((any::<[u8; 32]>(), 1_u64..1_000_000), 1..9).prop_map(|seeds| {
        let members: Vec<_> = seeds
            .into_iter()
            .map(|(seed, power)| {
                let key = types::PrivateKey::from_seed(&zeroize::Zeroizing::new(seed));
                (key.public_key(), types::VotingPower(power))
            })
            .collect();
        ValidatorSet::new(&members).unwrap()
    })
}

proptest! {
    #[test]
    fn header_hash_is_theirs(header in header()) {
        let block = types::Block { header, txs: vec![], evidence: vec![], last_commit: None };
        let wire = <wire::Block as prost::Message>::decode(codec::encode_block(&block)).unwrap();
        let theirs = tendermint::block::Header::try_from(wire.header.unwrap());
        // They refuse some that we take: a first block with a block before it, and the like.
        prop_assume!(theirs.is_ok());
        prop_assert_eq!(theirs.unwrap().hash().as_bytes().to_vec(), block.hash().0.to_vec());
    }

    #[test]
    fn validator_set_hash_is_theirs(set in signers()) {
        let theirs = their_set(&set);
        prop_assert_eq!(theirs.hash().as_bytes().to_vec(), set.hash().0.to_vec());
        let addresses = theirs.validators().iter().map(|it| it.address.as_bytes().to_vec());
        let ours = set.validators().iter().map(|it| it.address.0.to_vec());
        prop_assert!(addresses.eq(ours));
    }

    #[test]
    fn vote_sign_bytes_are_theirs(vote in vote(), chain_id in chain_id()) {
        let theirs: tendermint::Vote = as_theirs::<wire::Vote, _>(&codec::encode_vote(&vote));
        let theirs = theirs.into_signable_vec(chain_id.as_str().try_into().unwrap());
        prop_assert_eq!(theirs, Vote::sign_bytes(&vote, &chain_id));
    }

    #[test]
    fn proposal_sign_bytes_are_theirs(proposal in proposal(), chain_id in chain_id()) {
        let bytes = codec::encode_proposal(&proposal);
        let theirs: tendermint::Proposal = as_theirs::<wire::Proposal, _>(&bytes);
        let theirs = theirs.into_signable_vec(chain_id.as_str().try_into().unwrap());
        prop_assert_eq!(theirs, Proposal::sign_bytes(&proposal, &chain_id));
    }

    #[test]
    fn stored_sets_and_params_are_the_published_messages(
        set in validator_set(), params in params(),
    ) {
        let bytes = codec::encode_validator_set(&set);
        let wire = <wire::ValidatorSet as prost::Message>::decode(bytes.clone()).unwrap();
        prop_assert_eq!(prost::Message::encode_to_vec(&wire), bytes);
        let mut without = params.clone();
        without.authority = String::new();
        let wire = <wire::ConsensusParams as prost::Message>::decode(
            codec::encode_params(&params),
        ).unwrap();
        // The published message has no authority, whose group is `32 00` when empty.
        let mut bytes = prost::Message::encode_to_vec(&wire);
        bytes.extend([0x32, 0]);
        prop_assert_eq!(bytes, codec::encode_params(&without));
    }
}
