//! Modules with a planted fault: the chain names the block and the key.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use abci::check::{self, Claim, Config, Finding, Served};
use abci::testing::{Inspected, TestChainError, genesis};
use abci::{InitChainRequest, QueryRequest, SocketServer, TestChain};
use apps::framework::account::Account;
use apps::framework::{
    Answer, Description, Effects, Frame, Host, Module, Nothing, Question, Refusal, Router, State,
    event,
};
use bytes::Bytes;
use types::{Genesis, Height};

/// What is wrong with a module.
#[derive(Clone, Copy)]
enum Fault {
    /// It writes what an instance has counted.
    Memory,
    /// It reports in the order of a hash map.
    HashOrder,
    /// It writes the time of the machine.
    Clock,
    /// What it keeps does not add up.
    Sum,
}

struct Faulty {
    fault: Fault,
    counted: AtomicU64,
}

static INSTANCES: AtomicU64 = AtomicU64::new(0);

impl Module for Faulty {
    const DESCRIPTION: Description = Description {
        name: "faulty",
        summary: "A module with a fault",
        messages: &[],
        queries: &[],
        events: &["faulty.order"],
    };
    type Message = Nothing;
    type Genesis = ();

    fn genesis(&self, _: &mut State, _: &InitChainRequest, (): ()) -> Result<(), Refusal> {
        self.counted.store(INSTANCES.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }

    fn handle(&self, _: &mut State, _: &Frame, _: Account, it: &Nothing) -> Result<(), Refusal> {
        match *it {}
    }

    fn end_block(
        &self,
        state: &mut State,
        frame: &Frame,
        _effects: &mut Effects,
    ) -> Result<(), Refusal> {
        if frame.height < Height(3) {
            return Ok(());
        }
        match self.fault {
            Fault::Memory => {
                let counted = self.counted.fetch_add(10, Ordering::Relaxed);
                state.put(b"faulty/counted".to_vec(), counted.to_string());
            }
            Fault::Clock => {
                let now = std::time::SystemTime::now();
                let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
                state.put(b"faulty/now".to_vec(), since.as_nanos().to_string());
            }
            Fault::HashOrder => {
                let numbers: HashMap<u32, ()> = (0..100).map(|number| (number, ())).collect();
                for number in numbers.keys() {
                    state.emit(event("faulty.order", &[("number", number)]));
                }
            }
            Fault::Sum => state.put(b"faulty/sum".to_vec(), "2"),
        }
        Ok(())
    }

    fn query(&self, _state: &State, question: &Question<'_>) -> Result<Answer, Refusal> {
        Err(question.unknown())
    }

    fn invariants(&self, state: &State) -> Result<(), String> {
        match state.get(b"faulty/sum") {
            Some(sum) if matches!(self.fault, Fault::Sum) => Err(format!("the sum is {sum:?}")),
            Some(_) | None => Ok(()),
        }
    }
}

fn failure(fault: Fault) -> TestChainError {
    let open = || {
        let module = Faulty { fault, counted: AtomicU64::new(0) };
        Arc::new(Host::in_memory(Router::new(1).with(module))) as Arc<dyn Inspected>
    };
    let mut chain = TestChain::start_twice(open, genesis("")).unwrap();
    chain.block(vec![]).unwrap();
    chain.block(vec![]).unwrap();
    chain.block(vec![]).unwrap_err()
}

fn differs_in(what: &str) -> TestChainError {
    TestChainError::Differ { height: Height(3), what: what.to_owned() }
}

#[test]
fn what_is_not_deterministic_is_named_with_block_and_key() {
    assert_eq!(failure(Fault::Memory), differs_in("key faulty/counted"));
    assert_eq!(failure(Fault::Clock), differs_in("key faulty/now"));
    assert_eq!(failure(Fault::HashOrder), differs_in("the block's events"));
}

#[test]
fn what_does_not_hold_is_named_with_its_block_and_module() {
    let broken = "faulty: the sum is b\"2\"".to_owned();
    assert_eq!(failure(Fault::Sum), TestChainError::Invariant { height: Height(3), broken });
}

/// What the check of applications says of a module, over a socket.
fn said_from_outside(fault: Fault, claim: Claim) -> String {
    let folder = tempfile::tempdir().unwrap();
    let question = |key: &'static str| QueryRequest {
        data: Bytes::from_static(key.as_bytes()),
        path: "/store".to_owned(),
        ..QueryRequest::default()
    };
    let config = Config {
        queries: vec![question("faulty/counted"), question("faulty/now")],
        clock_gap: Duration::ZERO,
        ..Config::new(1, false)
    };
    let genesis = Genesis { app_state: String::new(), ..config.genesis.clone() };
    let config = Config { genesis, ..config };
    let mut instances = Served::new(folder.path(), config.limit, move |endpoint, _| {
        let module = Faulty { fault, counted: AtomicU64::new(0) };
        let host = Host::in_memory(Router::new(1).with(module));
        SocketServer::start(endpoint, Arc::new(host)).unwrap()
    });
    let report = check::run(&mut instances, &config, &mut |_| {}).unwrap();
    assert_eq!(report.failed(), [claim], "{report}");
    match report.of(claim) {
        Finding::Failed { evidence, .. } => evidence.to_string(),
        Finding::Passed { .. } | Finding::NotReached { .. } => panic!("{report}"),
    }
}

#[test]
fn the_check_from_outside_names_block_and_key_as_well() {
    let said = said_from_outside(Fault::Clock, Claim::StateDeterministic);
    assert!(said.starts_with("block 3, finalize_block: the app hash (and "), "{said}");
    assert!(said.contains("key \"faulty/now\": "), "{said}");
    let said = said_from_outside(Fault::HashOrder, Claim::ResultsDeterministic);
    assert!(said.starts_with("block 3, finalize_block: event "), "{said}");
    assert!(said.contains("of the block (faulty.order), attribute 0, key \"number\": "), "{said}");
}
