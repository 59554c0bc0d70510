//! What the rules set in the real library's environment.
//!
//! The variables hold for the whole process. So nothing is set where the process can see a card
//! that is not RDNA1, and never what the user has set. `HSA_OVERRIDE_GFX_VERSION` is not ours to
//! touch: it is read by the runtime, not by MIOpen, and decides what every program compiles.
#![forbid(unsafe_code)]

use super::rules::{RULES, Rule};
use crate::card::Card;
use crate::config::{Device, RealLib, Strategy, config, live};
use crate::hip::topology::{Node, nodes};
use crate::real::set_before_load;
use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};

/// A variable that a rule asks for.
#[derive(Clone, Debug)]
pub struct Steered {
    pub name: &'static str,
    pub value: &'static str,
    pub rule: &'static Rule,
    /// What the user set it to; then it stays.
    pub users_value: Option<OsString>,
}

/// What the rules ask for on these cards, in the environment behind `lookup`.
pub fn steering(
    cards: &[Card],
    strategy: Strategy,
    lookup: impl Fn(&str) -> Option<OsString>,
) -> Vec<Steered> {
    if strategy == Strategy::Off || cards.is_empty() || !cards.iter().all(Card::is_affected) {
        return Vec::new();
    }
    let concerning = RULES.iter().filter(|rule| cards.iter().any(|card| rule.concerns(card)));
    concerning
        .flat_map(|rule| rule.steering.iter().map(move |(name, value)| (rule, *name, *value)))
        .map(|(rule, name, value)| Steered { name, value, rule, users_value: lookup(name) })
        .collect()
}

/// The cards that a process with this environment can see, in the driver's order.
///
/// Lists of numbers count; an entry of another form (a UUID) leaves the list as it is.
pub fn visible_cards(nodes: &[Node], lookup: impl Fn(&str) -> Option<OsString>) -> Vec<Card> {
    let mut cards: Vec<Card> = nodes.iter().map(|node| Card::of_node(node, &lookup)).collect();
    // The first hides devices from the runtime below HIP, the others from what HIP is left with.
    for name in ["ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"] {
        let Some(text) = lookup(name).and_then(|value| value.into_string().ok()) else { continue };
        let numbers: Result<Vec<usize>, _> = text.split(',').map(|n| n.trim().parse()).collect();
        if let Ok(numbers) = numbers {
            cards = numbers.iter().filter_map(|&at| cards.get(at).copied()).collect();
        }
    }
    cards
}

/// Sets what the rules ask for. To be called before the real library is opened, since it keeps the
/// values that it finds at first use; a second call does nothing.
pub fn steer_real_library() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let config = config();
    let stands_alone = config.device == Device::Cpu || config.real_lib == RealLib::None;
    if stands_alone || DONE.swap(true, Ordering::Relaxed) {
        return;
    }
    let lookup = |name: &str| std::env::var_os(name);
    let cards = visible_cards(&nodes(&config.kfd_topology), lookup);
    let wanted: Vec<(&str, &str)> = steering(&cards, live().strategy, lookup)
        .iter()
        .filter(|one| one.users_value.is_none())
        .map(|one| (one.name, one.value))
        .collect();
    set_before_load(&wanted);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hip::topology::{Architecture, PciAddress};

    fn node(number: u32, version: u32) -> Node {
        Node {
            number,
            architecture: Architecture::from_target_version(version),
            pci: PciAddress { domain: 0, location: number << 8 },
            compute_units: 36,
        }
    }

    fn names(
        nodes: &[Node],
        strategy: Strategy,
        pairs: &[(&str, &str)],
    ) -> Vec<(&'static str, bool)> {
        let lookup = |name: &str| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        let cards = visible_cards(nodes, lookup);
        let steered = steering(&cards, strategy, lookup);
        steered.iter().map(|one| (one.name, one.users_value.is_some())).collect()
    }

    #[test]
    fn a_native_card_searches_less_and_an_overridden_one_also_avoids_algorithms() {
        let navi10 = [node(1, 100_100)];
        let native = names(&navi10, Strategy::Auto, &[]);
        assert!(native.contains(&("MIOPEN_FIND_MODE", false)), "{native:?}");
        assert!(!native.iter().any(|one| one.0 == "MIOPEN_DEBUG_CONV_GEMM"), "{native:?}");
        let under = names(&navi10, Strategy::Auto, &[("HSA_OVERRIDE_GFX_VERSION", "10.3.0")]);
        assert!(under.contains(&("MIOPEN_DEBUG_CONV_GEMM", false)), "{under:?}");
        assert!(under.iter().all(|one| !one.0.starts_with("HSA_")), "{under:?}");
    }

    #[test]
    fn what_the_user_set_stays() {
        let set = names(&[node(1, 100_102)], Strategy::Auto, &[("MIOPEN_FIND_MODE", "1")]);
        assert!(set.contains(&("MIOPEN_FIND_MODE", true)), "{set:?}");
        assert_eq!(names(&[node(1, 100_102)], Strategy::Off, &[]), []);
    }

    #[test]
    fn no_other_card_is_steered() {
        assert_eq!(names(&[], Strategy::Auto, &[]), []);
        let under = [("HSA_OVERRIDE_GFX_VERSION", "10.1.0")];
        assert_eq!(names(&[node(1, 100_300)], Strategy::Auto, &under), []);
        let both = [node(1, 100_100), node(2, 90_010)];
        assert_eq!(names(&both, Strategy::Auto, &[]), []);
        assert_ne!(names(&both, Strategy::Auto, &[("HIP_VISIBLE_DEVICES", "0")]), []);
        assert_eq!(names(&both, Strategy::Auto, &[("HIP_VISIBLE_DEVICES", "1")]), []);
        let nested = [("ROCR_VISIBLE_DEVICES", "1,0"), ("HIP_VISIBLE_DEVICES", "1")];
        assert_ne!(names(&both, Strategy::Auto, &nested), []);
        let uuid = [("ROCR_VISIBLE_DEVICES", "GPU-0123456789abcdef")];
        assert_eq!(names(&both, Strategy::Auto, &uuid), []);
    }
}
