//! Merkle trees as in RFC 9162, section 2.1: SHA-256, `0x00` before leaves, `0x01` before nodes.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A hash of a leaf or a node.
pub type Hash = [u8; 32];

/// The hash of a leaf.
pub fn leaf(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The largest power of two that is smaller than a count of two or more.
fn split(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

/// The root of a tree with these leaves (section 2.1.1).
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(&root(left), &root(right))
        }
    }
}

/// Shows that a leaf is in a tree (section 2.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The place of the leaf, from 0.
    pub index: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The hashes beside the way from the leaf to the root, from below.
    pub path: Vec<Hash>,
}

impl Proof {
    /// The proof for a leaf of a tree; `None` when there is no such leaf.
    pub fn of(leaves: &[Hash], index: usize) -> Option<Self> {
        if index >= leaves.len() {
            return None;
        }
        let mut path = Vec::new();
        let (mut leaves_here, mut place) = (leaves, index);
        while leaves_here.len() > 1 {
            let (left, right) = leaves_here.split_at(split(leaves_here.len()));
            if place < left.len() {
                path.push(root(right));
                leaves_here = left;
            } else {
                path.push(root(left));
                place -= left.len();
                leaves_here = right;
            }
        }
        path.reverse();
        Some(Self { index: index as u64, size: leaves.len() as u64, path })
    }

    /// Whether it shows that a leaf with this hash is in the tree with this root (section 2.1.3.2).
    pub fn holds(&self, leaf: &Hash, root: &Hash) -> bool {
        if self.index >= self.size {
            return false;
        }
        let (mut place, mut last, mut hash) = (self.index, self.size - 1, *leaf);
        for beside in &self.path {
            if last == 0 {
                return false;
            }
            if place & 1 == 1 || place == last {
                hash = node(beside, &hash);
                while place & 1 == 0 && place != 0 {
                    place >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node(&hash, beside);
            }
            place >>= 1;
            last >>= 1;
        }
        last == 0 && hash == *root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The leaves and roots that the implementations of Certificate Transparency test with.
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaves() -> Vec<Hash> {
        LEAVES.iter().map(|it| leaf(&hex::decode(it).expect("hex"))).collect()
    }

    #[test]
    fn the_roots_are_the_known_ones() {
        for (count, known) in ROOTS.iter().enumerate() {
            assert_eq!(hex::encode(root(&leaves()[..count])), *known, "{count} leaves");
        }
    }

    #[test]
    fn a_proof_holds_for_its_leaf_its_place_and_its_tree_alone() {
        let leaves = leaves();
        for size in 1..=leaves.len() {
            let tree = root(&leaves[..size]);
            for index in 0..size {
                let proof = Proof::of(&leaves[..size], index).expect("a proof");
                assert!(proof.holds(&leaves[index], &tree), "{index} of {size}");
                for other in (0..leaves.len()).filter(|it| *it != index) {
                    assert!(!proof.holds(&leaves[other], &tree));
                    let moved = Proof { index: other as u64, ..proof.clone() };
                    assert!(!moved.holds(&leaves[index], &tree), "{index} of {size} as {other}");
                }
                let mut longer = proof.clone();
                longer.path.push([0; 32]);
                assert!(!longer.holds(&leaves[index], &tree));
                let mut shorter = proof.clone();
                if shorter.path.pop().is_some() {
                    assert!(!shorter.holds(&leaves[index], &tree));
                }
                assert!(!proof.holds(&leaves[index], &[7; 32]));
            }
            assert_eq!(Proof::of(&leaves[..size], size), None);
        }
    }
}
