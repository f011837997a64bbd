//! A member's signer: the double-sign guard over a state that survives every crash.

use consensus::{Input, SignRequest};
use types::{BlockId, ChainId, Height, Round, Signature, Time, UnsignedVote, VoteKind};

use crate::curves::Curves;

/// Where something was signed; proposals come before votes.
type Position = (Height, Round, Option<VoteKind>);

/// Signs with one key. What it signed last is durable before the signature is seen.
#[derive(Clone, Debug)]
pub struct Signer {
    key: usize,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    position: Position,
    what: (Option<BlockId>, Option<Round>),
    timestamp: Time,
    signature: Signature,
}

/// What the guard says of a request.
enum Permission {
    Fresh,
    Again(Time, Signature),
    Refused(&'static str),
}

impl Signer {
    /// Has signed nothing.
    pub fn new(key: usize) -> Self {
        Self { key, last: None }
    }

    /// The number of its key.
    pub fn key(&self) -> usize {
        self.key
    }

    /// The height at which it signed last.
    pub fn height(&self) -> Option<Height> {
        self.last.map(|last| last.position.0)
    }

    /// Signs, or says why not.
    pub fn sign(&mut self, curves: &Curves, chain_id: &ChainId, request: SignRequest) -> Input {
        match request {
            SignRequest::Vote(vote) => {
                let (height, round) = (vote.height, vote.round);
                let position = (height, round, Some(vote.kind));
                let what = (vote.block_id, None);
                let fresh = || curves.sign(self.key, || vote.sign_bytes(chain_id));
                let (timestamp, signature) =
                    match self.permission(position, what, vote.timestamp, fresh) {
                        Ok(signed) => signed,
                        Err(reason) => {
                            if let Some(last) = self.last.filter(|it| it.position == position) {
                                let block_id = last.what.0;
                                let vote = UnsignedVote { block_id, extension: None, ..vote };
                                let vote = vote.signed(last.timestamp, last.signature, None);
                                return Input::SignedVote(vote.into());
                            }
                            return self.refused(height, round, reason);
                        }
                    };
                let extension = vote.extension.as_ref().map(|extension| {
                    curves.sign(self.key, || {
                        types::sign_bytes::extension(chain_id, height, round, extension)
                    })
                });
                self.remember(position, what, timestamp, signature);
                Input::SignedVote(vote.signed(timestamp, signature, extension).into())
            }
            SignRequest::Proposal(proposal) => {
                let (height, round) = (proposal.height, proposal.round);
                let position = (height, round, None);
                let what = (Some(proposal.block_id), proposal.pol_round);
                let fresh = || curves.sign(self.key, || proposal.sign_bytes(chain_id));
                match self.permission(position, what, proposal.timestamp, fresh) {
                    Ok((timestamp, signature)) => {
                        self.remember(position, what, timestamp, signature);
                        Input::SignedProposal(proposal.signed(timestamp, signature).into())
                    }
                    Err(reason) => self.refused(height, round, reason),
                }
            }
        }
    }

    fn refused(&self, height: Height, round: Round, reason: &'static str) -> Input {
        let last = self.last.map(|last| last.position).filter(|last| last.0 == height);
        let reached = last.map(|(_, reached, _)| reached).filter(|&reached| round < reached);
        Input::SignRefused { height, round, reason: reason.to_owned(), reached }
    }

    fn permission(
        &self,
        position: Position,
        what: (Option<BlockId>, Option<Round>),
        timestamp: Time,
        fresh: impl FnOnce() -> Signature,
    ) -> Result<(Time, Signature), &'static str> {
        match self.guard(position, what) {
            Permission::Fresh => Ok((timestamp, fresh())),
            Permission::Again(timestamp, signature) => Ok((timestamp, signature)),
            Permission::Refused(reason) => Err(reason),
        }
    }

    fn guard(&self, position: Position, what: (Option<BlockId>, Option<Round>)) -> Permission {
        match &self.last {
            Some(last) if position < last.position => Permission::Refused("a later one is signed"),
            Some(last) if position == last.position && what == last.what => {
                Permission::Again(last.timestamp, last.signature)
            }
            Some(last) if position == last.position => Permission::Refused("another is signed"),
            Some(_) | None => Permission::Fresh,
        }
    }

    fn remember(
        &mut self,
        position: Position,
        what: (Option<BlockId>, Option<Round>),
        timestamp: Time,
        signature: Signature,
    ) {
        self.last = Some(Last { position, what, timestamp, signature });
    }
}
