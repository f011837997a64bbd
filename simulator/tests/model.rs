//! The laws of the performance model: what costs more is never faster, what is charged is seen, and
//! nothing arrives that was not sent.

use simulator::Plan;
use simulator::chance::Chance;
use simulator::model::pool::Pool;
use simulator::model::station::Resource;
use simulator::model::{Costs, Figures, ModelError, ModelFailure, ModelLimit, ModelShape, run};
use simulator::plan::shape::Terrain;
use simulator::plan::{Fault, FaultKind, LatencyTable, MachineKind, Vice};

/// One way between any two nodes, in milliseconds.
const DELAY_MS: u64 = 40;

/// Ten validators, equally far from each other, who do not pause after a decision.
fn shape() -> ModelShape {
    let network = Terrain::Table(LatencyTable {
        places: vec!["everywhere".to_owned()],
        one_way_ms: vec![vec![DELAY_MS]],
        jitter_ms: 0,
    });
    ModelShape { validators: 10, network, commit_ms: 0, heights: 12, ..ModelShape::default() }
}

fn figures(shape: &ModelShape) -> Figures {
    run(shape, &mut |_| {}).expect("the network works")
}

fn share(figures: &Figures, resource: Resource) -> u64 {
    let busy = figures.busy.iter().find(|it| it.resource == resource);
    busy.expect("all resources are there").mean_permille
}

#[test]
fn the_same_seed_gives_the_same_figures_and_another_seed_others() {
    let shape = ModelShape {
        validators: 25,
        rate: 50,
        heights: 3,
        network: Terrain::Wan,
        ..ModelShape::default()
    };
    let mut heights = vec![];
    let first = run(&shape, &mut |height| heights.push(height)).expect("the network works");
    assert_eq!(heights, [1, 2, 3, 4, 5]);
    assert_eq!(first.peers_tenths, 200);
    assert_eq!(figures(&shape), first);
    assert_ne!(figures(&ModelShape { seed: 2, ..shape }), first);
}

#[test]
fn a_block_takes_three_delays_at_least_and_little_more_where_nothing_is_busy() {
    let figures = figures(&shape());
    let floor = 3 * DELAY_MS * 1000;
    let block = figures.block_micros;
    assert!(floor <= block.p50 && block.p99 < 2 * floor, "{block:?}");
    assert_eq!((figures.heights, figures.rounds), (12, 12));
    assert_eq!(figures.binds(), None);
    assert_eq!(figures.latency_micros, None);
}

#[test]
fn less_bandwidth_never_gives_shorter_blocks() {
    let mut before = 0;
    let widths = [1_000_000_000, 64_000_000, 32_000_000, 16_000_000, 8_000_000, 4_000_000];
    let mut all = vec![];
    for bandwidth in widths {
        // Blocks of one size, whatever the pace: as many transactions wait as fit.
        let own = figures(&ModelShape {
            bandwidth,
            rate: 20_000,
            block_bytes: 256 * 1024,
            pool_txs_max: 300,
            heights: 6,
            ..shape()
        });
        assert!(before <= own.block_micros.p50, "{bandwidth}: {:?}", own.block_micros);
        before = own.block_micros.p50;
        all.push(before);
    }
    assert!(2 * all[0] < before, "{all:?}");
}

#[test]
fn what_is_charged_is_seen_where_it_is_charged() {
    let lan = ModelShape { network: Terrain::Lan, ..shape() };
    let plain = figures(&lan);
    let dear = |change: fn(&mut Costs)| {
        let mut costs = Costs::measured();
        change(&mut costs);
        figures(&ModelShape { costs, ..lan.clone() })
    };
    let signatures = dear(|costs| {
        costs.signature.verify *= 10;
        costs.signature.batch *= 10;
        costs.signature.batch_each *= 10;
    });
    assert_eq!(signatures.busiest().map(|it| it.resource), Some(Resource::Verifier));
    assert!(share(&plain, Resource::Verifier) < share(&signatures, Resource::Verifier));
    assert!(plain.block_micros.p50 < signatures.block_micros.p50);

    let disk = dear(|costs| costs.disk.sync *= 20);
    assert_eq!(disk.busiest().map(|it| it.resource), Some(Resource::Disk));
    assert!(plain.block_micros.p50 < disk.block_micros.p50);

    let replica = dear(|costs| costs.replica.input *= 1000);
    assert_eq!(replica.binds(), Some(Resource::Replica));

    let application = dear(|costs| costs.application.commit += 50_000_000);
    assert_eq!(application.binds(), Some(Resource::Application));
    assert!(plain.block_micros.p50 < 50_000 && 50_000 < application.block_micros.p50);
}

#[test]
fn more_verifiers_share_the_signatures() {
    let mut costs = Costs::measured();
    costs.signature.verify *= 50;
    costs.signature.batch_each *= 100;
    let lan = ModelShape { network: Terrain::Lan, costs, ..shape() };
    let (one, four) = (figures(&lan), figures(&ModelShape { verifiers: 4, ..lan.clone() }));
    assert!(four.block_micros.p50 < one.block_micros.p50);
}

#[test]
fn nothing_arrives_that_was_not_sent_and_transactions_cost_what_they_weigh() {
    let quiet = figures(&shape());
    let busy = figures(&ModelShape { rate: 200, heights: 20, ..shape() });
    for figures in [&quiet, &busy] {
        let traffic = figures.traffic;
        assert!(0 < traffic.all_in && traffic.all_in <= traffic.all_out, "{traffic:?}");
        // Only what is under way at the end is missing.
        assert!(traffic.all_out - traffic.all_in < traffic.all_out / 10, "{traffic:?}");
        assert!(traffic.bytes_out <= traffic.bytes_out_max);
        assert_eq!(figures.dropped, 0);
    }
    assert_eq!(quiet.traffic.txs_bytes_out, 0);
    // Each of ten nodes relays each transaction to nearly all others.
    let weight = 200 * 1024;
    let gossip = busy.traffic.txs_bytes_out;
    assert!((weight..9 * weight).contains(&gossip), "{gossip}");
    let rate = busy.txs_per_kilosecond() / 1000;
    assert!((150..250).contains(&rate), "{rate}");
    let latency = busy.latency_micros.expect("there is load");
    assert!(2 * DELAY_MS * 1000 < latency.p50 && latency.p50 <= latency.p90, "{latency:?}");
}

#[test]
fn what_does_not_fit_into_the_pools_is_refused() {
    let full = figures(&ModelShape { rate: 2000, pool_txs_max: 10, heights: 5, ..shape() });
    assert!(0 < full.refused);
    assert!(full.txs <= 10 * full.heights);
}

#[test]
fn sparse_networks_work_and_send_less_at_once() {
    let sparse = figures(&ModelShape { validators: 16, degree: Some(4), ..shape() });
    assert_eq!(sparse.peers_tenths, 40);
    let full = figures(&ModelShape { validators: 16, ..shape() });
    assert_eq!(full.peers_tenths, 150);
    assert!(full.block_micros.p50 < sparse.block_micros.p50);
}

/// The light pool sends what the mempool sends, in the same messages.
#[test]
fn the_light_pool_gossips_as_the_mempool_does() {
    use mempool::{Checked, Config, Mempool, Source};
    use types::{Height, PeerId, Tx};

    const PEERS: usize = 5;
    let mut chance = Chance::of(7, 1);
    let (mut light, mut whole) = (Pool::new(5000, PEERS), Mempool::new(Config::default()));
    let id = |peer: usize| PeerId(u64::try_from(peer).expect("few peers"));
    (0..PEERS).for_each(|peer| whole.peer_up(id(peer)));
    let tx = |number: u64| Tx::from([&number.to_be_bytes()[..], &[0; 300]].concat());
    let mut height = 0;
    for number in 0..3000_u64 {
        // Now and then one comes again, from somebody else.
        let number = if chance.permille(300) { chance.below(number + 1) } else { number };
        let from = chance.coin().then(|| chance.index(PEERS));
        if !light.knows(number, from) {
            light.add(number, tx(number), from);
        }
        let source = from.map_or(Source::Local, |peer| Source::Peer(id(peer)));
        if let Ok(key) = whole.admit(tx(number), source) {
            whole.checked(&key, Checked { code: 0, gas_wanted: 1 }).expect("there is room");
        }
        if chance.permille(100) {
            let peer = chance.index(PEERS);
            let batches: Vec<Vec<Tx>> =
                std::iter::from_fn(|| whole.batch_for(id(peer), 512 * 1024, 2048)).collect();
            assert_eq!(light.batches_for(peer), batches, "at {number}");
        }
        if chance.permille(20) {
            let txs = whole.reap(20_000, None);
            assert_eq!(light.reap(20_000, |tx| abci::request::tx_bytes_in_block(tx)), txs);
            let own = txs.iter().map(simulator::model::load::number_of);
            light.decided(own);
            height += 1;
            whole.update(Height(height), &txs, |_| true);
        }
    }
    assert!(20 < height);
}

#[test]
fn the_plan_of_a_model_is_read_as_it_was_written_and_nothing_goes_wrong_in_it() {
    type Change = fn(&mut Plan);
    let plan = shape().plan().expect("it can be");
    assert_eq!(Plan::read(&plan.line()), Ok(plan.clone()));
    let changes: [(&str, Change); 4] = [
        ("liars in a model", |plan| plan.members[0].vices = vec![Vice::Silent]),
        ("faults in a model", |plan| {
            let kind = FaultKind::Pause { member: 0 };
            plan.faults = vec![Fault { at_ms: 0, lasts_ms: 0, kind }];
        }),
        ("a warm-up", |plan| plan.heights = 2),
        ("threads of a model", |plan| {
            if let MachineKind::Modelled(model) = &mut plan.machine.kind {
                model.carriers = 0;
            }
        }),
    ];
    for (says, change) in changes {
        let mut changed = plan.clone();
        change(&mut changed);
        let error = changed.check().expect_err("it cannot be").to_string();
        assert!(error.contains(says), "{says:?} is not in {error:?}");
    }
}

#[test]
fn models_that_cannot_be_are_refused() {
    type Change = fn(&mut ModelShape);
    let cases: [(ModelLimit, Change); 11] = [
        (ModelLimit::Validators, |it| it.validators = 0),
        (ModelLimit::Validators, |it| it.validators = 1001),
        (ModelLimit::Degree, |it| it.degree = Some(1)),
        (ModelLimit::Degree, |it| it.degree = Some(10)),
        (ModelLimit::Bandwidth, |it| it.bandwidth = 0),
        (ModelLimit::Rate, |it| it.rate = 1_000_001),
        (ModelLimit::TxBytes, |it| it.tx_bytes = 7),
        (ModelLimit::TxBytes, |it| it.tx_bytes = it.block_bytes),
        (ModelLimit::BlockBytes, |it| it.block_bytes = 1000),
        (ModelLimit::Heights, |it| it.heights = 0),
        (ModelLimit::Verifiers, |it| it.verifiers = 0),
    ];
    for (what, change) in cases {
        let mut shape = shape();
        change(&mut shape);
        let error = run(&shape, &mut |_| {}).expect_err("it cannot be");
        let ModelFailure::Shape(ModelError::Limit { what: actual, .. }) = error else {
            panic!("{error}");
        };
        assert_eq!(actual, what);
    }
}
