//! An application that fails, or does not answer, when a test wants it so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use abci::{
    Application, ApplicationError, BlockRequest, Call, CheckTxRequest, CommitResponse, InfoRequest,
    InfoResponse, InitChainRequest, InitChainResponse, QueryRequest, QueryResponse,
};
use apps::KvStore;
use types::{BlockOutcome, TxResult};

/// The kvstore, in a mood.
pub struct Stubborn {
    application: Arc<KvStore>,
    /// Whoever holds it keeps `info` waiting.
    pub gate: Mutex<()>,
    /// Whether `info` fails.
    pub is_broken: AtomicBool,
}

impl Stubborn {
    /// In a good mood.
    pub fn new(application: Arc<KvStore>) -> Self {
        Self { application, gate: Mutex::default(), is_broken: AtomicBool::new(false) }
    }
}

impl Application for Stubborn {
    fn info(&self, request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        let _passed = self.gate.lock().unwrap();
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(ApplicationError::new(Call::Info, "a test wants it so"));
        }
        self.application.info(request)
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        self.application.init_chain(request)
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        self.application.check_tx(request)
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        self.application.query(request)
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        self.application.finalize_block(block)
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        self.application.commit()
    }
}
