//! A node begins from what its store kept, or says why it cannot.

use std::sync::Arc;

use consensus::{Record, Timeout, Wait};
use execution::start::check_signed;
use execution::{StartError, start};
use storage::Durable;
use types::{Height, Round};

use crate::chain::{disk, first_state, genesis};

#[test]
fn what_was_said_at_the_current_height_is_handed_on() {
    let (_, store) = disk();
    let said = |height, round| {
        let wait = Wait::Prevote;
        Record::Timeout(Timeout { height: Height(height), round: Round(round), wait })
    };
    let mut step = store.step();
    for record in [said(1, 0), said(1, 1), said(2, 0)] {
        step.record(record.height(), record.encode());
    }
    step.write(Durable::Now).unwrap();
    let (begin, records) = start(&store, first_state()).unwrap();
    assert_eq!(records, [said(1, 0), said(1, 1)]);
    assert_eq!((begin.last_commit, begin.stored), (None, None));

    let mut step = store.step();
    step.record(Height(1), vec![99]);
    step.write(Durable::Now).unwrap();
    let error = start(&store, Arc::clone(&begin.state)).err().unwrap();
    assert!(error.to_string().starts_with("the records in the data folder are damaged"), "{error}");
}

#[test]
fn a_store_behind_its_signer_is_refused() {
    let (_, store) = disk();
    for signed in [None, Some(Height(1))] {
        check_signed(&store, &genesis(), signed).unwrap();
    }
    let error = check_signed(&store, &genesis(), Some(Height(2))).unwrap_err();
    assert!(matches!(error, StartError::BehindSigner { next: Height(1), signed: Height(2) }));
}
