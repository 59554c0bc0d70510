//! Operations of the vector unit, by mnemonic without the encoding's suffix.
#![forbid(unsafe_code)]

use super::ops::mnemonics;

/// Number format that a comparison works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    F16,
    F32,
    F64,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
}

/// Conditions; the floating-point ones name what they answer for unordered operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    False,
    Lt,
    Eq,
    Le,
    Gt,
    /// Less or greater (floating point), not equal (integers).
    Lg,
    Ge,
    Ordered,
    Unordered,
    Nge,
    Nlg,
    Ngt,
    Nle,
    Neq,
    Nlt,
    True,
    /// `v_cmp_class`.
    Class,
}

/// A vector comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compare {
    pub condition: Condition,
    pub number: Number,
    /// `v_cmpx`: the result goes to `exec`.
    pub to_exec: bool,
}

impl Compare {
    pub fn from_mnemonic(text: &str) -> Option<Self> {
        let (to_exec, rest) = match text.strip_prefix("v_cmpx_") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("v_cmp_")?),
        };
        let (condition, number) = rest.split_once('_')?;
        let number = match number {
            "f16" => Number::F16,
            "f32" => Number::F32,
            "f64" => Number::F64,
            "i16" => Number::I16,
            "u16" => Number::U16,
            "i32" => Number::I32,
            "u32" => Number::U32,
            "i64" => Number::I64,
            "u64" => Number::U64,
            _ => return None,
        };
        let float = matches!(number, Number::F16 | Number::F32 | Number::F64);
        let condition = match condition {
            "f" => Condition::False,
            "lt" => Condition::Lt,
            "eq" => Condition::Eq,
            "le" => Condition::Le,
            "gt" => Condition::Gt,
            "ge" => Condition::Ge,
            "lg" if float => Condition::Lg,
            "ne" if !float => Condition::Lg,
            "o" if float => Condition::Ordered,
            "u" if float => Condition::Unordered,
            "nge" if float => Condition::Nge,
            "nlg" if float => Condition::Nlg,
            "ngt" if float => Condition::Ngt,
            "nle" if float => Condition::Nle,
            "neq" if float => Condition::Neq,
            "nlt" if float => Condition::Nlt,
            "tru" if float => Condition::True,
            "t" if !float => Condition::True,
            "class" if float => Condition::Class,
            _ => return None,
        };
        Some(Compare { condition, number, to_exec })
    }
}

mnemonics! {
    /// Everything but comparisons; see `Valu`.
    Arith {
        Nop = "v_nop", MovB32 = "v_mov_b32", Readfirstlane = "v_readfirstlane_b32",
        Readlane = "v_readlane_b32", Writelane = "v_writelane_b32", SwapB32 = "v_swap_b32",
        CvtI32F32 = "v_cvt_i32_f32", CvtU32F32 = "v_cvt_u32_f32", CvtF32I32 = "v_cvt_f32_i32",
        CvtF32U32 = "v_cvt_f32_u32", CvtF16F32 = "v_cvt_f16_f32", CvtF32F16 = "v_cvt_f32_f16",
        CvtRpiI32F32 = "v_cvt_rpi_i32_f32", CvtFlrI32F32 = "v_cvt_flr_i32_f32",
        CvtF32F64 = "v_cvt_f32_f64", CvtF64F32 = "v_cvt_f64_f32", CvtI32F64 = "v_cvt_i32_f64",
        CvtF64I32 = "v_cvt_f64_i32", CvtU32F64 = "v_cvt_u32_f64", CvtF64U32 = "v_cvt_f64_u32",
        CvtF32Ubyte0 = "v_cvt_f32_ubyte0", CvtF32Ubyte1 = "v_cvt_f32_ubyte1",
        CvtF32Ubyte2 = "v_cvt_f32_ubyte2", CvtF32Ubyte3 = "v_cvt_f32_ubyte3",
        CvtF16U16 = "v_cvt_f16_u16", CvtF16I16 = "v_cvt_f16_i16", CvtU16F16 = "v_cvt_u16_f16",
        CvtI16F16 = "v_cvt_i16_f16",
        TruncF32 = "v_trunc_f32", CeilF32 = "v_ceil_f32", RndneF32 = "v_rndne_f32",
        FloorF32 = "v_floor_f32", FractF32 = "v_fract_f32",
        TruncF64 = "v_trunc_f64", CeilF64 = "v_ceil_f64", RndneF64 = "v_rndne_f64",
        FloorF64 = "v_floor_f64", FractF64 = "v_fract_f64",
        TruncF16 = "v_trunc_f16", CeilF16 = "v_ceil_f16", RndneF16 = "v_rndne_f16",
        FloorF16 = "v_floor_f16", FractF16 = "v_fract_f16",
        ExpF32 = "v_exp_f32", LogF32 = "v_log_f32", RcpF32 = "v_rcp_f32",
        RcpIflagF32 = "v_rcp_iflag_f32", RsqF32 = "v_rsq_f32", SqrtF32 = "v_sqrt_f32",
        SinF32 = "v_sin_f32", CosF32 = "v_cos_f32",
        RcpF64 = "v_rcp_f64", RsqF64 = "v_rsq_f64", SqrtF64 = "v_sqrt_f64",
        RcpF16 = "v_rcp_f16", RsqF16 = "v_rsq_f16", SqrtF16 = "v_sqrt_f16",
        ExpF16 = "v_exp_f16", LogF16 = "v_log_f16",
        NotB32 = "v_not_b32", BfrevB32 = "v_bfrev_b32", FfbhU32 = "v_ffbh_u32",
        FfblB32 = "v_ffbl_b32", FfbhI32 = "v_ffbh_i32",
        FrexpExpF32 = "v_frexp_exp_i32_f32", FrexpMantF32 = "v_frexp_mant_f32",
        FrexpExpF64 = "v_frexp_exp_i32_f64", FrexpMantF64 = "v_frexp_mant_f64",
        CndmaskB32 = "v_cndmask_b32",
        AddF32 = "v_add_f32", SubF32 = "v_sub_f32", SubrevF32 = "v_subrev_f32",
        MulF32 = "v_mul_f32", MulLegacyF32 = "v_mul_legacy_f32",
        MinF32 = "v_min_f32", MaxF32 = "v_max_f32",
        FmacF32 = "v_fmac_f32", FmamkF32 = "v_fmamk_f32", FmaakF32 = "v_fmaak_f32",
        FmaF32 = "v_fma_f32", MacF32 = "v_mac_f32", MadF32 = "v_mad_f32",
        MadmkF32 = "v_madmk_f32", MadakF32 = "v_madak_f32",
        MulI32I24 = "v_mul_i32_i24", MulHiI32I24 = "v_mul_hi_i32_i24",
        MulU32U24 = "v_mul_u32_u24", MulHiU32U24 = "v_mul_hi_u32_u24",
        MinI32 = "v_min_i32", MaxI32 = "v_max_i32", MinU32 = "v_min_u32", MaxU32 = "v_max_u32",
        LshrrevB32 = "v_lshrrev_b32", AshrrevI32 = "v_ashrrev_i32", LshlrevB32 = "v_lshlrev_b32",
        AndB32 = "v_and_b32", OrB32 = "v_or_b32", XorB32 = "v_xor_b32", XnorB32 = "v_xnor_b32",
        AddNcU32 = "v_add_nc_u32", SubNcU32 = "v_sub_nc_u32", SubrevNcU32 = "v_subrev_nc_u32",
        AddNcI32 = "v_add_nc_i32", SubNcI32 = "v_sub_nc_i32",
        AddCoU32 = "v_add_co_u32", SubCoU32 = "v_sub_co_u32", SubrevCoU32 = "v_subrev_co_u32",
        AddCoCiU32 = "v_add_co_ci_u32", SubCoCiU32 = "v_sub_co_ci_u32",
        SubrevCoCiU32 = "v_subrev_co_ci_u32",
        CvtPkrtzF16F32 = "v_cvt_pkrtz_f16_f32",
        AddF16 = "v_add_f16", SubF16 = "v_sub_f16", SubrevF16 = "v_subrev_f16",
        MulF16 = "v_mul_f16", FmacF16 = "v_fmac_f16", FmamkF16 = "v_fmamk_f16",
        FmaakF16 = "v_fmaak_f16", FmaF16 = "v_fma_f16", MinF16 = "v_min_f16",
        MaxF16 = "v_max_f16", LdexpF16 = "v_ldexp_f16", PkFmacF16 = "v_pk_fmac_f16",
        MadI32I24 = "v_mad_i32_i24", MadU32U24 = "v_mad_u32_u24",
        BfeU32 = "v_bfe_u32", BfeI32 = "v_bfe_i32", BfiB32 = "v_bfi_b32",
        AlignbitB32 = "v_alignbit_b32", AlignbyteB32 = "v_alignbyte_b32",
        Min3F32 = "v_min3_f32", Max3F32 = "v_max3_f32", Med3F32 = "v_med3_f32",
        Min3I32 = "v_min3_i32", Max3I32 = "v_max3_i32", Med3I32 = "v_med3_i32",
        Min3U32 = "v_min3_u32", Max3U32 = "v_max3_u32", Med3U32 = "v_med3_u32",
        Min3F16 = "v_min3_f16", Max3F16 = "v_max3_f16", Med3F16 = "v_med3_f16",
        SadU32 = "v_sad_u32",
        DivFixupF32 = "v_div_fixup_f32", DivScaleF32 = "v_div_scale_f32",
        DivFmasF32 = "v_div_fmas_f32",
        FmaF64 = "v_fma_f64", AddF64 = "v_add_f64", MulF64 = "v_mul_f64", MinF64 = "v_min_f64",
        MaxF64 = "v_max_f64", LdexpF64 = "v_ldexp_f64", LdexpF32 = "v_ldexp_f32",
        MulLoU32 = "v_mul_lo_u32", MulHiU32 = "v_mul_hi_u32", MulHiI32 = "v_mul_hi_i32",
        MadU64U32 = "v_mad_u64_u32", MadI64I32 = "v_mad_i64_i32",
        LshlrevB64 = "v_lshlrev_b64", LshrrevB64 = "v_lshrrev_b64", AshrrevI64 = "v_ashrrev_i64",
        AddNcU16 = "v_add_nc_u16", SubNcU16 = "v_sub_nc_u16", AddNcI16 = "v_add_nc_i16",
        SubNcI16 = "v_sub_nc_i16", MulLoU16 = "v_mul_lo_u16", LshrrevB16 = "v_lshrrev_b16",
        AshrrevI16 = "v_ashrrev_i16", LshlrevB16 = "v_lshlrev_b16", MaxU16 = "v_max_u16",
        MaxI16 = "v_max_i16", MinU16 = "v_min_u16", MinI16 = "v_min_i16",
        MadU16 = "v_mad_u16", MadI16 = "v_mad_i16",
        MadU32U16 = "v_mad_u32_u16", MadI32I16 = "v_mad_i32_i16",
        PackB32F16 = "v_pack_b32_f16", BfmB32 = "v_bfm_b32", BcntU32B32 = "v_bcnt_u32_b32",
        MbcntLo = "v_mbcnt_lo_u32_b32", MbcntHi = "v_mbcnt_hi_u32_b32", PermB32 = "v_perm_b32",
        XadU32 = "v_xad_u32", LshlAddU32 = "v_lshl_add_u32", AddLshlU32 = "v_add_lshl_u32",
        Add3U32 = "v_add3_u32", LshlOrB32 = "v_lshl_or_b32", AndOrB32 = "v_and_or_b32",
        Or3B32 = "v_or3_b32", Xor3B32 = "v_xor3_b32",
        Permlane16 = "v_permlane16_b32", Permlanex16 = "v_permlanex16_b32",
        CvtPkU16U32 = "v_cvt_pk_u16_u32", CvtPkI16I32 = "v_cvt_pk_i16_i32",
        PkFmaF16 = "v_pk_fma_f16", PkAddF16 = "v_pk_add_f16", PkMulF16 = "v_pk_mul_f16",
        PkMinF16 = "v_pk_min_f16", PkMaxF16 = "v_pk_max_f16",
        PkAddU16 = "v_pk_add_u16", PkSubU16 = "v_pk_sub_u16", PkAddI16 = "v_pk_add_i16",
        PkSubI16 = "v_pk_sub_i16", PkMulLoU16 = "v_pk_mul_lo_u16", PkMadU16 = "v_pk_mad_u16",
        PkMadI16 = "v_pk_mad_i16", PkLshlrevB16 = "v_pk_lshlrev_b16",
        PkLshrrevB16 = "v_pk_lshrrev_b16", PkAshrrevI16 = "v_pk_ashrrev_i16",
        PkMinU16 = "v_pk_min_u16", PkMaxU16 = "v_pk_max_u16", PkMinI16 = "v_pk_min_i16",
        PkMaxI16 = "v_pk_max_i16",
        FmaMixF32 = "v_fma_mix_f32", FmaMixloF16 = "v_fma_mixlo_f16",
        FmaMixhiF16 = "v_fma_mixhi_f16",
    }
}

/// A vector operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Valu {
    Arith(Arith),
    Compare(Compare),
}

impl Valu {
    /// By mnemonic without `_e32`, `_e64`, `_sdwa`, `_dpp`.
    pub fn from_mnemonic(text: &str) -> Option<Self> {
        if text.starts_with("v_cmp") {
            return Compare::from_mnemonic(text).map(Valu::Compare);
        }
        Arith::from_mnemonic(text).map(Valu::Arith)
    }
}

impl Arith {
    /// Whether the instruction counts as multiply-add, and how many a lane.
    pub fn multiply_adds(self) -> u32 {
        use Arith::*;
        match self {
            FmacF32 | FmamkF32 | FmaakF32 | FmaF32 | MacF32 | MadF32 | MadmkF32 | MadakF32
            | FmaF64 | FmacF16 | FmamkF16 | FmaakF16 | FmaF16 | FmaMixF32 | FmaMixloF16
            | FmaMixhiF16 => 1,
            PkFmaF16 | PkFmacF16 => 2,
            _ => 0,
        }
    }

    /// Whether the destination is a source too.
    pub fn reads_destination(self) -> bool {
        use Arith::*;
        matches!(self, FmacF32 | MacF32 | FmacF16 | PkFmacF16)
    }
}
