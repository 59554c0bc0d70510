//! What an interpreted GPU did: instructions of each launch, and an estimate of the time that a card
//! would take.
//!
//! simhip, the stand-in GPU of the tests, appends a JSON line for each launch to the file that
//! `SIMHIP_REPORT` names; a real runtime writes none.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use MIOpen::problem::ConvProblem;
use serde::{Deserialize, Serialize};

use crate::ending::Failure;

const REPORT: &str = "SIMHIP_REPORT";
const KFD: &str = "SIMHIP_KFD";
const TOPOLOGY: &str = "MIOPEN_BYPASS_KFD_TOPOLOGY";

/// Cards for the estimate: compute units, boost clock, and bandwidth of memory, as AMD states them.
const CARDS: [Card; 2] = [
    Card { name: "RX 5600 XT", compute_units: 36.0, clock_mhz: 1560.0, bytes_per_us: 288e3 },
    Card { name: "RX 5700 XT", compute_units: 40.0, clock_mhz: 1905.0, bytes_per_us: 448e3 },
];

struct Card {
    name: &'static str,
    compute_units: f64,
    clock_mhz: f64,
    bytes_per_us: f64,
}

/// What a launch adds to a stream that is busy: an assumption, no card was measured.
const LAUNCH_US: f64 = 3.0;
const SIMDS: f64 = 2.0;
/// What the local memory (LDS) of a compute unit moves in a cycle.
const LDS_BYTES_PER_CYCLE: f64 = 128.0;
const WAVE_LANES: f64 = 32.0;

/// Starts this process over with simhip as its HIP runtime, and its files in a folder of their own;
/// returns only if that is so already, or if it failed.
pub fn start_on_simhip(library: &Path) -> Result<(), Failure> {
    let library = library
        .canonicalize()
        .map_err(|error| Failure::failed(format!("{}: {error}", library.display())))?;
    let preloaded = std::env::var_os("LD_PRELOAD").unwrap_or_default();
    if std::env::split_paths(&preloaded).any(|path| path == library) {
        return Ok(());
    }
    let folder = std::env::temp_dir().join(format!("miopen-bypass-simhip-{}", std::process::id()));
    let mut args = std::env::args_os();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg0(args.next().unwrap_or_default()).args(args);
    let mut list = vec![library];
    list.extend(std::env::split_paths(&preloaded));
    let list = std::env::join_paths(list).map_err(|error| Failure::failed(error.to_string()))?;
    command.env("LD_PRELOAD", list);
    std::fs::create_dir_all(&folder)?;
    for (name, value) in [
        (KFD, folder.clone()),
        (TOPOLOGY, folder.join("topology")),
        (REPORT, folder.join("report.jsonl")),
    ] {
        command.env(name, value);
    }
    Err(Failure::failed(format!("cannot start over: {}", command.exec())))
}

/// Removes the files of a run that [`start_on_simhip`] started. Left over at worst.
pub fn clean_up() {
    let is_ours = |path: &Path| {
        let name = format!("miopen-bypass-simhip-{}", std::process::id());
        path.file_name().is_some_and(|own| own == name.as_str())
    };
    if let Some(folder) = std::env::var_os(KFD).map(PathBuf::from).filter(|path| is_ours(path)) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// A launch, as simhip reports it.
#[derive(Deserialize)]
struct Launch {
    kernel: String,
    grid: [u64; 3],
    block: [u64; 3],
    instructions: u64,
    classes: Classes,
    fma_lanes: u64,
    valu_lanes_issued: u64,
    lds_read_bytes: u64,
    lds_write_bytes: u64,
    lds_conflict_cycles: u64,
}

#[derive(Deserialize)]
struct Classes {
    fma: u64,
    valu_other: u64,
}

/// The launches of one convolution together.
#[derive(Clone, Debug, Serialize)]
pub struct Counts {
    pub kernels: Vec<String>,
    pub wave_instructions: u64,
    pub fma_lanes: u64,
    pub valu_lanes_issued: u64,
    /// Multiply-adds that the convolution asks for, padding counted as data, over the lanes of all
    /// vector instructions: packing, partial tiles and sums of parts included.
    pub useful_fma_lanes: f64,
    pub lds_conflict_cycles: u64,
    /// For each card, by the model; no measurement.
    pub estimates: Vec<Estimate>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    pub card: &'static str,
    pub estimated_us: f64,
    pub estimated_gflops: f64,
}

/// Reads what simhip reports.
pub struct Reader {
    path: PathBuf,
    position: u64,
}

impl Reader {
    /// `None` where nothing is reported.
    pub fn new() -> Option<Reader> {
        let path = PathBuf::from(std::env::var_os(REPORT)?);
        let position = std::fs::metadata(&path).map_or(0, |file| file.len());
        Some(Reader { path, position })
    }

    /// The launches since the last call.
    pub fn counts(
        &mut self,
        problem: &ConvProblem,
        workspace_bytes: usize,
    ) -> Result<Option<Counts>, Failure> {
        let failed = |error| Failure::failed(format!("{}: {error}", self.path.display()));
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed)?,
        };
        file.seek(SeekFrom::Start(self.position)).map_err(failed)?;
        let mut launches = Vec::new();
        for line in BufReader::new(file).lines() {
            let line = line.map_err(failed)?;
            self.position += line.len() as u64 + 1;
            // Other lines tell of other things.
            launches.extend(serde_json::from_str::<Launch>(&line));
        }
        let bytes = problem.tensor_bytes() + 2.0 * workspace_bytes as f64;
        Ok((!launches.is_empty()).then(|| Counts::of(&launches, problem.multiply_adds(), bytes)))
    }
}

impl Counts {
    /// `bytes`: what passes to and from the card's memory.
    fn of(launches: &[Launch], multiply_adds: f64, bytes: f64) -> Counts {
        let sum = |value: fn(&Launch) -> u64| launches.iter().map(value).sum::<u64>();
        let valu_lanes_issued = sum(|launch| launch.valu_lanes_issued);
        let estimates = CARDS.iter().map(|card| {
            let compute_us: f64 = launches.iter().map(|launch| card.compute_us(launch)).sum();
            let memory_us = bytes / card.bytes_per_us;
            let estimated_us = compute_us.max(memory_us) + LAUNCH_US * launches.len() as f64;
            Estimate {
                card: card.name,
                estimated_us,
                estimated_gflops: 2.0 * multiply_adds / estimated_us * 1e-3,
            }
        });
        Counts {
            kernels: launches.iter().map(|launch| launch.kernel.clone()).collect(),
            wave_instructions: sum(|launch| launch.instructions),
            fma_lanes: sum(|launch| launch.fma_lanes),
            valu_lanes_issued,
            useful_fma_lanes: multiply_adds / valu_lanes_issued.max(1) as f64,
            lds_conflict_cycles: sum(|launch| launch.lds_conflict_cycles),
            estimates: estimates.collect(),
        }
    }

    /// Lines for people.
    pub fn lines(&self) -> Vec<String> {
        let estimates: Vec<String> = self
            .estimates
            .iter()
            .map(|estimate| {
                let Estimate { card, estimated_us, estimated_gflops } = estimate;
                format!("{card} {estimated_us:.0} us, {estimated_gflops:.0} GFLOP/s")
            })
            .collect();
        vec![
            format!(
                "    {}: {} wave instructions, {} LDS conflict cycles",
                self.kernels.join(", "),
                self.wave_instructions,
                self.lds_conflict_cycles
            ),
            format!(
                "    useful FMA lanes {:.3} of the vector lanes issued; estimated, not measured: {}",
                self.useful_fma_lanes,
                estimates.join("; ")
            ),
        ]
    }
}

impl Card {
    /// The slower of vector issue and LDS, each perfectly busy: a SIMD issues a vector instruction
    /// of 32 lanes in a cycle. Blocks go to the units evenly, and the last round may be thin.
    fn compute_us(&self, launch: &Launch) -> f64 {
        let product = |lengths: &[u64; 3]| lengths.iter().map(|&len| len as f64).product::<f64>();
        let blocks = product(&launch.grid).max(1.0);
        let waves_per_block = (product(&launch.block) / WAVE_LANES).ceil();
        let blocks_per_unit = (blocks / self.compute_units).ceil();
        let per_block = (launch.classes.fma + launch.classes.valu_other) as f64 / blocks;
        let valu = (blocks_per_unit * waves_per_block / SIMDS).ceil() * per_block / waves_per_block;
        let lds_bytes = (launch.lds_read_bytes + launch.lds_write_bytes) as f64;
        let lds_cycles = lds_bytes / LDS_BYTES_PER_CYCLE + launch.lds_conflict_cycles as f64;
        let lds = lds_cycles / blocks * blocks_per_unit;
        valu.max(lds) / self.clock_mhz
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(blocks: u64, fma: u64, lds_read_bytes: u64) -> Launch {
        Launch {
            kernel: "k".into(),
            grid: [blocks, 1, 1],
            block: [64, 1, 1],
            instructions: fma,
            classes: Classes { fma, valu_other: 0 },
            fma_lanes: 32 * fma,
            valu_lanes_issued: 32 * fma,
            lds_read_bytes,
            lds_write_bytes: 0,
            lds_conflict_cycles: 0,
        }
    }

    #[test]
    fn the_slowest_part_counts() {
        // 72 blocks of two waves: two blocks a unit, two waves a SIMD, 1560 instructions each.
        let busy = launch(72, 72 * 2 * 1560, 0);
        let us = |launch: Launch, bytes: f64| {
            Counts::of(&[launch], 1.0, bytes).estimates[0].estimated_us - LAUNCH_US
        };
        assert!((us(busy, 0.0) - 2.0).abs() < 1e-9);
        // One block more is a round more.
        assert!((us(launch(73, 73 * 2 * 1560, 0), 0.0) - 3.0).abs() < 1e-9);
        // Twice 1560 cycles of 128 bytes a block.
        assert!((us(launch(36, 1, 36 * 3120 * 128), 0.0) - 2.0).abs() < 1e-9);
        assert!((us(launch(36, 1, 0), 288e3 * 7.0) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn useful_lanes_are_those_of_the_problem() {
        let counts = Counts::of(&[launch(1, 100, 0), launch(1, 28, 0)], 2048.0, 0.0);
        assert!((counts.useful_fma_lanes - 0.5).abs() < 1e-12);
        assert_eq!((counts.wave_instructions, counts.fma_lanes), (128, 4096));
    }
}
