//! The ledger under the check of applications from outside: signed transfers, a mempool with
//! nonces, crashes, and snapshots.

use std::sync::Arc;
use std::time::Duration;

use abci::SocketServer;
use abci::check::{self, Config, Served};
use apps::framework::{DiskRecords, Host, Keeping, Message};
use apps::ledger;
use types::{Height, Tx};

use crate::{body, genesis, key, send};

/// Transfers, round and round, of four accounts.
fn transfers() -> Vec<Tx> {
    let signers = 10..14;
    let transfer = |signer: u8, nonce: u64| {
        let message = Message::new("bank", &send(signer + 1, 1 + nonce));
        body(signer, nonce, vec![message]).signed(&genesis().chain_id, &key(signer))
    };
    (0..10).flat_map(|nonce| signers.clone().map(move |signer| transfer(signer, nonce))).collect()
}

#[test]
fn the_ledger_keeps_to_everything_that_is_required() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { clock_gap: Duration::ZERO, ..Config::new(5, true) };
    config.genesis = genesis();
    config.genesis.params.abci.extensions_from = Some(Height::FIRST);
    config.txs = transfers();
    let mut instances = Served::new(folder.path(), config.limit, |endpoint, folder| {
        let records = Arc::new(DiskRecords::open(&folder).unwrap());
        let keeping = Keeping { retained: Some(20), snapshots_every: Some(5) };
        let host = Host::open(ledger::router(), records, keeping).unwrap();
        SocketServer::start(endpoint, Arc::new(host)).unwrap()
    });
    let report = check::run(&mut instances, &config, &mut |_| {}).unwrap();
    assert_eq!((report.failed(), report.not_reached()), (vec![], vec![]), "{report}");
    assert_eq!(report.txs, 40, "{report}");
}
