//! What a running network exports over RPC, judged by a light client that we did not write.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tendermint::Time;
use tendermint::block::signed_header::SignedHeader;
use tendermint::validator::Set;
use tendermint_light_client_verifier::options::Options;
use tendermint_light_client_verifier::types::{
    TrustThreshold, TrustedBlockState, UntrustedBlockState,
};
use tendermint_light_client_verifier::{ProdVerifier, Verdict, Verifier};
use tendermint_rpc::endpoint::{commit, validators};
use types::PublicKey;

use crate::checks::end_and_check;
use crate::client::Client;
use crate::network::Network;
use crate::validators::power_tx;

/// How many heights are exported.
const HEIGHTS: u64 = 100;

/// A height as a light client fetches it.
pub struct Exported {
    signed_header: SignedHeader,
    validators: Set,
}

/// Fetches the heights `first..=last` from a node, as `tendermint-rs` reads them.
pub fn export(client: &Client, first: u64, last: u64) -> Vec<Exported> {
    let fetch = |height: u64| {
        let at = json!({ "height": height.to_string() });
        let commit: commit::Response =
            serde_json::from_value(client.ask("commit", at.clone())).expect("a commit");
        assert!(commit.canonical || height == last);
        let set: validators::Response =
            serde_json::from_value(client.ask("validators", at)).expect("validators");
        let validators = Set::without_proposer(set.validators);
        Exported { signed_header: commit.signed_header, validators }
    };
    (first..=last).map(fetch).collect()
}

/// Checks that a light client accepts each of these from the one `leap` before it.
pub fn follows(chain: &[Exported], leap: usize) {
    for (index, trusted) in chain.iter().enumerate() {
        let Some(target) = chain.get(index + leap) else { break };
        let verdict = verdict(trusted, &chain[index + 1].validators, target);
        let heights = [trusted, target].map(|it| it.signed_header.header.height);
        assert_eq!(verdict, Verdict::Success, "from {} to {}", heights[0], heights[1]);
    }
}

/// The light client's word on `target`, trusting a height and the validators that come after it.
fn verdict(trusted: &Exported, next: &Set, target: &Exported) -> Verdict {
    let untrusted = UntrustedBlockState {
        signed_header: &target.signed_header,
        validators: &target.validators,
        next_validators: None,
    };
    let header = &trusted.signed_header.header;
    let trusted = TrustedBlockState {
        chain_id: &header.chain_id,
        header_time: header.time,
        height: header.height,
        next_validators: next,
        next_validators_hash: header.next_validators_hash,
    };
    let options = Options {
        trust_threshold: TrustThreshold::ONE_THIRD,
        trusting_period: Duration::from_secs(3_600),
        clock_drift: Duration::from_secs(10),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    let now = Time::from_unix_timestamp(now.as_secs() as i64, now.subsec_nanos());
    let now = now.expect("it is earlier than 9999");
    ProdVerifier::default().verify_update_header(untrusted, trusted, &options, now)
}

#[test]
fn a_hundred_heights_with_changes_of_validators_are_accepted_by_another_light_client() {
    let patience = ["consensus.timeout_propose=200ms", "consensus.timeout_precommit=200ms"];
    let settings = [&patience[..], &["consensus.timeout_commit=0s"]].concat();
    let network = Network::start_validators(4, &settings);
    let client = network.client(0);
    // A validator that never votes nor proposes comes, and goes; meanwhile its power changes.
    let stranger = PublicKey([7; 32]);
    for (height, power) in [(20, 5), (40, 9), (60, 0)] {
        client.await_height(height);
        client.commit(&power_tx(stranger, power)).expect("the network runs");
    }
    network.await_height(HEIGHTS + 1);
    let chain = export(&client, 1, HEIGHTS);
    let sizes: Vec<usize> = chain.iter().map(|it| it.validators.validators().len()).collect();
    assert!(sizes.contains(&5) && sizes.first() == Some(&4) && sizes.last() == Some(&4));
    for leap in [1, 2, 10, 50, chain.len() - 1] {
        follows(&chain, leap);
    }
    // The oracle can also say no.
    let mut forged = export(&client, 2, 2).remove(0);
    forged.signed_header.header.app_hash = chain[50].signed_header.header.app_hash.clone();
    assert_ne!(verdict(&chain[0], &chain[1].validators, &forged), Verdict::Success);
    end_and_check(network);
}
