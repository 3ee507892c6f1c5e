//! A colour for every category: stable, and distinct from its neighbours in the tree.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};

/// Neighbours are at least this many degrees apart.
const APART: u16 = 40;
/// Degrees to go on by when a hue is too near: the golden angle, which never comes back early.
const STEP: u16 = 137;

/// Hues in degrees (0 to 359). A category keeps its hue unless its neighbour above is too near to it.
pub(super) fn hues(categories: &BTreeSet<&str>) -> BTreeMap<String, u16> {
    let mut above: Option<u16> = None;
    let mut hues = BTreeMap::new();
    for name in categories {
        let mut hue = home(name);
        while above.is_some_and(|above| distance(above, hue) < APART) {
            hue = (hue + STEP) % 360;
        }
        above = Some(hue);
        hues.insert((*name).to_string(), hue);
    }
    hues
}

fn distance(a: u16, b: u16) -> u16 {
    let between = a.abs_diff(b);
    between.min(360 - between)
}

/// FNV-1a of the name, in steps of 15 degrees.
fn home(name: &str) -> u16 {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    ((hash >> 7) % 24) as u16 * 15
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn neighbours_never_look_alike(names in prop::collection::btree_set("[a-z]{1,8}", 1..40)) {
            let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            let hues: Vec<u16> = hues(&names).into_values().collect();
            for pair in hues.windows(2) {
                let (one_way, other_way) = ((pair[0] + 360 - pair[1]) % 360, (pair[1] + 360 - pair[0]) % 360);
                prop_assert!(one_way >= APART && other_way >= APART, "{pair:?}");
            }
        }
    }

    /// People know them by their colours, and nodes of two versions show the same ones.
    #[test]
    fn the_colour_of_a_name_is_fixed() {
        let alone = |name| hues(&BTreeSet::from([name]))[name];
        assert_eq!(["customers", "infra", "日本"].map(alone), [255, 150, 180]);
    }

    #[test]
    fn a_category_keeps_its_colour_when_others_come_far_from_it() {
        let few = hues(&BTreeSet::from(["customers", "infra"]));
        let more = hues(&BTreeSet::from(["customers", "infra", "zoo"]));
        assert_eq!(few["customers"], more["customers"]);
        assert_eq!(few["infra"], more["infra"]);
    }
}
