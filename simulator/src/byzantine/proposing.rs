//! Vices of a proposer: what it shows to whom, decided once for each round.

use types::{BitArray, BlockId, Message, Part, PartSet, Proposal, Round};

use super::{Adversary, Place, Said, Scene, forge};
use crate::chance::Chance;
use crate::plan::Vice;

/// Vices that take hold of a whole round's proposal.
pub const VICES: [Vice; 9] = [
    Vice::TwoBlocks,
    Vice::ThreeBlocks,
    Vice::RevealToFew,
    Vice::WithholdProposal,
    Vice::WithholdParts,
    Vice::InvalidBlock,
    Vice::OversizedBlock,
    Vice::FalsePolRound,
    Vice::BadEvidence,
];

/// Of a thousand parts, those that are sent wrong by a member with that vice.
const BAD_PARTS_PERMILLE: u64 = 500;

/// What each peer is shown in a round.
#[derive(Clone, Debug)]
pub struct Scheme {
    vice: Vice,
    versions: Vec<Version>,
    /// Which version each member is shown; none is nothing.
    given: Vec<Option<usize>>,
    /// Which parts each member is shown, if not all.
    shown: Option<Vec<BitArray>>,
    /// Own votes follow the version that the peer was shown.
    votes_follow: bool,
}

/// A proposal, and its parts if they are not the replica's own.
#[derive(Clone, Debug)]
struct Version {
    proposal: Proposal,
    parts: Option<PartSet>,
}

impl Scheme {
    /// What a peer is to be told that its vote should be for, if votes follow the scheme at all.
    pub fn vote_for(&self, to: usize) -> Option<Option<BlockId>> {
        let version = self.given[to].and_then(|it| self.versions.get(it));
        self.votes_follow.then(|| version.map(|it| it.proposal.block_id))
    }
}

impl Adversary {
    /// Whether this is a proposal of its own replica rather than one that it hands on.
    pub fn is_mine_to_propose(&self, proposal: &Proposal) -> bool {
        let Some(validators) = self.memory.validators(proposal.height) else { return false };
        // Whoever is that far in rounds has other troubles.
        let round = Round(proposal.round.0.min(1000));
        let proposer = validators.get(validators.proposer_in(round));
        proposer.is_some_and(|it| self.addresses[self.member] == Some(it.address))
    }

    /// Its replica would send its proposal to a peer.
    pub fn propose(&mut self, scene: &Scene<'_>, to: usize, proposal: &Proposal, said: &mut Said) {
        let place = (proposal.height, proposal.round);
        if !self.schemes.contains_key(&place) {
            let vice = self.mood(place).proposal;
            let scheme = vice.and_then(|vice| self.scheme(scene, vice, proposal));
            self.schemes.insert(place, scheme);
        }
        let scheme = self.schemes.get(&place).and_then(Option::as_ref);
        let Some(scheme) = scheme else {
            return said.say(to, Message::Proposal(proposal.clone().into()));
        };
        said.acts.push(scheme.vice);
        let Some(version) = scheme.given[to].and_then(|it| scheme.versions.get(it)) else { return };
        said.say(to, Message::Proposal(version.proposal.clone().into()));
        let Some(parts) = &version.parts else { return };
        for index in 0..parts.header().total {
            if scheme.shown.as_ref().is_none_or(|shown| shown[to].has(index as usize))
                && let Some(part) = parts.get(index).cloned()
            {
                let (height, round) = place;
                said.say(to, Message::BlockPart { height, round, part });
            }
        }
    }

    /// Its replica would send a part to a peer.
    pub fn show_part(&mut self, to: usize, place: Place, part: &Part, said: &mut Said) {
        let (height, round) = place;
        let scheme = self.schemes.get(&place).and_then(Option::as_ref);
        let part = match scheme {
            None => Some(part.clone()),
            Some(scheme) => {
                let version = scheme.given[to].and_then(|it| scheme.versions.get(it));
                match version.map(|it| &it.parts) {
                    None => None,
                    Some(None) => Some(part.clone()),
                    // These went out with the proposal.
                    Some(Some(_)) => None,
                }
            }
        };
        let Some(mut part) = part else { return };
        if self.vices.contains(&Vice::BadParts) && self.chance.permille(BAD_PARTS_PERMILLE) {
            said.acts.push(Vice::BadParts);
            spoil_part(&mut part, &mut self.chance);
        }
        said.say(to, Message::BlockPart { height, round, part });
    }

    /// Makes up what everybody is shown.
    fn scheme(&mut self, scene: &Scene<'_>, vice: Vice, proposal: &Proposal) -> Option<Scheme> {
        let original = Version { proposal: proposal.clone(), parts: None };
        let members = self.addresses.len();
        let all = |version| vec![Some(version); members];
        let mut shown = None;
        let (versions, given) = match vice {
            Vice::TwoBlocks => {
                let versions = vec![original, self.another(scene, proposal)?];
                let given = (0..members).map(|_| Some(self.chance.index(2))).collect();
                (versions, given)
            }
            Vice::ThreeBlocks => {
                let (second, third) =
                    (self.another(scene, proposal)?, self.another(scene, proposal)?);
                let given = (0..members).map(|_| Some(self.chance.index(3))).collect();
                (vec![original, second, third], given)
            }
            Vice::RevealToFew => {
                let mut others: Vec<usize> = (0..members).filter(|&it| it != self.member).collect();
                self.chance.shuffle(&mut others);
                let few = &others[..others.len().min((members - 1) / 3 + 1)];
                let given = (0..members).map(|it| few.contains(&it).then_some(0)).collect();
                (vec![original], given)
            }
            Vice::WithholdProposal => {
                let nobody = self.chance.coin();
                let some = |_| (!nobody && self.chance.coin()).then_some(0);
                (vec![original], (0..members).map(some).collect())
            }
            Vice::WithholdParts => {
                let block = self.memory.block.clone()?;
                let parts = forge::large(&block, &mut self.chance).part_set();
                shown = Some(self.withhold(members, parts.header().total as usize));
                (vec![self.version(scene, proposal, parts)?], all(0))
            }
            Vice::InvalidBlock => {
                let block = self.memory.block.clone()?;
                let (id, parts) = forge::invalid(&block, &mut self.chance);
                let proposal = Proposal { block_id: id, ..proposal.clone() };
                let proposal = self.own_proposal(scene, &proposal)?;
                (vec![Version { proposal, parts: Some(parts) }], all(0))
            }
            Vice::BadEvidence => {
                let block = self.memory.block.clone()?;
                let evidence = self.false_evidence(scene)?;
                let parts = forge::accusing(&block, vec![evidence]).part_set();
                (vec![self.version(scene, proposal, parts)?], all(0))
            }
            Vice::OversizedBlock => (vec![self.oversized(scene, proposal)?], all(0)),
            Vice::FalsePolRound => {
                let pol_round = match proposal.pol_round {
                    Some(_) if self.chance.coin() => None,
                    Some(_) | None => {
                        let highest = u64::from(proposal.round.0) + 1;
                        let round = self.chance.between(0, highest);
                        u32::try_from(round).ok().map(Round)
                    }
                };
                let proposal = Proposal { pol_round, ..proposal.clone() };
                let proposal = self.own_proposal(scene, &proposal)?;
                (vec![Version { proposal, parts: None }], all(0))
            }
            other => unreachable!("no vice of a proposer: {other:?}"),
        };
        let votes_follow = self.chance.coin();
        Some(Scheme { vice, versions, given, shown, votes_follow })
    }

    /// Another block for the same round.
    fn another(&mut self, scene: &Scene<'_>, proposal: &Proposal) -> Option<Version> {
        let block = self.memory.block.clone()?;
        let parts = forge::another(&block, &mut self.chance).part_set();
        self.version(scene, proposal, parts)
    }

    fn version(&self, scene: &Scene<'_>, proposal: &Proposal, parts: PartSet) -> Option<Version> {
        let block = types::codec::decode_block(parts.assemble()?).ok()?;
        let block_id = BlockId { hash: block.hash(), parts: parts.header() };
        let proposal = self.own_proposal(scene, &Proposal { block_id, ..proposal.clone() })?;
        Some(Version { proposal, parts: Some(parts) })
    }

    /// A block just above the limit, or one that claims to be far above it.
    fn oversized(&mut self, scene: &Scene<'_>, proposal: &Proposal) -> Option<Version> {
        if self.chance.permille(900) {
            let mut proposal = proposal.clone();
            let most = u32::try_from(types::part_set::PARTS_MAX).expect("few parts");
            proposal.block_id.parts.total = self.chance.pick(&[0, most, u32::MAX]);
            let proposal = self.own_proposal(scene, &proposal)?;
            return Some(Version { proposal, parts: None });
        }
        let block = self.memory.block.clone()?;
        let bytes = usize::try_from(crate::world::BLOCK_BYTES_MAX).expect("it is in memory");
        let parts = forge::of_size(&block, bytes, &mut self.chance).part_set();
        self.version(scene, proposal, parts)
    }

    /// Which parts of so many each member is shown: all but one, or each another.
    fn withhold(&mut self, members: usize, total: usize) -> Vec<BitArray> {
        let all_but_one = self.chance.coin();
        let withheld = self.chance.index(total);
        let shown = |member: usize| {
            let mut bits = BitArray::new(total);
            for index in 0..total {
                let mine = index % members == member;
                if if all_but_one { index != withheld } else { mine } {
                    bits.set(index);
                }
            }
            bits
        };
        (0..members).map(shown).collect()
    }
}

/// Makes a part wrong in one of several ways.
fn spoil_part(part: &mut Part, chance: &mut Chance) {
    match chance.below(5) {
        // The codec checks these two against each other.
        0 => part.index = part.index.wrapping_add(1),
        1 => {
            part.index = part.index.wrapping_add(1);
            part.proof.index += 1;
            part.proof.total += 1;
        }
        2 => {
            let mut bytes = part.bytes.to_vec();
            if let Some(byte) = bytes.first_mut() {
                *byte ^= 1;
            }
            part.bytes = bytes.into();
        }
        3 => part.proof.leaf_hash = forge::some_hash(chance),
        _ => part.proof.aunts.push(forge::some_hash(chance)),
    }
}
