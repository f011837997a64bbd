//! Random values of every noun, well-formed as a peer's would be.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use types::block::{BLOCK_VERSION, Version};
use types::chain_state::LastBlock;
use types::genesis::GenesisValidator;
use types::params::{
    AbciParams, BlockParams, EvidenceParams, ParamsUpdate, ValidatorParams, VersionParams,
};
use types::vote::Extension;
use types::{
    Address, AppHash, Block, BlockId, BlockOutcome, ChainId, ChainState, Commit, CommitSig,
    ConsensusParams, DuplicateVoteEvidence, Event, EventAttribute, Evidence, ExtendedCommit,
    ExtendedCommitSig, Genesis, Hash, Header, Height, LightBlock, LightClientAttackEvidence, Part,
    PartSet, PartSetHeader, Proposal, PublicKey, Round, Signature, SignedHeader, Time, Tx,
    TxResult, Validator, ValidatorIndex, ValidatorSet, ValidatorUpdate, Vote, VoteKind,
    VotingPower,
};

pub fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}

pub fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address)
}

pub fn signature() -> impl Strategy<Value = Signature> {
    vec(any::<u8>(), 64).prop_map(|bytes| Signature(bytes.try_into().unwrap()))
}

pub fn bytes(length: RangeInclusive<usize>) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), length).prop_map(Bytes::from)
}

pub fn height() -> impl Strategy<Value = Height> {
    prop_oneof![1_u64..20, Just(i64::MAX as u64)].prop_map(Height)
}

pub fn round() -> impl Strategy<Value = Round> {
    prop_oneof![0_u32..5, Just(i32::MAX as u32)].prop_map(Round)
}

pub fn time() -> impl Strategy<Value = Time> {
    let between = Time::ZERO.unix_nanos()..=Time::MAX.unix_nanos();
    prop_oneof![between, Just(0)].prop_map(|nanos| Time::from_unix_nanos(nanos).unwrap())
}

pub fn chain_id() -> impl Strategy<Value = ChainId> {
    "[a-zA-Z0-9-]{1,50}".prop_map(|text| ChainId::new(text).unwrap())
}

pub fn part_set_header() -> impl Strategy<Value = PartSetHeader> {
    (1_u32..1601, hash()).prop_map(|(total, hash)| PartSetHeader { total, hash })
}

pub fn block_id() -> impl Strategy<Value = BlockId> {
    (hash(), part_set_header()).prop_map(|(hash, parts)| BlockId { hash, parts })
}

pub fn app_hash() -> impl Strategy<Value = AppHash> {
    bytes(0..=40).prop_map(AppHash)
}

pub fn header() -> impl Strategy<Value = Header> {
    let place = (any::<u64>(), chain_id(), height(), time(), option::of(block_id()));
    let roots = (option::of(hash()), option::of(hash()), option::of(hash()), option::of(hash()));
    let rest = (hash(), hash(), hash(), app_hash(), address());
    (place, roots, rest).prop_map(|(place, roots, rest)| Header {
        version: Version { block: BLOCK_VERSION, app: place.0 },
        chain_id: place.1,
        height: place.2,
        time: place.3,
        last_block_id: place.4,
        last_commit_hash: roots.0,
        data_hash: roots.1,
        validators_hash: rest.0,
        next_validators_hash: rest.1,
        consensus_hash: rest.2,
        app_hash: rest.3,
        last_results_hash: roots.2,
        evidence_hash: roots.3,
        proposer_address: rest.4,
    })
}

pub fn kind() -> impl Strategy<Value = VoteKind> {
    prop_oneof![Just(VoteKind::Prevote), Just(VoteKind::Precommit)]
}

pub fn extension() -> impl Strategy<Value = Extension> {
    (bytes(0..=30), signature()).prop_map(|(bytes, signature)| Extension { bytes, signature })
}

pub fn index() -> impl Strategy<Value = ValidatorIndex> {
    (0_u32..10_000).prop_map(ValidatorIndex)
}

pub fn vote() -> impl Strategy<Value = Vote> {
    let place = (kind(), height(), round(), option::of(block_id()), time());
    (place, address(), index(), signature(), option::of(extension())).prop_map(
        |((kind, height, round, block_id, timestamp), validator_address, index, signature, ext)| {
            let may_extend = kind == VoteKind::Precommit && block_id.is_some();
            Vote {
                kind,
                height,
                round,
                block_id,
                timestamp,
                validator_address,
                validator_index: index,
                signature,
                extension: ext.filter(|_| may_extend),
            }
        },
    )
}

pub fn proposal() -> impl Strategy<Value = Proposal> {
    let rounds = (1_u32..9).prop_flat_map(|round| (Just(round), option::of(0..round)));
    (height(), rounds, block_id(), time(), signature()).prop_map(
        |(height, (round, pol_round), block_id, timestamp, signature)| Proposal {
            height,
            round: Round(round),
            pol_round: pol_round.map(Round),
            block_id,
            timestamp,
            signature,
        },
    )
}

pub fn commit_sig() -> impl Strategy<Value = CommitSig> {
    let entry = || (address(), time(), signature());
    prop_oneof![
        Just(CommitSig::Absent),
        entry().prop_map(|(validator_address, timestamp, signature)| CommitSig::Commit {
            validator_address,
            timestamp,
            signature
        }),
        entry().prop_map(|(validator_address, timestamp, signature)| CommitSig::Nil {
            validator_address,
            timestamp,
            signature
        }),
    ]
}

pub fn commit() -> impl Strategy<Value = Commit> {
    (height(), round(), block_id(), vec(commit_sig(), 1..6)).prop_map(
        |(height, round, block_id, signatures)| Commit { height, round, block_id, signatures },
    )
}

pub fn extended_commit() -> impl Strategy<Value = ExtendedCommit> {
    let entry = (commit_sig(), option::of(extension())).prop_map(|(sig, extension)| {
        let extension = extension.filter(|_| matches!(sig, CommitSig::Commit { .. }));
        ExtendedCommitSig { sig, extension }
    });
    (height(), round(), block_id(), vec(entry, 1..6)).prop_map(
        |(height, round, block_id, signatures)| ExtendedCommit {
            height,
            round,
            block_id,
            signatures,
        },
    )
}

pub fn public_key() -> impl Strategy<Value = PublicKey> {
    any::<[u8; 32]>().prop_map(PublicKey)
}

pub fn power() -> impl Strategy<Value = VotingPower> {
    (1_u64..1_000_000).prop_map(VotingPower)
}

pub fn validator() -> impl Strategy<Value = Validator> {
    (public_key(), power(), any::<i64>()).prop_map(|(public_key, power, proposer_priority)| {
        Validator { address: public_key.address(), public_key, power, proposer_priority }
    })
}

pub fn validator_set() -> impl Strategy<Value = ValidatorSet> {
    (vec((public_key(), power()), 1..6), 0_u32..9)
        .prop_map(|(members, steps)| ValidatorSet::new(&members).unwrap().advanced(steps))
}

pub fn duplicate_vote() -> impl Strategy<Value = Evidence> {
    (vote(), vote(), power(), power(), time()).prop_map(
        |(vote_a, vote_b, total_power, validator_power, timestamp)| {
            Evidence::DuplicateVote(Box::new(DuplicateVoteEvidence {
                vote_a,
                vote_b,
                total_power,
                validator_power,
                timestamp,
            }))
        },
    )
}

pub fn attack() -> impl Strategy<Value = Evidence> {
    let block = (header(), commit(), validator_set());
    (block, height(), vec(validator(), 0..3), power(), time()).prop_map(
        |((header, commit, validators), common_height, byzantine_validators, power, timestamp)| {
            Evidence::LightClientAttack(Box::new(LightClientAttackEvidence {
                conflicting_block: LightBlock {
                    signed_header: SignedHeader { header, commit },
                    validators,
                },
                common_height,
                byzantine_validators,
                total_power: power,
                timestamp,
            }))
        },
    )
}

pub fn evidence() -> impl Strategy<Value = Evidence> {
    prop_oneof![duplicate_vote(), attack()]
}

pub fn txs() -> impl Strategy<Value = Vec<Tx>> {
    vec(bytes(0..=50), 0..6)
}

pub fn block() -> impl Strategy<Value = Block> {
    (header(), txs(), vec(evidence(), 0..3), option::of(commit())).prop_map(
        |(header, txs, evidence, last_commit)| Block { header, txs, evidence, last_commit },
    )
}

/// A part of a set of one to three.
pub fn part() -> impl Strategy<Value = Part> {
    (1_usize..150_000, any::<u8>(), any::<proptest::sample::Index>()).prop_map(
        |(length, byte, which)| {
            let set = PartSet::cut(vec![byte; length].into());
            let index = which.index(set.header().total as usize);
            set.get(u32::try_from(index).unwrap()).unwrap().clone()
        },
    )
}

pub fn params() -> impl Strategy<Value = ConsensusParams> {
    params_update().prop_map(|update| {
        let params = ConsensusParams::default();
        ConsensusParams {
            block: update.block.unwrap_or(params.block),
            evidence: update.evidence.unwrap_or(params.evidence),
            validator: update.validator.unwrap_or(params.validator),
            version: update.version.unwrap_or(params.version),
            abci: update.abci.unwrap_or(params.abci),
            authority: update.authority.unwrap_or(params.authority),
        }
    })
}

pub fn params_update() -> impl Strategy<Value = ParamsUpdate> {
    let block = (option::of(1_048_576_u64..100_000_000), option::of(any::<u32>()));
    let evidence = (1_u64..1000, 1_u64..10_000_000_000, 0_u64..1_000_000);
    (
        option::of(block),
        option::of(evidence),
        any::<bool>(),
        option::of(any::<u32>()),
        option::of(option::of(height())),
        option::of("[a-z]{0,9}"),
    )
        .prop_map(|(block, evidence, validator, version, abci, authority)| ParamsUpdate {
            block: block.map(|(bytes_max, gas_max)| BlockParams {
                bytes_max,
                gas_max: gas_max.map(u64::from),
            }),
            evidence: evidence.map(|(age_blocks_max, nanos, bytes_max)| EvidenceParams {
                age_blocks_max,
                age_max: Duration::from_nanos(nanos),
                bytes_max,
            }),
            validator: validator.then(|| ValidatorParams { key_types: vec!["ed25519".to_owned()] }),
            version: version.map(|app| VersionParams { app: u64::from(app) }),
            abci: abci.map(|extensions_from| AbciParams { extensions_from }),
            authority,
        })
}

fn event() -> impl Strategy<Value = Event> {
    let attribute = (".{0,5}", ".{0,5}", any::<bool>())
        .prop_map(|(key, value, index)| EventAttribute { key, value, index });
    (".{0,5}", vec(attribute, 0..3)).prop_map(|(kind, attributes)| Event { kind, attributes })
}

pub fn tx_result() -> impl Strategy<Value = TxResult> {
    let gas = (any::<i64>(), any::<i64>());
    (any::<u32>(), bytes(0..=9), (".{0,5}", ".{0,5}", ".{0,5}"), gas, vec(event(), 0..3)).prop_map(
        |(code, data, (log, info, codespace), (gas_wanted, gas_used), events)| TxResult {
            code,
            data,
            log,
            info,
            gas_wanted,
            gas_used,
            events,
            codespace,
        },
    )
}

pub fn outcome() -> impl Strategy<Value = BlockOutcome> {
    let update = (public_key(), 0_u64..99)
        .prop_map(|(key, power)| ValidatorUpdate { public_key: key, power: VotingPower(power) });
    (
        vec(event(), 0..3),
        vec(tx_result(), 0..4),
        vec(update, 0..3),
        option::of(params_update()),
        app_hash(),
    )
        .prop_map(|(events, tx_results, validator_updates, params_update, app_hash)| {
            BlockOutcome { events, tx_results, validator_updates, params_update, app_hash }
        })
}

pub fn chain_state() -> impl Strategy<Value = ChainState> {
    let last = (height(), block_id(), validator_set()).prop_map(|(height, id, set)| LastBlock {
        height,
        id,
        validators: Arc::new(set),
    });
    let chain = (chain_id(), height(), any::<u64>(), option::of(last));
    let sets = (validator_set(), validator_set(), height());
    (chain, sets, params(), height(), (hash(), app_hash(), time())).prop_map(
        |(chain, sets, params, params_changed, rest)| ChainState {
            chain_id: chain.0,
            initial_height: chain.1,
            app_version: chain.2,
            last_block: chain.3,
            validators: Arc::new(sets.0),
            next_validators: Arc::new(sets.1),
            validators_changed: sets.2,
            params,
            params_changed,
            last_results_hash: rest.0,
            app_hash: rest.1,
            last_block_time: rest.2,
        },
    )
}

pub fn genesis() -> impl Strategy<Value = Genesis> {
    let member = (public_key(), power(), "[a-z\"\\\\ é]{0,9}")
        .prop_map(|(public_key, power, name)| GenesisValidator { public_key, power, name });
    let app_state = prop_oneof![
        Just(String::new()),
        Just("{ \"owner\" :\n\"Bob \\\" \" , \"n\": 1e400 }".to_owned()),
        Just("[1,  2]".to_owned()),
    ];
    let genesis_time = time().prop_filter("the zero time is refused", |&it| Time::ZERO < it);
    (genesis_time, chain_id(), height(), params(), vec(member, 0..4), app_hash(), app_state)
        .prop_map(|(genesis_time, chain_id, height, params, validators, app_hash, app_state)| {
            Genesis {
                genesis_time,
                chain_id,
                initial_height: height,
                params,
                validators,
                app_hash,
                app_state,
            }
        })
}
