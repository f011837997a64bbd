//! The handshake brings application (A), store (S) and state (T) to one height, from wherever a
//! crash or an operator left them. spec: inventory of the reference's cases.

use std::sync::Arc;

use abci::Application;
use apps::KvStore;
use execution::executor::finalize;
use execution::handshake;
use execution::watch::Unwatched;
use storage::{Durable, Store};
use types::{
    AppHash, ChainState, Commit, CommitSig, ExtendedCommit, Genesis, Height, Round, Signature,
    Time, Tx,
};

use crate::chain::{disk, genesis, key};

/// A chain of one validator with its store; applications come and go.
struct Chain {
    genesis: Genesis,
    store: Store,
    state: ChainState,
}

/// How far a height gets before the crash.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Reached {
    Decided,
    Outcome,
    Committed,
    State,
}

impl Chain {
    fn begin(application: &Arc<KvStore>) -> Self {
        Self::begin_at(Height(1), application)
    }

    fn begin_at(initial_height: Height, application: &Arc<KvStore>) -> Self {
        let genesis = Genesis { initial_height, ..genesis() };
        let (_, store) = disk();
        let state =
            handshake::run(&**application, &store, &genesis, &Unwatched).expect("a new chain");
        Self { genesis, store, state }
    }

    /// Decides the next block, and carries it as far as `reached` says.
    fn height(&mut self, application: &Arc<KvStore>, reached: Reached) {
        let height = self.state.next_height();
        let last_commit = self.state.last_height().map(|last| {
            let seen = self.store.seen_commit(last).expect("memory does not fail");
            seen.expect("every block has its commit").commit()
        });
        let tx = Tx::from(format!("key{height}=value"));
        let address = key().public_key().address();
        let block = self.state.make_block(vec![tx], last_commit, vec![], address);
        let parts = block.part_set();
        let id = block.id(&parts);
        let commit = Commit {
            height,
            round: Round(0),
            block_id: id,
            signatures: vec![CommitSig::Commit {
                validator_address: address,
                timestamp: Time::from_unix(
                    1_000 + i64::try_from(height.0).expect("few heights"),
                    0,
                )
                .expect("within the calendar"),
                signature: Signature([1; 64]),
            }],
        };
        let mut step = self.store.step();
        step.decide(&block, &id, &parts, &ExtendedCommit::plain(commit));
        step.write(Durable::Now).expect("memory does not fail");
        if reached < Reached::Outcome {
            return;
        }
        let last = self.state.last_block.as_ref().map(|last| Arc::clone(&last.validators));
        let outcome = finalize(&**application, &self.store, &block, last.as_deref(), &Unwatched)
            .expect("the kvstore answers");
        if Reached::Committed <= reached {
            application.commit().expect("memory does not fail");
        }
        if Reached::State <= reached {
            self.state =
                self.state.advance(id, &block.header, 1, &outcome).expect("the outcome fits");
            let mut step = self.store.step();
            step.state(&self.state).expect("memory does not fail");
            step.write(Durable::Now).expect("memory does not fail");
        }
    }

    fn handshake(&self, application: &Arc<KvStore>) -> Result<ChainState, String> {
        let state = handshake::run(&**application, &self.store, &self.genesis, &Unwatched);
        state.map_err(|error| error.to_string())
    }
}

fn application() -> Arc<KvStore> {
    Arc::new(KvStore::in_memory())
}

fn heights(application: &Arc<KvStore>, state: &ChainState) -> (u64, u64) {
    let info = application.info(&abci::InfoRequest::default()).expect("the kvstore answers");
    (info.last_block_height.map_or(0, |it| it.0), state.last_height().map_or(0, |it| it.0))
}

#[test]
fn whatever_a_crash_left_is_brought_to_the_tip() {
    for reached in [Reached::Decided, Reached::Outcome, Reached::Committed, Reached::State] {
        let app = application();
        let mut chain = Chain::begin(&app);
        chain.height(&app, Reached::State);
        chain.height(&app, Reached::State);
        chain.height(&app, reached);
        let state = chain.handshake(&app).unwrap();
        assert_eq!(heights(&app, &state), (3, 3));
        assert_eq!(chain.store.state().unwrap().unwrap(), state, "what is stored is the same");
        // A second handshake has nothing to do.
        assert_eq!(chain.handshake(&app).unwrap(), state);
    }
}

#[test]
fn a_chain_that_begins_at_a_later_height_is_brought_to_its_tip_too() {
    for reached in [Reached::Decided, Reached::Outcome, Reached::Committed, Reached::State] {
        let app = application();
        let mut chain = Chain::begin_at(Height(100), &app);
        chain.height(&app, reached);
        let state = chain.handshake(&app).unwrap();
        assert_eq!(heights(&app, &state), (100, 100));
        let fresh = application();
        assert_eq!(chain.handshake(&fresh).unwrap(), state);
        assert_eq!(heights(&fresh, &state), (100, 100));
    }
}

#[test]
fn an_application_that_is_behind_or_was_reset_is_given_what_it_lacks() {
    for reached in [Reached::Decided, Reached::State] {
        let app = application();
        let mut chain = Chain::begin(&app);
        for _ in 0..4 {
            chain.height(&app, Reached::State);
        }
        chain.height(&app, reached);
        let fresh = application();
        let state = chain.handshake(&fresh).unwrap();
        assert_eq!(heights(&fresh, &state), (5, 5));
        let hash = |app: &Arc<KvStore>| app.info(&Default::default()).unwrap().last_block_app_hash;
        chain.handshake(&app).unwrap();
        assert_eq!(hash(&app), hash(&fresh));
    }
}

#[test]
fn an_application_that_is_ahead_is_refused() {
    let app = application();
    let mut chain = Chain::begin(&app);
    chain.height(&app, Reached::State);
    // The node's folder is replaced by an older one: none, then one of height 1.
    let empty = Chain::begin(&application());
    let older = {
        let app = application();
        let mut chain = Chain::begin(&app);
        chain.height(&app, Reached::State);
        chain
    };
    assert!(empty.handshake(&app).unwrap_err().contains("application is at height 1"));
    chain.height(&app, Reached::State);
    let error = older.handshake(&app).unwrap_err();
    assert!(error.contains("application is at height 2"), "{error}");
}

#[test]
fn an_application_with_another_state_is_refused() {
    let app = application();
    let mut chain = Chain::begin(&app);
    chain.height(&app, Reached::State);
    chain.state.app_hash = AppHash(Tx::from_static(b"another"));
    let mut step = chain.store.step();
    step.state(&chain.state).unwrap();
    step.write(Durable::Now).unwrap();
    let error = chain.handshake(&app).unwrap_err();
    assert!(error.contains("not deterministic"), "{error}");
}
