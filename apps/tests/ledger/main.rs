//! The ledger on a chain without a network: a story for each module, each block executed twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod bank;
mod descriptions;
mod outside;
mod params;
mod refusals;
mod staking;

use std::collections::BTreeMap;
use std::sync::Arc;

use abci::testing::Inspected;
use abci::{CheckTxKind, CheckTxRequest, QueryRequest, QueryResponse, TestChain};
use apps::framework::{Account, Body, Host, Keeping, MemoryRecords, Message, State};
use apps::ledger;
use apps::ledger::bank::{Bank, BankMessage};
use borsh::BorshSerialize;
use types::genesis::GenesisValidator;
use types::{
    Address, AppHash, BlockOutcome, ChainId, ConsensusParams, Genesis, Height, PrivateKey,
    PublicKey, Time, Tx, TxResult, VotingPower,
};
use zeroize::Zeroizing;

const UNIT: u64 = 1_000;
const FUNDS: u64 = 1_000_000;

fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&Zeroizing::new([number; 32]))
}

fn account(number: u8) -> Account {
    Account::of(&key(number).public_key())
}

fn address(number: u8) -> Address {
    key(number).public_key().address()
}

/// A chain of four validators with power 10 each, keys 0 to 3; keys 10 to 19 have funds.
fn genesis() -> Genesis {
    let validator = |number| GenesisValidator {
        public_key: key(number).public_key(),
        power: VotingPower(10),
        name: String::new(),
    };
    let funded = |number: u8| {
        let account = account(number);
        format!(r#"{{"account":"{account}","denom":"stake","amount":{FUNDS}}}"#)
    };
    let balances: Vec<String> = (0..4).chain(10..20).map(funded).collect();
    let app_state = format!(
        r#"{{"bank":{{"balances":[{}]}},"params":{{"voting_blocks":50}},"staking":{{
        "power_unit":{UNIT},"unbonding_seconds":100,"downtime_window":10,"downtime_misses_max":5,
        "downtime_loss":100,"jail_seconds":60,"validators_max":5}}}}"#,
        balances.join(",")
    );
    Genesis {
        genesis_time: Time::from_unix(1_700_000_000, 0).unwrap(),
        chain_id: ChainId::new("ledger-test").unwrap(),
        initial_height: Height::FIRST,
        params: ConsensusParams::default(),
        validators: (0..4).map(validator).collect(),
        app_hash: AppHash::default(),
        app_state,
    }
}

/// A chain whose application runs twice, the hosts' fork of the state, and everybody's nonces.
struct Story {
    chain: Option<TestChain>,
    host: Arc<Host>,
    records: MemoryRecords,
    nonces: BTreeMap<u8, u64>,
    version: u64,
}

impl Story {
    fn begin() -> Self {
        Self::begin_with(&genesis(), ledger::APP_VERSION)
    }

    fn begin_with(genesis: &Genesis, version: u64) -> Self {
        let (records, other) = (MemoryRecords::default(), MemoryRecords::default());
        let host = Arc::new(open(&records, version));
        let mut twins = vec![
            Arc::new(open(&other, version)) as Arc<dyn Inspected>,
            Arc::clone(&host) as Arc<dyn Inspected>,
        ];
        let chain = TestChain::start_twice(|| twins.pop().unwrap(), genesis.clone()).unwrap();
        Self { chain: Some(chain), host, records, nonces: BTreeMap::new(), version }
    }

    fn chain(&mut self) -> &mut TestChain {
        self.chain.as_mut().unwrap()
    }

    /// The next transaction of a signer, with a fee of 1.
    fn tx(&mut self, signer: u8, module: &str, message: &impl BorshSerialize) -> Tx {
        let nonce = self.nonces.entry(signer).or_default();
        let body = body(signer, *nonce, vec![Message::new(module, message)]);
        *nonce += 1;
        body.signed(&genesis().chain_id, &key(signer))
    }

    fn send(&mut self, from: u8, to: u8, amount: u64) -> Tx {
        self.tx(from, "bank", &send(to, amount))
    }

    fn block(&mut self, txs: Vec<Tx>) -> BlockOutcome {
        let outcome = self.chain().block(txs.clone()).unwrap();
        assert_eq!(outcome.tx_results.len(), txs.len(), "every transaction is in the block");
        outcome
    }

    /// A block with one message, which must succeed.
    fn act(&mut self, signer: u8, module: &str, message: &impl BorshSerialize) -> BlockOutcome {
        let tx = self.tx(signer, module, message);
        let outcome = self.block(vec![tx]);
        assert_eq!(outcome.tx_results[0].code, 0, "{}", outcome.tx_results[0].log);
        outcome
    }

    /// A block with one message, which must fail. Returns its codespace and code.
    fn fail(&mut self, signer: u8, module: &str, message: &impl BorshSerialize) -> (String, u32) {
        let tx = self.tx(signer, module, message);
        let result = self.block(vec![tx]).tx_results.remove(0);
        (result.codespace, result.code)
    }

    fn state(&self) -> State {
        self.host.state()
    }

    fn balance(&self, number: u8) -> u64 {
        Bank.balance(&self.state(), account(number), "stake")
    }

    /// The power of a key in the set that votes next.
    fn power(&mut self, number: u8) -> u64 {
        let validators = &self.chain().state().validators;
        validators.find(&address(number)).map_or(0, |(_, it)| it.power.0)
    }

    fn check(&self, tx: &Tx) -> TxResult {
        let request = CheckTxRequest { tx: tx.clone(), kind: CheckTxKind::New };
        abci::Application::check_tx(&*self.host, &request).unwrap()
    }

    fn query(&self, path: &str, parameters: &impl BorshSerialize) -> QueryResponse {
        let data = borsh::to_vec(parameters).unwrap().into();
        let request = QueryRequest { data, path: path.to_owned(), ..QueryRequest::default() };
        abci::Application::query(&*self.host, &request).unwrap()
    }
}

fn open(records: &MemoryRecords, version: u64) -> Host {
    let keeping = Keeping { retained: Some(20), snapshots_every: Some(5) };
    Host::open(ledger::router_of(version), Arc::new(records.clone()), keeping).unwrap()
}

fn body(signer: u8, nonce: u64, messages: Vec<Message>) -> Body {
    Body { signer: key(signer).public_key().0, nonce, fee: 1, messages }
}

fn send(to: u8, amount: u64) -> BankMessage {
    BankMessage::Send { to: account(to), denom: "stake".to_owned(), amount }
}

fn public(number: u8) -> PublicKey {
    key(number).public_key()
}
