//! Fresh instances that start from a snapshot of the first: as it is, and with a piece changed.

use bytes::Bytes;
use types::AppHash;

use super::Claim;
use super::crash::compare;
use super::instances::Link;
use super::plan::mixed;
use super::report::{Board, Evidence, Stopped};
use super::script::Script;
use super::seen::shown_height;
use crate::application::Call;
use crate::request::{
    ApplySnapshotChunkRequest, InfoRequest, LoadSnapshotChunkRequest, OfferSnapshotRequest,
};
use crate::response::{ChunkVerdict, InfoResponse, Snapshot, SnapshotVerdict};

/// The claims that are seen here.
pub(super) const CLAIMS: [Claim; 2] = [Claim::Snapshot, Claim::SnapshotChanged];
/// Blocks after the snapshot that are put to who started from it.
const BLOCKS_AFTER: usize = 3;
/// Most pieces of a snapshot that are fetched.
const CHUNKS_MAX: u32 = 10_000;

/// A snapshot with all its pieces, and what the chain says of its height.
pub(super) struct Taken {
    snapshot: Snapshot,
    app_hash: AppHash,
    chunks: Vec<Bytes>,
}

/// Fetches the latest snapshot of the first instance.
pub(super) fn take(
    board: &mut Board,
    first: &Link,
    script: &Script,
) -> Result<Option<Taken>, Stopped> {
    let connection = &first.connections.snapshot;
    let listed = board.answered(None, connection.list_snapshots())?;
    let Some(snapshot) = listed.into_iter().max_by_key(|it| it.height) else {
        board.unreached(&CLAIMS, "ListSnapshots lists none");
        return Ok(None);
    };
    let height = snapshot.height;
    let wrong = |what: String, call| Evidence::new(what).in_call(call).at(height);
    let Some(step) = script.step(height) else {
        let what = "there is a snapshot of a height that the chain does not have".to_owned();
        board.failed(Claim::Snapshot, wrong(what, Call::ListSnapshots));
        return Ok(None);
    };
    let mut chunks = Vec::new();
    for chunk in 0..snapshot.chunks.min(CHUNKS_MAX) {
        let request = LoadSnapshotChunkRequest { height, format: snapshot.format, chunk };
        let loaded = connection.load_snapshot_chunk(&request);
        let Some(loaded) = board.answered(height, loaded)? else {
            let what = format!("chunk {chunk} of {} is empty", snapshot.chunks);
            board.failed(Claim::Snapshot, wrong(what, Call::LoadSnapshotChunk));
            return Ok(None);
        };
        chunks.push(loaded);
    }
    Ok(Some(Taken { snapshot, app_hash: step.outcome.app_hash.clone(), chunks }))
}

/// Starts an instance from the snapshot, and puts to it the blocks since.
pub(super) fn start_from(
    board: &mut Board,
    link: &Link,
    taken: &Taken,
    script: &Script,
) -> Result<(), Stopped> {
    let height = taken.snapshot.height;
    let wrong = |what: String, call| Evidence::new(what).in_call(call).at(height);
    if let Some(refusal) = put_in(board, link, taken)? {
        board.failed(Claim::Snapshot, refusal);
        return Ok(());
    }
    let info = stands(board, link)?;
    let right =
        (info.last_block_height, &info.last_block_app_hash) == (Some(height), &taken.app_hash);
    board.expect(Claim::Snapshot, right, || {
        let evidence = wrong("where it stands after the last chunk".to_owned(), Call::Info);
        let at = |height, hash: &AppHash| format!("height {} with {hash}", shown_height(height));
        let second = at(info.last_block_height, &info.last_block_app_hash);
        evidence.between(at(Some(height), &taken.app_hash), second)
    });
    if !right {
        return Ok(());
    }
    let consensus = &link.connections.consensus;
    for step in script.steps.iter().filter(|step| height < step.height()).take(BLOCKS_AFTER) {
        let outcome = consensus.finalize_block(&step.block);
        let outcome = board.answered(step.height(), outcome)?;
        if !compare(board, Claim::Snapshot, step, &outcome, "after a start from a snapshot") {
            return Ok(());
        }
        board.answered(step.height(), consensus.commit())?;
    }
    Ok(())
}

/// Starts an instance from the snapshot with one bit turned over.
pub(super) fn start_from_changed(
    board: &mut Board,
    link: &Link,
    mut taken: Taken,
    seed: u64,
) -> Result<(), Stopped> {
    let filled: Vec<usize> = taken.chunks.iter().map(Bytes::len).collect();
    let total: usize = filled.iter().sum();
    if total == 0 {
        board.unreached(&[Claim::SnapshotChanged], "the snapshot has no bytes to change");
        return Ok(());
    }
    let mut place = usize::try_from(mixed(seed) % total as u64).unwrap_or(0);
    for chunk in &mut taken.chunks {
        if place < chunk.len() {
            let mut bytes = chunk.to_vec();
            bytes[place] ^= 1;
            *chunk = bytes.into();
            break;
        }
        place -= chunk.len();
    }
    if put_in(board, link, &taken)?.is_some() {
        board.held(Claim::SnapshotChanged);
        return Ok(());
    }
    let info = stands(board, link)?;
    let height = taken.snapshot.height;
    let what = if info.last_block_app_hash == taken.app_hash {
        "a chunk with one bit changed was taken, and the app hash is still the old one"
    } else {
        "a chunk with one bit changed was taken, and the app hash is another"
    };
    let evidence = Evidence::new(what).at(height).in_call(Call::ApplySnapshotChunk);
    let evidence = evidence.between(&taken.app_hash, &info.last_block_app_hash);
    board.failed(Claim::SnapshotChanged, evidence);
    Ok(())
}

/// Offers the snapshot and puts its pieces in, and returns what was refused.
fn put_in(board: &mut Board, link: &Link, taken: &Taken) -> Result<Option<Evidence>, Stopped> {
    let connection = &link.connections.snapshot;
    let (snapshot, app_hash) = (taken.snapshot.clone(), taken.app_hash.clone());
    let height = snapshot.height;
    let wrong = |what: String, call| Evidence::new(what).in_call(call).at(height);
    let offer = OfferSnapshotRequest { snapshot, app_hash };
    let verdict = board.answered(height, connection.offer_snapshot(&offer))?;
    if verdict != SnapshotVerdict::Accept {
        let what = format!("its own snapshot is refused with {verdict:?}");
        return Ok(Some(wrong(what, Call::OfferSnapshot)));
    }
    for (index, chunk) in (0_u32..).zip(&taken.chunks) {
        let sender = "the first instance".to_owned();
        let request = ApplySnapshotChunkRequest { index, chunk: chunk.clone(), sender };
        let answer = board.answered(height, connection.apply_snapshot_chunk(&request))?;
        if answer.verdict != ChunkVerdict::Accept || !answer.refetch_chunks.is_empty() {
            let what = format!("chunk {index} is refused with {:?}", answer.verdict);
            return Ok(Some(wrong(what, Call::ApplySnapshotChunk)));
        }
    }
    Ok(None)
}

fn stands(board: &mut Board, link: &Link) -> Result<InfoResponse, Stopped> {
    board.answered(None, link.connections.query.info(&InfoRequest::default()))
}
