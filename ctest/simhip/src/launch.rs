//! A launch: workgroups over host threads, waves within a workgroup in turn.
#![forbid(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::counts::Counts;
use crate::exec::{Env, Stats, Tally, run};
use crate::fp::Mode;
use crate::isa::{Code, LANES, Row};
use crate::lds::Lds;
use crate::memory::View;
use crate::module::Kernel;
use crate::report::{Fault, Finding, Kind};
use crate::wave::{State, Wave};

/// Largest grid in work-items of one dimension, and most work-items of a workgroup.
pub const MAX_WORKGROUP: u32 = 1024;
/// LDS of a workgroup in CU mode.
pub const MAX_LDS_BYTES: u32 = 64 << 10;

/// Everything that a launch needs; addresses are the device's.
pub struct Launch<'a> {
    pub kernel: &'a Kernel,
    pub code: &'a Code,
    pub view: &'a View,
    pub image: u64,
    pub kernarg: u64,
    pub dispatch: u64,
    /// Workgroups in each dimension.
    pub grid: [u32; 3],
    /// Work-items of a workgroup in each dimension.
    pub block: [u32; 3],
    pub dynamic_lds_bytes: u32,
    pub threads: usize,
    pub instruction_limit: u64,
    pub lenient_range_check: bool,
}

/// Runs the launch to its end, or to the finding of the lowest workgroup that has one.
pub fn execute(launch: &Launch) -> Result<Counts, Box<Finding>> {
    if let Some(message) = unsupported(launch.kernel) {
        return Err(place(Fault::new(Kind::Unsupported, message), launch, [0; 3], None));
    }
    let groups: u64 = launch.grid.iter().map(|&n| u64::from(n)).product();
    let next = AtomicU64::new(0);
    let failed: Mutex<Option<(u64, Box<Finding>)>> = Mutex::new(None);
    let total: Mutex<Vec<(Vec<Tally>, Stats)>> = Mutex::new(Vec::new());
    let worker = || {
        let mut group = Workgroup::new(launch);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= groups {
                break;
            }
            if let Err(finding) = group.run(launch, index) {
                // Later workgroups need not run any more; earlier ones are under way.
                next.store(groups, Ordering::Relaxed);
                let mut failed = failed.lock().unwrap_or_else(|e| e.into_inner());
                if failed.as_ref().is_none_or(|(first, _)| index < *first) {
                    *failed = Some((index, finding));
                }
            }
        }
        let parts = (group.env.tallies, group.env.stats);
        total.lock().unwrap_or_else(|e| e.into_inner()).push(parts);
    };
    let threads = launch.threads.min(usize::try_from(groups).unwrap_or(usize::MAX)).max(1);
    if threads == 1 {
        worker();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(worker);
            }
        });
    }
    match failed.into_inner().unwrap_or_else(|e| e.into_inner()) {
        Some((_, finding)) => Err(finding),
        None => {
            let parts = total.into_inner().unwrap_or_else(|e| e.into_inner());
            Ok(Counts::collect(launch, &parts))
        }
    }
}

fn unsupported(kernel: &Kernel) -> Option<String> {
    if !kernel.wave32 {
        return Some("the kernel wants waves of 64 lanes: compile for wave32".into());
    }
    match kernel.private_bytes {
        0 => None,
        bytes => Some(format!("the kernel wants {bytes} bytes of scratch a lane")),
    }
}

/// Adds where a fault happened.
fn place(fault: Fault, launch: &Launch, group: [u32; 3], wave: Option<&Wave>) -> Box<Finding> {
    let mut finding = fault.0;
    finding.place.kernel = launch.kernel.name.clone();
    finding.place.workgroup = group;
    if let Some(wave) = wave {
        finding.place.wave = wave.id;
        if let Some(inst) = launch.code.insts.get(wave.at) {
            finding.place.pc = inst.pc;
            finding.place.instruction = launch.code.text[wave.at].clone();
        }
    }
    finding
}

/// Memory of one worker, used for one workgroup after the other.
struct Workgroup<'a> {
    waves: Vec<Wave>,
    env: Env<'a>,
    entry: usize,
}

impl<'a> Workgroup<'a> {
    fn new(launch: &Launch<'a>) -> Self {
        let items: u32 = launch.block.iter().product();
        let waves = items.div_ceil(LANES as u32);
        let instructions = launch.code.insts.len();
        let lds_bytes = launch.kernel.lds_bytes + launch.dynamic_lds_bytes;
        Workgroup {
            waves: (0..waves).map(|_| Wave::new()).collect(),
            env: Env {
                code: launch.code,
                view: launch.view,
                lds: Lds::new(lds_bytes, launch.code.sub_dword_lds),
                image: launch.image,
                tallies: vec![Tally::default(); instructions],
                hints: vec![0; instructions],
                patterns: vec![None; instructions],
                stats: Stats::default(),
                limit: launch.instruction_limit,
                lenient_range_check: launch.lenient_range_check,
            },
            entry: launch.code.index_at(launch.kernel.entry).map_or(usize::MAX, |k| k as usize),
        }
    }

    fn run(&mut self, launch: &Launch, index: u64) -> Result<(), Box<Finding>> {
        let [x, y, _] = launch.grid.map(u64::from);
        let group = [(index % x) as u32, (index / x % y) as u32, (index / x / y) as u32];
        self.env.lds.start_workgroup();
        for k in 0..self.waves.len() {
            start_wave(&mut self.waves[k], k as u32, launch, group, self.entry);
        }
        loop {
            for wave in &mut self.waves {
                if wave.state == State::Running
                    && let Err(fault) = run(wave, &mut self.env)
                {
                    return Err(place(fault, launch, group, Some(wave)));
                }
            }
            if self.waves.iter().all(|w| w.state == State::Ended) {
                return Ok(());
            }
            self.release_barrier(launch, group)?;
        }
    }

    /// All waves have stopped and at least one waits: they all must, at the same barrier.
    fn release_barrier(&mut self, launch: &Launch, group: [u32; 3]) -> Result<(), Box<Finding>> {
        let Some(first) = self.waves.iter().position(|w| w.state == State::AtBarrier) else {
            return Ok(());
        };
        let at = self.waves[first].at;
        for wave in &self.waves {
            let problem = match wave.state {
                State::Ended => Some("ended".to_string()),
                _ if wave.at != at => {
                    Some(format!("waits at another one, {:#x}", launch.code.insts[wave.at].pc))
                }
                _ => None,
            };
            if let Some(problem) = problem {
                let message =
                    format!("wave {first} waits at s_barrier, wave {} {problem}", wave.id);
                let fault = Fault::new(Kind::DivergentBarrier, message);
                return Err(place(fault, launch, group, Some(&self.waves[first])));
            }
        }
        self.env.lds.barrier();
        for wave in &mut self.waves {
            for touch in &wave.touches {
                let (bytes, lanes, write) = (touch.bytes, touch.lanes, touch.write);
                self.env.lds.carry_over(&touch.address, bytes, lanes, write, wave.id);
                if let Some(second) = &touch.second {
                    self.env.lds.carry_over(second, bytes, lanes, write, wave.id);
                }
            }
            wave.at += 1;
            wave.state = State::Running;
        }
        Ok(())
    }
}

/// Registers as the hardware hands them to a wave.
fn start_wave(wave: &mut Wave, id: u32, launch: &Launch, group: [u32; 3], entry: usize) {
    let kernel = launch.kernel;
    let [bx, by, bz] = launch.block;
    let items = bx * by * bz;
    let first = id * LANES as u32;
    let count = (items - first).min(LANES as u32);
    let full = if count == 32 { u32::MAX } else { (1 << count) - 1 };
    wave.reset(id, full, kernel.vgprs, Mode { bits: kernel.mode });
    wave.at = entry;
    let item = |l: usize| first + l as u32;
    let ids: [Row; 3] = [
        std::array::from_fn(|l| item(l) % bx),
        std::array::from_fn(|l| item(l) / bx % by),
        std::array::from_fn(|l| item(l) / bx / by),
    ];
    for (k, row) in ids.into_iter().enumerate().take(kernel.workitem_id as usize + 1) {
        wave.preset_vector(k, row);
    }
    // In the order of the descriptor's bits. Compilers ask for more than they use: what this
    // simulator does not have stays unwritten, so that a use is a finding.
    let user = &kernel.user;
    let mut next = 0;
    let mut preset = |asked: bool, count: usize, value: Option<u64>| {
        if !asked {
            return;
        }
        if let Some(value) = value {
            for k in 0..count {
                wave.preset_scalar(next + k, (value >> (32 * k)) as u32);
            }
        }
        next += count;
    };
    preset(user.private_segment_buffer, 4, None);
    preset(user.dispatch_ptr, 2, Some(launch.dispatch));
    preset(user.queue_ptr, 2, None);
    preset(user.kernarg_ptr, 2, Some(launch.kernarg));
    preset(user.dispatch_id, 2, Some(0));
    preset(user.flat_scratch_init, 2, None);
    preset(user.private_segment_size, 1, Some(0));
    next = next.max(kernel.user_registers as usize);
    for k in 0..3 {
        if kernel.workgroup_id[k] {
            wave.preset_scalar(next, group[k]);
            next += 1;
        }
    }
    if kernel.workgroup_info {
        wave.preset_scalar(next, 0);
    }
}
