//! Misbehaviour that waits for a block, and misbehaviour that is in one.

use types::{Evidence, Hash, codec};

use crate::error::{InRow, StorageError};
use crate::key_value::{Order, Span};
use crate::schema::{Column, committed_evidence_key};
use crate::store::{Step, Store};

impl Store {
    /// Evidence that is in no block yet, oldest height first.
    ///
    /// # Errors
    /// If the disk fails or a row is damaged.
    pub fn pending_evidence(&self) -> Result<Vec<Evidence>, StorageError> {
        let rows =
            self.scan(Column::PendingEvidence, &Span::all(), Order::Ascending, usize::MAX)?;
        let evidence = rows.into_iter().map(|(_, row)| codec::decode_evidence(&row));
        let mut evidence: Vec<Evidence> =
            evidence.collect::<Result<_, _>>().in_row("evidence", "a pending offence")?;
        evidence.sort_by_key(Evidence::height);
        let mut pending = Vec::with_capacity(evidence.len());
        for one in evidence {
            // A block may carry the same deed in other bytes, and a crash keep us from noting it.
            if !self.is_committed(&one)? {
                pending.push(one);
            }
        }
        Ok(pending)
    }

    /// Whether evidence, or the same deed in other bytes, is in a block already. Known until the
    /// height it speaks of is pruned.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn is_committed(&self, evidence: &Evidence) -> Result<bool, StorageError> {
        let key = committed_evidence_key(evidence.height(), &evidence.deed());
        Ok(self.read(Column::CommittedEvidence, &key)?.is_some())
    }
}

impl Step {
    /// Keeps evidence until a block carries it or it is dropped.
    pub fn keep_evidence(&mut self, evidence: &Evidence) {
        let key = evidence.hash();
        let row = codec::encode_evidence(evidence);
        self.batch.put(Column::PendingEvidence, key.as_bytes(), row);
    }

    /// Forgets pending evidence: it has expired.
    pub fn drop_evidence(&mut self, hash: &Hash) {
        self.batch.delete(Column::PendingEvidence, hash.as_bytes());
    }

    /// Notes that a decided block carries the evidence.
    pub(crate) fn commit_evidence(&mut self, evidence: &Evidence) {
        let key = committed_evidence_key(evidence.height(), &evidence.deed());
        self.batch.put(Column::CommittedEvidence, key, vec![]);
        self.drop_evidence(&evidence.hash());
    }
}
