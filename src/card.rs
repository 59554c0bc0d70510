//! The card that a convolution runs on: what it is, what the runtime calls it, and which MIOpen
//! serves it.
#![forbid(unsafe_code)]

use crate::error::Result;
use crate::hip::topology::{Architecture, Node, node_of_device};
use std::ffi::OsString;
use std::fmt;
use std::sync::OnceLock;

/// The version that `miopenGetVersion` of the real library tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LibraryVersion {
    pub major: u16,
    pub minor: u16,
    pub patch: u16,
}

impl LibraryVersion {
    pub const fn new(major: u16, minor: u16, patch: u16) -> LibraryVersion {
        LibraryVersion { major, minor, patch }
    }

    /// The inverse of the display form, `3.2.0`.
    pub fn parse(text: &str) -> Option<LibraryVersion> {
        let mut parts = text.split('.').map(|part| part.parse::<u16>().ok());
        let version = LibraryVersion::new(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for LibraryVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

static LIBRARY_VERSION: OnceLock<LibraryVersion> = OnceLock::new();

/// Tells which release of MIOpen this process forwards to; the first word counts.
pub fn set_library_version(version: LibraryVersion) {
    // A second library cannot be opened in the same process.
    let _ = LIBRARY_VERSION.set(version);
}

/// A GPU of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Card {
    /// Its number in the HIP runtime.
    pub ordinal: u32,
    /// Of the silicon, as the kernel driver knows it.
    pub physical: Architecture,
    /// What programs are told, and compile for: another one under `HSA_OVERRIDE_GFX_VERSION`.
    pub reported: Architecture,
    /// Of the real library; `None` where it is not known.
    pub library: Option<LibraryVersion>,
}

impl Card {
    /// A device of the HIP runtime, as it is in this process.
    ///
    /// # Errors
    /// What HIP reports; `NotInitialized` where the kernel driver does not list the device.
    pub fn of(ordinal: u32) -> Result<Card> {
        let node = node_of_device(ordinal)?;
        Ok(Card {
            ordinal,
            library: LIBRARY_VERSION.get().copied(),
            ..Card::of_node(&node, |name| std::env::var_os(name))
        })
    }

    /// A card of the driver's list, in the environment behind `lookup`; the ordinal is 0.
    pub fn of_node(node: &Node, lookup: impl Fn(&str) -> Option<OsString>) -> Card {
        // One node's own variable comes first (topology.c of ROCm's libhsakmt).
        let own = format!("HSA_OVERRIDE_GFX_VERSION_{}", node.number);
        let given = [own.as_str(), "HSA_OVERRIDE_GFX_VERSION"].into_iter().find_map(&lookup);
        let overridden = given.and_then(|text| Architecture::from_override(text.to_str()?));
        Card {
            ordinal: 0,
            physical: node.architecture,
            reported: overridden.unwrap_or(node.architecture),
            library: None,
        }
    }

    /// Whether the silicon is RDNA1: gfx1010 to gfx1013. All others are none of our business.
    pub fn is_affected(&self) -> bool {
        is_rdna1(self.physical)
    }

    /// Whether programs compile code for this card that was not made for its silicon.
    ///
    /// Code for gfx1010 runs on the others of its family, which only add dot products.
    pub fn runs_foreign_code(&self) -> bool {
        let plain = Architecture { stepping: 0, ..self.physical };
        self.reported != self.physical && !(self.is_affected() && self.reported == plain)
    }
}

/// Whether an architecture is of the RDNA1 family.
pub fn is_rdna1(architecture: Architecture) -> bool {
    architecture.major == 10 && architecture.minor == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hip::topology::PciAddress;

    fn card(version: u32, pairs: &[(&str, &str)]) -> Card {
        let node = Node {
            number: 1,
            architecture: Architecture::from_target_version(version),
            pci: PciAddress { domain: 0, location: 0x300 },
            compute_units: 36,
        };
        Card::of_node(&node, |name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn an_override_changes_what_is_reported_only() {
        let plain = card(100_100, &[]);
        assert!(plain.is_affected() && !plain.runs_foreign_code());
        let under = card(100_100, &[("HSA_OVERRIDE_GFX_VERSION", "10.3.0")]);
        assert_eq!(
            (under.physical.to_string(), under.reported.to_string().as_str()),
            ("gfx1010".to_owned(), "gfx1030")
        );
        assert!(under.is_affected() && under.runs_foreign_code());
        let pairs =
            [("HSA_OVERRIDE_GFX_VERSION", "10.3.0"), ("HSA_OVERRIDE_GFX_VERSION_1", "10.1.0")];
        assert!(!card(100_100, &pairs).runs_foreign_code());
        let other = [("HSA_OVERRIDE_GFX_VERSION_2", "10.3.0")];
        assert!(!card(100_100, &other).runs_foreign_code());
    }

    #[test]
    fn code_of_the_plain_chip_runs_in_its_family_and_not_the_reverse() {
        let under = |version: u32, text: &str| card(version, &[("HSA_OVERRIDE_GFX_VERSION", text)]);
        assert!(!under(100_102, "10.1.0").runs_foreign_code());
        assert!(under(100_100, "10.1.2").runs_foreign_code());
        assert!(under(100_102, "10.3.0").runs_foreign_code());
        let navi21 = under(100_300, "10.1.0");
        assert!(!navi21.is_affected() && navi21.runs_foreign_code());
    }

    #[test]
    fn versions_compare_as_numbers() {
        let parse = |text: &str| LibraryVersion::parse(text).unwrap();
        assert!(parse("2.9.0") < parse("2.15.0") && parse("2.15.0") < parse("3.0.0"));
        assert_eq!(parse("3.2.10").to_string(), "3.2.10");
        assert_eq!(LibraryVersion::parse("3.2"), None);
        assert_eq!(LibraryVersion::parse("3.2.1.0"), None);
    }
}
