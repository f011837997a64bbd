//! Blocks are executed in the order of the durability contract, and faults are laid where they
//! belong: a proposer's make a block invalid, the application's and the disk's stop the node.

use std::sync::Arc;

use abci::{
    Application, ApplicationError, BlockRequest, Call, CheckTxRequest, CommitResponse, InfoRequest,
    InfoResponse, InitChainRequest, InitChainResponse, QueryRequest, QueryResponse,
};
use consensus::{Input, Judgement, Question};
use execution::{
    EvidenceRefusal, ExecutionError, Executor, Point, Pool, SharedMemory, Stopped, check_evidence,
};
use mempool::BlockLimits;
use storage::key_value::{Order, Row, Span};
use storage::schema::Column;
use storage::{Batch, Durable, KeyValue, Memory, StorageError, Store};
use types::{
    Block, BlockOutcome, ChainState, Commit, DuplicateVoteEvidence, Evidence, ExtendedCommit,
    Height, Round, Signature, Tx, TxResult, ValidatorIndex, Vote, VoteKind, VotingPower,
};

use crate::chain::{Diary, disk, first_state, genesis, key};

/// Answers as it is told.
struct Dull {
    results: usize,
    retain_height: Option<Height>,
}

fn unasked<T>(call: Call) -> Result<T, ApplicationError> {
    Err(ApplicationError::new(call, "nobody asks this here"))
}

impl Application for Dull {
    fn info(&self, _: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        unasked(Call::Info)
    }

    fn init_chain(&self, _: &InitChainRequest) -> Result<InitChainResponse, ApplicationError> {
        unasked(Call::InitChain)
    }

    fn check_tx(&self, _: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        unasked(Call::CheckTx)
    }

    fn query(&self, _: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        unasked(Call::Query)
    }

    fn finalize_block(&self, _: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        let tx_results = vec![TxResult::default(); self.results];
        Ok(BlockOutcome { tx_results, ..BlockOutcome::default() })
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        Ok(CommitResponse { retain_height: self.retain_height })
    }
}

/// A pool that notes what it is told, and cuts the power before the application commits.
struct Line {
    diary: Arc<Diary>,
    memory: Arc<Memory>,
}

impl Pool for Line {
    fn reap(&self, _: BlockLimits) -> Vec<Tx> {
        vec![]
    }

    fn commit(
        &self,
        application: &dyn Application,
        block: &Block,
        outcome: &BlockOutcome,
    ) -> Result<CommitResponse, ApplicationError> {
        assert_eq!(block.txs.len(), outcome.tx_results.len());
        self.memory.lose_unsynced();
        let store = Store::in_memory(Arc::clone(&self.memory)).unwrap();
        assert!(store.outcome(Height(1)).unwrap().is_some(), "it must be durable by now");
        self.diary.note("commit");
        application.commit()
    }
}

struct Case {
    executor: Executor<Arc<dyn Application>>,
    diary: Arc<Diary>,
    state: Arc<ChainState>,
}

fn case(application: Dull, diary: Diary) -> Case {
    let (memory, store) = disk();
    let diary = Arc::new(diary);
    let executor = Executor {
        application: Arc::new(application) as Arc<dyn Application>,
        chain_id: genesis().chain_id,
        store,
        memory: SharedMemory::default(),
        pool: Arc::new(Line { diary: Arc::clone(&diary), memory }) as Arc<dyn Pool>,
        address: Some(key().public_key().address()),
        watch: Arc::clone(&diary) as _,
    };
    Case { executor, diary, state: first_state() }
}

const TWO: Dull = Dull { results: 2, retain_height: None };

impl Case {
    /// A first block of two transactions.
    fn block(&self, evidence: Vec<Evidence>) -> Arc<Block> {
        let txs = vec![Tx::from_static(b"a=1"), Tx::from_static(b"b=2")];
        Arc::new(self.state.make_block(txs, None, evidence, key().public_key().address()))
    }

    fn decide(&self, evidence: Vec<Evidence>) {
        let block = self.block(evidence);
        let parts = block.part_set();
        let block_id = block.id(&parts);
        let commit = Commit { height: Height(1), round: Round(0), block_id, signatures: vec![] };
        let mut step = self.executor.store.step();
        step.decide(&block, &block_id, &parts, &ExtendedCommit::plain(commit));
        step.write(Durable::Now).unwrap();
    }

    fn execute(&self) -> Result<Input, ExecutionError> {
        let block = self.block(vec![]);
        let id = block.id(&block.part_set());
        self.executor.answer(Question::Execute { state: Arc::clone(&self.state), block, id })
    }

    fn judge(&self, evidence: Evidence) -> Result<Input, ExecutionError> {
        let block = self.block(vec![evidence]);
        let (state, id) = (Arc::clone(&self.state), block.id(&block.part_set()));
        self.executor.answer(Question::Judge { round: Round(0), state, block, id })
    }
}

/// Two votes at a height that this chain has not reached.
fn evidence() -> Evidence {
    let vote = Vote {
        kind: VoteKind::Prevote,
        height: Height(9),
        round: Round(0),
        block_id: None,
        timestamp: genesis().genesis_time,
        validator_address: key().public_key().address(),
        validator_index: ValidatorIndex(0),
        signature: Signature([1; 64]),
        extension: None,
    };
    Evidence::DuplicateVote(Box::new(DuplicateVoteEvidence {
        vote_a: vote.clone(),
        vote_b: vote,
        total_power: VotingPower(10),
        validator_power: VotingPower(10),
        timestamp: genesis().genesis_time,
    }))
}

#[test]
fn a_block_is_executed_in_the_order_of_the_durability_contract() {
    let case = case(TWO, Diary::default());
    let answer = case.execute().unwrap();
    let Input::Executed { height, outcome } = answer else { panic!("{answer:?}") };
    assert_eq!((height, outcome.tx_results.len()), (Height(1), 2));
    let expected = [
        "before-finalize",
        "after-finalize",
        "synced",
        "after-outcome",
        "commit",
        "after-commit",
        "executed",
        "before-answer",
    ];
    assert_eq!(case.diary.entries(), expected);
}

#[test]
fn a_node_that_ends_within_a_block_does_nothing_after_it() {
    for end in [
        Point::BeforeFinalize,
        Point::AfterFinalize,
        Point::AfterOutcome,
        Point::AfterCommit,
        Point::BeforeAnswer,
    ] {
        let case = case(TWO, Diary::ending(end));
        let error = case.execute().unwrap_err();
        assert!(matches!(error, ExecutionError::Stopped(Stopped { point }) if point == end));
        assert_eq!(case.diary.entries().last(), Some(&end.name()));
        let kept = case.executor.store.outcome(Height(1)).unwrap().is_some();
        assert_eq!(kept, Point::AfterOutcome <= end, "{end}");
    }
}

#[test]
fn an_application_that_breaks_the_contract_stops_the_node() {
    let forgetful = case(Dull { results: 1, retain_height: None }, Diary::default());
    let error = forgetful.execute().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the application gave 1 results for the 2 transactions of height 1; FinalizeBlock must \
         answer for each"
    );
    assert_eq!(forgetful.diary.entries(), ["before-finalize"], "nothing is kept of it");

    let hasty = case(Dull { results: 2, retain_height: Some(Height(2)) }, Diary::default());
    hasty.decide(vec![]);
    let error = hasty.execute().unwrap_err();
    assert!(matches!(error, ExecutionError::Retain { retain: Height(2), tip: Height(1) }));
}

/// A disk that can be read no more.
struct Broken;

impl KeyValue for Broken {
    fn read(&self, column: Column, _: &[u8]) -> Result<Option<bytes::Bytes>, StorageError> {
        Err(StorageError::Read { column: column.name(), reason: "it is scratched".into() })
    }

    fn scan(&self, _: Column, _: &Span, _: Order, _: usize) -> Result<Vec<Row>, StorageError> {
        Ok(vec![])
    }

    fn write(&self, _: Batch, _: Durable) -> Result<(), StorageError> {
        Ok(())
    }
}

#[test]
fn evidence_that_cannot_be_checked_is_the_proposers_fault_or_the_disks() {
    let mut case = case(TWO, Diary::default());
    let answer = case.judge(evidence()).unwrap();
    assert!(matches!(answer, Input::Judged { judgement: Judgement::Invalid, .. }), "{answer:?}");

    case.executor.store = Store::over(Arc::new(Broken)).unwrap();
    let error = case.judge(evidence()).unwrap_err();
    assert!(matches!(error, ExecutionError::Store(StorageError::Read { .. })), "{error}");
}

/// A node that was restarted does not remember what blocks carried. If it took such evidence from a
/// peer, it would propose it again and again, and all others would refuse its blocks.
#[test]
fn evidence_that_a_block_carries_is_not_taken_again() {
    let case = case(TWO, Diary::default());
    let check = || {
        let Executor { store, chain_id, memory, .. } = &case.executor;
        check_evidence(store, chain_id, &evidence(), memory)
    };
    assert!(matches!(check(), Err(EvidenceRefusal::UnknownHeight(Height(9)))));
    case.decide(vec![evidence()]);
    let refusal = check().unwrap_err();
    assert!(matches!(refusal, EvidenceRefusal::Committed), "{refusal}");
    assert!(!refusal.is_blameworthy());
    let answer = case.judge(evidence()).unwrap();
    assert!(matches!(answer, Input::Judged { judgement: Judgement::Invalid, .. }), "{answer:?}");
}
