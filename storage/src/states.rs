//! The state between two blocks, and for each height who voted under which parameters and what came
//! of the block.
//!
//! Members of a validator set (keys and powers) are stored where they change; the priorities of its
//! members change at every height and are stored at each, as a few bytes for each validator. So a
//! set is two reads away, whatever its age.

use std::sync::Arc;

use bytes::Bytes;
use types::{
    Address, BlockOutcome, ChainState, ConsensusParams, Height, PublicKey, Validator, ValidatorSet,
    VotingPower, codec,
};

use crate::error::{InRow, StorageError};
use crate::key_value::{Order, Span};
use crate::schema::{Column, LAST_STATE_KEY, MemberRow, MembersRow, RotationRow, height_key};
use crate::store::{Step, Store, fixed};

impl Store {
    /// The state after the last executed block; none before the chain was founded here.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn state(&self) -> Result<Option<ChainState>, StorageError> {
        let row = self.read(Column::States, LAST_STATE_KEY)?;
        row.map(|row| codec::decode_chain_state(&row)).transpose().in_row("state", "the tip")
    }

    /// Who votes on the block of a height. Known from the base to two above the state's height.
    ///
    /// # Errors
    /// If the disk fails or the rows are damaged.
    pub fn validators(&self, height: Height) -> Result<Option<ValidatorSet>, StorageError> {
        let Some(rotation) = self.rotation(height)? else {
            return Ok(None);
        };
        let members_from = Height(rotation.members_from);
        let Some(row) = self.read(Column::Members, &height_key(members_from))? else {
            // They may have been pruned between the two reads.
            return match self.rotation(height)? {
                Some(_) => Err(damaged_set(height, "its members are missing")),
                None => Ok(None),
            };
        };
        let members: MembersRow = prost::Message::decode(row).in_row("members", members_from)?;
        if members.members.len() != rotation.priorities.len() {
            return Err(damaged_set(height, "not one priority for each member"));
        }
        let validators = members.members.iter().zip(&rotation.priorities);
        let validators: Result<_, _> =
            validators.map(|(member, &priority)| decode_member(member, priority)).collect();
        let proposer = Address(fixed(Column::Rotations, &rotation.proposer)?);
        ValidatorSet::from_parts(validators?, Some(proposer))
            .map(Some)
            .map_err(|error| damaged_set(height, error))
    }

    /// The parameters in force at a height. Known from the base to one above the state's height.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn params(&self, height: Height) -> Result<Option<ConsensusParams>, StorageError> {
        let row = self.read(Column::Params, &height_key(height))?;
        row.map(|row| codec::decode_params(&row)).transpose().in_row("params", height)
    }

    /// What executing the block of a height yielded.
    ///
    /// # Errors
    /// If the disk fails or the row is damaged.
    pub fn outcome(&self, height: Height) -> Result<Option<BlockOutcome>, StorageError> {
        let span = Span::between(height_key(height), height_key(height.next()));
        let pieces = self.scan(Column::Outcomes, &span, Order::Ascending, usize::MAX)?;
        let outcome = match pieces.as_slice() {
            [] => return Ok(None),
            [(_, whole)] => codec::decode_outcome(whole),
            pieces => {
                let pieces: Vec<&[u8]> = pieces.iter().map(|(_, piece)| piece.as_ref()).collect();
                codec::decode_outcome(&pieces.concat())
            }
        };
        outcome.map(Some).in_row("outcome", height)
    }

    pub(crate) fn rotation(&self, height: Height) -> Result<Option<RotationRow>, StorageError> {
        let row = self.read(Column::Rotations, &height_key(height))?;
        row.map(prost::Message::decode).transpose().in_row("rotation", height)
    }
}

impl Step {
    /// Keeps the state after an executed block, with the validators and parameters of all heights
    /// that it determines.
    ///
    /// # Errors
    /// If the disk fails: the validators of the height before are looked up.
    pub fn state(&mut self, state: &ChainState) -> Result<(), StorageError> {
        let next = state.next_height();
        self.batch.put(Column::States, LAST_STATE_KEY, codec::encode_chain_state(state));
        self.batch.put(Column::Params, height_key(next), codec::encode_params(&state.params));
        let members_from = match self.members_from(next)? {
            Some(members_from) => members_from,
            // The first state here: of the genesis, or of a snapshot.
            None => {
                if let Some(last) = &state.last_block {
                    self.put_validators(last.height, None, &last.validators);
                }
                self.put_validators(next, None, &state.validators);
                next
            }
        };
        let unchanged = same_members(&state.validators, &state.next_validators);
        let members_from = unchanged.then_some(members_from);
        self.put_validators(next.next(), members_from, &state.next_validators);
        Ok(())
    }

    /// Where the members of a height's set stand, as far as this step or the store knows it.
    fn members_from(&self, height: Height) -> Result<Option<Height>, StorageError> {
        if let Some((of, members_from)) = self.rotation
            && of == height
        {
            return Ok(Some(members_from));
        }
        let rotation = self.store.rotation(height)?;
        Ok(rotation.map(|rotation| Height(rotation.members_from)))
    }

    /// Keeps a set; its members only if they do not stand anywhere yet.
    fn put_validators(
        &mut self,
        height: Height,
        members_from: Option<Height>,
        set: &Arc<ValidatorSet>,
    ) {
        if members_from.is_none() {
            self.batch.put(Column::Members, height_key(height), encode_members(set));
        }
        let members_from = members_from.unwrap_or(height);
        let row = RotationRow {
            members_from: members_from.0,
            proposer: Bytes::copy_from_slice(set.proposer().address.as_bytes()),
            priorities: set.validators().iter().map(|it| it.proposer_priority).collect(),
        };
        let row = prost::Message::encode_to_vec(&row);
        self.batch.put(Column::Rotations, height_key(height), row);
        self.rotation = Some((height, members_from));
    }
}

fn same_members(one: &ValidatorSet, other: &ValidatorSet) -> bool {
    let member = |validator: &Validator| (validator.public_key, validator.power);
    one.validators().iter().map(member).eq(other.validators().iter().map(member))
}

fn encode_members(set: &ValidatorSet) -> Vec<u8> {
    let member = |validator: &Validator| MemberRow {
        public_key: Bytes::copy_from_slice(&validator.public_key.0),
        power: validator.power.0,
    };
    let row = MembersRow { members: set.validators().iter().map(member).collect() };
    prost::Message::encode_to_vec(&row)
}

fn decode_member(row: &MemberRow, proposer_priority: i64) -> Result<Validator, StorageError> {
    let public_key = PublicKey(fixed(Column::Members, &row.public_key)?);
    Ok(Validator {
        address: public_key.address(),
        public_key,
        power: VotingPower(row.power),
        proposer_priority,
    })
}

fn damaged_set(height: Height, reason: impl ToString) -> StorageError {
    StorageError::damaged(format!("validators of {height}"), reason)
}
