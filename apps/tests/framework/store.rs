//! The store against a model of every version: values, proofs, pruning, and a root that depends on
//! nothing but what is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use apps::framework::overlay::Writes;
use apps::framework::proof::{self, PROOF_KIND};
use apps::framework::store::{Store, StoreError};
use apps::framework::{DiskRecords, MemoryRecords};
use bytes::Bytes;
use proptest::prelude::*;
use prost_of_proofs::Message;
use types::{AppHash, Height};

type Pairs = BTreeMap<Vec<u8>, Bytes>;

fn key(number: u8) -> Vec<u8> {
    format!("key/{number}").into_bytes()
}

fn apply(pairs: &mut Pairs, writes: &Writes) {
    for (key, value) in writes {
        match value {
            Some(value) => pairs.insert(key.clone(), value.clone()),
            None => pairs.remove(key),
        };
    }
}

/// What the `ics23` crate makes of a proof by our store, with the tree's public spec.
fn verified(store: &Arc<Store>, height: u64, hash: &AppHash, pairs: &Pairs, key: &[u8]) -> bool {
    let view = store.view_at(Height(height)).unwrap().expect("the height is retained");
    let (value, proof) = view.prove(key).unwrap();
    assert_eq!(value.as_deref(), pairs.get(key).map(|it| &it[..]));
    assert_eq!(view.find(key).unwrap().as_ref(), pairs.get(key));
    proof::proves(&proof.encode_to_vec(), hash, key, value.as_deref())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn every_retained_height_can_be_asked_about_and_proven(
        blocks in prop::collection::vec(
            prop::collection::btree_map(0..20_u8, prop::option::of(any::<u8>()), 0..8), 1..12),
        retained in 1..5_u64,
    ) {
        let records = MemoryRecords::default();
        let store = Store::open(Arc::new(records.clone()), Some(retained)).unwrap();
        let mut pairs = Pairs::from([(b"always".to_vec(), Bytes::from_static(b"there"))]);
        let first = pairs.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        let first_hash = store.begin(&first.collect(), 0).unwrap();
        let mut history = vec![(pairs.clone(), first_hash)];
        for (height, block) in blocks.iter().enumerate() {
            let write = |(number, value): (&u8, &Option<u8>)| {
                (key(*number), value.map(|it| Bytes::from(vec![it])))
            };
            let writes: Writes = block.iter().map(write).collect();
            apply(&mut pairs, &writes);
            let staged = store.stage(&writes).unwrap();
            let hash = staged.app_hash.clone();
            store.commit(staged, Height(height as u64 + 1)).unwrap();
            history.push((pairs.clone(), hash));
        }
        let tip = blocks.len() as u64;
        for (height, (pairs, hash)) in history.iter().enumerate() {
            let height = height as u64;
            let is_retained = tip < height + retained;
            prop_assert_eq!(store.view_at(Height(height)).unwrap().is_some(), is_retained);
            if is_retained {
                for number in 0..20 {
                    prop_assert!(verified(&store, height, hash, pairs, &key(number)));
                }
            }
        }
        // The root depends on what is there, not on how it came about, nor on what is forgotten.
        let fresh = Store::open(Arc::new(MemoryRecords::default()), None).unwrap();
        let writes = pairs.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        let fresh_hash = fresh.begin(&writes.collect(), tip).unwrap();
        prop_assert_eq!(&fresh_hash, &store.app_hash());
        // Opened again it is the same.
        let opened = Store::open(Arc::new(records), Some(retained)).unwrap();
        prop_assert_eq!(opened.app_hash(), store.app_hash());
        prop_assert_eq!(opened.height(), Some(Height(tip)));
    }
}

#[test]
fn what_is_not_retained_is_forgotten() {
    let records = MemoryRecords::default();
    let store = Store::open(Arc::new(records.clone()), Some(3)).unwrap();
    store.begin(&Writes::from([(key(0), Some("0".into()))]), 0).unwrap();
    let mut counts = Vec::new();
    for height in 1..=200_u64 {
        // Keys come, change and go.
        let coming = key((height % 50) as u8);
        let going = key(((height + 25) % 50) as u8);
        let writes = Writes::from([(coming, Some(height.to_string().into())), (going, None)]);
        let staged = store.stage(&writes).unwrap();
        store.commit(staged, Height(height)).unwrap();
        counts.push(records.count());
    }
    assert!(counts[199] <= counts[99] + 5, "after 100: {}, after 200: {}", counts[99], counts[199]);
}

#[test]
fn records_on_disk_are_open_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = DiskRecords::open(folder.path()).unwrap();
    let second = DiskRecords::open(folder.path()).err().expect("the folder is taken");
    assert_eq!(second, StoreError::Locked { folder: folder.path().to_owned() });
    drop(first);
    DiskRecords::open(folder.path()).unwrap();
}

#[test]
fn on_disk_it_is_as_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Store::open(Arc::new(MemoryRecords::default()), Some(5)).unwrap();
    let mut hashes = Vec::new();
    for part in 0..3_u64 {
        let disk = DiskRecords::open(&folder.path().join("deep/state")).unwrap();
        let disk = Store::open(Arc::new(disk), Some(5)).unwrap();
        for step in 0..10_u64 {
            let height = part * 10 + step;
            let value = Some(Bytes::from(height.to_string()));
            let writes = Writes::from([(key((height % 7) as u8), value), (key(9), None)]);
            for store in [&memory, &disk] {
                if height == 0 {
                    store.begin(&writes, 0).unwrap();
                } else {
                    let staged = store.stage(&writes).unwrap();
                    store.commit(staged, Height(height)).unwrap();
                }
            }
            assert_eq!(memory.app_hash(), disk.app_hash());
            hashes.push(disk.app_hash());
        }
        let at = Height(part * 10 + 6);
        let view = disk.view_at(at).unwrap().unwrap();
        assert_eq!(view.find(&key(at.0 as u8 % 7)).unwrap(), Some(at.0.to_string().into()));
        let (value, proof) = view.prove(&key(9)).unwrap();
        assert_eq!(value, None);
        let hash = &hashes[at.0 as usize];
        assert!(proof::proves(&proof.encode_to_vec(), hash, &key(9), None));
    }
    assert_eq!(PROOF_KIND, "ics23:jmt");
}
