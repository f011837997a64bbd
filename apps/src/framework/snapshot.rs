//! Snapshots of the whole state, for nodes that start from one: what they hold is what the keys and
//! values are, in pieces; the tree is built again, and its root must be the app hash.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use abci::{
    ApplySnapshotChunkRequest, ApplySnapshotChunkResponse, ChunkVerdict, LoadSnapshotChunkRequest,
    OfferSnapshotRequest, Snapshot, SnapshotVerdict,
};
use bytes::Bytes;
use types::{AppHash, Height};

use super::overlay::Writes;
use super::state::State;
use super::store::{Store, StoreError};

/// How snapshots are written: pieces of keys and values in order, in borsh; the metadata are the
/// BLAKE3 hashes of the pieces, the hash is that of the metadata.
const FORMAT: u32 = 1;
/// A piece is closed once it has so many bytes.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Pieces of a snapshot, at most; their hashes must fit into a message.
const CHUNKS_MAX: u32 = 100_000;
/// Snapshots that we serve, at most: the latest.
const SERVED: u64 = 2;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The snapshots that we serve, and the one that we are starting from.
pub struct Snapshots {
    store: Arc<Store>,
    every: Option<u64>,
    /// By height: where each piece begins, and what the piece's hash is.
    served: Mutex<BTreeMap<u64, Index>>,
    restoring: Mutex<Option<Restoring>>,
}

#[derive(Clone)]
struct Index {
    /// The first key of each piece.
    starts: Vec<Vec<u8>>,
    hashes: Vec<[u8; 32]>,
}

struct Restoring {
    height: Height,
    app_hash: AppHash,
    hashes: Vec<[u8; 32]>,
    next: usize,
    writes: Writes,
}

impl Snapshots {
    /// None yet. They are made when somebody asks, of heights that are multiples of `every`.
    pub fn new(store: Arc<Store>, every: Option<u64>) -> Self {
        Self { store, every, served: Mutex::default(), restoring: Mutex::default() }
    }

    /// The snapshots that others may start from.
    pub fn list(&self) -> Result<Vec<Snapshot>, StoreError> {
        let (Some(every), Some(tip), Some(floor)) =
            (self.every.filter(|&it| 0 < it), self.store.height(), self.store.floor())
        else {
            return Ok(Vec::new());
        };
        let last = tip.0 / every;
        let wanted = (last.saturating_sub(SERVED - 1)..=last).rev().map(|it| it * every);
        let wanted: Vec<u64> = wanted.filter(|&it| floor.0 <= it && 0 < it).collect();
        let mut snapshots = Vec::new();
        for &height in &wanted {
            let Some(index) = self.index(height)? else { continue };
            let metadata = borsh::to_vec(&index.hashes).expect("memory takes all hashes");
            snapshots.push(Snapshot {
                height: Height(height),
                format: FORMAT,
                chunks: u32::try_from(index.hashes.len()).expect("below CHUNKS_MAX"),
                hash: Bytes::copy_from_slice(blake3::hash(&metadata).as_bytes()),
                metadata: metadata.into(),
            });
        }
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.retain(|height, _| wanted.contains(height));
        Ok(snapshots)
    }

    /// A piece of a snapshot of ours; none if it is not retained.
    pub fn load(&self, request: &LoadSnapshotChunkRequest) -> Result<Option<Bytes>, StoreError> {
        if request.format != FORMAT {
            return Ok(None);
        }
        let Some(index) = self.index(request.height.0)? else { return Ok(None) };
        let number = request.chunk as usize;
        let Some(start) = index.starts.get(number) else { return Ok(None) };
        let Some(view) = self.store.view_at(request.height)? else { return Ok(None) };
        let state = State::over(view);
        let (chunk, _) = piece(&state, start);
        state.checked()?;
        // What was being forgotten while we looked may be missing.
        let is_whole = index.hashes.get(number) == Some(blake3::hash(&chunk).as_bytes());
        Ok(is_whole.then(|| chunk.into()))
    }

    /// Whether to start from a snapshot that a peer has.
    pub fn offer(&self, request: &OfferSnapshotRequest) -> SnapshotVerdict {
        let snapshot = &request.snapshot;
        if snapshot.format != FORMAT {
            return SnapshotVerdict::RejectFormat;
        }
        if self.store.height().is_some() {
            return SnapshotVerdict::Abort;
        }
        let is_hash = snapshot.hash[..] == *blake3::hash(&snapshot.metadata).as_bytes();
        let hashes = borsh::from_slice::<Vec<[u8; 32]>>(&snapshot.metadata).ok().filter(|it| {
            is_hash && snapshot.chunks <= CHUNKS_MAX && it.len() == snapshot.chunks as usize
        });
        let Some(hashes) = hashes.filter(|it| !it.is_empty()) else {
            return SnapshotVerdict::Reject;
        };
        *self.restoring.lock().unwrap_or_else(PoisonError::into_inner) = Some(Restoring {
            height: snapshot.height,
            app_hash: request.app_hash.clone(),
            hashes,
            next: 0,
            writes: Writes::new(),
        });
        SnapshotVerdict::Accept
    }

    /// Takes the next piece of the snapshot that was accepted.
    pub fn apply(
        &self,
        request: &ApplySnapshotChunkRequest,
    ) -> Result<ApplySnapshotChunkResponse, StoreError> {
        let mut slot = self.restoring.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(restoring) = slot.as_mut() else { return Ok(answer(ChunkVerdict::Abort)) };
        if request.index as usize != restoring.next {
            return Ok(answer(ChunkVerdict::RetrySnapshot));
        }
        if restoring.hashes[restoring.next] != *blake3::hash(&request.chunk).as_bytes() {
            return Ok(ApplySnapshotChunkResponse {
                verdict: ChunkVerdict::Retry,
                refetch_chunks: vec![request.index],
                reject_senders: vec![request.sender.clone()],
            });
        }
        let Ok(pairs) = borsh::from_slice::<Pairs>(&request.chunk) else {
            *slot = None;
            return Ok(answer(ChunkVerdict::RejectSnapshot));
        };
        let pairs = pairs.into_iter().map(|(key, value)| (key, Some(Bytes::from(value))));
        restoring.writes.extend(pairs);
        restoring.next += 1;
        if restoring.next < restoring.hashes.len() {
            return Ok(answer(ChunkVerdict::Accept));
        }
        let whole = slot.take().expect("it was there above");
        self.store.clear()?;
        let staged = self.store.stage(&whole.writes)?;
        if staged.app_hash != whole.app_hash {
            return Ok(answer(ChunkVerdict::RejectSnapshot));
        }
        self.store.commit(staged, whole.height)?;
        Ok(answer(ChunkVerdict::Accept))
    }

    /// Where the pieces of a height's snapshot begin; none if it is not retained.
    fn index(&self, height: u64) -> Result<Option<Index>, StoreError> {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = served.get(&height) {
            return Ok(Some(index.clone()));
        }
        if self.every.is_none_or(|every| every == 0 || !height.is_multiple_of(every)) {
            return Ok(None);
        }
        let Some(view) = self.store.view_at(Height(height))? else { return Ok(None) };
        let state = State::over(view);
        let mut index = Index { starts: Vec::new(), hashes: Vec::new() };
        let mut start = Some(Vec::new());
        while let Some(from) = start {
            let (chunk, next) = piece(&state, &from);
            index.starts.push(from);
            index.hashes.push(*blake3::hash(&chunk).as_bytes());
            start = next;
        }
        state.checked()?;
        if CHUNKS_MAX as usize <= index.hashes.len() {
            return Ok(None);
        }
        served.insert(height, index.clone());
        Ok(Some(index))
    }
}

/// The piece of a state that begins at a key, and where the next one begins.
fn piece(state: &State, from: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    let (mut pairs, mut bytes) = (Pairs::new(), 0);
    let mut next = state.first_from(from, &[]);
    while let Some((key, value)) = next.take_if(|_| bytes < CHUNK_BYTES) {
        bytes += key.len() + value.len();
        next = state.first_from(&[&key[..], &[0]].concat(), &[]);
        pairs.push((key, value.to_vec()));
    }
    (borsh::to_vec(&pairs).expect("memory takes a piece"), next.map(|(key, _)| key))
}

fn answer(verdict: ChunkVerdict) -> ApplySnapshotChunkResponse {
    ApplySnapshotChunkResponse { verdict, refetch_chunks: Vec::new(), reject_senders: Vec::new() }
}
