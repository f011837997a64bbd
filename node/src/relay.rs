//! What a node does for an application that keeps pending transactions itself: it asks about those
//! that clients send, brings those that peers send, and tells peers of what the application gives
//! out. spec: CometBFT's `mempool/app_mempool.go`.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use abci::{ApplicationError, CODE_RETRY, CheckTxKind, CheckTxRequest, ReapTxsRequest};
use execution::admission::SubmitError;
use mempool::{Refusal, Seen};
use types::{Tx, TxKey, TxResult};

/// A transaction that may be brought again is forgotten so many times sooner than one that was
/// refused for good.
const RETRY_SOONER: u32 = 10;

/// What an operator may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether peers are told of what the application gives out.
    pub broadcast: bool,
    /// Largest transaction in bytes.
    pub tx_bytes_max: usize,
    /// How many transactions are remembered, so that they are not brought twice.
    pub seen_max: usize,
    /// How much the application gives out at once.
    pub reap: ReapTxsRequest,
    /// Time between two times that it is asked.
    pub reap_interval: Duration,
    /// After what time a client may send again what was refused.
    pub retry_delay: Duration,
}

/// The connection to the application, and what has passed through it.
pub struct Relay {
    application: abci::Client,
    config: Config,
    passed: Mutex<Passed>,
}

/// Transactions that passed lately.
struct Passed {
    seen: Seen,
    /// Those that may come again, and from when on.
    pardoned: BTreeSet<(Instant, TxKey)>,
}

impl Relay {
    /// Passes transactions on to `application`, and back.
    pub fn new(application: abci::Client, config: Config) -> Self {
        let passed = Passed { seen: Seen::new(config.seen_max), pardoned: BTreeSet::new() };
        Self { application, config, passed: Mutex::new(passed) }
    }

    /// What an operator has set.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Asks the application about a client's transaction; if it accepts it, it keeps it.
    ///
    /// # Errors
    /// If it is empty, too large, or has passed lately, or the application fails.
    pub fn submit(&self, tx: Tx) -> Result<TxResult, SubmitError> {
        let key = self.first_sight(&tx)?;
        let asked = self.application.check_tx(&CheckTxRequest { tx, kind: CheckTxKind::New });
        let code = asked.as_ref().map_or(CODE_RETRY, |result| result.code);
        if code != 0 {
            self.pardon(key, code);
        }
        Ok(asked?)
    }

    /// Brings the application what a peer sent, unless it has passed lately.
    ///
    /// # Errors
    /// If it is empty, too large, or has passed lately, or the application fails.
    pub fn bring(&self, tx: &Tx) -> Result<(), SubmitError> {
        let key = self.first_sight(tx)?;
        let code = self.application.insert_tx(tx)?;
        if CODE_RETRY <= code {
            self.pardon(key, code);
        }
        Ok(())
    }

    /// What peers are to be told of.
    ///
    /// # Errors
    /// If the application fails.
    pub fn reap(&self) -> Result<Vec<Tx>, ApplicationError> {
        let txs = self.application.reap_txs(&self.config.reap)?;
        let mut passed = self.passed();
        // Peers that send them back have nothing new.
        txs.iter().for_each(|tx| passed.seen.add(TxKey::of(tx)));
        Ok(txs)
    }

    /// Remembers a transaction.
    fn first_sight(&self, tx: &Tx) -> Result<TxKey, Refusal> {
        let bytes_max = self.config.tx_bytes_max;
        if tx.is_empty() {
            return Err(Refusal::Empty);
        }
        if bytes_max < tx.len() {
            return Err(Refusal::TooLarge { bytes_max, bytes: tx.len() });
        }
        let key = TxKey::of(tx);
        let mut passed = self.passed();
        passed.forget_pardoned(Instant::now());
        if passed.seen.has(&key) {
            return Err(Refusal::Seen);
        }
        passed.seen.add(key);
        Ok(key)
    }

    /// Lets a transaction come again after a while.
    fn pardon(&self, key: TxKey, code: u32) {
        let delay = self.config.retry_delay;
        let delay = if CODE_RETRY <= code { delay / RETRY_SOONER } else { delay };
        let mut passed = self.passed();
        passed.pardoned.insert((Instant::now() + delay, key));
        // No more than can be remembered need forgetting.
        if self.config.seen_max < passed.pardoned.len() {
            passed.pardoned.pop_first();
        }
    }

    fn passed(&self) -> MutexGuard<'_, Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passed {
    fn forget_pardoned(&mut self, now: Instant) {
        while self.pardoned.first().is_some_and(|(when, _)| *when <= now) {
            let (_, key) = self.pardoned.pop_first().expect("there is a first");
            self.seen.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use abci::{
        Application, BlockRequest, Call, CommitResponse, Connections, InfoRequest, InfoResponse,
        InitChainRequest, InitChainResponse, QueryRequest, QueryResponse, Timings,
    };
    use types::BlockOutcome;

    use super::*;

    /// Answers with one code, and counts how often it is asked.
    #[derive(Default)]
    struct Counting {
        code: AtomicU32,
        asked: AtomicU32,
    }

    fn unasked<T>(call: Call) -> Result<T, ApplicationError> {
        Err(ApplicationError::new(call, "nobody asks this here"))
    }

    impl Application for Counting {
        fn info(&self, _: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
            unasked(Call::Info)
        }

        fn init_chain(&self, _: &InitChainRequest) -> Result<InitChainResponse, ApplicationError> {
            unasked(Call::InitChain)
        }

        fn check_tx(&self, _: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let code = self.code.load(Ordering::Relaxed);
            Ok(TxResult { code, ..TxResult::default() })
        }

        fn insert_tx(&self, _: &Tx) -> Result<u32, ApplicationError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            Ok(self.code.load(Ordering::Relaxed))
        }

        fn reap_txs(&self, _: &ReapTxsRequest) -> Result<Vec<Tx>, ApplicationError> {
            Ok(vec![Tx::from_static(b"given out")])
        }

        fn query(&self, _: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
            unasked(Call::Query)
        }

        fn finalize_block(&self, _: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
            unasked(Call::FinalizeBlock)
        }

        fn commit(&self) -> Result<CommitResponse, ApplicationError> {
            unasked(Call::Commit)
        }
    }

    fn relay(retry_delay: Duration) -> (Arc<Counting>, Relay) {
        let counting = Arc::new(Counting::default());
        let application = Arc::clone(&counting) as Arc<dyn Application>;
        let connections = Connections::local(application, Arc::new(Timings::default()));
        let config = Config {
            broadcast: true,
            tx_bytes_max: 10,
            seen_max: 2,
            reap: ReapTxsRequest::default(),
            reap_interval: Duration::from_secs(1),
            retry_delay,
        };
        (counting, Relay::new(connections.mempool, config))
    }

    fn refusal(outcome: Result<TxResult, SubmitError>) -> Refusal {
        match outcome {
            Err(SubmitError::Refused(refusal)) => refusal,
            other => panic!("{other:?} is no refusal"),
        }
    }

    const TX: Tx = Tx::from_static(b"tx");

    #[test]
    fn the_application_is_asked_about_a_transaction_once() {
        let (counting, relay) = relay(Duration::from_secs(3600));
        assert_eq!(refusal(relay.submit(Tx::new())), Refusal::Empty);
        let long = Tx::from_static(b"too long by far");
        assert_eq!(refusal(relay.submit(long)), Refusal::TooLarge { bytes_max: 10, bytes: 15 });
        assert_eq!(relay.submit(TX).unwrap().code, 0);
        assert_eq!(refusal(relay.submit(TX)), Refusal::Seen);
        assert!(relay.bring(&TX).is_err());
        assert_eq!(relay.reap().unwrap().len(), 1);
        assert!(relay.bring(&Tx::from_static(b"given out")).is_err());
        assert_eq!(counting.asked.load(Ordering::Relaxed), 1);
        // Two are remembered.
        assert!(relay.bring(&Tx::from_static(b"third")).is_ok());
        assert!(relay.bring(&TX).is_ok());
    }

    #[test]
    fn what_is_refused_may_come_again_after_the_delay_and_not_before() {
        for (code, delay, again) in [
            (1, Duration::ZERO, true),
            (1, Duration::from_secs(3600), false),
            (CODE_RETRY, Duration::ZERO, true),
            (CODE_RETRY + 7, Duration::from_secs(3600), false),
        ] {
            let (counting, relay) = relay(delay);
            counting.code.store(code, Ordering::Relaxed);
            assert_eq!(relay.submit(TX).unwrap().code, code);
            assert_eq!(relay.submit(TX).is_ok(), again, "{code} after {delay:?}");
        }
        // What a peer brought is remembered, unless it may be retried.
        for (code, again) in [(1, false), (CODE_RETRY, true)] {
            let (counting, relay) = relay(Duration::ZERO);
            counting.code.store(code, Ordering::Relaxed);
            relay.bring(&TX).unwrap();
            assert_eq!(relay.bring(&TX).is_ok(), again, "{code}");
        }
    }
}
