//! What the pool makes of answers that are about the state before the last block.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use abci::{
    Application, ApplicationError, BlockRequest, Call, CheckTxKind, CheckTxRequest, CommitResponse,
    InfoRequest, InfoResponse, InitChainRequest, InitChainResponse, QueryRequest, QueryResponse,
};
use execution::admission::Herald;
use execution::{Admission, Pool};
use mempool::Mempool;
use storage::{Memory, Store};
use types::{BlockOutcome, Height, Tx, TxResult};

use crate::chain::Chain;

/// How long we look for a commit that must not come: wrong code makes it at once.
const MOMENT: Duration = Duration::from_millis(100);

/// Lets in what no block has touched yet, and afterwards nothing.
struct Fickle {
    /// Both sides are here twice: when it is asked, and when it may answer.
    gate: Barrier,
    committed: SyncSender<()>,
}

fn unasked<T>(call: Call) -> Result<T, ApplicationError> {
    Err(ApplicationError::new(call, "nobody asks this here"))
}

impl Application for Fickle {
    fn info(&self, _: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        unasked(Call::Info)
    }

    fn init_chain(&self, _: &InitChainRequest) -> Result<InitChainResponse, ApplicationError> {
        unasked(Call::InitChain)
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        if request.kind == CheckTxKind::Recheck {
            return Ok(TxResult { code: 1, ..TxResult::default() });
        }
        self.gate.wait();
        self.gate.wait();
        Ok(TxResult::default())
    }

    fn query(&self, _: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        unasked(Call::Query)
    }

    fn finalize_block(&self, _: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        unasked(Call::FinalizeBlock)
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        self.committed.send(()).unwrap();
        Ok(CommitResponse { retain_height: None })
    }
}

/// Nobody listens.
struct Silence;

impl Herald for Silence {
    fn available(&self, _: Height) {}

    fn stirred(&self) {}
}

/// The recheck raced with new transactions: one that was let in by the state before a block, but
/// joined the pool after the recheck began, was never asked about again.
#[test]
fn advisory_49_no_answer_about_an_old_state_escapes_the_recheck() {
    let (committed, commits) = sync_channel(1);
    let fickle = Arc::new(Fickle { gate: Barrier::new(2), committed });
    let application: Arc<dyn Application> = Arc::clone(&fickle) as Arc<dyn Application>;
    let store = Store::in_memory(Arc::new(Memory::default())).unwrap();
    let pool = Mempool::new(mempool::Config::default());
    let admission = Admission::new(pool, Arc::clone(&application), store, Silence).unwrap();
    let (block, _) = Chain::new().decide_only(vec![], vec![]);
    std::thread::scope(|scope| {
        scope.spawn(|| admission.submit(Tx::from_static(b"tx")).unwrap());
        fickle.gate.wait();
        // The answer comes, but the pool is in use by somebody else and cannot take it yet.
        let in_use = admission.pool();
        fickle.gate.wait();
        scope.spawn(|| {
            admission.commit(&*application, &block, &BlockOutcome::default()).unwrap();
        });
        assert_eq!(commits.recv_timeout(MOMENT), Err(RecvTimeoutError::Timeout));
        drop(in_use);
    });
    assert!(commits.try_recv().is_ok(), "the block is committed in the end");
    assert_eq!(admission.pool().len(), 1);
    while admission.recheck() {}
    assert!(admission.pool().is_empty(), "it was not asked about again");
}
