//! Figures for Prometheus, with the reference's names, so that dashboards made for it work; ours
//! besides. Only figures that are fed are here.
//!
//! What happens is counted as it happens; what others hold (peers, the mempool, the application's
//! timings) is asked for when somebody looks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntGauge, Opts, Registry,
    TextEncoder,
};
use types::message::WireStep;
use types::{Block, ChainId, CommitSig, Evidence, ValidatorSet};

mod pulled;
mod server;

pub use pulled::Sources;
pub use server::{Server, serve};

/// Seconds; for waits between validators. spec: the reference's exponential buckets from 0.1 to
/// 100, with finer ones below for networks that are faster.
const STEP_SECONDS: [f64; 12] =
    [0.001, 0.003, 0.01, 0.03, 0.1, 0.268, 0.72, 1.931, 5.179, 13.895, 37.276, 100.0];
/// From entering a height to its decision: the first bound in seconds, from each to the next, and
/// how many, so that the last is above 5 s. Close enough for quantiles to a twentieth.
const DECIDE_SECONDS: (f64, f64, usize) = (0.0005, 1.12, 83);
/// Milliseconds; for executing a block. spec: the reference's linear buckets.
const EXECUTE_MS: [f64; 10] = [1.0, 11.0, 21.0, 31.0, 41.0, 51.0, 61.0, 71.0, 81.0, 91.0];

/// All figures of a node.
pub struct Metrics {
    /// Height of the chain.
    pub height: IntGauge,
    /// The round that the replica is in.
    pub rounds: IntGauge,
    /// How many validators there are.
    pub validators: IntGauge,
    /// Their power together.
    pub validators_power: IntGauge,
    /// How many of them are not in the last commit.
    pub missing_validators: IntGauge,
    /// How many were proven faulty in the last block.
    pub byzantine_validators: IntGauge,
    /// Seconds from one block to the next.
    pub block_interval_seconds: Histogram,
    /// Transactions in the last block.
    pub num_txs: IntGauge,
    /// Bytes of transactions in the last block.
    pub block_size_bytes: IntGauge,
    /// Bytes of transactions in all blocks since the start.
    pub chain_size_bytes: IntCounter,
    /// Transactions in all blocks since the start.
    pub total_txs: IntCounter,
    /// Height of the last executed block.
    pub latest_block_height: IntGauge,
    /// Seconds spent in each step.
    pub step_duration_seconds: HistogramVec,
    /// Milliseconds to execute a block.
    pub block_processing_time: Histogram,
    /// Validator set changes.
    pub validator_set_updates: IntCounter,
    /// Synced writes of the store.
    pub synced_writes: IntCounter,
    /// Seconds from entering a height's first round to its decision.
    pub propose_to_decide: Histogram,
    /// Last height in the index.
    pub indexed_height: IntGauge,
    step: Mutex<Option<(WireStep, Instant)>>,
    validators_hash: Mutex<Option<types::Hash>>,
    /// The reference's figures.
    reference: Registry,
    /// Our own.
    own: Registry,
}

/// Makes figures and registers them.
struct Maker<'a> {
    registry: &'a Registry,
    subsystem: &'static str,
}

impl Maker<'_> {
    fn options(&self, name: &str, help: &str) -> Opts {
        Opts::new(name, help).subsystem(self.subsystem)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let gauge = IntGauge::with_opts(self.options(name, help))?;
        self.registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let counter = IntCounter::with_opts(self.options(name, help))?;
        self.registry.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
        let options = HistogramOpts::from(self.options(name, help)).buckets(buckets.to_vec());
        let histogram = Histogram::with_opts(options)?;
        self.registry.register(Box::new(histogram.clone()))?;
        Ok(histogram)
    }
}

impl Metrics {
    /// All figures at their beginning. `namespace` is what the reference's names begin with.
    ///
    /// # Errors
    /// If the namespace cannot begin a name.
    pub fn new(namespace: &str, chain_id: &ChainId) -> anyhow::Result<Self> {
        Self::register(namespace, chain_id).context("the metrics cannot be made")
    }

    fn register(namespace: &str, chain_id: &ChainId) -> prometheus::Result<Self> {
        let labels = HashMap::from([("chain_id".to_string(), chain_id.to_string())]);
        let reference = Registry::new_custom(Some(namespace.into()), Some(labels.clone()))?;
        let own = Registry::new_custom(Some("lockstep".into()), Some(labels))?;
        let it = Maker { registry: &reference, subsystem: "consensus" };
        let state = Maker { registry: &reference, subsystem: "state" };
        let ours = Maker { registry: &own, subsystem: "" };
        let (first, growth, count) = DECIDE_SECONDS;
        let decide_seconds = prometheus::exponential_buckets(first, growth, count)?;
        let step_options =
            HistogramOpts::from(it.options("step_duration_seconds", "Time in each step."))
                .buckets(STEP_SECONDS.to_vec());
        let step_duration_seconds = HistogramVec::new(step_options, &["step"])?;
        reference.register(Box::new(step_duration_seconds.clone()))?;
        Ok(Self {
            height: it.gauge("height", "Height of the chain.")?,
            rounds: it.gauge("rounds", "Number of rounds.")?,
            validators: it.gauge("validators", "Number of validators.")?,
            validators_power: it.gauge("validators_power", "Total power of all validators.")?,
            missing_validators: it
                .gauge("missing_validators", "Number of validators who did not sign.")?,
            byzantine_validators: it
                .gauge("byzantine_validators", "Number of validators proven faulty.")?,
            block_interval_seconds: it.histogram(
                "block_interval_seconds",
                "Time between this and the last block.",
                prometheus::DEFAULT_BUCKETS,
            )?,
            num_txs: it.gauge("num_txs", "Number of transactions.")?,
            block_size_bytes: it.gauge("block_size_bytes", "Size of the block's transactions.")?,
            chain_size_bytes: it.counter("chain_size_bytes", "Size of all since the start.")?,
            total_txs: it.counter("total_txs", "Total number of transactions.")?,
            latest_block_height: it.gauge("latest_block_height", "The latest block height.")?,
            step_duration_seconds,
            block_processing_time: state.histogram(
                "block_processing_time",
                "Milliseconds to execute a block.",
                &EXECUTE_MS,
            )?,
            validator_set_updates: state
                .counter("validator_set_updates", "Changes of the validator set.")?,
            synced_writes: ours.counter("synced_writes_total", "Synced writes of the store.")?,
            propose_to_decide: ours.histogram(
                "propose_to_decide_seconds",
                "Time from entering a height's first round to its decision.",
                &decide_seconds,
            )?,
            indexed_height: ours.gauge("indexed_height", "Last height in the index.")?,
            step: Mutex::default(),
            validators_hash: Mutex::default(),
            reference,
            own,
        })
    }

    /// A step was entered, and so the one before it left.
    pub fn entered_step(&self, step: WireStep) {
        let now = Instant::now();
        let mut current = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((left, since)) = current.replace((step, now)) {
            let spent = now.duration_since(since).as_secs_f64();
            self.step_duration_seconds.with_label_values(&[step_name(left)]).observe(spent);
        }
    }

    /// A block was executed, so long after the last one, and it took so long.
    pub fn block_executed(&self, block: &Block, interval: Option<Duration>, took: Duration) {
        let bytes: usize = block.txs.iter().map(|tx| tx.len()).sum();
        self.height.set(to_gauge(block.header.height.0));
        self.latest_block_height.set(to_gauge(block.header.height.0));
        self.num_txs.set(to_gauge(block.txs.len() as u64));
        self.total_txs.inc_by(block.txs.len() as u64);
        self.block_size_bytes.set(to_gauge(bytes as u64));
        self.chain_size_bytes.inc_by(bytes as u64);
        self.block_processing_time.observe(took.as_secs_f64() * 1000.0);
        if let Some(interval) = interval {
            self.block_interval_seconds.observe(interval.as_secs_f64());
        }
        let commit = block.last_commit.iter().flat_map(|commit| &commit.signatures);
        let missing = commit.filter(|signature| matches!(signature, CommitSig::Absent)).count();
        self.missing_validators.set(to_gauge(missing as u64));
        let byzantine = block.evidence.iter().map(|evidence| match evidence {
            Evidence::DuplicateVote(_) => 1,
            Evidence::LightClientAttack(attack) => attack.byzantine_validators.len() as u64,
        });
        self.byzantine_validators.set(to_gauge(byzantine.sum()));
    }

    /// These vote from now on; perhaps the same as before.
    pub fn validators_changed(&self, validators: &ValidatorSet) {
        let hash = validators.hash();
        let mut known = self.validators_hash.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == Some(hash) {
            return;
        }
        if known.replace(hash).is_some() {
            self.validator_set_updates.inc();
        }
        self.validators.set(to_gauge(validators.count() as u64));
        self.validators_power.set(to_gauge(validators.total_power().0));
    }

    /// Adds what is asked for only when somebody looks.
    ///
    /// # Errors
    /// If they were added before.
    fn watch(&self, sources: Sources) -> prometheus::Result<()> {
        let (reference, own) = sources.collectors();
        self.reference.register(Box::new(reference))?;
        self.own.register(Box::new(own))
    }

    /// All figures as Prometheus reads them.
    fn text(&self) -> Vec<u8> {
        let mut families = self.reference.gather();
        families.extend(self.own.gather());
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text).expect("every family has a metric in it");
        text
    }
}

/// What fits a gauge, which has one bit less.
fn to_gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A step as the reference's label has it.
fn step_name(step: WireStep) -> &'static str {
    match step {
        WireStep::NewHeight => "NewHeight",
        WireStep::NewRound => "NewRound",
        WireStep::Propose => "Propose",
        WireStep::Prevote => "Prevote",
        WireStep::PrevoteWait => "PrevoteWait",
        WireStep::Precommit => "Precommit",
        WireStep::PrecommitWait => "PrecommitWait",
        WireStep::Commit => "Commit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_references_names_and_labels() {
        let chain_id = ChainId::new("chain-a").expect("a good name");
        let metrics = Metrics::new("cometbft", &chain_id).expect("a good namespace");
        metrics.height.set(7);
        metrics.synced_writes.inc();
        metrics.entered_step(WireStep::Propose);
        metrics.entered_step(WireStep::Prevote);
        let text = String::from_utf8(metrics.text()).expect("text is UTF-8");
        for line in [
            "cometbft_consensus_height{chain_id=\"chain-a\"} 7",
            "lockstep_synced_writes_total{chain_id=\"chain-a\"} 1",
            "consensus_step_duration_seconds_count{step=\"Propose\",chain_id=\"chain-a\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
