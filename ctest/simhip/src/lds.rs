//! Local data share of a workgroup, with a shadow that knows who touched what since which barrier.
#![forbid(unsafe_code)]

use crate::isa::{LANES, Row};
use crate::report::{Fault, Kind};

/// Reader mark for more than one wave.
const MANY: u32 = 255;
/// Shadow words hold 24 bits of epoch.
const EPOCH_LIMIT: u32 = (1 << 24) - 4096;

/// The epoch is the count of barriers so far, over all workgroups that used this memory: a mark of
/// an earlier workgroup is older than `first_epoch` and counts as never written.
pub struct Lds {
    data: Vec<u8>,
    size: u32,
    writer: Vec<u32>,
    reader: Vec<u32>,
    /// Log2 of the bytes that a shadow word stands for: 2, or 0 where a kernel has narrow accesses.
    granule: u32,
    epoch: u32,
    first_epoch: u32,
}

impl Lds {
    pub fn new(size: u32, sub_dword: bool) -> Self {
        let granule = if sub_dword { 0 } else { 2 };
        let marks = (size >> granule) as usize + 4;
        Lds {
            data: vec![0; size as usize],
            size,
            writer: vec![0; marks],
            reader: vec![0; marks],
            granule,
            epoch: 1,
            first_epoch: 1,
        }
    }

    /// A new workgroup: everything is unwritten again.
    pub fn start_workgroup(&mut self) {
        if self.epoch > EPOCH_LIMIT {
            self.writer.fill(0);
            self.reader.fill(0);
            self.epoch = 0;
        }
        self.epoch += 1;
        self.first_epoch = self.epoch;
    }

    pub fn barrier(&mut self) {
        self.epoch += 1;
    }

    #[cold]
    fn range_fault(&self, lane: usize, address: u32, bytes: u32) -> Fault {
        let size = self.size;
        let message = format!("LDS access of {bytes} bytes at {address:#x}, allocated {size:#x}");
        Fault::in_lane(Kind::OutOfRange, lane, message)
    }

    /// Bounds and alignment of one access.
    #[inline(always)]
    pub fn check(&self, lane: usize, address: u32, bytes: u32, align: u32) -> Result<(), Fault> {
        if address > self.size || self.size - address < bytes {
            return Err(self.range_fault(lane, address, bytes));
        }
        if address & (align - 1) != 0 {
            let message = format!("LDS access at {address:#x} needs {align} bytes of alignment");
            return Err(Fault::in_lane(Kind::Misaligned, lane, message));
        }
        Ok(())
    }

    #[cold]
    fn race_fault(&self, lane: usize, address: u32, wave: u32, mark: u32, what: &str) -> Fault {
        let other = match mark & 0xff {
            MANY => "another wave".to_string(),
            other => format!("wave {}", other - 1),
        };
        let message = format!("wave {wave} {what} LDS {address:#x} that {other}");
        Fault::in_lane(Kind::LdsRace, lane, format!("{message} touched since the last barrier"))
    }

    fn marks(&self, address: u32, bytes: u32) -> std::ops::Range<usize> {
        let first = address >> self.granule;
        let last = (address + bytes - 1) >> self.granule;
        first as usize..last as usize + 1
    }

    /// Notes a read; the range was checked.
    #[inline(always)]
    pub fn note_read(
        &mut self,
        lane: usize,
        address: u32,
        bytes: u32,
        wave: u32,
    ) -> Result<(), Fault> {
        let mine = self.epoch << 8 | (wave + 1);
        for k in self.marks(address, bytes) {
            let writer = self.writer[k];
            if writer >> 8 == self.epoch && writer != mine || writer >> 8 < self.first_epoch {
                return Err(self.read_fault(lane, address, wave, writer));
            }
            self.mark_read(k, mine);
        }
        Ok(())
    }

    /// Checks, notes and reads `N` dwords at once; the range was checked, and shadow words stand for
    /// dwords. The common case of kernels that keep whole numbers or vectors of them.
    #[inline(always)]
    pub fn read_words<const N: usize>(
        &mut self,
        lane: usize,
        address: u32,
        wave: u32,
    ) -> Result<[u32; N], Fault> {
        let mine = self.epoch << 8 | (wave + 1);
        let (epoch, first_epoch) = (self.epoch, self.first_epoch);
        let k = (address / 4) as usize;
        let bytes = address as usize..address as usize + 4 * N;
        let chunks = (
            self.writer.get(k..k + N),
            self.reader.get_mut(k..k + N),
            self.data.get(bytes).map(|d| d.as_chunks::<4>().0),
        );
        let (Some(writers), Some(readers), Some(words)) = chunks else {
            return Err(self.range_fault(lane, address, 4 * N as u32));
        };
        let bad = |w: u32| w >> 8 == epoch && w != mine || w >> 8 < first_epoch;
        if let Some(&writer) = writers.iter().find(|&&w| bad(w)) {
            return Err(self.read_fault(lane, address, wave, writer));
        }
        for reader in readers {
            let others = *reader >> 8 == epoch && *reader != mine;
            *reader = if others { epoch << 8 | MANY } else { mine };
        }
        let mut out = [0; N];
        for (to, word) in out.iter_mut().zip(words) {
            *to = u32::from_le_bytes(*word);
        }
        Ok(out)
    }

    /// Whether `read_words` may be used.
    pub fn whole_dwords(&self) -> bool {
        self.granule == 2
    }

    #[cold]
    fn read_fault(&self, lane: usize, address: u32, wave: u32, writer: u32) -> Fault {
        if writer >> 8 < self.first_epoch {
            let message = format!(
                "LDS {address:#x} is read, never written by this workgroup (or not before a barrier)"
            );
            return Fault::in_lane(Kind::UnwrittenLds, lane, message);
        }
        self.race_fault(lane, address, wave, writer, "reads")
    }

    #[inline(always)]
    fn mark_read(&mut self, k: usize, mine: u32) {
        let reader = self.reader[k];
        let others = reader >> 8 == self.epoch && reader != mine;
        self.reader[k] = if others { self.epoch << 8 | MANY } else { mine };
    }

    /// Notes a write; the range was checked.
    #[inline(always)]
    pub fn note_write(
        &mut self,
        lane: usize,
        address: u32,
        bytes: u32,
        wave: u32,
    ) -> Result<(), Fault> {
        let mine = self.epoch << 8 | (wave + 1);
        for k in self.marks(address, bytes) {
            let (writer, reader) = (self.writer[k], self.reader[k]);
            if writer >> 8 == self.epoch && writer != mine {
                return Err(self.race_fault(lane, address, wave, writer, "writes"));
            }
            if reader >> 8 == self.epoch && reader != mine {
                return Err(self.race_fault(lane, address, wave, reader, "writes"));
            }
            self.writer[k] = mine;
        }
        Ok(())
    }

    /// An access that was in flight at the barrier may happen after it: it belongs to both sides.
    pub fn carry_over(&mut self, address: &Row, bytes: u32, lanes: u32, write: bool, wave: u32) {
        let mine = self.epoch << 8 | (wave + 1);
        for l in (0..LANES).filter(|l| lanes >> l & 1 != 0) {
            for k in self.marks(address[l], bytes) {
                if write {
                    self.writer[k] = mine;
                } else {
                    self.mark_read(k, mine);
                }
            }
        }
    }

    /// Little-endian value of up to 4 bytes; the range was checked.
    #[inline(always)]
    pub fn load(&self, address: u32, bytes: u32) -> u32 {
        let a = address as usize;
        match bytes {
            1 => u32::from(self.data[a]),
            2 => u32::from(u16::from_le_bytes([self.data[a], self.data[a + 1]])),
            _ => {
                let mut word = [0; 4];
                word.copy_from_slice(&self.data[a..a + 4]);
                u32::from_le_bytes(word)
            }
        }
    }

    #[inline(always)]
    pub fn store(&mut self, address: u32, bytes: u32, value: u32) {
        let a = address as usize;
        let n = bytes as usize;
        self.data[a..a + n].copy_from_slice(&value.to_le_bytes()[..n]);
    }
}

/// Extra cycles of an access by bank conflicts.
///
/// Model: 32 banks of 4 bytes. An access of up to 4 bytes a lane is served for all 32 lanes in one
/// pass, of 8 bytes in two passes of 16 lanes, of 12 or 16 bytes in four passes of 8 lanes. A pass
/// takes as many cycles as the busiest bank has distinct dwords.
pub fn bank_conflicts(address: &Row, bytes: u32, lanes: u32) -> u32 {
    let lanes_a_pass = match bytes {
        0..=4 => 32,
        5..=8 => 16,
        _ => 8,
    };
    let mut extra = 0;
    let mut dwords: Vec<u32> = Vec::with_capacity(64);
    for first in (0..LANES).step_by(lanes_a_pass) {
        dwords.clear();
        for l in (first..first + lanes_a_pass).filter(|l| lanes >> l & 1 != 0) {
            let start = address[l] / 4;
            let end = (address[l] + bytes - 1) / 4;
            dwords.extend(start..=end);
        }
        dwords.sort_unstable();
        dwords.dedup();
        let mut banks = [0u32; 32];
        for dword in &dwords {
            banks[*dword as usize % 32] += 1;
        }
        extra += banks.iter().max().copied().unwrap_or(0).saturating_sub(1);
    }
    extra
}
