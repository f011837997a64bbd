//! The planted bugs: each is a few lines of our own code and what a bad day would have made of
//! them. All are planted into one copy of the sources, where a number chooses which is live.

/// A planted bug.
pub struct Mutant {
    /// What it does wrong.
    pub name: &'static str,
    /// Which hunt finds it (`hunter.rs`).
    pub hunt: &'static str,
    /// Where it is planted.
    pub edits: &'static [Edit],
}

/// A change of a source file.
pub struct Edit {
    /// Which, from the root.
    pub file: &'static str,
    /// What stands there, exactly once.
    pub find: &'static str,
    /// What stands there instead. `LIVE` is true while this mutant is chosen.
    pub replace: &'static str,
}

/// All of them. A mutant's number is its place, from 1.
pub const MUTANTS: [Mutant; 11] = [
    Mutant {
        name: "unlock without proof",
        hunt: "drawn",
        edits: &[Edit {
            file: "consensus/src/round.rs",
            find: "        self.locked.is_none_or(|locked| {\n",
            replace: "        LIVE || self.locked.is_none_or(|locked| {\n",
        }],
    },
    Mutant {
        name: "count a vote twice",
        hunt: "drawn",
        edits: &[Edit {
            file: "consensus/src/tally.rs",
            find: "            return Added::Known;\n        }\n        let first",
            replace: "            if LIVE {
                self.power = self.power.plus(power);
                let slot = self.slots.get_mut(&vote.block_id).expect(\"it is known\");
                slot.power = slot.power.plus(power);
                let slot_power = slot.power;
                if self.polka.is_none() && self.validators.quorum().reached_by(slot_power) {
                    self.polka = Some(vote.block_id);
                }
            }
            return Added::Known;
        }
        let first",
        }],
    },
    Mutant {
        name: "skip the sync before sending",
        hunt: "crashes",
        edits: &[Edit {
            file: "simulator/src/member/driver.rs",
            find: "        self.write(outside, true)\n    }\n",
            replace: "        let decides = self.running.as_ref().is_some_and(|it| it.keeping.has_decision());
        self.write(outside, decides || !LIVE)
    }
",
        }],
    },
    Mutant {
        name: "forget the lock on replay",
        hunt: "crashes",
        edits: &[Edit {
            file: "consensus/src/round.rs",
            find: "        if let (VoteKind::Precommit, Some(block_id)) = (kind, block_id) {\n",
            replace: "        if !LIVE
            && let (VoteKind::Precommit, Some(block_id)) = (kind, block_id)
        {
",
        }],
    },
    Mutant {
        name: "accept a stale proof of lock",
        hunt: "drawn",
        edits: &[Edit {
            file: "consensus/src/round.rs",
            find: "pol_round.is_some_and(|polka| locked.round <= polka)",
            replace: "pol_round.is_some_and(|polka| LIVE || locked.round <= polka)",
        }],
    },
    Mutant {
        name: "prevote without checking the proposal's proof",
        hunt: "drawn",
        edits: &[Edit {
            file: "consensus/src/height/rules.rs",
            find: "        if let Some(polka) = proposal.pol_round {\n",
            replace: "        if let Some(polka) = proposal.pol_round
            && !LIVE
        {
",
        }],
    },
    Mutant {
        name: "off by one in the quorum",
        hunt: "drawn",
        edits: &[Edit {
            file: "types/src/power.rs",
            find: "        u128::from(self.total.0) * 2 < u128::from(power.0) * 3\n",
            replace: "        let (total, power) = (u128::from(self.total.0) * 2, u128::from(power.0) * 3);
        if LIVE { total < power + 3 } else { total < power }
",
        }],
    },
    Mutant {
        name: "wrong proposer",
        hunt: "drawn",
        edits: &[Edit {
            file: "types/src/proposer.rs",
            find: "a.address.cmp(&b.address))\n    })?;",
            replace: "if LIVE {
            b.address.cmp(&a.address)
        } else {
            a.address.cmp(&b.address)
        })
    })?;",
        }],
    },
    Mutant {
        name: "apply a block twice",
        hunt: "whole",
        edits: &[Edit {
            file: "execution/src/handshake.rs",
            find: "        let mut next = app_height.map_or(self.genesis.initial_height, Height::next);\n",
            replace: "        let mut next = app_height
            .map_or(self.genesis.initial_height, |it| if LIVE { it } else { it.next() });
",
        }],
    },
    Mutant {
        name: "evidence for an honest node",
        hunt: "drawn",
        edits: &[
            Edit {
                file: "types/src/evidence.rs",
                find: "        let reason = if (a.height, a.round, a.kind) != (b.height, b.round, b.kind) {\n",
                replace: "        let alike = (a.height, a.kind) == (b.height, b.kind)
            && (LIVE || a.round == b.round);
        let reason = if !alike {
",
            },
            Edit {
                file: "consensus/src/height/receiving.rs",
                find: "        let added = self.votes.add(vote.clone());\n",
                replace: "        let added = self.votes.add(vote.clone());
        if LIVE
            && let Some(before) = vote.round.previous()
            && let Some(tally) = self.votes.tally(before, vote.kind)
            && let Some(first) = tally.vote(vote.validator_index)
            && first.block_id != vote.block_id
        {
            self.accuse(first.clone(), vote.clone());
        }
",
            },
        ],
    },
    Mutant {
        name: "records without the peers' votes",
        hunt: "crashes",
        edits: &[Edit {
            file: "consensus/src/height/receiving.rs",
            find: "            if !self.is_mine(&vote) && !self.is_decided() {\n",
            replace: "            if !LIVE && !self.is_mine(&vote) && !self.is_decided() {\n",
        }],
    },
];
