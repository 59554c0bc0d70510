//! GPUs, as the kernel's compute driver (KFD) describes them: what they are, whatever the
//! environment makes of them.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use MIOpen::card::Card;
use MIOpen::hip::topology::{Architecture, architecture_of_device_id};
use serde::Serialize;

/// AMD's vendor id on the PCI bus.
const AMD: u64 = 0x1002;

/// Device ids of RDNA1 cards and their names (source: the kernel's driver amdgpu, amdgpu_drv.c).
const RDNA1_DEVICES: [(std::ops::RangeInclusive<u64>, &str); 3] = [
    (0x7310..=0x731f, "Navi 10: Radeon RX 5600, 5700, Pro W5700"),
    (0x7340..=0x734f, "Navi 14: Radeon RX 5300, 5500, Pro W5500"),
    (0x7360..=0x7362, "Navi 12: Radeon Pro 5600M, V520"),
];

#[derive(Debug, Serialize)]
pub struct Gpu {
    /// Number of the node in the driver's topology.
    pub node: u32,
    /// The silicon: gfx1010.
    pub physical: String,
    /// What programs are told, with HSA_OVERRIDE_GFX_VERSION.
    pub reported: String,
    /// vendor:device, hexadecimal.
    pub pci: String,
    pub name: Option<&'static str>,
    pub is_rdna1: bool,
    #[serde(skip)]
    pub card: Card,
}

/// All GPUs of a topology folder, in the driver's order; `variable` reads the environment.
pub fn gpus(topology: &Path, variable: impl Fn(&str) -> Option<String>) -> Vec<Gpu> {
    let nodes = topology.join("nodes");
    let mut numbers: Vec<u32> = fs::read_dir(nodes.clone())
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    let mut gpus: Vec<Gpu> = Vec::new();
    for node in numbers {
        let text = fs::read_to_string(nodes.join(node.to_string()).join("properties"));
        // One node's own comes first (source: topology.c of ROCm's libhsakmt).
        let of_this = format!("HSA_OVERRIDE_GFX_VERSION_{node}");
        let given = variable(&of_this).or_else(|| variable("HSA_OVERRIDE_GFX_VERSION"));
        gpus.extend(text.ok().and_then(|text| gpu(node, &text, given.as_deref())));
    }
    gpus
}

/// `None`: a processor, which is a node too.
fn gpu(node: u32, properties: &str, given: Option<&str>) -> Option<Gpu> {
    let properties: HashMap<&str, u64> = properties
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, value)| Some((name, value.trim().parse().ok()?)))
        .collect();
    let of = |name: &str| properties.get(name).copied().unwrap_or(0);
    let (vendor, device) = (of("vendor_id"), of("device_id"));
    let physical = match u32::try_from(of("gfx_target_version")).ok()? {
        // A driver before Linux 5.15, or a processor.
        0 => architecture_of_device_id(u32::try_from(device).ok()?)?,
        version => Architecture::from_target_version(version),
    };
    let reported = given.and_then(Architecture::from_override).unwrap_or(physical);
    let known = RDNA1_DEVICES.iter().find(|(ids, _)| vendor == AMD && ids.contains(&device));
    let card = Card { ordinal: 0, physical, reported, library: None };
    Some(Gpu {
        node,
        physical: physical.to_string(),
        reported: reported.to_string(),
        pci: format!("{vendor:04x}:{device:04x}"),
        name: known.map(|(_, name)| *name),
        is_rdna1: card.is_affected(),
        card,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RX_5600_XT: &str =
        "cpu_cores_count 0\nvendor_id 4098\ndevice_id 29471\ngfx_target_version 100100\n";

    #[test]
    fn the_silicon_is_told_from_what_is_reported() {
        let found = gpu(1, RX_5600_XT, Some("10.3.0")).unwrap();
        assert_eq!((found.physical.as_str(), found.reported.as_str()), ("gfx1010", "gfx1030"));
        assert_eq!(found.pci, "1002:731f");
        assert!(found.is_rdna1 && found.name.unwrap().contains("5600"));
        assert_eq!(gpu(1, RX_5600_XT, None).unwrap().reported, "gfx1010");
        assert_eq!(gpu(1, RX_5600_XT, Some("nonsense")).unwrap().reported, "gfx1010");
    }

    #[test]
    fn processors_are_no_gpus_and_others_are_not_rdna1() {
        assert!(gpu(0, "cpu_cores_count 16\ngfx_target_version 0\n", None).is_none());
        let mi250 = gpu(2, "vendor_id 4098\ndevice_id 29708\ngfx_target_version 90010\n", None);
        let mi250 = mi250.unwrap();
        assert_eq!(mi250.physical, "gfx90a");
        assert!(!mi250.is_rdna1);
    }
}
