//! Operations of the scalar, memory, LDS and control units, by mnemonic.
#![forbid(unsafe_code)]

/// An enum whose variants are found by mnemonic.
macro_rules! mnemonics {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($variant,)* }
        impl $name {
            /// Every mnemonic, for the table in the documentation and its test.
            pub const MNEMONICS: &'static [&'static str] = &[$($text,)*];
            pub fn from_mnemonic(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use mnemonics;

mnemonics! {
    /// Scalar arithmetic: SOP1, SOP2, SOPC, SOPK.
    Salu {
        AddU32 = "s_add_u32", SubU32 = "s_sub_u32", AddI32 = "s_add_i32", SubI32 = "s_sub_i32",
        AddcU32 = "s_addc_u32", SubbU32 = "s_subb_u32",
        MinI32 = "s_min_i32", MinU32 = "s_min_u32", MaxI32 = "s_max_i32", MaxU32 = "s_max_u32",
        CselectB32 = "s_cselect_b32", CselectB64 = "s_cselect_b64",
        AndB32 = "s_and_b32", AndB64 = "s_and_b64", OrB32 = "s_or_b32", OrB64 = "s_or_b64",
        XorB32 = "s_xor_b32", XorB64 = "s_xor_b64",
        Andn2B32 = "s_andn2_b32", Andn2B64 = "s_andn2_b64",
        Orn2B32 = "s_orn2_b32", Orn2B64 = "s_orn2_b64",
        NandB32 = "s_nand_b32", NandB64 = "s_nand_b64", NorB32 = "s_nor_b32", NorB64 = "s_nor_b64",
        XnorB32 = "s_xnor_b32", XnorB64 = "s_xnor_b64",
        LshlB32 = "s_lshl_b32", LshlB64 = "s_lshl_b64", LshrB32 = "s_lshr_b32",
        LshrB64 = "s_lshr_b64", AshrI32 = "s_ashr_i32", AshrI64 = "s_ashr_i64",
        BfmB32 = "s_bfm_b32", BfmB64 = "s_bfm_b64", MulI32 = "s_mul_i32",
        BfeU32 = "s_bfe_u32", BfeI32 = "s_bfe_i32", BfeU64 = "s_bfe_u64", BfeI64 = "s_bfe_i64",
        AbsdiffI32 = "s_absdiff_i32",
        Lshl1AddU32 = "s_lshl1_add_u32", Lshl2AddU32 = "s_lshl2_add_u32",
        Lshl3AddU32 = "s_lshl3_add_u32", Lshl4AddU32 = "s_lshl4_add_u32",
        PackLl = "s_pack_ll_b32_b16", PackLh = "s_pack_lh_b32_b16", PackHh = "s_pack_hh_b32_b16",
        MulHiU32 = "s_mul_hi_u32", MulHiI32 = "s_mul_hi_i32",
        MovB32 = "s_mov_b32", MovB64 = "s_mov_b64", CmovB32 = "s_cmov_b32", CmovB64 = "s_cmov_b64",
        NotB32 = "s_not_b32", NotB64 = "s_not_b64", WqmB32 = "s_wqm_b32",
        BrevB32 = "s_brev_b32", BrevB64 = "s_brev_b64",
        Bcnt0B32 = "s_bcnt0_i32_b32", Bcnt0B64 = "s_bcnt0_i32_b64",
        Bcnt1B32 = "s_bcnt1_i32_b32", Bcnt1B64 = "s_bcnt1_i32_b64",
        Ff0B32 = "s_ff0_i32_b32", Ff0B64 = "s_ff0_i32_b64",
        Ff1B32 = "s_ff1_i32_b32", Ff1B64 = "s_ff1_i32_b64",
        FlbitB32 = "s_flbit_i32_b32", FlbitB64 = "s_flbit_i32_b64",
        FlbitI32 = "s_flbit_i32", FlbitI64 = "s_flbit_i32_i64",
        SextI8 = "s_sext_i32_i8", SextI16 = "s_sext_i32_i16",
        Bitset0B32 = "s_bitset0_b32", Bitset0B64 = "s_bitset0_b64",
        Bitset1B32 = "s_bitset1_b32", Bitset1B64 = "s_bitset1_b64",
        AbsI32 = "s_abs_i32", BitreplicateB64 = "s_bitreplicate_b64_b32",
        AndSaveexec = "s_and_saveexec_b32", OrSaveexec = "s_or_saveexec_b32",
        XorSaveexec = "s_xor_saveexec_b32", Andn2Saveexec = "s_andn2_saveexec_b32",
        Orn2Saveexec = "s_orn2_saveexec_b32", NandSaveexec = "s_nand_saveexec_b32",
        NorSaveexec = "s_nor_saveexec_b32", XnorSaveexec = "s_xnor_saveexec_b32",
        Andn1Saveexec = "s_andn1_saveexec_b32", Orn1Saveexec = "s_orn1_saveexec_b32",
        Andn1Wrexec = "s_andn1_wrexec_b32", Andn2Wrexec = "s_andn2_wrexec_b32",
        GetpcB64 = "s_getpc_b64",
        CmpEqI32 = "s_cmp_eq_i32", CmpLgI32 = "s_cmp_lg_i32", CmpGtI32 = "s_cmp_gt_i32",
        CmpGeI32 = "s_cmp_ge_i32", CmpLtI32 = "s_cmp_lt_i32", CmpLeI32 = "s_cmp_le_i32",
        CmpEqU32 = "s_cmp_eq_u32", CmpLgU32 = "s_cmp_lg_u32", CmpGtU32 = "s_cmp_gt_u32",
        CmpGeU32 = "s_cmp_ge_u32", CmpLtU32 = "s_cmp_lt_u32", CmpLeU32 = "s_cmp_le_u32",
        CmpEqU64 = "s_cmp_eq_u64", CmpLgU64 = "s_cmp_lg_u64",
        Bitcmp0B32 = "s_bitcmp0_b32", Bitcmp1B32 = "s_bitcmp1_b32",
        Bitcmp0B64 = "s_bitcmp0_b64", Bitcmp1B64 = "s_bitcmp1_b64",
        MovkI32 = "s_movk_i32", CmovkI32 = "s_cmovk_i32", AddkI32 = "s_addk_i32",
        MulkI32 = "s_mulk_i32",
        CmpkEqI32 = "s_cmpk_eq_i32", CmpkLgI32 = "s_cmpk_lg_i32", CmpkGtI32 = "s_cmpk_gt_i32",
        CmpkGeI32 = "s_cmpk_ge_i32", CmpkLtI32 = "s_cmpk_lt_i32", CmpkLeI32 = "s_cmpk_le_i32",
        CmpkEqU32 = "s_cmpk_eq_u32", CmpkLgU32 = "s_cmpk_lg_u32", CmpkGtU32 = "s_cmpk_gt_u32",
        CmpkGeU32 = "s_cmpk_ge_u32", CmpkLtU32 = "s_cmpk_lt_u32", CmpkLeU32 = "s_cmpk_le_u32",
        GetregB32 = "s_getreg_b32", SetregB32 = "s_setreg_b32",
        SetregImm32 = "s_setreg_imm32_b32",
    }
}

mnemonics! {
    /// Program flow and waits.
    Control {
        Nop = "s_nop", Endpgm = "s_endpgm", Branch = "s_branch",
        CbranchScc0 = "s_cbranch_scc0", CbranchScc1 = "s_cbranch_scc1",
        CbranchVccz = "s_cbranch_vccz", CbranchVccnz = "s_cbranch_vccnz",
        CbranchExecz = "s_cbranch_execz", CbranchExecnz = "s_cbranch_execnz",
        Barrier = "s_barrier", Waitcnt = "s_waitcnt",
        WaitcntVscnt = "s_waitcnt_vscnt", WaitcntVmcnt = "s_waitcnt_vmcnt",
        WaitcntLgkmcnt = "s_waitcnt_lgkmcnt", WaitcntExpcnt = "s_waitcnt_expcnt",
        WaitcntDepctr = "s_waitcnt_depctr",
        Setprio = "s_setprio", Sleep = "s_sleep", Clause = "s_clause",
        InstPrefetch = "s_inst_prefetch", RoundMode = "s_round_mode",
        DenormMode = "s_denorm_mode", IcacheInv = "s_icache_inv", Ttracedata = "s_ttracedata",
        SetpcB64 = "s_setpc_b64", SwappcB64 = "s_swappc_b64", CallB64 = "s_call_b64",
        DcacheInv = "s_dcache_inv", Gl1Inv = "s_gl1_inv",
        BufferGl0Inv = "buffer_gl0_inv", BufferGl1Inv = "buffer_gl1_inv",
        CodeEnd = "s_code_end", Trap = "s_trap",
    }
}

mnemonics! {
    /// Scalar memory.
    Smem {
        Load1 = "s_load_dword", Load2 = "s_load_dwordx2", Load4 = "s_load_dwordx4",
        Load8 = "s_load_dwordx8", Load16 = "s_load_dwordx16",
        BufferLoad1 = "s_buffer_load_dword", BufferLoad2 = "s_buffer_load_dwordx2",
        BufferLoad4 = "s_buffer_load_dwordx4", BufferLoad8 = "s_buffer_load_dwordx8",
        BufferLoad16 = "s_buffer_load_dwordx16",
        Memtime = "s_memtime", Memrealtime = "s_memrealtime",
    }
}

impl Smem {
    /// Dwords loaded.
    pub fn dwords(self) -> u8 {
        match self {
            Smem::Load1 | Smem::BufferLoad1 => 1,
            Smem::Load2 | Smem::BufferLoad2 | Smem::Memtime | Smem::Memrealtime => 2,
            Smem::Load4 | Smem::BufferLoad4 => 4,
            Smem::Load8 | Smem::BufferLoad8 => 8,
            Smem::Load16 | Smem::BufferLoad16 => 16,
        }
    }
}

mnemonics! {
    /// What a buffer or global instruction does: its mnemonic without the first word.
    VmemKind {
        LoadU8 = "load_ubyte", LoadI8 = "load_sbyte", LoadU16 = "load_ushort",
        LoadI16 = "load_sshort", Load1 = "load_dword", Load2 = "load_dwordx2",
        Load3 = "load_dwordx3", Load4 = "load_dwordx4",
        LoadD16U8 = "load_ubyte_d16", LoadD16HiU8 = "load_ubyte_d16_hi",
        LoadD16I8 = "load_sbyte_d16", LoadD16HiI8 = "load_sbyte_d16_hi",
        LoadD16 = "load_short_d16", LoadD16Hi = "load_short_d16_hi",
        Store8 = "store_byte", Store8Hi = "store_byte_d16_hi", Store16 = "store_short",
        Store16Hi = "store_short_d16_hi", Store1 = "store_dword", Store2 = "store_dwordx2",
        Store3 = "store_dwordx3", Store4 = "store_dwordx4",
        AtomicSwap = "atomic_swap", AtomicCmpswap = "atomic_cmpswap", AtomicAdd = "atomic_add",
        AtomicSub = "atomic_sub", AtomicSmin = "atomic_smin", AtomicUmin = "atomic_umin",
        AtomicSmax = "atomic_smax", AtomicUmax = "atomic_umax", AtomicAnd = "atomic_and",
        AtomicOr = "atomic_or", AtomicXor = "atomic_xor", AtomicInc = "atomic_inc",
        AtomicDec = "atomic_dec",
    }
}

/// Vector memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vmem {
    pub kind: VmemKind,
    /// Through a buffer resource, else by 64-bit address.
    pub buffer: bool,
}

impl Vmem {
    pub fn from_mnemonic(text: &str) -> Option<Self> {
        let (unit, kind) = text.split_once('_')?;
        let buffer = match unit {
            "buffer" => true,
            "global" => false,
            _ => return None,
        };
        VmemKind::from_mnemonic(kind).map(|kind| Vmem { kind, buffer })
    }
}

impl VmemKind {
    /// Bytes moved by a lane.
    pub fn bytes(self) -> u32 {
        use VmemKind::*;
        match self {
            LoadU8 | LoadI8 | LoadD16U8 | LoadD16HiU8 | LoadD16I8 | LoadD16HiI8 | Store8
            | Store8Hi => 1,
            LoadU16 | LoadI16 | LoadD16 | LoadD16Hi | Store16 | Store16Hi => 2,
            Load2 | Store2 => 8,
            Load3 | Store3 => 12,
            Load4 | Store4 => 16,
            _ => 4,
        }
    }

    /// Registers of data.
    pub fn registers(self) -> u8 {
        match self {
            VmemKind::AtomicCmpswap => 2,
            _ => self.bytes().div_ceil(4) as u8,
        }
    }

    pub fn is_load(self) -> bool {
        use VmemKind::*;
        matches!(
            self,
            LoadU8
                | LoadI8
                | LoadU16
                | LoadI16
                | Load1
                | Load2
                | Load3
                | Load4
                | LoadD16U8
                | LoadD16HiU8
                | LoadD16I8
                | LoadD16HiI8
                | LoadD16
                | LoadD16Hi
        )
    }

    pub fn is_store(self) -> bool {
        use VmemKind::*;
        matches!(self, Store8 | Store8Hi | Store16 | Store16Hi | Store1 | Store2 | Store3 | Store4)
    }
}

mnemonics! {
    /// LDS.
    Ds {
        ReadB32 = "ds_read_b32", ReadB64 = "ds_read_b64", ReadB96 = "ds_read_b96",
        ReadB128 = "ds_read_b128", ReadU8 = "ds_read_u8", ReadI8 = "ds_read_i8",
        ReadU16 = "ds_read_u16", ReadI16 = "ds_read_i16",
        ReadU8D16 = "ds_read_u8_d16", ReadU8D16Hi = "ds_read_u8_d16_hi",
        ReadI8D16 = "ds_read_i8_d16", ReadI8D16Hi = "ds_read_i8_d16_hi",
        ReadU16D16 = "ds_read_u16_d16", ReadU16D16Hi = "ds_read_u16_d16_hi",
        Read2B32 = "ds_read2_b32", Read2B64 = "ds_read2_b64",
        Read2St64B32 = "ds_read2st64_b32", Read2St64B64 = "ds_read2st64_b64",
        WriteB8 = "ds_write_b8", WriteB8D16Hi = "ds_write_b8_d16_hi", WriteB16 = "ds_write_b16",
        WriteB16D16Hi = "ds_write_b16_d16_hi", WriteB32 = "ds_write_b32",
        WriteB64 = "ds_write_b64", WriteB96 = "ds_write_b96", WriteB128 = "ds_write_b128",
        Write2B32 = "ds_write2_b32", Write2B64 = "ds_write2_b64",
        Write2St64B32 = "ds_write2st64_b32", Write2St64B64 = "ds_write2st64_b64",
        AddU32 = "ds_add_u32", SubU32 = "ds_sub_u32", MinI32 = "ds_min_i32",
        MaxI32 = "ds_max_i32", MinU32 = "ds_min_u32", MaxU32 = "ds_max_u32",
        AndB32 = "ds_and_b32", OrB32 = "ds_or_b32", XorB32 = "ds_xor_b32", AddF32 = "ds_add_f32",
        AddRtnU32 = "ds_add_rtn_u32", SubRtnU32 = "ds_sub_rtn_u32", MinRtnI32 = "ds_min_rtn_i32",
        MaxRtnI32 = "ds_max_rtn_i32", MinRtnU32 = "ds_min_rtn_u32", MaxRtnU32 = "ds_max_rtn_u32",
        AndRtnB32 = "ds_and_rtn_b32", OrRtnB32 = "ds_or_rtn_b32", XorRtnB32 = "ds_xor_rtn_b32",
        AddRtnF32 = "ds_add_rtn_f32", WrxchgRtnB32 = "ds_wrxchg_rtn_b32",
        SwizzleB32 = "ds_swizzle_b32", PermuteB32 = "ds_permute_b32",
        BpermuteB32 = "ds_bpermute_b32",
    }
}
