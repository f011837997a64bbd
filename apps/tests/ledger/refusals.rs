//! What is not admitted, and what each refusal is called.

use abci::{Application, BlockRequest, Verdict};
use apps::framework::{Body, Message};
use types::{ChainId, Height, Tx};

use super::{FUNDS, Story, body, genesis, key, send};

fn messages(count: usize) -> Vec<Message> {
    vec![Message::new("bank", &send(11, 1)); count]
}

fn signed(body: Body) -> Tx {
    body.signed(&genesis().chain_id, &key(10))
}

/// Transactions that may not run, and the codespace and code that say why.
fn refused() -> Vec<(Tx, &'static str, u32)> {
    let good = || body(10, 1, messages(1));
    let mut forged = signed(good()).to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let mut longer = signed(good()).to_vec();
    longer.push(0);
    let other_chain = ChainId::new("another").unwrap();
    let unknown = Message { module: "nobody".to_owned(), content: vec![] };
    let garbled = Message { module: "bank".to_owned(), content: vec![0, 1, 2] };
    let told = Message { module: "auth".to_owned(), content: vec![0] };
    let mut nothing = send(11, 1);
    let super::BankMessage::Send { amount, .. } = &mut nothing;
    *amount = 0;
    let poor = Body { signer: key(99).public_key().0, ..body(10, 0, messages(1)) };
    vec![
        (Tx::from_static(b"garbage"), "lockstep", 1),
        (longer.into(), "lockstep", 1),
        (vec![0_u8; 65 * 1024].into(), "lockstep", 2),
        (forged.into(), "lockstep", 3),
        (good().signed(&other_chain, &key(10)), "lockstep", 3),
        (good().signed(&genesis().chain_id, &key(11)), "lockstep", 3),
        (signed(body(10, 1, messages(0))), "lockstep", 4),
        (signed(body(10, 1, messages(17))), "lockstep", 4),
        (signed(body(10, 1, vec![unknown])), "lockstep", 5),
        (signed(body(10, 1, vec![garbled])), "lockstep", 6),
        (signed(body(10, 1, vec![told])), "lockstep", 6),
        (signed(body(10, 1, vec![Message::new("bank", &nothing)])), "bank", 3),
        // It has run already.
        (signed(body(10, 0, messages(1))), "auth", 1),
        (signed(body(10, 2, messages(1))), "auth", 1),
        (signed(Body { fee: 0, ..good() }), "auth", 2),
        (signed(Body { fee: 2 * FUNDS, ..good() }), "bank", 1),
        (poor.signed(&genesis().chain_id, &key(99)), "bank", 1),
    ]
}

#[test]
fn each_refusal_has_a_code_and_leaves_the_state_alone() {
    let mut story = Story::begin();
    let tx = story.send(10, 11, 1);
    story.block(vec![tx]);
    let app_hash = story.block(vec![]).app_hash;
    for (tx, codespace, code) in refused() {
        let result = story.check(&tx);
        let named = (result.codespace.as_str(), result.code);
        assert_eq!(named, (codespace, code), "{}", result.log);
        // A proposer leaves it out, the others reject a block that has it.
        let outcome = story.chain().block(vec![tx.clone()]).unwrap();
        assert_eq!((outcome.tx_results.len(), &outcome.app_hash), (0, &app_hash));
        let block = story.chain().propose(vec![], vec![]).unwrap();
        let request = BlockRequest { txs: vec![tx], ..story.chain().request(&block) };
        assert_eq!(story.host.process_proposal(&request), Ok(Verdict::Reject));
        // Were it decided all the same, it would have its code and change nothing.
        let outcome = story.host.finalize_block(&request).unwrap();
        let result = &outcome.tx_results[0];
        assert_eq!((result.codespace.as_str(), result.code), (codespace, code));
        assert_eq!(outcome.app_hash, app_hash);
    }
}

#[test]
fn the_mempool_admits_one_account_as_far_as_its_funds_go() {
    let mut story = Story::begin();
    let half = FUNDS / 2;
    let tx = |nonce| signed(Body { fee: half, ..body(10, nonce, messages(1)) });
    assert_eq!(story.check(&tx(0)).code, 0);
    assert_eq!(story.check(&tx(0)).code, 1, "the nonce is taken");
    assert_eq!(story.check(&tx(1)).code, 0);
    let spent = story.check(&tx(2));
    assert_eq!((spent.codespace.as_str(), spent.code), ("bank", 1));
    let said = format!("the fee of {half} stake is not paid: account ");
    assert!(spent.log.starts_with(&said), "{}", spent.log);
    // What was only admitted is forgotten with the next block.
    story.block(vec![]);
    assert_eq!(story.check(&tx(0)).code, 0);
}

#[test]
fn genesis_is_refused_with_the_name_of_the_field() {
    for (app_state, problem) in [
        ("[]", "app_state is not an object"),
        (r#"{"nobody":{}}"#, "app_state.nobody: there is no such module"),
        (r#"{"bank":{"money":1}}"#, "app_state.bank: unknown field `money`"),
        (r#"{"staking":{"power_unit":1}}"#, "app_state.staking: power_unit is 1"),
        (r#"{"auth":{"fee_denom":"NO"}}"#, "app_state.auth: \"NO\" names no coins"),
    ] {
        let genesis = types::Genesis { app_state: app_state.to_owned(), ..genesis() };
        let host = super::open(&super::MemoryRecords::default(), 1);
        let refused = host.init_chain(&abci::InitChainRequest::of(&genesis)).unwrap_err();
        assert!(refused.reason.starts_with(problem), "{}", refused.reason);
        assert_eq!(host.info(&abci::InfoRequest::default()).unwrap().last_block_height, None);
    }
    assert_eq!(genesis().initial_height, Height(1));
}
