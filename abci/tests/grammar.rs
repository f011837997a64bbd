//! The grammar takes every legal order of calls, and stops at the first call out of order.

use abci::{Call, Grammar};

/// A letter for each call, so that a sequence fits a line.
fn call(letter: char) -> Call {
    match letter {
        'i' => Call::Info,
        'I' => Call::InitChain,
        't' => Call::CheckTx,
        'q' => Call::Query,
        'p' => Call::PrepareProposal,
        'j' => Call::ProcessProposal,
        'e' => Call::ExtendVote,
        'v' => Call::VerifyVoteExtension,
        'F' => Call::FinalizeBlock,
        'C' => Call::Commit,
        'l' => Call::ListSnapshots,
        'o' => Call::OfferSnapshot,
        'c' => Call::LoadSnapshotChunk,
        'a' => Call::ApplySnapshotChunk,
        other => panic!("no call is named {other}"),
    }
}

/// How many calls the grammar takes.
fn taken(mut grammar: Grammar, sequence: &str) -> usize {
    sequence.chars().take_while(|&letter| grammar.call(call(letter)).is_ok()).count()
}

#[test]
fn legal_sequences_are_taken() {
    let clean = [
        // The first height in one round, then one that was decided without us.
        "iIpjevvFCFC",
        // Prepared and never judged; votes before and after our own; several rounds.
        "iIvvpvjvevpjjjevFC",
        // Two failed snapshots, the second with a piece, then one that works.
        "oooaoaaaiFCjeFC",
        // The handshake may come before state sync.
        "ioaaiFC",
        // Questions that only read, everywhere.
        "tqlciItqlcpitqlcjiFtqlciC",
        "oitqaitqlaiFC",
    ];
    for sequence in clean {
        assert_eq!(taken(Grammar::clean_start(), sequence), sequence.len(), "clean: {sequence}");
    }
    for sequence in ["iFC", "iIFC", "ijFCpjeFC", "ivFC", "iiIiFiCi"] {
        assert_eq!(taken(Grammar::recovery(), sequence), sequence.len(), "recovery: {sequence}");
    }
}

#[test]
fn the_first_call_out_of_order_is_refused() {
    // Each last call is illegal, and all before it are legal.
    let clean = [
        "I", "F", "C", "a", "p", "v", "iF", "ip", "ij", "iC", "iIC", "iII", "iIo", "iIa", "oF",
        "oI", "oiF", "oaF", "oaI", "oaiI", "oaiC", "iIFF", "iIFp", "iIFv", "iIFo", "iIFCC",
        "iIFCI",
    ];
    for sequence in clean {
        let legal = sequence.len() - 1;
        assert_eq!(taken(Grammar::clean_start(), sequence), legal, "clean: {sequence}");
    }
    for sequence in ["F", "I", "o", "io", "iC", "iFI", "iFj", "iFCC", "iIo"] {
        let legal = sequence.len() - 1;
        assert_eq!(taken(Grammar::recovery(), sequence), legal, "recovery: {sequence}");
    }
}

#[test]
fn a_refused_call_leaves_the_place_as_it_was() {
    let mut grammar = Grammar::clean_start();
    grammar.call(Call::Info).unwrap();
    let refused = grammar.call(Call::Commit).unwrap_err();
    assert_eq!(refused.to_string(), "commit may not come after the handshake's info");
    grammar.call(Call::InitChain).unwrap();
}
