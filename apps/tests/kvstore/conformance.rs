//! The kvstore under the check of applications from outside: over a socket, killed after every
//! call of a block.

use std::sync::Arc;
use std::time::Duration;

use abci::SocketServer;
use abci::check::{self, Claim, Config, Served};
use apps::KvStore;

#[test]
fn the_kvstore_keeps_to_everything_that_is_required() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { clock_gap: Duration::ZERO, ..Config::new(3, true) };
    let mut instances = Served::new(folder.path(), config.limit, |endpoint, folder| {
        let kvstore = KvStore::open(&folder).unwrap();
        SocketServer::start(endpoint, Arc::new(kvstore)).unwrap()
    });
    let report = check::run(&mut instances, &config, &mut |_| {}).unwrap();
    assert_eq!(report.failed(), [], "{report}");
    // It has no snapshots.
    assert_eq!(report.not_reached(), [Claim::Snapshot, Claim::SnapshotChanged], "{report}");
}
