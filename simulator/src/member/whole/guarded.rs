//! The signer of a whole machine: a key behind the guard that the node uses. What was signed last
//! is a file of its own, which survives crashes.

use consensus::{Input, SignRequest};
use execution::{Point, Stopped, Watch};
use types::guard::{LastSigned, Permission, Refusal};
use types::{ChainId, Height, Round, Signature, Time, UnsignedVote};

use crate::curves::Curves;

/// A key and its state file.
#[derive(Clone, Debug)]
pub struct Guarded {
    key: usize,
    last: LastSigned,
    /// Written beside the file, and not in its place for sure: a crash may leave either.
    renaming: Option<LastSigned>,
}

impl Guarded {
    /// Has signed nothing.
    pub fn new(key: usize) -> Self {
        Self { key, last: LastSigned::default(), renaming: None }
    }

    /// The height at which it signed last.
    pub fn height(&self) -> Option<Height> {
        self.last.position.map(|position| position.height)
    }

    /// After a crash: whether the new file was in the old one's place.
    pub fn settle(&mut self, renamed: bool) {
        if let Some(last) = self.renaming.take()
            && renamed
        {
            self.last = last;
        }
    }

    /// Its state file is lost.
    pub fn forget(&mut self) {
        *self = Self::new(self.key);
    }

    /// Signs, or says why not.
    ///
    /// # Errors
    /// If the node is ended in the midst of it.
    pub fn sign(
        &mut self,
        curves: &Curves,
        chain_id: &ChainId,
        request: SignRequest,
        watch: &dyn Watch,
    ) -> Result<Input, Stopped> {
        watch.pass(Point::BeforeSign)?;
        let answer = match request {
            SignRequest::Vote(vote) => {
                let (height, round) = (vote.height, vote.round);
                match self.last.permit_vote(chain_id, &vote) {
                    Err(refusal) => refused(height, round, refusal),
                    Ok(Permission::Instead { block_id, timestamp, signature }) => {
                        let vote = UnsignedVote { block_id, extension: None, ..vote };
                        Input::SignedVote(vote.signed(timestamp, signature, None).into())
                    }
                    Ok(permission) => {
                        let (timestamp, signature) = self.keep(curves, permission, watch)?;
                        let extension = vote.extension.as_ref().map(|it| {
                            let bytes =
                                || types::sign_bytes::extension(chain_id, height, round, it);
                            curves.sign(self.key, bytes)
                        });
                        Input::SignedVote(vote.signed(timestamp, signature, extension).into())
                    }
                }
            }
            SignRequest::Proposal(proposal) => {
                let (height, round) = (proposal.height, proposal.round);
                match self.last.permit_proposal(chain_id, &proposal) {
                    Err(refusal) => refused(height, round, refusal),
                    Ok(permission) => {
                        let (timestamp, signature) = self.keep(curves, permission, watch)?;
                        Input::SignedProposal(proposal.signed(timestamp, signature).into())
                    }
                }
            }
        };
        watch.pass(Point::AfterSign)?;
        Ok(answer)
    }

    /// Makes what is signed durable, as the node's state file is.
    fn keep(
        &mut self,
        curves: &Curves,
        permission: Permission,
        watch: &dyn Watch,
    ) -> Result<(Time, Signature), Stopped> {
        match permission {
            Permission::Again { timestamp, signature }
            | Permission::Instead { timestamp, signature, .. } => Ok((timestamp, signature)),
            Permission::Fresh { position, timestamp, bytes } => {
                let signature = curves.sign(self.key, || bytes.clone());
                watch.pass(Point::SignerWritten)?;
                self.renaming = Some(LastSigned::at(position, signature, bytes));
                watch.pass(Point::SignerRenamed)?;
                self.settle(true);
                Ok((timestamp, signature))
            }
        }
    }
}

fn refused(height: Height, round: Round, refusal: Refusal) -> Input {
    let reached = refusal.reached(height);
    Input::SignRefused { height, round, reason: refusal.to_string(), reached }
}
