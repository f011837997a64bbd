//! Proposals and parts of blocks being collected, at one height.
//!
//! A block is collected for one of two reasons: it was proposed in the current or the next round,
//! or a quorum voted for it (then its proposal need not be here). All others are forgotten when
//! the round changes, so that what peers can make us keep is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use types::block::BLOCK_BYTES_MAX;
use types::part_set::PART_BYTES;
use types::{Block, BlockId, ConsensusParams, Offence, Part, PartSet, PeerId, Proposal, Round};

/// Most parts that are kept before their proposal: 4 MiB.
const EARLY_PARTS_MAX: usize = 64;

/// What became of a proposal or a part that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is kept.
    New,
    /// It was here already, is not wanted now, or came too late.
    Ignored,
    /// It cannot be honest.
    Refused(Offence, &'static str),
}

/// What is known of a block.
#[derive(Clone, Debug)]
enum Content {
    /// Some parts are missing.
    Partial,
    /// All parts are here and make the block that the id names.
    Whole {
        block: Arc<Block>,
        /// The parts are exactly what this node would encode. Others could not be served to peers
        /// as a block and still match the id.
        canonical: bool,
    },
    /// All parts are here and make something else: nobody can vote for it in good faith.
    Broken,
}

/// A block being collected.
#[derive(Clone, Debug)]
struct Collected {
    parts: PartSet,
    content: Content,
}

/// Proposals and parts of one height.
#[derive(Clone, Debug)]
pub struct Proposals {
    parts_max: u32,
    current: Round,
    by_round: BTreeMap<Round, Arc<Proposal>>,
    /// How many parts each peer sent that fit no block here. A few are no offence: whoever is
    /// ahead of us may send parts of what was decided.
    unfit: BTreeMap<PeerId, u32>,
    blocks: BTreeMap<BlockId, Collected>,
    /// Parts that have overtaken their proposal on the way.
    early: BTreeMap<(Round, u32), Part>,
}

impl Proposals {
    /// None yet. The parameters limit how many parts a block may have.
    pub fn new(params: &ConsensusParams) -> Self {
        let limit = u64::try_from(BLOCK_BYTES_MAX).expect("the limit of a block fits 64 bits");
        let bytes = params.block.bytes_max.unwrap_or(limit).min(limit);
        let part = u64::try_from(PART_BYTES).expect("the size of a part fits 64 bits");
        let parts_max = u32::try_from(bytes.div_ceil(part)).expect("100 MiB are few parts");
        Self {
            parts_max,
            current: Round::FIRST,
            by_round: BTreeMap::new(),
            unfit: BTreeMap::new(),
            blocks: BTreeMap::new(),
            early: BTreeMap::new(),
        }
    }

    /// Enters a round: proposals of earlier rounds are forgotten, and all blocks but those of
    /// `kept`, those proposed from here on, and the one proposed last: it may be decided yet.
    pub fn enter(&mut self, round: Round, kept: &[BlockId]) {
        self.current = round;
        let last = self.by_round.range(..round).next_back().map(|(_, it)| it.block_id);
        self.by_round.retain(|&of, _| round <= of);
        self.early.retain(|&(of, _), _| round <= of);
        let proposed: BTreeSet<BlockId> = self.by_round.values().map(|it| it.block_id).collect();
        self.blocks.retain(|id, _| kept.contains(id) || proposed.contains(id) || last == Some(*id));
    }

    /// Takes a proposal whose signature was checked, of the current or the next round.
    pub fn add(&mut self, proposal: Arc<Proposal>) -> Taken {
        let round = proposal.round;
        if round < self.current || self.current.next() < round {
            return Taken::Ignored;
        }
        if proposal.pol_round.is_some_and(|polka| round <= polka) {
            return Taken::Refused(Offence::Lie, "a proposal names a polka of its own future");
        }
        let total = proposal.block_id.parts.total;
        if total == 0 || self.parts_max < total {
            return Taken::Refused(Offence::Lie, "a proposed block has too many parts or none");
        }
        if self.by_round.contains_key(&round) {
            // A second one is equivocation, of which the protocol knows no evidence. If others
            // vote for it, their votes make us collect it.
            return Taken::Ignored;
        }
        self.collect(proposal.block_id);
        self.by_round.insert(round, proposal);
        let (here, others) =
            std::mem::take(&mut self.early).into_iter().partition(|((of, _), _)| *of == round);
        self.early = others;
        for (_, part) in here {
            self.add_part(None, round, &part);
        }
        Taken::New
    }

    /// Keeps a part of a round whose proposal is still on its way, if there is room.
    fn keep_early(&mut self, round: Round, part: &Part) -> Taken {
        let near = self.current <= round && round <= self.current.next();
        let place = (round, part.index);
        if !near || EARLY_PARTS_MAX <= self.early.len() || self.early.contains_key(&place) {
            return Taken::Ignored;
        }
        self.early.insert(place, part.clone());
        Taken::New
    }

    /// Begins to collect a block that a quorum voted for, unless it is being collected. Returns
    /// whether that is new.
    pub fn collect(&mut self, id: BlockId) -> bool {
        if id.parts.total == 0 || self.parts_max < id.parts.total || self.blocks.contains_key(&id) {
            return false;
        }
        let parts = PartSet::awaiting(id.parts);
        self.blocks.insert(id, Collected { parts, content: Content::Partial });
        true
    }

    /// Takes a block that is whole, such as one of our own making.
    pub fn add_block(&mut self, id: BlockId, block: Arc<Block>, parts: PartSet) {
        self.blocks
            .insert(id, Collected { parts, content: Content::Whole { block, canonical: true } });
    }

    /// Takes a part that a peer sent for a round: of the round's proposal, or of any block that a
    /// quorum voted for.
    pub fn add_part(&mut self, peer: Option<PeerId>, round: Round, part: &Part) -> Taken {
        let proposed = self.by_round.get(&round).map(|proposal| proposal.block_id);
        let others = self.blocks.keys().copied().filter(|id| Some(*id) != proposed);
        let candidates: Vec<BlockId> = proposed.into_iter().chain(others).collect();
        let mut known = candidates.is_empty();
        for id in &candidates {
            let Some(collected) = self.blocks.get_mut(id) else { continue };
            match collected.parts.add(part.clone()) {
                Ok(true) => {
                    collected.complete(id);
                    return Taken::New;
                }
                // A part with this index is here; this one may be of another block.
                Ok(false) => known = true,
                Err(_) => {}
            }
        }
        if proposed.is_none() {
            return self.keep_early(round, part);
        }
        let Some(peer) = peer.filter(|_| !known) else { return Taken::Ignored };
        let unfit = self.unfit.entry(peer).or_default();
        *unfit += 1;
        if *unfit < self.parts_max.saturating_mul(2) {
            return Taken::Ignored;
        }
        *unfit = 0;
        Taken::Refused(Offence::BadPart, "too many parts are of no block that is collected")
    }

    /// A peer is gone.
    pub fn forget(&mut self, peer: PeerId) {
        self.unfit.remove(&peer);
    }

    /// The proposal of a round.
    pub fn of(&self, round: Round) -> Option<&Arc<Proposal>> {
        self.by_round.get(&round)
    }

    /// A block that is whole.
    pub fn block(&self, id: &BlockId) -> Option<&Arc<Block>> {
        match &self.blocks.get(id)?.content {
            Content::Whole { block, .. } => Some(block),
            Content::Partial | Content::Broken => None,
        }
    }

    /// Whether a block is whole; false if its parts make something else than its id names, none
    /// while some are missing.
    pub fn is_whole(&self, id: &BlockId) -> Option<bool> {
        match self.blocks.get(id)?.content {
            Content::Whole { .. } => Some(true),
            Content::Broken => Some(false),
            Content::Partial => None,
        }
    }

    /// Whether a whole block's parts are what this node would make of it.
    pub fn is_canonical(&self, id: &BlockId) -> bool {
        let content = self.blocks.get(id).map(|collected| &collected.content);
        matches!(content, Some(Content::Whole { canonical: true, .. }))
    }

    /// Whether the parts of a block make something else than its id names.
    pub fn is_broken(&self, id: &BlockId) -> bool {
        self.blocks.get(id).is_some_and(|it| matches!(it.content, Content::Broken))
    }

    /// The parts of a block that are here.
    pub fn parts(&self, id: &BlockId) -> Option<&PartSet> {
        self.blocks.get(id).map(|collected| &collected.parts)
    }
}

impl Collected {
    /// Once all parts are here, reads the block and compares it with the id.
    fn complete(&mut self, id: &BlockId) {
        let Some(bytes) = self.parts.assemble() else { return };
        self.content = match types::codec::decode_block(bytes.clone()) {
            Ok(block) if block.hash() == id.hash => {
                let canonical = types::codec::encode_block(&block) == bytes;
                Content::Whole { block: Arc::new(block), canonical }
            }
            Ok(_) | Err(_) => Content::Broken,
        };
    }
}
