//! Runs one wave until it ends or waits at a barrier.
#![forbid(unsafe_code)]

pub mod compare;
pub mod ds;
pub mod float;
pub mod half;
pub mod int;
pub mod lane;
pub mod modifiers;
pub mod salu;
pub mod vmem;
pub mod wide;

use crate::isa::valu::Arith;
use crate::isa::{Code, Control, Inst, NO_EXT, Op, Operand, Salu, VCC_LO, Valu, flag};
use crate::lds::Lds;
use crate::memory::View;
use crate::report::{Fault, Kind};
use crate::wave::{State, Wave};

/// How often an instruction ran and with how many active lanes in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub runs: u64,
    pub lanes: u64,
}

/// Bytes and conflicts of a launch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub vmem_load_bytes: u64,
    pub vmem_store_bytes: u64,
    /// Lines of 128 bytes that neighbouring lanes share, summed over instructions.
    pub vmem_lines: u64,
    pub smem_bytes: u64,
    pub lds_read_bytes: u64,
    pub lds_write_bytes: u64,
    pub lds_conflict_cycles: u64,
}

/// What the waves of a workgroup share while they run.
pub struct Env<'a> {
    pub code: &'a Code,
    pub view: &'a View,
    pub lds: Lds,
    /// Where the code object's image lies in device memory.
    pub image: u64,
    pub tallies: Vec<Tally>,
    pub hints: Vec<u32>,
    pub patterns: Vec<Option<Box<ds::Pattern>>>,
    pub stats: Stats,
    /// Instructions that one wave may run.
    pub limit: u64,
    pub lenient_range_check: bool,
}

/// An operation that landed in the wrong table: a mistake of the simulator.
#[cold]
pub fn not_here(op: Arith) -> Fault {
    Fault::new(Kind::Unsupported, format!("{op:?} in the wrong group"))
}

/// Runs until the wave ends, waits, or fails; the wave's `at` then tells where.
pub fn run(w: &mut Wave, env: &mut Env) -> Result<(), Fault> {
    let code = env.code;
    loop {
        let Some(i) = code.insts.get(w.at) else {
            return Err(Fault::new(Kind::UnknownInstruction, "the wave ran off its code"));
        };
        let tally = &mut env.tallies[w.at];
        tally.runs += 1;
        tally.lanes += if w.exec == u32::MAX { 32 } else { u64::from(w.exec.count_ones()) };
        w.executed += 1;
        if i.vgprs > w.vgprs {
            return Err(w.allocation_fault(i));
        }
        match i.op {
            Op::Valu(Valu::Arith(op)) => {
                arith(op, w, code, i)?;
                w.at += 1;
            }
            Op::Valu(Valu::Compare(op)) => {
                compare::execute(op, w, code, i)?;
                w.at += 1;
            }
            Op::Salu(Salu::GetpcB64) => {
                let next = env.image + u64::from(i.pc) + 4;
                w.write_scalar_operand64(i.dst, next)?;
                w.at += 1;
            }
            Op::Salu(op) => {
                salu::execute(op, w, code, i)?;
                w.at += 1;
            }
            Op::Smem(op) => {
                vmem::scalar(op, w, env, i)?;
                w.at += 1;
            }
            Op::Vmem(op) => {
                vmem::execute(op, w, env, i)?;
                w.at += 1;
            }
            Op::Ds(op) => {
                ds::execute(op, w, env, i)?;
                w.at += 1;
            }
            Op::Control(op) => {
                control(op, w, env, i)?;
                if w.state != State::Running {
                    return Ok(());
                }
            }
            Op::Unknown => {
                return Err(Fault::new(Kind::UnknownInstruction, "not known to the interpreter"));
            }
        }
    }
}

#[inline(always)]
fn arith(op: Arith, w: &mut Wave, code: &Code, i: &Inst) -> Result<(), Fault> {
    use Arith::*;
    match op {
        // The inner loops of convolutions.
        FmacF32 if i.flags & flag::MODS == 0 && i.ext == NO_EXT && w.mode.plain32() => {
            fmac_plain(w, code, i)
        }
        FmaMixF32 => half::fma_mix(op, w, code, i),
        Nop | Readfirstlane | Readlane | Writelane | SwapB32 | MbcntLo | MbcntHi | Permlane16
        | Permlanex16 => lane::execute(op, w, code, i),
        AddF32 | SubF32 | SubrevF32 | MulF32 | MulLegacyF32 | FmacF32 | FmamkF32 | FmaakF32
        | FmaF32 | MacF32 | MadF32 | MadmkF32 | MadakF32 | MinF32 | MaxF32 | Min3F32 | Max3F32
        | Med3F32 | TruncF32 | CeilF32 | FloorF32 | RndneF32 | FractF32 | ExpF32 | LogF32
        | RcpF32 | RcpIflagF32 | RsqF32 | SqrtF32 | SinF32 | CosF32 | FrexpMantF32
        | FrexpExpF32 | CvtI32F32 | CvtU32F32 | CvtRpiI32F32 | CvtFlrI32F32 | CvtF32I32
        | CvtF32U32 | CvtF32Ubyte0 | CvtF32Ubyte1 | CvtF32Ubyte2 | CvtF32Ubyte3 | CvtF16F32
        | CvtPkrtzF16F32 | CvtF32F16 | LdexpF32 | DivScaleF32 | DivFmasF32 | DivFixupF32 => {
            float::execute(op, w, code, i)
        }
        FmaMixloF16 | FmaMixhiF16 | AddF16 | SubF16 | SubrevF16 | MulF16 | FmacF16 | FmamkF16
        | FmaakF16 | FmaF16 | MinF16 | MaxF16 | Min3F16 | Max3F16 | Med3F16 | TruncF16
        | CeilF16 | FloorF16 | RndneF16 | FractF16 | RcpF16 | RsqF16 | SqrtF16 | ExpF16
        | LogF16 | LdexpF16 | CvtF16U16 | CvtF16I16 | CvtU16F16 | CvtI16F16 | PackB32F16
        | PkFmaF16 | PkFmacF16 | PkAddF16 | PkMulF16 | PkMinF16 | PkMaxF16 | PkAddU16
        | PkSubU16 | PkAddI16 | PkSubI16 | PkMulLoU16 | PkMadU16 | PkMadI16 | PkLshlrevB16
        | PkLshrrevB16 | PkAshrrevI16 | PkMinU16 | PkMaxU16 | PkMinI16 | PkMaxI16 => {
            half::execute(op, w, code, i)
        }
        LshlrevB64 | LshrrevB64 | AshrrevI64 | MadU64U32 | MadI64I32 | AddF64 | MulF64 | MinF64
        | MaxF64 | FmaF64 | TruncF64 | CeilF64 | FloorF64 | RndneF64 | FractF64 | RcpF64
        | RsqF64 | SqrtF64 | LdexpF64 | FrexpExpF64 | FrexpMantF64 | CvtI32F64 | CvtU32F64
        | CvtF64I32 | CvtF64U32 | CvtF64F32 | CvtF32F64 => wide::execute(op, w, code, i),
        _ => int::execute(op, w, code, i),
    }
}

/// `v_fmac_f32` on plain registers with all lanes active: no copies.
#[inline(always)]
fn fmac_plain(w: &mut Wave, code: &Code, i: &Inst) -> Result<(), Fault> {
    if let (Operand::V(d), Operand::V(a), Operand::V(b)) = (i.dst, i.src[0], i.src[1])
        && w.exec == u32::MAX
        && d != a
        && d != b
        && w.pending[d as usize] == 0
    {
        w.check_vector(a, u32::MAX)?;
        w.check_vector(b, u32::MAX)?;
        w.check_vector(d, u32::MAX)?;
        if let Ok([sum, x, y]) = w.v.get_disjoint_mut([d as usize, a as usize, b as usize])
            && !crate::simd::fmac(sum, x, y)
        {
            return Ok(());
        }
    }
    float::fma(w, code, i)
}

fn control(op: Control, w: &mut Wave, env: &mut Env, i: &Inst) -> Result<(), Fault> {
    use Control::*;
    let vcc = |w: &Wave| w.read_scalar(VCC_LO);
    let taken = match op {
        Branch => true,
        CbranchScc0 => !w.scc,
        CbranchScc1 => w.scc,
        CbranchVccz => vcc(w)? == 0,
        CbranchVccnz => vcc(w)? != 0,
        CbranchExecz => w.exec == 0,
        CbranchExecnz => w.exec != 0,
        CallB64 => {
            let next = env.image + u64::from(i.pc) + 4;
            w.write_scalar_operand64(i.dst, next)?;
            true
        }
        SetpcB64 | SwappcB64 => {
            let target = w.scalar64(env.code, i.src[0])?;
            if op == SwappcB64 {
                let next = env.image + u64::from(i.pc) + 4;
                w.write_scalar_operand64(i.dst, next)?;
            }
            let index = target.checked_sub(env.image).and_then(|pc| env.code.index_at(pc));
            let Some(index) = index else {
                let message = format!("jump to {target:#x}, which is no instruction");
                return Err(Fault::new(Kind::UnknownInstruction, message));
            };
            w.at = index as usize;
            return check_limit(w, env);
        }
        Endpgm => {
            w.state = State::Ended;
            return Ok(());
        }
        Barrier => {
            if w.exec != w.full {
                let message = format!(
                    "s_barrier with exec {:#010x}, the wave has lanes {:#010x}",
                    w.exec, w.full
                );
                return Err(Fault::new(Kind::DivergentBarrier, message));
            }
            w.state = State::AtBarrier;
            return Ok(());
        }
        Waitcnt => {
            let vm = i.imm & 15 | i.imm >> 10 & 0x30;
            w.wait_vm(vm as usize);
            w.wait_lgkm((i.imm >> 8 & 63) as usize);
            false
        }
        WaitcntVmcnt => {
            w.wait_vm(i.imm as usize);
            false
        }
        WaitcntLgkmcnt => {
            w.wait_lgkm(i.imm as usize);
            false
        }
        RoundMode => {
            w.mode.bits = w.mode.bits & !0xf | i.imm & 0xf;
            false
        }
        DenormMode => {
            w.mode.bits = w.mode.bits & !0xf0 | (i.imm & 0xf) << 4;
            false
        }
        CodeEnd | Trap => {
            return Err(Fault::new(Kind::UnknownInstruction, "the wave ran into a trap"));
        }
        // Nothing to model: timing, hints, caches, and stores, which nobody waits for but hosts.
        Nop | WaitcntVscnt | WaitcntExpcnt | WaitcntDepctr | Setprio | Sleep | Clause
        | InstPrefetch | IcacheInv | Ttracedata | DcacheInv | Gl1Inv | BufferGl0Inv
        | BufferGl1Inv => false,
    };
    if !taken {
        w.at += 1;
        return Ok(());
    }
    if i.target == u32::MAX {
        return Err(Fault::new(Kind::UnknownInstruction, "branch to no instruction"));
    }
    w.at = i.target as usize;
    check_limit(w, env)
}

/// Only jumps can make a program endless.
fn check_limit(w: &Wave, env: &Env) -> Result<(), Fault> {
    if w.executed > env.limit {
        let message = format!("more than {} instructions in one wave", env.limit);
        return Err(Fault::new(Kind::Runaway, message));
    }
    Ok(())
}
