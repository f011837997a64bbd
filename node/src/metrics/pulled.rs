//! Figures that others hold, asked for when somebody looks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use abci::Timings;
use abci::application::Call;
use abci::timings::BOUNDS_MICROS;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use storage::{Reads, Store};

use crate::admission::Admission;

/// Who holds figures.
#[derive(Clone)]
pub struct Sources {
    /// Counts the signer's synced writes; none if there is no signer.
    pub signer_syncs: Option<Arc<AtomicU64>>,
    /// How long the application takes.
    pub timings: Arc<Timings>,
    /// Counts what is read.
    pub store: Store,
    /// The peers.
    pub network: p2p::Handle,
    /// The mempool.
    pub admission: Arc<Admission>,
}

/// One of the two sets of figures.
type Families = fn(&Sources) -> Vec<MetricFamily>;

/// Asks the sources for one set of figures.
pub struct Asking {
    sources: Sources,
    families: Families,
    // Prometheus wants each collector to name itself.
    name: Desc,
}

impl Sources {
    /// What asks for the reference's figures, and what asks for ours.
    pub(super) fn collectors(self) -> (Asking, Asking) {
        let asking = |name: &str, families: Families| Asking {
            sources: self.clone(),
            families,
            name: Desc::new(name.into(), name.into(), Vec::new(), Default::default())
                .expect("the name is letters and underscores"),
        };
        (asking("pulled_reference", Sources::reference), asking("pulled_own", Sources::own))
    }

    fn reference(&self) -> Vec<MetricFamily> {
        let (size, bytes) = {
            let pool = self.admission.pool();
            (pool.len() as u64, pool.bytes())
        };
        let peers = self.network.peer_count() as u64;
        let mut families = vec![
            gauge("mempool_size", "Transactions in the mempool.", size),
            gauge("mempool_size_bytes", "Bytes of them.", bytes),
            gauge("p2p_peers", "Number of peers.", peers),
        ];
        families.extend(self.traffic());
        families.extend(self.application());
        families
    }

    fn own(&self) -> Vec<MetricFamily> {
        let syncs = self.signer_syncs.iter().map(|syncs| {
            let count = syncs.load(Ordering::Relaxed);
            let name = "signer_synced_writes_total";
            family(name, "Synced writes of the signer.", vec![counter(Vec::new(), count)])
        });
        let Reads { rows, bytes } = self.store.reads();
        let reads = [
            ("store_rows_read_total", "Rows of the store that were read.", rows),
            ("store_bytes_read_total", "Bytes of them.", bytes),
        ];
        let reads =
            reads.map(|(name, help, count)| family(name, help, vec![counter(Vec::new(), count)]));
        syncs.chain(reads).collect()
    }

    /// Bytes to and from each peer, by channel.
    fn traffic(&self) -> Vec<MetricFamily> {
        let mut directions: BTreeMap<&str, Vec<Metric>> = BTreeMap::new();
        for peer in self.network.peers() {
            for on in &peer.traffic {
                let labels = || {
                    let channel = format!("{:#04x}", on.channel.number());
                    vec![label("chID", &channel), label("peer_id", &peer.network_id)]
                };
                let received = directions.entry("p2p_peer_receive_bytes_total").or_default();
                received.push(counter(labels(), on.bytes_in));
                let sent = directions.entry("p2p_peer_send_bytes_total").or_default();
                sent.push(counter(labels(), on.bytes_out));
            }
        }
        let help = "Bytes to or from a peer.";
        directions.into_iter().map(|(name, metrics)| family(name, help, metrics)).collect()
    }

    /// How long the application takes, by call.
    fn application(&self) -> Option<MetricFamily> {
        let metrics: Vec<Metric> = Call::ALL
            .iter()
            .map(|call| (call, self.timings.of(*call)))
            .filter(|(_, timing)| timing.count != 0)
            .map(|(call, timing)| {
                let bucket = |(bound, count): (&u64, &u64)| {
                    let mut bucket = Bucket::default();
                    bucket.set_upper_bound(*bound as f64 / 1e6);
                    bucket.set_cumulative_count(*count);
                    bucket
                };
                let mut histogram = Histogram::default();
                histogram
                    .set_bucket(BOUNDS_MICROS.iter().zip(&timing.at_most).map(bucket).collect());
                histogram.set_sample_count(timing.count);
                histogram.set_sample_sum(timing.total.as_secs_f64());
                let labels = vec![label("method", call.name()), label("type", "sync")];
                let mut metric = Metric::from_label(labels);
                metric.set_histogram(histogram);
                metric
            })
            .collect();
        let name = "abci_connection_method_timing_seconds";
        let mut family = family(name, "Timing of the application's answers.", metrics);
        family.set_field_type(MetricType::HISTOGRAM);
        (!family.get_metric().is_empty()).then_some(family)
    }
}

impl Collector for Asking {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.name]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        (self.families)(&self.sources)
    }
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.into());
    label.set_value(value.into());
    label
}

/// A family of counters.
fn family(name: &str, help: &str, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.into());
    family.set_help(help.into());
    family.set_field_type(MetricType::COUNTER);
    family.set_metric(metrics);
    family
}

fn counter(labels: Vec<LabelPair>, count: u64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(count as f64);
    let mut metric = Metric::from_label(labels);
    metric.set_counter(counter);
    metric
}

fn gauge(name: &str, help: &str, number: u64) -> MetricFamily {
    let mut gauge = Gauge::default();
    gauge.set_value(number as f64);
    let mut metric = Metric::default();
    metric.set_gauge(gauge);
    let mut family = family(name, help, vec![metric]);
    family.set_field_type(MetricType::GAUGE);
    family
}
