//! What a launch did: instructions by class, lanes, bytes, and an estimate of its time on a card.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::exec::{Stats, Tally};
use crate::isa::{Class, LANES, Op, Valu};
use crate::launch::Launch;
use crate::report::quote;

#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub kernel: String,
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub vgprs: u16,
    pub lds_bytes: u32,
    /// Wave instructions, by `Class`.
    pub by_class: [u64; Class::COUNT],
    /// Wave instructions, by mnemonic without the encoding's suffix.
    pub by_mnemonic: BTreeMap<String, u64>,
    /// Multiply-adds of active lanes (two a lane for packed f16).
    pub fma_lanes: u64,
    /// 32 for every vector instruction.
    pub valu_lanes_issued: u64,
    /// Active lanes of vector instructions.
    pub valu_lanes_active: u64,
    pub stats: Stats,
}

impl Counts {
    pub fn collect(launch: &Launch, parts: &[(Vec<Tally>, Stats)]) -> Self {
        let mut counts = Counts {
            kernel: launch.kernel.name.clone(),
            grid: launch.grid,
            block: launch.block,
            vgprs: launch.kernel.vgprs,
            lds_bytes: launch.kernel.lds_bytes + launch.dynamic_lds_bytes,
            ..Counts::default()
        };
        for (tallies, stats) in parts {
            for (at, tally) in tallies.iter().enumerate().filter(|(_, t)| t.runs > 0) {
                counts.add(launch, at, tally);
            }
            counts.stats.add(stats);
        }
        counts
    }

    fn add(&mut self, launch: &Launch, at: usize, tally: &Tally) {
        let inst = &launch.code.insts[at];
        self.by_class[inst.class as usize] += tally.runs;
        let text = launch.code.text[at].split(' ').next().unwrap_or("");
        let mnemonic = crate::decode::vector::base_mnemonic(text);
        match self.by_mnemonic.get_mut(mnemonic) {
            Some(count) => *count += tally.runs,
            None => {
                self.by_mnemonic.insert(mnemonic.to_string(), tally.runs);
            }
        }
        if let Op::Valu(op) = inst.op {
            self.valu_lanes_issued += tally.runs * LANES as u64;
            self.valu_lanes_active += tally.lanes;
            if let Valu::Arith(op) = op {
                self.fma_lanes += tally.lanes * u64::from(op.multiply_adds());
            }
        }
    }

    pub fn instructions(&self) -> u64 {
        self.by_class.iter().sum()
    }

    pub fn class(&self, class: Class) -> u64 {
        self.by_class[class as usize]
    }

    /// One line of JSON.
    pub fn to_json(&self, device: usize, estimate_us: f64, host_us: f64) -> String {
        let mut text = format!(
            "{{\"event\":\"launch\",\"device\":{device},\"kernel\":{},\"grid\":{:?},\"block\":{:?},\
             \"vgprs\":{},\"lds_bytes\":{},\"instructions\":{},\"classes\":{{",
            quote(&self.kernel),
            self.grid,
            self.block,
            self.vgprs,
            self.lds_bytes,
            self.instructions()
        );
        for (k, name) in Class::NAMES.iter().enumerate() {
            let comma = if k == 0 { "" } else { "," };
            let _ = write!(text, "{comma}\"{name}\":{}", self.by_class[k]);
        }
        let s = &self.stats;
        let _ = write!(
            text,
            "}},\"fma_lanes\":{},\"valu_lanes_issued\":{},\"valu_lanes_active\":{},\
             \"vmem_load_bytes\":{},\"vmem_store_bytes\":{},\"vmem_lines\":{},\"smem_bytes\":{},\
             \"lds_read_bytes\":{},\"lds_write_bytes\":{},\"lds_conflict_cycles\":{},\
             \"estimate_us\":{estimate_us:.3},\"host_us\":{host_us:.0},\"mnemonics\":{{",
            self.fma_lanes,
            self.valu_lanes_issued,
            self.valu_lanes_active,
            s.vmem_load_bytes,
            s.vmem_store_bytes,
            s.vmem_lines,
            s.smem_bytes,
            s.lds_read_bytes,
            s.lds_write_bytes,
            s.lds_conflict_cycles,
        );
        for (k, (name, count)) in self.by_mnemonic.iter().enumerate() {
            let comma = if k == 0 { "" } else { "," };
            let _ = write!(text, "{comma}{}:{count}", quote(name));
        }
        text.push_str("}}");
        text
    }
}

impl Stats {
    fn add(&mut self, other: &Stats) {
        self.vmem_load_bytes += other.vmem_load_bytes;
        self.vmem_store_bytes += other.vmem_store_bytes;
        self.vmem_lines += other.vmem_lines;
        self.smem_bytes += other.smem_bytes;
        self.lds_read_bytes += other.lds_read_bytes;
        self.lds_write_bytes += other.lds_write_bytes;
        self.lds_conflict_cycles += other.lds_conflict_cycles;
    }
}

/// Figures of a card for the estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Card {
    pub compute_units: u32,
    pub clock_mhz: f64,
    pub memory_gb_per_s: f64,
}

/// A simple model of the time of a launch, in microseconds: the slowest of the vector units, the
/// LDS, and memory, as if each were perfectly busy, plus a fixed cost of starting.
///
/// A compute unit has two SIMDs, each of which issues one wave32 vector instruction a cycle, and one
/// LDS that moves 128 bytes a cycle. Memory traffic is the bytes that lanes asked for by lines
/// of 128 bytes, over four times the bandwidth of the card's memory: three quarters are taken to hit
/// the caches. This is for comparing kernels with each other, not a prediction.
pub fn estimate_us(counts: &Counts, card: &Card) -> f64 {
    let cycles_a_us = card.clock_mhz;
    let units = f64::from(card.compute_units);
    let groups: f64 = counts.grid.iter().map(|&n| f64::from(n)).product();
    // Workgroups that do not fill the card leave units idle.
    let busy = units.min(groups.max(1.0));
    let valu = (counts.class(Class::Fma) + counts.class(Class::Valu)) as f64 / (2.0 * busy);
    let lds_bytes = (counts.stats.lds_read_bytes + counts.stats.lds_write_bytes) as f64;
    let lds = (lds_bytes / 128.0 + counts.stats.lds_conflict_cycles as f64) / busy;
    let traffic = counts.stats.vmem_lines as f64 * 128.0 / 4.0;
    let memory_us = traffic / (card.memory_gb_per_s * 1e3);
    START_US + (valu / cycles_a_us).max(lds / cycles_a_us).max(memory_us)
}

/// Time that an empty kernel takes on a stream, order of magnitude.
const START_US: f64 = 5.0;
