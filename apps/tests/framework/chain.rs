//! The counter on a chain without a network.

use std::sync::Arc;

use abci::testing::{Inspected, genesis};
use abci::{Application, QueryRequest, TestChain};
use apps::framework::{Body, Host, Message, Router};
use apps::ledger::auth::Auth;
use types::PrivateKey;
use zeroize::Zeroizing;

use crate::counter::{Counter, CounterMessage};

#[test]
fn the_counter_counts() {
    let host = || Arc::new(Host::in_memory(Router::new(1).with(Auth::free()).with(Counter)));
    let leader = host();
    let mut twins: Vec<Arc<dyn Inspected>> = vec![host(), Arc::clone(&leader) as _];
    let genesis = genesis(r#"{"counter":7}"#);
    let mut chain = TestChain::start_twice(|| twins.pop().unwrap(), genesis.clone()).unwrap();
    let key = PrivateKey::from_seed(&Zeroizing::new([9; 32]));
    let mut add = |nonce, by| {
        let messages = vec![Message::new("counter", &CounterMessage::Add { by })];
        let body = Body { signer: key.public_key().0, nonce, fee: 0, messages };
        let tx = body.signed(&genesis.chain_id, &key);
        let result = chain.block(vec![tx]).unwrap().tx_results.remove(0);
        (result.codespace, result.code)
    };
    assert_eq!(add(0, 5), (String::new(), 0));
    assert_eq!(add(1, u64::MAX), ("counter".to_owned(), 1));
    let request = QueryRequest { path: "/counter/count".to_owned(), ..QueryRequest::default() };
    assert_eq!(leader.query(&request).unwrap().value[..], 12_u64.to_le_bytes());
}
