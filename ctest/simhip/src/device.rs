//! What the devices are.
#![forbid(unsafe_code)]

use crate::config::{Config, config};
use crate::counts::Card;

/// A card as its maker describes it.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    pub silicon: &'static str,
    pub name: &'static str,
    /// PCI device.
    pub device_id: u32,
    pub card: Card,
    pub bus_bits: u32,
    pub memory_clock_mhz: u32,
}

/// One card for each processor that the tests ask for; figures from AMD's product pages.
const MODELS: [Model; 6] = [
    Model {
        silicon: "gfx1010",
        name: "AMD Radeon RX 5600 XT",
        device_id: 0x731f,
        card: Card { compute_units: 36, clock_mhz: 1560.0, memory_gb_per_s: 288.0 },
        bus_bits: 192,
        memory_clock_mhz: 875,
    },
    Model {
        silicon: "gfx1011",
        name: "AMD Radeon Pro V520",
        device_id: 0x7362,
        card: Card { compute_units: 36, clock_mhz: 1600.0, memory_gb_per_s: 512.0 },
        bus_bits: 2048,
        memory_clock_mhz: 1000,
    },
    Model {
        silicon: "gfx1012",
        name: "AMD Radeon RX 5500 XT",
        device_id: 0x7340,
        card: Card { compute_units: 22, clock_mhz: 1845.0, memory_gb_per_s: 224.0 },
        bus_bits: 128,
        memory_clock_mhz: 875,
    },
    Model {
        silicon: "gfx1030",
        name: "AMD Radeon RX 6800",
        device_id: 0x73bf,
        card: Card { compute_units: 60, clock_mhz: 2105.0, memory_gb_per_s: 512.0 },
        bus_bits: 256,
        memory_clock_mhz: 1000,
    },
    Model {
        silicon: "gfx1031",
        name: "AMD Radeon RX 6700 XT",
        device_id: 0x73df,
        card: Card { compute_units: 40, clock_mhz: 2581.0, memory_gb_per_s: 384.0 },
        bus_bits: 192,
        memory_clock_mhz: 1000,
    },
    Model {
        silicon: "gfx1032",
        name: "AMD Radeon RX 6600 XT",
        device_id: 0x73ff,
        card: Card { compute_units: 32, clock_mhz: 2589.0, memory_gb_per_s: 256.0 },
        bus_bits: 128,
        memory_clock_mhz: 1000,
    },
];

#[derive(Clone, Debug)]
pub struct Device {
    pub index: usize,
    /// What the machine code runs on.
    pub silicon: String,
    /// What HIP says it is.
    pub reported: String,
    pub model: Model,
    pub memory_bytes: u64,
    pub pci_domain: u32,
    pub pci_bus: u32,
}

/// PCI vendor AMD.
pub const VENDOR_ID: u32 = 0x1002;
/// Bus of the first card and distance of the others, as boards number their slots.
const FIRST_BUS: u32 = 3;
const BUS_STEP: u32 = 4;

impl Device {
    pub fn all(config: &Config) -> Vec<Device> {
        let make = |(index, silicon): (usize, &String)| Device {
            index,
            silicon: silicon.clone(),
            reported: config.reported.clone().unwrap_or_else(|| silicon.clone()),
            model: *MODELS.iter().find(|m| m.silicon == silicon).unwrap_or(&MODELS[0]),
            memory_bytes: config.memory_bytes,
            pci_domain: 0,
            pci_bus: FIRST_BUS + BUS_STEP * index as u32,
        };
        config.silicon.iter().enumerate().map(make).collect()
    }

    /// `0000:03:00.0`.
    pub fn pci_bus_id(&self) -> String {
        format!("{:04x}:{:02x}:00.0", self.pci_domain, self.pci_bus)
    }

    /// Major, minor and stepping of a processor's name.
    pub fn version(name: &str) -> (u32, u32, u32) {
        let digits = name.strip_prefix("gfx").unwrap_or("1010");
        let split = digits.len().saturating_sub(2);
        let hex = |text: &str| u32::from_str_radix(text, 16).unwrap_or(0);
        let major = digits[..split].parse().unwrap_or(10);
        (major, hex(&digits[split..split + 1]), hex(&digits[split + 1..]))
    }
}

pub fn devices() -> &'static [Device] {
    static DEVICES: std::sync::OnceLock<Vec<Device>> = std::sync::OnceLock::new();
    DEVICES.get_or_init(|| Device::all(config()))
}
