//! Frames and messages against our own and foreign encodings, and against whatever bytes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::io::BufReader;

use abci::frame::{FRAME_BYTES_MAX, FrameError, decode_frame, read_frame, write_frame};
use abci::wire::{Kind, request, response};
use abci::{Call, InfoRequest};
use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use tendermint_proto::v0_38::abci as oracle;

fn known(number: u32) -> bool {
    Kind::of_request(number).is_some()
}

/// What a foreign encoder makes of a request.
fn foreign(value: oracle::request::Value) -> Vec<u8> {
    oracle::Request { value: Some(value) }.encode_length_delimited_to_vec()
}

#[test]
fn our_frames_are_those_of_the_published_messages() {
    use oracle::request::Value;
    let mut ours = vec![];
    write_frame(Kind::Flush.request_number(), &[], &mut ours);
    assert_eq!(ours, foreign(Value::Flush(oracle::RequestFlush {})));
    let mut ours = vec![];
    write_frame(Kind::Ask(Call::Commit).request_number(), &[], &mut ours);
    assert_eq!(ours, foreign(Value::Commit(oracle::RequestCommit {})));
    let info = InfoRequest { version: "0.38.22".to_owned(), p2p_version: 8, ..Default::default() };
    let mut ours = vec![];
    let payload = request::encode_info(&info);
    write_frame(Kind::Ask(Call::Info).request_number(), &payload, &mut ours);
    let wire = oracle::RequestInfo { version: info.version, p2p_version: 8, ..Default::default() };
    assert_eq!(ours, foreign(Value::Info(wire)));
}

#[test]
fn every_kind_has_the_numbers_and_the_method_of_the_published_messages() {
    let kinds = Call::ALL.map(Kind::Ask).into_iter().chain([Kind::Echo, Kind::Flush]);
    for kind in kinds {
        assert_eq!(Kind::of_request(kind.request_number()), Some(kind));
        assert_eq!(Kind::of_response(kind.response_number()), Some(kind));
        assert_eq!(Kind::of_method(kind.method()), Some(kind));
        // Two are younger than the published messages. spec: CometBFT v0.40's types.proto.
        let numbers = (kind.request_number(), kind.response_number());
        match kind {
            Kind::Ask(Call::InsertTx) => {
                assert_eq!((kind.method(), numbers), ("InsertTx", (21, 22)));
                continue;
            }
            Kind::Ask(Call::ReapTxs) => {
                assert_eq!((kind.method(), numbers), ("ReapTxs", (22, 23)));
                continue;
            }
            _ => {}
        }
        let mut frame = vec![];
        write_frame(kind.request_number(), &[], &mut frame);
        let read = oracle::Request::decode_length_delimited(&*frame).unwrap().value.unwrap();
        assert!(format!("{read:?}").starts_with(kind.method()), "{read:?}");
        let mut frame = vec![];
        write_frame(kind.response_number(), &[], &mut frame);
        let read = oracle::Response::decode_length_delimited(&*frame).unwrap().value.unwrap();
        assert!(format!("{read:?}").starts_with(kind.method()), "{read:?}");
    }
}

#[test]
fn a_huge_length_takes_no_memory() {
    for length in [FRAME_BYTES_MAX as u64 + 1, u64::from(u32::MAX), u64::MAX] {
        let mut bytes = vec![];
        encode_varint(length, &mut bytes);
        let error = read_frame(&mut &*bytes, known).unwrap_err();
        assert!(matches!(error, FrameError::TooLong { bytes, .. } if bytes == length));
    }
    // Within the limit, and not there.
    let mut bytes = vec![];
    encode_varint(FRAME_BYTES_MAX as u64, &mut bytes);
    bytes.extend([0; 100]);
    assert!(matches!(read_frame(&mut &*bytes, known), Err(FrameError::Truncated)));
    assert!(matches!(read_frame(&mut &[0xff; 11][..], known), Err(FrameError::Length)));
    let overflow = [&[0xff; 9][..], &[0x7f]].concat();
    assert!(matches!(read_frame(&mut &*overflow, known), Err(FrameError::Length)));
}

#[test]
fn the_end_of_a_connection_is_told_from_a_cut() {
    assert!(matches!(read_frame(&mut &[][..], known), Ok(None)));
    let mut frame = vec![];
    write_frame(1, &[0; 300], &mut frame);
    for cut in 1..frame.len() {
        let read = read_frame(&mut &frame[..cut], known);
        assert!(matches!(read, Err(FrameError::Truncated)), "{cut}: {read:?}");
    }
}

fn some_bytes(limit: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..limit)
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        contents in prop::collection::vec((0..16_usize, some_bytes(400)), 0..8),
        buffer in 1..100_usize,
    ) {
        let numbers: Vec<u32> = Call::ALL.map(|call| Kind::Ask(call).request_number())
            .into_iter().chain([1, 2]).collect();
        let mut bytes = vec![];
        for (kind, payload) in &contents {
            write_frame(numbers[*kind], payload, &mut bytes);
        }
        let mut reader = BufReader::with_capacity(buffer, &*bytes);
        for (kind, payload) in &contents {
            let frame = read_frame(&mut reader, known).unwrap().unwrap();
            prop_assert_eq!(frame.number, numbers[*kind]);
            prop_assert_eq!(&*frame.payload, &**payload);
        }
        prop_assert!(read_frame(&mut reader, known).unwrap().is_none());
    }

    #[test]
    fn fields_that_nobody_knows_change_nothing(
        payload in some_bytes(50),
        before in 100..200_u32,
        behind in 100..200_u32,
        number in any::<u64>(),
    ) {
        let mut body = vec![];
        encode_key(before, WireType::Varint, &mut body);
        encode_varint(number, &mut body);
        encode_key(1, WireType::LengthDelimited, &mut body);
        encode_varint(payload.len() as u64, &mut body);
        body.extend(&payload);
        encode_key(behind, WireType::LengthDelimited, &mut body);
        encode_varint(payload.len() as u64, &mut body);
        body.extend(&payload);
        let frame = decode_frame(body.into(), known).unwrap();
        prop_assert_eq!(frame.number, 1);
        prop_assert_eq!(&*frame.payload, &*payload);
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in some_bytes(200)) {
        let _ = read_frame(&mut &*bytes, known);
        let bytes = Bytes::from(bytes);
        let _ = decode_frame(bytes.clone(), known);
        read_everything(&bytes);
    }

    #[test]
    fn no_change_of_a_message_is_too_strange(
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        for message in messages() {
            let mut bytes = message;
            if !bytes.is_empty() {
                *place.get_mut(&mut bytes) = byte;
            }
            read_everything(&bytes.into());
        }
    }
}

fn messages() -> Vec<Vec<u8>> {
    let validator = Some(oracle::Validator { address: vec![1; 20].into(), power: 5 });
    let vote = oracle::VoteInfo { validator: validator.clone(), block_id_flag: 2 };
    let commit = oracle::CommitInfo { round: 1, votes: vec![vote] };
    let block = oracle::RequestFinalizeBlock {
        txs: vec![vec![1; 3].into(), vec![].into()],
        decided_last_commit: Some(commit),
        hash: vec![2; 32].into(),
        height: 3,
        next_validators_hash: vec![3; 32].into(),
        proposer_address: vec![4; 20].into(),
        ..Default::default()
    };
    let misbehavior = oracle::Misbehavior { r#type: 1, validator, height: 2, ..Default::default() };
    let block = oracle::RequestFinalizeBlock { misbehavior: vec![misbehavior], ..block };
    vec![block.encode_to_vec(), request::encode_info(&InfoRequest::default())]
}

/// Has every reader read the same bytes: each says what is wrong, and none panics.
fn read_everything(bytes: &Bytes) {
    let it = || bytes.clone();
    let _ = request::decode_info(it());
    let _ = (request::decode_init_chain(it()), request::decode_check_tx(it()));
    let _ = (request::decode_query(it()), request::decode_prepare_proposal(it()));
    let _ = (request::decode_block(it()), request::decode_extend_vote(it()));
    let _ = request::decode_verify_vote_extension(it());
    let _ = (request::decode_offer_snapshot(it()), request::decode_load_snapshot_chunk(it()));
    let _ = request::decode_apply_snapshot_chunk(it());
    let _ = (response::decode_exception(it()), response::decode_info(it()));
    let _ = (response::decode_init_chain(it()), response::decode_query(it()));
    let _ = (response::decode_prepare_proposal(it()), response::decode_verdict(it()));
    let _ = (response::decode_extend_vote(it()), response::decode_commit(it()));
    let _ = (response::decode_list_snapshots(it()), response::decode_offer_snapshot(it()));
    let _ = (response::decode_load_snapshot_chunk(it()), types::codec::decode_result(bytes));
    let _ = (response::decode_apply_snapshot_chunk(it()), types::codec::decode_outcome(bytes));
}
