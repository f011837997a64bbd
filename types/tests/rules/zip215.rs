//! ZIP-215: every signature has one verdict, alone or in company, also where libraries differ.

use types::keys::{Claim, verify_batch};
use types::{PublicKey, Signature};

use crate::network;

/// Every encoding of a point of small order, six of them not canonical: the corner where libraries
/// disagree.
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

fn point(hex_text: &str) -> [u8; 32] {
    hex::decode(hex_text).unwrap().try_into().unwrap()
}

/// Key and commitment of small order, and a zero scalar: both sides of the cofactored equation are
/// zero, so all 196 are right whatever is signed.
fn small_order_claims() -> Vec<Claim> {
    let mut claims = vec![];
    for key in SMALL_ORDER {
        for commitment in SMALL_ORDER {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&point(commitment));
            claims.push(Claim {
                public_key: PublicKey(point(key)),
                bytes: b"Zcash".to_vec(),
                signature: Signature(signature),
            });
        }
    }
    assert_eq!(claims.len(), 196);
    claims
}

fn singly(claims: &[Claim]) -> Vec<bool> {
    claims.iter().map(|it| it.public_key.verifies(&it.bytes, &it.signature)).collect()
}

/// The claim that a validator signed some bytes, as it really did.
fn honest_claim(number: u8) -> Claim {
    let key = network::key(number);
    let bytes = vec![number; 100];
    let signature = key.sign(&bytes);
    Claim { public_key: key.public_key(), bytes, signature }
}

#[test]
fn all_small_order_signatures_verify_singly_and_batched() {
    let claims = small_order_claims();
    assert_eq!(singly(&claims), vec![true; 196]);
    assert_eq!(verify_batch(&claims), vec![true; 196]);
    for pair in claims.chunks(2) {
        assert_eq!(verify_batch(pair), [true, true]);
    }
}

#[test]
fn company_changes_no_verdict() {
    let mut claims = small_order_claims();
    claims.extend((1..=20).map(honest_claim));
    let forged = [0, 100, 196, 215];
    for index in forged {
        claims[index].signature.0[40] ^= 1;
    }
    let verdicts = verify_batch(&claims);
    assert_eq!(verdicts, singly(&claims));
    let refused: Vec<usize> = (0..claims.len()).filter(|&index| !verdicts[index]).collect();
    assert_eq!(refused, forged);
}

#[test]
fn whatever_is_changed_is_refused() {
    let right = honest_claim(1);
    let beside = honest_claim(2);
    let mut wrong_bytes = right.clone();
    wrong_bytes.bytes.push(0);
    let mut wrong_key = right.clone();
    wrong_key.public_key = beside.public_key;
    let mut no_point = right.clone();
    no_point.public_key.0 = [2; 32];
    // The group's order added to the scalar: the same number, written so that it could be forged.
    let mut large_scalar = right.clone();
    large_scalar.signature.0[63] |= 0xe0;
    for wrong in [wrong_bytes, wrong_key, no_point, large_scalar] {
        assert!(!wrong.public_key.verifies(&wrong.bytes, &wrong.signature));
        assert_eq!(verify_batch(&[right.clone(), wrong, beside.clone()]), [true, false, true]);
    }
    assert_eq!(verify_batch(&[]), Vec::<bool>::new());
    assert_eq!(verify_batch(&[right]), [true]);
}
