//! The root of a tree of hashes, by RFC 6962: an own copy, so that the product's is not asked about
//! itself.

use types::Hash;

/// The root over leaves.
pub fn root<L: AsRef<[u8]>>(leaves: &[L]) -> Hash {
    match leaves {
        [] => Hash::of(&[]),
        [leaf] => Hash::of(&[&[0], leaf.as_ref()].concat()),
        leaves => {
            // The left side is the largest full tree that leaves something for the right.
            let left = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(left);
            Hash::of(&[&[1], root(left).as_bytes(), root(right).as_bytes()].concat())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_trees_written_apart_agree() {
        let leaves: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![number; 3]).collect();
        for count in 0..leaves.len() {
            assert_eq!(root(&leaves[..count]), types::merkle::root(&leaves[..count]));
        }
    }
}
