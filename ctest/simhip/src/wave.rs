//! State of one wave: registers, who wrote them, and what is still in flight.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use crate::fp::Mode;
use crate::isa::{Code, EXEC_LO, Inst, LANES, NULL, Operand, Row, Special, VCC_LO};
use crate::report::{Fault, Kind};

/// What a scalar register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Not written, or copied from what was not.
    Never,
    Written,
    /// A load is on its way.
    Pending,
}

/// How findings speak of a register without a value.
const UNWRITTEN: &str = "which was never written, or copied from one that was not";

/// Units whose loads return to registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Vmem,
    Lds,
    Smem,
}

/// A load whose wait has not been seen yet.
#[derive(Clone, Copy, Debug)]
pub struct InFlight {
    pub unit: Unit,
    /// First register; vector for `Vmem` and `Lds`, scalar for `Smem`.
    pub register: u8,
    /// Zero for LDS writes.
    pub count: u8,
    pub lanes: u32,
}

/// An LDS access that is in flight: it may still happen after a barrier that did not wait for it.
#[derive(Clone, Copy, Debug)]
pub struct LdsTouch {
    pub address: Row,
    /// The other access of `read2` and `write2`.
    pub second: Option<Row>,
    pub bytes: u32,
    pub lanes: u32,
    pub write: bool,
}

/// Why a wave stopped running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    AtBarrier,
    Ended,
}

pub struct Wave {
    pub v: Vec<Row>,
    /// Lanes of each vector register that hold a value.
    pub ready: Vec<u32>,
    /// Lanes of each vector register that a load in flight will write.
    pub pending: Vec<u32>,
    pending_count: Vec<u8>,
    pub s: [u32; 128],
    pub scalar: [Scalar; 128],
    pub exec: u32,
    pub scc: bool,
    pub mode: Mode,
    /// Index of the current instruction.
    pub at: usize,
    pub state: State,
    pub id: u32,
    /// Lanes that exist: the last wave of a workgroup may be partial.
    pub full: u32,
    /// Vector registers allocated.
    pub vgprs: u16,
    vm: VecDeque<InFlight>,
    lgkm: VecDeque<InFlight>,
    pub touches: VecDeque<LdsTouch>,
    /// Instructions run, checked against the limit at branches.
    pub executed: u64,
}

impl Wave {
    pub fn new() -> Self {
        Wave {
            v: vec![[0; LANES]; 256],
            ready: vec![0; 256],
            pending: vec![0; 256],
            pending_count: vec![0; 256],
            s: [0; 128],
            scalar: [Scalar::Never; 128],
            exec: 0,
            scc: false,
            mode: Mode { bits: 0 },
            at: 0,
            state: State::Ended,
            id: 0,
            full: 0,
            vgprs: 0,
            vm: VecDeque::new(),
            lgkm: VecDeque::new(),
            touches: VecDeque::new(),
            executed: 0,
        }
    }

    /// Forgets everything, for the next workgroup.
    pub fn reset(&mut self, id: u32, full: u32, vgprs: u16, mode: Mode) {
        self.ready.fill(0);
        self.pending.fill(0);
        self.pending_count.fill(0);
        self.scalar = [Scalar::Never; 128];
        self.scalar[NULL as usize] = Scalar::Written;
        self.scalar[EXEC_LO as usize] = Scalar::Written;
        self.scalar[EXEC_LO as usize + 1] = Scalar::Written;
        self.s[EXEC_LO as usize + 1] = 0;
        self.s[NULL as usize] = 0;
        self.exec = full;
        self.full = full;
        self.scc = false;
        self.mode = mode;
        self.state = State::Running;
        self.id = id;
        self.vgprs = vgprs;
        self.vm.clear();
        self.lgkm.clear();
        self.touches.clear();
        self.executed = 0;
    }

    /// Sets a register before the first instruction.
    pub fn preset_vector(&mut self, register: usize, row: Row) {
        self.v[register] = row;
        self.ready[register] = u32::MAX;
    }
    pub fn preset_scalar(&mut self, register: usize, value: u32) {
        self.s[register] = value;
        self.scalar[register] = Scalar::Written;
    }

    // ---- scalar registers

    #[inline(always)]
    pub fn read_scalar(&self, register: u8) -> Result<u32, Fault> {
        if register == EXEC_LO {
            return Ok(self.exec);
        }
        let r = register as usize & 127;
        if self.scalar[r] != Scalar::Written {
            return Err(self.scalar_fault(register));
        }
        Ok(self.s[r])
    }

    #[cold]
    fn scalar_fault(&self, register: u8) -> Fault {
        let name = scalar_name(register);
        match self.scalar[register as usize & 127] {
            Scalar::Pending => Fault::new(
                Kind::MissingWait,
                format!("{name} is used before the s_waitcnt lgkmcnt of its load"),
            ),
            _ => Fault::new(Kind::UnwrittenRegister, format!("{name} is read, {UNWRITTEN}")),
        }
    }

    /// A scalar source that is only copied: `None` where nothing was written. Compilers copy pairs
    /// of which one half holds nothing; the first real use of the copy is the finding.
    pub fn copied_scalar(&self, code: &Code, operand: Operand) -> Result<Option<u32>, Fault> {
        match operand {
            Operand::S(r) if r != EXEC_LO && self.scalar[r as usize & 127] == Scalar::Never => {
                Ok(None)
            }
            other => self.scalar32(code, other).map(Some),
        }
    }

    /// Both halves of such a source.
    pub fn copied_scalar64(
        &self,
        code: &Code,
        operand: Operand,
    ) -> Result<[Option<u32>; 2], Fault> {
        match operand {
            Operand::S(r) if r != NULL => Ok([
                self.copied_scalar(code, operand)?,
                self.copied_scalar(code, Operand::S(r + 1))?,
            ]),
            other => {
                let value = self.scalar64(code, other)?;
                Ok([Some(value as u32), Some((value >> 32) as u32)])
            }
        }
    }

    /// The destination of a copy; without a value it becomes unwritten. The mask of active lanes
    /// is used by whatever comes next.
    pub fn copy_to_scalar(&mut self, operand: Operand, value: Option<u32>) -> Result<(), Fault> {
        match (operand, value) {
            (Operand::S(EXEC_LO), None) => {
                let message = format!("exec_lo is copied from a register {UNWRITTEN}");
                Err(Fault::new(Kind::UnwrittenRegister, message))
            }
            (Operand::S(r), None) if r != NULL => {
                self.write_scalar(r, 0)?;
                self.scalar[r as usize & 127] = Scalar::Never;
                Ok(())
            }
            (_, value) => self.write_scalar_operand(operand, value.unwrap_or(0)),
        }
    }

    pub fn copy_to_scalar64(
        &mut self,
        operand: Operand,
        [low, high]: [Option<u32>; 2],
    ) -> Result<(), Fault> {
        match operand {
            Operand::S(NULL) => Ok(()),
            Operand::S(r) => {
                self.copy_to_scalar(operand, low)?;
                self.copy_to_scalar(Operand::S(r + 1), high)
            }
            _ => Ok(()),
        }
    }

    #[inline(always)]
    pub fn write_scalar(&mut self, register: u8, value: u32) -> Result<(), Fault> {
        match register {
            EXEC_LO => self.exec = value,
            NULL => {}
            _ => {
                let r = register as usize & 127;
                if self.scalar[r] == Scalar::Pending {
                    return Err(self.overwrite_fault(&scalar_name(register)));
                }
                self.s[r] = value;
                self.scalar[r] = Scalar::Written;
            }
        }
        Ok(())
    }

    #[cold]
    fn overwrite_fault(&self, name: &str) -> Fault {
        Fault::new(
            Kind::MissingWait,
            format!("{name} is overwritten while a load into it is in flight"),
        )
    }

    /// A scalar source.
    #[inline(always)]
    pub fn scalar32(&self, code: &Code, operand: Operand) -> Result<u32, Fault> {
        match operand {
            Operand::S(r) => self.read_scalar(r),
            Operand::Const(c) => Ok(code.consts[c as usize] as u32),
            Operand::Special(s) => self.special(s),
            Operand::None => Ok(0),
            Operand::V(r) => Err(Fault::new(Kind::Unsupported, format!("v{r} as a scalar"))),
        }
    }

    pub fn scalar64(&self, code: &Code, operand: Operand) -> Result<u64, Fault> {
        match operand {
            Operand::S(NULL) => Ok(0),
            Operand::S(r) => {
                Ok(u64::from(self.read_scalar(r)?) | u64::from(self.read_scalar(r + 1)?) << 32)
            }
            Operand::Const(c) => Ok(code.consts[c as usize]),
            other => Ok(u64::from(self.scalar32(code, other)?)),
        }
    }

    pub fn write_scalar_operand(&mut self, operand: Operand, value: u32) -> Result<(), Fault> {
        match operand {
            Operand::S(r) => self.write_scalar(r, value),
            _ => Ok(()),
        }
    }

    pub fn write_scalar_operand64(&mut self, operand: Operand, value: u64) -> Result<(), Fault> {
        match operand {
            Operand::S(NULL) => Ok(()),
            Operand::S(r) => {
                self.write_scalar(r, value as u32)?;
                self.write_scalar(r + 1, (value >> 32) as u32)
            }
            _ => Ok(()),
        }
    }

    fn special(&self, special: Special) -> Result<u32, Fault> {
        Ok(match special {
            Special::Vccz => u32::from(self.read_scalar(VCC_LO)? == 0),
            Special::Execz => u32::from(self.exec == 0),
            Special::Scc => u32::from(self.scc),
            Special::Aperture => 0,
        })
    }

    // ---- vector registers

    /// Checks that every active lane of a register holds a value.
    #[inline(always)]
    pub fn check_vector(&self, register: u8, lanes: u32) -> Result<(), Fault> {
        if self.ready[register as usize] & lanes != lanes {
            return Err(self.vector_fault(register, lanes));
        }
        Ok(())
    }

    #[cold]
    fn vector_fault(&self, register: u8, lanes: u32) -> Fault {
        let r = register as usize;
        let missing = lanes & !self.ready[r];
        if missing & self.pending[r] != 0 {
            let lane = (missing & self.pending[r]).trailing_zeros() as usize;
            let unit = self
                .vm
                .iter()
                .chain(&self.lgkm)
                .rev()
                .find(|f| {
                    f.unit != Unit::Smem && r.wrapping_sub(f.register.into()) < f.count.into()
                })
                .map_or("memory", |f| if f.unit == Unit::Lds { "LDS" } else { "vector memory" });
            return Fault::in_lane(
                Kind::MissingWait,
                lane,
                format!("v{r} is used before the s_waitcnt of its {unit} load"),
            );
        }
        let lane = missing.trailing_zeros() as usize;
        Fault::in_lane(Kind::UnwrittenRegister, lane, format!("v{r} is read, {UNWRITTEN}"))
    }

    /// A 32-bit source that is only copied, and its active lanes that hold nothing.
    pub fn copied_row(&self, code: &Code, operand: Operand) -> Result<(Row, u32), Fault> {
        match operand {
            Operand::V(r) => {
                let missing = self.exec & !self.ready[r as usize];
                if missing & self.pending[r as usize] != 0 {
                    return Err(self.vector_fault(r, self.exec));
                }
                Ok((self.v[r as usize], missing))
            }
            Operand::Const(c) => Ok((code.rows[c as usize], 0)),
            other => Ok(match self.copied_scalar(code, other)? {
                Some(value) => ([value; LANES], 0),
                None => ([0; LANES], self.exec),
            }),
        }
    }

    /// The destination of a copy: lanes in `missing` become unwritten.
    pub fn copy_to_row(
        &mut self,
        operand: Operand,
        value: &Row,
        missing: u32,
    ) -> Result<(), Fault> {
        self.write_operand(operand, value)?;
        if let Operand::V(r) = operand {
            self.ready[r as usize] &= !(missing & self.exec);
        }
        Ok(())
    }

    /// A 32-bit source, one value a lane.
    #[inline(always)]
    pub fn row(&self, code: &Code, operand: Operand) -> Result<Row, Fault> {
        match operand {
            Operand::V(r) => {
                self.check_vector(r, self.exec)?;
                Ok(self.v[r as usize])
            }
            Operand::Const(c) => Ok(code.rows[c as usize]),
            Operand::S(r) => Ok([self.read_scalar(r)?; LANES]),
            other => Ok([self.scalar32(code, other)?; LANES]),
        }
    }

    /// A 64-bit source.
    pub fn row64(&self, code: &Code, operand: Operand) -> Result<[u64; LANES], Fault> {
        match operand {
            Operand::V(r) => {
                let low = self.row(code, Operand::V(r))?;
                let high = self.row(code, Operand::V(r.wrapping_add(1)))?;
                Ok(std::array::from_fn(|l| u64::from(low[l]) | u64::from(high[l]) << 32))
            }
            other => Ok([self.scalar64(code, other)?; LANES]),
        }
    }

    /// Writes the active lanes of a vector register.
    #[inline(always)]
    pub fn write_row(&mut self, register: u8, value: &Row) -> Result<(), Fault> {
        self.write_lanes(register, value, self.exec)
    }

    #[inline(always)]
    pub fn write_lanes(&mut self, register: u8, value: &Row, lanes: u32) -> Result<(), Fault> {
        let r = register as usize;
        if self.pending[r] & lanes != 0 {
            return Err(self.overwrite_fault(&format!("v{register}")));
        }
        let to = &mut self.v[r];
        if lanes == u32::MAX {
            *to = *value;
        } else {
            for l in 0..LANES {
                if lanes >> l & 1 != 0 {
                    to[l] = value[l];
                }
            }
        }
        self.ready[r] |= lanes;
        Ok(())
    }

    pub fn write_operand(&mut self, operand: Operand, value: &Row) -> Result<(), Fault> {
        match operand {
            Operand::V(r) => self.write_row(r, value),
            _ => Err(Fault::new(Kind::Unsupported, "vector result in a scalar register")),
        }
    }

    pub fn write_row64(&mut self, operand: Operand, value: &[u64; LANES]) -> Result<(), Fault> {
        let Operand::V(r) = operand else {
            return Err(Fault::new(Kind::Unsupported, "vector result in a scalar register"));
        };
        self.write_row(r, &std::array::from_fn(|l| value[l] as u32))?;
        self.write_row(r + 1, &std::array::from_fn(|l| (value[l] >> 32) as u32))
    }

    // ---- loads in flight

    /// Records a vector load into `count` registers from `register`, whose data was put there.
    pub fn issue_vector(&mut self, unit: Unit, register: u8, count: u8) -> Result<(), Fault> {
        let lanes = self.exec;
        for r in register as usize..register as usize + count as usize {
            let foreign = self.pending[r] & lanes != 0 && self.other_unit_pending(unit, r);
            if foreign {
                return Err(self.overwrite_fault(&format!("v{r}")));
            }
            self.ready[r] &= !lanes;
            self.pending[r] |= lanes;
            self.pending_count[r] += 1;
        }
        let flight = InFlight { unit, register, count, lanes };
        self.queue(unit).push_back(flight);
        Ok(())
    }

    /// Whether another unit has a load to the register in flight: the two may finish in any order.
    fn other_unit_pending(&self, unit: Unit, register: usize) -> bool {
        let other = if unit == Unit::Vmem { &self.lgkm } else { &self.vm };
        other.iter().any(|f| {
            f.unit != Unit::Smem && register.wrapping_sub(f.register.into()) < f.count.into()
        })
    }

    /// Records a scalar load.
    pub fn issue_scalar(&mut self, register: u8, count: u8) -> Result<(), Fault> {
        for r in register..register + count {
            if r == NULL {
                continue;
            }
            if self.scalar[r as usize & 127] == Scalar::Pending {
                return Err(self.overwrite_fault(&scalar_name(r)));
            }
            self.scalar[r as usize & 127] = Scalar::Pending;
        }
        self.lgkm.push_back(InFlight { unit: Unit::Smem, register, count, lanes: 0 });
        Ok(())
    }

    fn queue(&mut self, unit: Unit) -> &mut VecDeque<InFlight> {
        if unit == Unit::Vmem { &mut self.vm } else { &mut self.lgkm }
    }

    fn land(&mut self, flight: InFlight) {
        for r in flight.register as usize..flight.register as usize + flight.count as usize {
            if flight.unit == Unit::Smem {
                if r != NULL as usize {
                    self.scalar[r & 127] = Scalar::Written;
                }
                continue;
            }
            self.pending_count[r] -= 1;
            if self.pending_count[r] == 0 {
                self.ready[r] |= self.pending[r];
                self.pending[r] = 0;
            }
        }
    }

    /// `s_waitcnt vmcnt(left)`: vector loads return in order.
    pub fn wait_vm(&mut self, left: usize) {
        while self.vm.len() > left {
            if let Some(flight) = self.vm.pop_front() {
                self.land(flight);
            }
        }
    }

    /// `s_waitcnt lgkmcnt(left)`: LDS answers in order, scalar loads in any order, so that with
    /// scalar loads in flight the worst case counts: they were the ones that finished.
    pub fn wait_lgkm(&mut self, left: usize) {
        if left == 0 {
            while let Some(flight) = self.lgkm.pop_front() {
                self.land(flight);
            }
            self.touches.clear();
            return;
        }
        let scalar = self.lgkm.iter().filter(|f| f.unit == Unit::Smem).count();
        let done = self.lgkm.len().saturating_sub(left).saturating_sub(scalar);
        for _ in 0..done {
            let first = self.lgkm.iter().position(|f| f.unit == Unit::Lds);
            if let Some(flight) = first.and_then(|k| self.lgkm.remove(k)) {
                self.land(flight);
                self.touches.pop_front();
            }
        }
    }

    /// Checks an instruction's registers against the allocation.
    #[cold]
    pub fn allocation_fault(&self, inst: &Inst) -> Fault {
        Fault::new(
            Kind::Unallocated,
            format!("v{} is used, {} vector registers are allocated", inst.vgprs - 1, self.vgprs),
        )
    }
}

impl Default for Wave {
    fn default() -> Self {
        Self::new()
    }
}

pub fn scalar_name(register: u8) -> String {
    match register {
        VCC_LO => "vcc_lo".into(),
        107 => "vcc_hi".into(),
        crate::isa::M0 => "m0".into(),
        EXEC_LO => "exec_lo".into(),
        127 => "exec_hi".into(),
        r => format!("s{r}"),
    }
}
