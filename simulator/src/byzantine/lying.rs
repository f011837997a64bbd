//! Lies, one at a time: about rounds, votes, parts and quorums, in one's own name or in others'.

use types::height::{HEIGHT_MAX, ROUND_MAX};
use types::message::WireStep;
use types::{
    BitArray, BlockId, DuplicateVoteEvidence, Evidence, Height, Message, PartSetHeader, Proposal,
    Round, ValidatorIndex, Vote, VoteKind, VotingPower,
};

use super::{Adversary, Place, Said, Scene, forge};
use crate::plan::Vice;

/// Vices that show in single messages which nothing has called for.
const VICES: [Vice; 10] = [
    Vice::FarVotes,
    Vice::ForgeVotes,
    Vice::OutOfTurn,
    Vice::FalseBits,
    Vice::FalseQuorums,
    Vice::Replay,
    Vice::Flood,
    Vice::BadEvidence,
    Vice::FalseHeights,
    Vice::BadBlocks,
];
/// Copies of a message in a flood.
const FLOOD: usize = 2000;
/// Most floods of one member.
const FLOODS_MAX: u32 = 20;
/// Most bits that it claims: more than any node takes.
const BITS_MAX: usize = 12_000;
/// Of a thousand steps, those that are told falsely by a member with that vice.
const FALSE_STEPS_PERMILLE: u64 = 300;

impl Adversary {
    /// Its replica would tell a peer where it is.
    pub fn tell_step(&mut self, to: usize, message: &Message, said: &mut Said) {
        let mut message = message.clone();
        let lies =
            self.vices.contains(&Vice::FalseSteps) && self.chance.permille(FALSE_STEPS_PERMILLE);
        if let Message::NewRoundStep { height, round, step, last_commit_round, .. } = &mut message
            && lies
        {
            said.acts.push(Vice::FalseSteps);
            match self.chance.below(7) {
                0 => *height = Height(height.0 + self.chance.log_between(1, 1 << 40)),
                1 => *height = Height(HEIGHT_MAX),
                2 => *height = Height(self.chance.between(1, height.0)),
                3 => *round = Round(self.far_round(*round)),
                4 => *round = Round(0),
                5 => *step = WireStep::Commit,
                _ => *last_commit_round = Some(Round(self.far_round(*round))),
            }
            if height.0 == 1 && self.chance.coin() {
                *last_commit_round = None;
            }
        }
        said.say(to, message);
    }

    /// Tells a peer a lie, if it has a vice for it.
    pub fn lie(&mut self, scene: &Scene<'_>, to: usize, said: &mut Said) {
        let own: Vec<Vice> = VICES.into_iter().filter(|it| self.vices.contains(it)).collect();
        let Some(here) = self.memory.place().filter(|_| !own.is_empty()) else { return };
        let vice = self.chance.pick(&own);
        let first = said.sent.len();
        match vice {
            Vice::FarVotes => self.far_vote(scene, to, here, said),
            Vice::ForgeVotes => self.forged_vote(scene, to, here, said),
            Vice::OutOfTurn => self.out_of_turn(scene, to, here, said),
            Vice::FalseBits => {
                let message = self.false_bits(here);
                said.say(to, message);
            }
            Vice::FalseQuorums => {
                for _ in 0..self.chance.between(1, 2) {
                    let (height, round) = self.near(here);
                    let (kind, block_id) = (self.kind(), self.some_id(height));
                    said.say(to, Message::VoteSetMaj23 { height, round, kind, block_id });
                }
            }
            Vice::Replay => self.replay(scene, to, said),
            Vice::Flood => self.flood(to, said),
            Vice::BadEvidence => {
                if let Some(evidence) = self.false_evidence(scene) {
                    let count = usize::try_from(self.chance.between(1, 2)).expect("two at most");
                    said.say(to, Message::Evidence(vec![evidence; count]));
                }
            }
            Vice::FalseHeights => {
                let range = self.false_range(
                    self.memory.block.as_ref().map(|block| (Height(1), block.header.height)),
                );
                said.say(to, Message::StatusResponse { range });
            }
            Vice::BadBlocks => {
                if let Some(block) = self.memory.block.clone()
                    && self.forced.insert(to)
                {
                    said.say(to, Message::BlockResponse { block, extended_commit: None });
                }
            }
            other => unreachable!("no lie: {other:?}"),
        }
        if first < said.sent.len() {
            said.acts.push(vice);
        }
    }

    /// Evidence that proves nothing: of honest votes, with wrong powers or times, of the future.
    pub fn false_evidence(&mut self, scene: &Scene<'_>) -> Option<Evidence> {
        let votes: Vec<&Vote> = self.memory.votes.values().collect();
        if votes.is_empty() {
            return None;
        }
        let vote = votes[self.chance.index(votes.len())].clone();
        let mut other = vote.clone();
        other.block_id = Some(forge::some_id(&mut self.chance));
        other.signature = forge::NOBODYS;
        let validators = self.memory.validators(vote.height)?;
        let time = self.memory.block.as_ref().map_or(scene.time, |it| it.header.time);
        let honest = (vote.height, vote.round, vote.kind, vote.block_id);
        let mut it = DuplicateVoteEvidence::new(vote.clone(), other, validators, time).ok()?;
        match self.chance.below(6) {
            0 => it.vote_b = it.vote_a.clone(),
            1 => std::mem::swap(&mut it.vote_a, &mut it.vote_b),
            2 => it.total_power = VotingPower(it.total_power.0 + 1),
            3 => it.validator_power = VotingPower(it.validator_power.0 + 1),
            4 => {
                // Its own votes, rightly signed, of a height long gone or to come.
                let (height, round, kind, block_id) = honest;
                let a = self.own_vote(scene, (height, round), kind, block_id)?;
                let b = self.own_vote(scene, (height, round), kind, None)?;
                let validators = self.memory.validators(height)?;
                it = DuplicateVoteEvidence::new(a, b, validators, time).ok()?;
            }
            _ => {}
        }
        Some(Evidence::DuplicateVote(Box::new(it)))
    }

    fn far_vote(&mut self, scene: &Scene<'_>, to: usize, here: Place, said: &mut Said) {
        let (height, round) = here;
        let height = if self.chance.permille(200) { height.next() } else { height };
        let (far, kind) = (Round(self.far_round(round)), self.kind());
        let block_id = self.some_id(height);
        if let Some(vote) = self.own_vote(scene, (height, far), kind, block_id) {
            said.say(to, Message::Vote(vote.into()));
        }
    }

    /// A vote in another's name, signed by nobody or by itself; or one under a wrong index.
    fn forged_vote(&mut self, scene: &Scene<'_>, to: usize, here: Place, said: &mut Said) {
        let Some(validators) = self.memory.validators(here.0).cloned() else { return };
        let index = self.chance.index(validators.count());
        let (kind, block_id) = (self.kind(), self.some_id(here.0));
        let theirs = &validators.validators()[index];
        let mine = self.own_vote(scene, here, kind, block_id);
        let validator_index = ValidatorIndex(u32::try_from(index).expect("few validators"));
        let mut vote = mine.unwrap_or(Vote {
            kind,
            height: here.0,
            round: here.1,
            block_id,
            timestamp: scene.time,
            validator_address: theirs.address,
            validator_index,
            signature: forge::NOBODYS,
            extension: None,
        });
        match self.chance.below(3) {
            0 => vote.validator_address = theirs.address,
            1 => {
                vote.validator_index =
                    ValidatorIndex(u32::try_from(validators.count()).expect("few"))
            }
            _ => (vote.validator_address, vote.validator_index) = (theirs.address, validator_index),
        }
        if self.addresses[self.member] != Some(vote.validator_address)
            || vote.validator_index != validator_index
        {
            said.say(to, Message::Vote(vote.into()));
        }
    }

    /// A proposal of some block in a round that is another's.
    fn out_of_turn(&mut self, scene: &Scene<'_>, to: usize, here: Place, said: &mut Said) {
        let (height, round) = here;
        let Some(block) = self.memory.block.clone() else { return };
        let block = forge::another(&block, &mut self.chance);
        let parts = block.part_set();
        let block_id = block.id(&parts);
        let (pol_round, timestamp) = (None, scene.time);
        let signature = forge::NOBODYS;
        let proposal = Proposal { height, round, pol_round, block_id, timestamp, signature };
        if self.is_mine_to_propose(&proposal) {
            return;
        }
        if let Some(proposal) = self.own_proposal(scene, &proposal) {
            said.say(to, Message::Proposal(proposal.into()));
            for part in (0..block_id.parts.total).filter_map(|index| parts.get(index).cloned()) {
                said.say(to, Message::BlockPart { height, round, part });
            }
        }
    }

    fn false_bits(&mut self, here: Place) -> Message {
        let (height, round) = self.near(here);
        let count = self.memory.validators(height).map_or(4, |it| it.count());
        let wrong = self.chance.pick(&[0, 1, count + 1, 10_000]);
        let count = if self.chance.permille(800) { count } else { wrong };
        let kind = self.kind();
        match self.chance.below(4) {
            0 => {
                let index = ValidatorIndex(u32::try_from(count).expect("few validators"));
                let index = ValidatorIndex(index.0.saturating_sub(self.chance.pick(&[0, 1, 2])));
                Message::HasVote { height, round, kind, index }
            }
            1 => {
                let block_id = self.some_id(height);
                let have = self.bits(count);
                Message::VoteSetBits { height, round, kind, block_id, have }
            }
            2 => {
                let id = self.some_id(height);
                let total = self.chance.pick(&[1, 1, 3, 2000]);
                let parts = PartSetHeader { total, hash: forge::some_hash(&mut self.chance) };
                let parts = id.map_or(parts, |id| id.parts);
                let exact = self.chance.permille(800);
                let have = self.bits(parts.total as usize + usize::from(!exact));
                let is_commit = self.chance.coin();
                Message::NewValidBlock { height, round, parts, have, is_commit }
            }
            _ => {
                let pol_round = round.previous().unwrap_or(round);
                let have = self.bits(count);
                Message::ProposalPol { height, pol_round, have }
            }
        }
    }

    fn flood(&mut self, to: usize, said: &mut Said) {
        if FLOODS_MAX <= self.floods || self.memory.heard.is_empty() {
            return;
        }
        self.floods += 1;
        let message = self.memory.heard[self.chance.index(self.memory.heard.len())].clone();
        for _ in 0..FLOOD {
            said.say(to, message.clone());
        }
    }

    fn bits(&mut self, count: usize) -> BitArray {
        let count = count.min(BITS_MAX);
        let mut bits = BitArray::new(count);
        let all = self.chance.coin();
        for index in 0..count {
            if all || self.chance.coin() {
                bits.set(index);
            }
        }
        bits
    }

    fn kind(&mut self) -> VoteKind {
        if self.chance.coin() { VoteKind::Prevote } else { VoteKind::Precommit }
    }

    /// Here, or a little beside it.
    fn near(&mut self, (height, round): Place) -> Place {
        let height = self.chance.pick(&[height, height, height, height.next()]);
        let before = round.previous().unwrap_or(round);
        (height, self.chance.pick(&[round, round, round.next(), before]))
    }

    fn far_round(&mut self, round: Round) -> u32 {
        let far = self.chance.log_between(2, u64::from(ROUND_MAX));
        let far = u32::try_from(far).expect("a round fits 32 bits");
        self.chance.pick(&[far, round.0 + 2, ROUND_MAX, ROUND_MAX - 1]).min(ROUND_MAX)
    }

    /// Something that was voted for, nil, or something that does not exist.
    fn some_id(&mut self, height: Height) -> Option<BlockId> {
        let known = self.memory.ids(height);
        match self.chance.below(3) {
            0 => None,
            1 => Some(forge::some_id(&mut self.chance)),
            _ if known.is_empty() => None,
            _ => Some(known[self.chance.index(known.len())]),
        }
    }
}
