//! What the kernel driver says about the machine's GPUs.
//!
//! KFD lists every GPU under `/sys/class/kfd/kfd/topology/nodes`. Its `gfx_target_version` is that of
//! the silicon: `HSA_OVERRIDE_GFX_VERSION` changes only what the runtime reports. A device of the
//! runtime is matched to its node by PCI address.

use super::device::pci_address;
use crate::config::config;
use crate::error::{Error, Result};
use std::fmt;
use std::path::Path;

/// An architecture, `gfx1010` and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Architecture {
    pub major: u16,
    pub minor: u8,
    pub stepping: u8,
}

impl Architecture {
    /// From KFD's number: `100100` is major 10, minor 1, stepping 0.
    pub fn from_target_version(version: u32) -> Architecture {
        Architecture {
            major: (version / 10_000) as u16,
            minor: (version / 100 % 100) as u8,
            stepping: (version % 100) as u8,
        }
    }

    /// From the value of `HSA_OVERRIDE_GFX_VERSION`: `10.3.0`.
    pub fn from_override(text: &str) -> Option<Architecture> {
        let mut parts = text.trim().split('.');
        let architecture = Architecture {
            major: parts.next()?.parse().ok()?,
            minor: parts.next()?.parse().ok()?,
            stepping: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(architecture)
    }
}

impl fmt::Display for Architecture {
    /// Minor and stepping are hexadecimal digits, as in `gfx90a`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gfx{}{:x}{:x}", self.major, self.minor, self.stepping)
    }
}

/// Where a device sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PciAddress {
    pub domain: u32,
    /// Bus in bits 8 to 15, device in 3 to 7, function in 0 to 2.
    pub location: u32,
}

impl PciAddress {
    /// From `0000:03:00.0`, HIP's and the kernel's text form.
    pub fn parse(text: &str) -> Option<PciAddress> {
        let (rest, function) = text.trim().rsplit_once('.')?;
        let mut parts = rest.split(':');
        let mut hexadecimal = || u32::from_str_radix(parts.next()?, 16).ok();
        let (domain, bus, device) = (hexadecimal()?, hexadecimal()?, hexadecimal()?);
        let function = u32::from_str_radix(function, 16).ok()?;
        Some(PciAddress { domain, location: bus << 8 | device << 3 | function })
    }
}

/// A GPU as KFD describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Its number in the driver's list.
    pub number: u32,
    /// Of the silicon, whatever the runtime was told.
    pub architecture: Architecture,
    pub pci: PciAddress,
    pub compute_units: u32,
}

/// The GPUs under a topology folder, in the order of their node numbers.
pub fn nodes(topology: &Path) -> Vec<Node> {
    let Ok(entries) = std::fs::read_dir(topology.join("nodes")) else {
        return Vec::new();
    };
    let mut found: Vec<Node> = entries
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            let properties = std::fs::read_to_string(entry.path().join("properties")).ok()?;
            parse_properties(number, &properties)
        })
        .collect();
    found.sort_by_key(|node| node.number);
    found
}

/// RDNA1 by its PCI device ids, for drivers before Linux 5.15, which list no `gfx_target_version`
/// (ids: `amdgpu_drv.c` of Linux).
pub fn architecture_of_device_id(device_id: u32) -> Option<Architecture> {
    let stepping = match device_id {
        0x7310..=0x731f => 0, // Navi 10
        0x7360..=0x7362 => 1, // Navi 12
        0x7340..=0x734f => 2, // Navi 14
        _ => return None,
    };
    Some(Architecture { major: 10, minor: 1, stepping })
}

/// `None` for a node that is no GPU.
fn parse_properties(number: u32, text: &str) -> Option<Node> {
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(' ')?;
            (key == name).then(|| value.trim().parse::<u32>().ok())?
        })
    };
    let architecture = match value("gfx_target_version").filter(|&version| version != 0) {
        Some(version) => Architecture::from_target_version(version),
        None => architecture_of_device_id(value("device_id")?)?,
    };
    let simds_in_unit = value("simd_per_cu").filter(|&count| count != 0)?;
    Some(Node {
        number,
        architecture,
        pci: PciAddress { domain: value("domain").unwrap_or(0), location: value("location_id")? },
        compute_units: value("simd_count")? / simds_in_unit,
    })
}

/// The node of a device of the runtime.
///
/// # Errors
/// What HIP reports; `NotInitialized` where KFD does not list the device.
pub fn node_of_device(ordinal: u32) -> Result<Node> {
    let pci = pci_address(ordinal)?;
    let nodes = nodes(&config().kfd_topology);
    nodes.iter().find(|node| Some(node.pci) == pci).copied().ok_or_else(|| {
        Error::new(
            crate::error::Status::NotInitialized,
            format!("device {ordinal} is not listed in {}", config().kfd_topology.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_are_read_in_both_forms() {
        let navi10 = Architecture { major: 10, minor: 1, stepping: 0 };
        assert_eq!(Architecture::from_target_version(100_100), navi10);
        assert_eq!(Architecture::from_override("10.1.0"), Some(navi10));
        assert_eq!(Architecture::from_override("10.1"), None);
        assert_eq!(Architecture::from_override("10.1.0.0"), None);
        assert_eq!(navi10.to_string(), "gfx1010");
        assert_eq!(Architecture::from_target_version(90_010).to_string(), "gfx90a");
    }

    #[test]
    fn pci_addresses_agree_with_location_ids() {
        let address = PciAddress::parse("0000:0b:00.1").unwrap();
        assert_eq!(address, PciAddress { domain: 0, location: 0x0b01 });
        assert_eq!(PciAddress::parse("0b"), None);
    }

    #[test]
    fn a_cpu_node_is_no_gpu() {
        assert_eq!(
            parse_properties(0, "simd_count 0\ngfx_target_version 0\nlocation_id 0\n"),
            None
        );
        let gpu = parse_properties(
            1,
            "simd_count 72\nsimd_per_cu 2\ngfx_target_version 100100\nlocation_id 768\ndomain 0\n",
        );
        assert_eq!(gpu.map(|node| node.compute_units), Some(36));
    }

    #[test]
    fn an_old_drivers_card_is_known_by_its_device_id() {
        let text = "simd_count 44\nsimd_per_cu 2\nlocation_id 768\ndevice_id 29504\n";
        let node = parse_properties(2, text).unwrap();
        assert_eq!((node.number, node.architecture.to_string().as_str()), (2, "gfx1012"));
        let other = "simd_count 44\nsimd_per_cu 2\nlocation_id 768\ndevice_id 26287\n";
        assert_eq!(parse_properties(2, other), None);
    }
}
