//! Which values config.toml may hold.

use super::{Config, Rpc, TxIndex, listen};
use crate::indexer::postgres;
use crate::{application, logging};

/// A value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Path of the key.
    pub field: &'static str,
    /// What is wrong with its value.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

impl Fault {
    fn new(field: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field, problem: problem.into(), remedy: remedy.into() }
    }
}

impl Config {
    /// Checks every value.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn validate(&self) -> Result<(), Fault> {
        self.check_choices()?;
        self.check_application()?;
        self.check_addresses()?;
        self.check_unsupported()?;
        self.check_tls()?;
        self.check_database()?;
        self.check_limits()?;
        if let Err(error) = logging::Levels::parse(&self.log_level) {
            let remedy = "write a level, or such as \"consensus:debug,p2p:none,*:info\"";
            return Err(Fault::new("log_level", error.to_string(), remedy));
        }
        Ok(())
    }

    /// Values that are one of a few words.
    fn check_choices(&self) -> Result<(), Fault> {
        let choices: [(&'static str, &str, &[&str]); 5] = [
            ("log_format", &self.log_format, &["plain", "json"]),
            ("abci", &self.abci, &["socket", "grpc"]),
            ("mempool.type", &self.mempool.kind, &["flood", "app", "nop"]),
            ("blocksync.version", &self.blocksync.version, &["v0"]),
            ("tx_index.indexer", &self.tx_index.indexer, &["kv", "psql", "null"]),
        ];
        for (field, value, allowed) in choices {
            if !allowed.contains(&value) {
                let remedy = format!("write {}", quoted(allowed));
                return Err(Fault::new(field, format!("{value:?} is not supported"), remedy));
            }
        }
        Ok(())
    }

    /// Either an application of ours, or where another listens, which may keep its own mempool.
    fn check_application(&self) -> Result<(), Fault> {
        let keeps_txs = self.mempool.kind == "app";
        for (field, value) in [
            ("mempool.reap_interval", self.mempool.reap_interval),
            ("mempool.check_tx_retry_delay", self.mempool.check_tx_retry_delay),
        ] {
            if keeps_txs && value.is_zero() {
                return Err(Fault::new(field, "0s is no time to wait", "write such as \"500ms\""));
            }
        }
        if application::IN_PROCESS.contains(&self.proxy_app.as_str()) {
            if keeps_txs {
                let problem = format!("{} keeps no mempool of its own", self.proxy_app);
                let remedy = "write mempool.type = \"flood\"";
                return Err(Fault::new("mempool.type", problem, remedy));
            }
            return Ok(());
        }
        if let Some(address) = self.proxy_app.strip_prefix("grpc://") {
            let problem = format!("{:?} does not say how the node speaks", self.proxy_app);
            let remedy = format!("write proxy_app = \"tcp://{address}\" and abci = \"grpc\"");
            return Err(Fault::new("proxy_app", problem, remedy));
        }
        let parsed = self.proxy_app.parse::<abci::Endpoint>();
        parsed.map(drop).map_err(|error| {
            let remedy =
                format!("or one of the built-in ones, {}", quoted(&application::IN_PROCESS));
            Fault::new("proxy_app", error.to_string(), remedy)
        })
    }

    fn check_addresses(&self) -> Result<(), Fault> {
        let metrics = &self.instrumentation.prometheus_listen_addr;
        for (field, value, required, example) in [
            ("rpc.laddr", &self.rpc.laddr, true, "tcp://127.0.0.1:26657"),
            ("p2p.laddr", &self.p2p.laddr, true, "tcp://0.0.0.0:26656"),
            (
                "instrumentation.prometheus_listen_addr",
                metrics,
                self.instrumentation.prometheus,
                ":26660",
            ),
        ] {
            if (required || !value.is_empty()) && listen::parse(value).is_none() {
                let problem = format!("{value:?} is no address to listen on");
                return Err(Fault::new(field, problem, format!("write it as {example:?}")));
            }
        }
        Ok(())
    }

    /// HTTPS needs both files.
    fn check_tls(&self) -> Result<(), Fault> {
        let Rpc { tls_cert_file, tls_key_file, .. } = &self.rpc;
        let field = match (tls_cert_file.is_empty(), tls_key_file.is_empty()) {
            (true, false) => "rpc.tls_cert_file",
            (false, true) => "rpc.tls_key_file",
            (true, true) | (false, false) => return Ok(()),
        };
        let remedy = "name certificate and key for HTTPS, or neither for HTTP";
        Err(Fault::new(field, "HTTPS needs this file, too", remedy))
    }

    /// The database of the index, if there is one.
    fn check_database(&self) -> Result<(), Fault> {
        let TxIndex { indexer, psql_conn } = &self.tx_index;
        if indexer != "psql" {
            return Ok(());
        }
        let problem = match psql_conn.as_str() {
            "" => Some("the psql connection settings cannot be empty".to_owned()),
            settings => postgres::read_settings(settings).err(),
        };
        let Some(problem) = problem else { return Ok(()) };
        let remedy = "write \"postgresql://user:password@host:5432/database?sslmode=disable\"";
        Err(Fault::new("tx_index.psql-conn", problem, remedy))
    }

    /// Values of the reference that would change what the node does, and that we cannot honour:
    /// to ignore them would be worse than to refuse.
    fn check_unsupported(&self) -> Result<(), Fault> {
        let signer = "leave it empty; remote signers are not supported by this version";
        let private = "leave it empty, and keep such peers out of persistent_peers and seeds";
        for (field, value, remedy) in [
            ("p2p.private_peer_ids", &self.p2p.private_peer_ids, private),
            ("priv_validator_laddr", &self.priv_validator_laddr, signer),
        ] {
            if !value.is_empty() {
                return Err(Fault::new(field, format!("{value:?} is not supported"), remedy));
            }
        }
        if self.consensus.double_sign_check_height != 0 {
            let remedy = "write 0; the key's state file guards against double signing";
            let field = "consensus.double_sign_check_height";
            return Err(Fault::new(field, "the check is not supported", remedy));
        }
        let sync = "write false; nodes of this version start from the first block";
        let seed = "write false; this version has no crawler";
        let private = self.p2p.libp2p.bootstrap_peers.iter().any(|peer| peer.private);
        for (field, value, remedy) in [
            ("p2p.libp2p.bootstrap_peers", private, "write private = false"),
            ("statesync.enable", self.statesync.enable, sync),
            ("p2p.seed_mode", self.p2p.seed_mode, seed),
        ] {
            if value {
                return Err(Fault::new(field, "true is not supported", remedy));
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), Fault> {
        for (field, value) in [
            ("rpc.max_body_bytes", self.rpc.max_body_bytes),
            ("rpc.max_header_bytes", self.rpc.max_header_bytes),
            (
                "rpc.experimental_subscription_buffer_size",
                self.rpc.experimental_subscription_buffer_size,
            ),
            ("mempool.max_tx_bytes", self.mempool.max_tx_bytes),
            ("lockstep.search_rows_max", self.lockstep.search_rows_max),
            ("lockstep.answer_bytes_max", self.lockstep.answer_bytes_max),
        ] {
            if value == 0 {
                return Err(Fault::new(field, "0 lets nothing pass", "write a number above 0"));
            }
        }
        if self.mempool.kind != "flood" && !self.consensus.create_empty_blocks {
            return Err(Fault::new(
                "consensus.create_empty_blocks",
                "without a mempool of the node's nothing would ever ask for a block",
                "write true, or mempool.type = \"flood\"",
            ));
        }
        let namespace = &self.instrumentation.namespace;
        let is_name = namespace.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && namespace.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !is_name {
            let problem = format!("{namespace:?} cannot begin the name of a metric");
            let remedy = "write letters, digits and underscores, such as \"cometbft\"";
            return Err(Fault::new("instrumentation.namespace", problem, remedy));
        }
        Ok(())
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or ")
}
