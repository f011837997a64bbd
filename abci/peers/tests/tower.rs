//! An application on the server of `tower-abci` keeps to everything that is required.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::task::{Context, Poll};
use std::time::Duration;

use abci::Endpoint;
use abci::check::{self, Claim, Config, Served};
use bytes::Bytes;
use futures::future::{Ready, ready};
use tendermint::abci::response::{self, ProcessProposal, VerifyVoteExtension};
use tendermint::abci::types::ExecTxResult;
use tendermint::abci::{Code, Event, EventAttributeIndexExt};
use tendermint::v0_38::abci::{Request, Response, request};
use tokio::runtime::Runtime;
use tower::Service;
use tower_abci::BoxError;
use tower_abci::v038::{Server, split};

/// The state at a height.
#[derive(Clone, Default)]
struct State {
    height: u32,
    pairs: BTreeMap<String, String>,
}

impl State {
    /// A sum that two states are unlikely to share.
    fn app_hash(&self) -> Vec<u8> {
        let bytes = self.pairs.iter().flat_map(|(key, value)| key.bytes().chain(value.bytes()));
        let sum = bytes.fold(14_695_981_039_346_656_037_u64, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(1_099_511_628_211)
        });
        sum.to_be_bytes().to_vec()
    }
}

/// Keys and values, one a line in a file.
struct Pairs {
    file: PathBuf,
    committed: State,
    staged: Option<State>,
}

impl Pairs {
    fn open(folder: PathBuf) -> Self {
        let file = folder.join("pairs");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mut lines = text.lines();
        let height = lines.next().map_or(0, |it| it.parse().unwrap());
        let pairs = lines.filter_map(pair).collect();
        Self { file, committed: State { height, pairs }, staged: None }
    }

    fn finalize(&mut self, block: request::FinalizeBlock) -> response::FinalizeBlock {
        let mut state = self.committed.clone();
        state.height = u32::try_from(block.height.value()).unwrap();
        let mut execute = |tx: Bytes| {
            let Some((key, value)) = std::str::from_utf8(&tx).ok().and_then(pair) else {
                return ExecTxResult { code: Code::from(1), ..ExecTxResult::default() };
            };
            let events = vec![Event::new("set", vec![("key", key.clone()).index()])];
            state.pairs.insert(key, value);
            ExecTxResult { events, ..ExecTxResult::default() }
        };
        let tx_results = block.txs.into_iter().map(&mut execute).collect();
        let app_hash = state.app_hash().try_into().unwrap();
        self.staged = Some(state);
        response::FinalizeBlock {
            events: vec![],
            tx_results,
            validator_updates: vec![],
            consensus_param_updates: None,
            app_hash,
        }
    }

    fn commit(&mut self) -> response::Commit {
        self.committed = self.staged.take().unwrap();
        let mut text = format!("{}\n", self.committed.height);
        for (key, value) in &self.committed.pairs {
            text.push_str(&format!("{key}={value}\n"));
        }
        // At once, whenever it is killed.
        let next = self.file.with_extension("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, &self.file).unwrap();
        response::Commit::default()
    }

    fn query(&self, query: request::Query) -> response::Query {
        let value = self.committed.pairs.get(&*String::from_utf8_lossy(&query.data));
        let value = value.cloned().unwrap_or_default().into();
        response::Query { key: query.data, value, ..response::Query::default() }
    }
}

fn pair(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=')?;
    Some((key.to_owned(), value.to_owned()))
}

fn fits(txs: &[Bytes], most: i64) -> Vec<Bytes> {
    let mut left = usize::try_from(most).unwrap_or(0);
    // Two bytes around each: they are short.
    let mut fits = |tx: &&Bytes| left.checked_sub(tx.len() + 2).map(|rest| left = rest).is_some();
    txs.iter().take_while(&mut fits).cloned().collect()
}

impl Service<Request> for Pairs {
    type Response = Response;
    type Error = BoxError;
    type Future = Ready<Result<Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        ready(Ok(match request {
            Request::Echo(echo) => Response::Echo(response::Echo { message: echo.message }),
            Request::Flush => Response::Flush,
            Request::Info(_) => Response::Info(response::Info {
                data: "pairs".to_owned(),
                last_block_height: self.committed.height.into(),
                last_block_app_hash: self.committed.app_hash().try_into().unwrap(),
                ..response::Info::default()
            }),
            Request::InitChain(_) => Response::InitChain(response::InitChain {
                app_hash: self.committed.app_hash().try_into().unwrap(),
                ..response::InitChain::default()
            }),
            Request::Query(query) => Response::Query(self.query(query)),
            Request::CheckTx(check) => {
                let refused = std::str::from_utf8(&check.tx).ok().and_then(pair).is_none();
                let code = Code::from(u32::from(refused));
                Response::CheckTx(response::CheckTx { code, ..response::CheckTx::default() })
            }
            Request::PrepareProposal(prepare) => {
                let txs = fits(&prepare.txs, prepare.max_tx_bytes);
                Response::PrepareProposal(response::PrepareProposal { txs })
            }
            Request::ProcessProposal(_) => Response::ProcessProposal(ProcessProposal::Accept),
            Request::ExtendVote(vote) => Response::ExtendVote(response::ExtendVote {
                vote_extension: Bytes::copy_from_slice(vote.hash.as_bytes()),
            }),
            Request::VerifyVoteExtension(vote) => {
                Response::VerifyVoteExtension(if vote.vote_extension == vote.hash.as_bytes() {
                    VerifyVoteExtension::Accept
                } else {
                    VerifyVoteExtension::Reject
                })
            }
            Request::FinalizeBlock(block) => Response::FinalizeBlock(self.finalize(block)),
            Request::Commit => Response::Commit(self.commit()),
            Request::ListSnapshots => Response::ListSnapshots(Default::default()),
            Request::OfferSnapshot(_) => Response::OfferSnapshot(Default::default()),
            Request::LoadSnapshotChunk(_) => Response::LoadSnapshotChunk(Default::default()),
            Request::ApplySnapshotChunk(_) => Response::ApplySnapshotChunk(Default::default()),
        }))
    }
}

/// A server in a runtime of its own.
struct Runs(Option<Runtime>);

impl Drop for Runs {
    fn drop(&mut self) {
        // A call that runs is finished.
        self.0.take().unwrap().shutdown_timeout(Duration::from_secs(5));
    }
}

fn serve(endpoint: &Endpoint, folder: PathBuf) -> Runs {
    let Endpoint::Unix(socket) = endpoint else { panic!("it is on a Unix socket") };
    drop(std::fs::remove_file(socket));
    let runtime = Runtime::new().unwrap();
    let inside = runtime.enter();
    let (consensus, mempool, snapshot, info) = split::service(Pairs::open(folder), 16);
    let server = Server::builder().consensus(consensus).mempool(mempool);
    let server = server.snapshot(snapshot).info(info).finish().unwrap();
    let path = socket.clone();
    runtime.spawn(async move { server.listen_unix(path).await });
    while std::os::unix::net::UnixStream::connect(socket).is_err() {
        std::thread::yield_now();
    }
    drop(inside);
    Runs(Some(runtime))
}

#[test]
fn an_application_on_tower_abci_keeps_to_everything() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(9, true);
    let mut instances = Served::new(folder.path(), config.limit, serve);
    let report = check::run(&mut instances, &config, &mut |_| {}).unwrap();
    println!("{report}");
    assert_eq!(report.failed(), [], "{report}");
    assert_eq!(report.not_reached(), [Claim::Snapshot, Claim::SnapshotChanged], "{report}");
}
