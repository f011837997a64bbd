//! The planted bugs: each is a few lines of our own code and what a bad day would have made of
//! them. All are planted into one copy of the sources, where a number chooses which is live.

/// A planted bug.
pub struct Mutant {
    /// What it does wrong.
    pub name: &'static str,
    /// Where it is looked for, and who must find it there.
    pub hunts: &'static [Hunt],
    /// Where it is planted.
    pub edits: &'static [Edit],
}

/// Where a planted bug is looked for.
#[derive(Clone, Copy)]
pub struct Hunt {
    /// Its name in `hunts.rs`.
    pub place: &'static str,
    /// Who must object first.
    pub judge: &'static str,
    /// Whether nobody else may: with this judge deaf the same seeds must pass.
    pub alone: bool,
}

const fn found(place: &'static str, judge: &'static str) -> Hunt {
    Hunt { place, judge, alone: false }
}

const fn found_alone(place: &'static str, judge: &'static str) -> Hunt {
    Hunt { place, judge, alone: true }
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
pub const MUTANTS: [Mutant; 25] = [
    Mutant {
        name: "unlock without proof",
        hunts: &[found_alone("hidden decision", "agreement")],
        edits: &[Edit {
            file: "consensus/src/round.rs",
            find: "        self.locked.is_none_or(|locked| {\n",
            replace: "        LIVE || self.locked.is_none_or(|locked| {\n",
        }],
    },
    Mutant {
        name: "count a vote twice",
        hunts: &[found("doubled votes", "commits")],
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
        hunts: &[found("crashes", "durability"), found("whole", "durability")],
        edits: &[
            Edit {
                file: "execution/src/keeping.rs",
                find: "        self.write(store, Durable::Now)?;
        watch.synced();
",
                replace: "        let skips = LIVE && !self.has_decision();
        self.write(store, if skips { Durable::Later } else { Durable::Now })?;
        watch.synced();
",
            },
            Edit {
                file: "simulator/src/member/driver.rs",
                find: "        self.write(outside, true)\n    }\n",
                replace: "        let running = self.running.as_ref();
        let decides = running.is_some_and(|it| it.keeping.has_decision());
        self.write(outside, decides || !LIVE)
    }
",
            },
        ],
    },
    Mutant {
        name: "forget the lock on replay",
        hunts: &[found("lock by precommit alone", "agreement")],
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
        hunts: &[
            found("old polka", "agreement"),
            found_alone("old polka before a third", "accountability"),
        ],
        edits: &[Edit {
            file: "consensus/src/round.rs",
            find: "pol_round.is_some_and(|polka| locked.round <= polka)",
            replace: "pol_round.is_some_and(|polka| LIVE || locked.round <= polka)",
        }],
    },
    Mutant {
        name: "prevote without checking the proposal's proof",
        hunts: &[found("false polka", "agreement")],
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
        hunts: &[found_alone("two thirds", "commits")],
        edits: &[Edit {
            file: "types/src/power.rs",
            find: "        u128::from(self.total.0) * 2 < u128::from(power.0) * 3\n",
            replace: "        let twice = u128::from(self.total.0) * 2;
        let thrice = u128::from(power.0) * 3;
        if LIVE { twice <= thrice } else { twice < thrice }
",
        }],
    },
    Mutant {
        name: "wrong proposer",
        hunts: &[found("drawn", "validity")],
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
        hunts: &[found("whole crashes", "halt")],
        edits: &[Edit {
            file: "execution/src/handshake.rs",
            find: "let mut next = app_height.map_or(self.genesis.initial_height, Height::next);\n",
            replace: "let mut next = app_height
            .map_or(self.genesis.initial_height, |it| if LIVE { it } else { it.next() });
",
        }],
    },
    Mutant {
        name: "evidence for an honest node",
        hunts: &[found("drawn", "evidence")],
        edits: &[
            Edit {
                file: "types/src/evidence.rs",
                find: "if (a.height, a.round, a.kind) != (b.height, b.round, b.kind) {\n",
                replace: "if (a.height, a.kind) != (b.height, b.kind)
            || (!LIVE && a.round != b.round)
        {
",
            },
            Edit {
                file: "consensus/src/height/receiving.rs",
                find: "        let added = self.votes.add(Arc::clone(&vote));\n",
                replace: "        let added = self.votes.add(Arc::clone(&vote));
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
        hunts: &[found_alone("wiped voter", "liveness")],
        edits: &[Edit {
            file: "consensus/src/height/receiving.rs",
            find: "if counted && !self.is_mine(&vote) && !self.is_decided() {\n",
            replace: "if !LIVE && counted && !self.is_mine(&vote) && !self.is_decided() {\n",
        }],
    },
    Mutant {
        name: "the median of times takes nil votes",
        hunts: &[found_alone("nil voters", "validity")],
        edits: &[Edit {
            file: "types/src/commit.rs",
            find: "if let CommitSig::Commit { validator_address, timestamp, .. } = entry {\n",
            replace: "if let (CommitSig::Commit { validator_address, timestamp, .. }
            | CommitSig::Nil { validator_address, timestamp, .. }) = entry
                && (LIVE || matches!(entry, CommitSig::Commit { .. }))
            {
",
        }],
    },
    Mutant {
        name: "the guard allows a second vote",
        hunts: &[found_alone("whole crashes", "double sign")],
        edits: &[Edit {
            file: "types/src/guard.rs",
            find: "        if bytes_at(timestamp) != signed.bytes {\n",
            replace: "        if bytes_at(timestamp) != signed.bytes && LIVE {
            return fresh();
        }
        if bytes_at(timestamp) != signed.bytes {
",
        }],
    },
    Mutant {
        name: "a vote is sent before it is kept",
        hunts: &[found_alone("crashes", "durability")],
        edits: &[Edit {
            file: "consensus/src/height/voting.rs",
            find: "        turn.outputs.push(Output::Persist);\n        self.count(turn, vote);\n",
            replace: "        if !LIVE {
            turn.outputs.push(Output::Persist);
        }
        self.count(turn, vote);
",
        }],
    },
    Mutant {
        name: "an outcome comes back from the disk without its limits of evidence",
        hunts: &[found_alone("outcome read back", "application")],
        edits: &[Edit {
            file: "types/src/codec/outcome.rs",
            find: "wire.consensus_param_updates.map(params_update_from_wire).transpose()?,\n",
            replace: "wire.consensus_param_updates.map(|mut it| {
            it.evidence = it.evidence.filter(|_| !LIVE);
            params_update_from_wire(it)
        }).transpose()?,
",
        }],
    },
    Mutant {
        name: "conflicting votes are forgotten when their height is decided",
        hunts: &[found_alone("open equivocator", "evidence")],
        edits: &[Edit {
            file: "consensus/src/evidence.rs",
            find: "        for (first, second) in std::mem::take(&mut self.conflicts) {\n",
            replace: "        for (first, second) in std::mem::take(&mut self.conflicts) {
            if LIVE {
                continue;
            }
",
        }],
    },
    Mutant {
        name: "every vote is answered by a vote",
        hunts: &[found_alone("slow chain", "storm")],
        edits: &[Edit {
            file: "consensus/src/replica/peers.rs",
            find: "        let here = self.current.height();
        if let Message::VoteSetMaj23",
            replace: "        let here = self.current.height();
        if LIVE && matches!(message, Message::Vote(_)) {
            let message = message.clone();
            outputs.push(Output::Send { to: Recipients::One(peer), message });
        }
        if let Message::VoteSetMaj23",
        }],
    },
    Mutant {
        name: "a part that is here already counts as bad",
        hunts: &[found_alone("drawn", "blame")],
        edits: &[Edit {
            file: "consensus/src/proposals.rs",
            find: "let Some(peer) = peer.filter(|_| !known) else { return Taken::Ignored };\n",
            replace: "if LIVE && known && peer.is_some() {
            return Taken::Refused(Offence::BadPart, \"a part that is here already\");
        }
        let Some(peer) = peer.filter(|_| !known) else { return Taken::Ignored };
",
        }],
    },
    Mutant {
        name: "a forged block that a peer serves halts the node",
        hunts: &[found_alone("forged blocks", "halt")],
        edits: &[Edit {
            file: "consensus/src/replica/heights.rs",
            find: "        self.catch_up.verified(height, proof, outputs);\n",
            replace: "        self.catch_up.verified(height, proof, outputs);
        if LIVE && proof == Proof::Forged {
            return self.halt(\"a peer serves forged blocks\".to_owned(), outputs);
        }
",
        }],
    },
    Mutant {
        name: "the pool keeps what a block carried",
        hunts: &[found_alone("whole", "transactions")],
        edits: &[Edit {
            file: "mempool/src/pool.rs",
            find: "            self.waiting.remove(&key);
            self.end_check(&key);
",
            replace: "            if !LIVE {
                self.waiting.remove(&key);
            }
            self.end_check(&key);
",
        }],
    },
    Mutant {
        name: "a client is told that its transaction is refused, and it is kept",
        hunts: &[found_alone("whole", "linearizability")],
        edits: &[Edit {
            file: "execution/src/admission.rs",
            find: "        let waits = self.pool().checked(&key, answer_of(&result))?;
        drop(asking);
",
            replace: "        let waits = self.pool().checked(&key, answer_of(&result))?;
        drop(asking);
        if LIVE && waits {
            self.announce();
            return Err(Refusal::Seen.into());
        }
",
        }],
    },
    Mutant {
        name: "the signer says that it has signed at the next height",
        hunts: &[found_alone("one crash", "store behind signer")],
        edits: &[Edit {
            file: "simulator/src/member/signer.rs",
            find: "        self.last.map(|last| last.position.0)\n",
            replace: "        let height = self.last.map(|last| last.position.0);
        height.map(|height| if LIVE { height.next() } else { height })
",
        }],
    },
    Mutant {
        name: "a lock is no valid block",
        hunts: &[found_alone("drawn", "assertion")],
        edits: &[Edit {
            file: "consensus/src/round.rs",
            find: "        acts.extend(self.mark_valid(block_id));\n",
            replace: "        if !LIVE {
            acts.extend(self.mark_valid(block_id));
        }
",
        }],
    },
    Mutant {
        name: "the RPC is shown the votes of another round",
        hunts: &[found_alone("drawn", "picture")],
        edits: &[Edit {
            file: "consensus/src/replica/picture.rs",
            find: "        let picture = |round| RoundVotes {
            round,
",
            replace: "        let picture = |round| RoundVotes {
            round: if LIVE { types::Round::next(round) } else { round },
",
        }],
    },
    Mutant {
        name: "a plan has a group for nobody",
        hunts: &[found_alone("drawn", "plan")],
        edits: &[Edit {
            file: "simulator/src/plan/draw/faults.rs",
            find: "        let groups: Vec<u8> = (0..count).map(|_| group()).collect();\n",
            replace: "        let more = if LIVE { 1 } else { 0 };
        let groups: Vec<u8> = (0..count + more).map(|_| group()).collect();
",
        }],
    },
];
