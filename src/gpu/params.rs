//! The arguments of the kernels: the structures of `kernels/params.h`, field by field.
#![forbid(unsafe_code)]

/// Division by a constant, for numerators below 2^31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Divisor {
    pub divisor: u32,
    multiplier: u32,
    shift: u32,
}

impl Divisor {
    /// `n / divisor` is `n * multiplier >> (31 + shift)`.
    ///
    /// The multiplier is the least integer above `2^(31+shift) / divisor` with
    /// `2^shift >= divisor`; it errs by less than `2^shift` in `2^(31+shift)`, too little to
    /// reach the next integer (Granlund and Montgomery, "Division by invariant integers using
    /// multiplication", theorem 4.2).
    pub fn new(divisor: u32) -> Self {
        let divisor = divisor.max(1);
        let shift = u32::BITS - (divisor - 1).leading_zeros();
        let multiplier = ((1u64 << (31 + shift)) / u64::from(divisor) + 1) as u32;
        Divisor { divisor, multiplier, shift }
    }

    /// What the kernels compute.
    #[cfg(test)]
    fn divide(self, n: u32) -> u32 {
        ((u64::from(n << 1) * u64::from(self.multiplier)) >> 32) as u32 >> self.shift
    }
}

impl Default for Divisor {
    fn default() -> Self {
        Divisor::new(1)
    }
}

/// Phases of one launch.
pub const MAX_PHASES: usize = 8;

/// `Phase` of the kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct Phase {
    pub k_total: u32,
    pub k_padded: u32,
    pub table_first: u32,
    pub filter_first: u32,
    pub columns: u32,
    pub out_first: u32,
    pub partial_first: u32,
    pub run: u32,
    pub by_points: Divisor,
    pub by_plane: Divisor,
    pub by_row: Divisor,
    pub by_taps: Divisor,
    pub by_tap_plane: Divisor,
    pub by_tap_row: Divisor,
    pub taps: [u32; 3],
    pub in_first: [i32; 3],
    pub tap_step: [i32; 3],
    pub filter_tap_first: u32,
    pub filter_tap_step: [i32; 3],
    pub padded: u32,
}

/// `ConvParams` of the kernels. Addresses are those of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct ConvParams {
    pub input: u64,
    pub packed: u64,
    pub table: u64,
    pub out: u64,
    pub partial: u64,
    pub filter: u64,
    pub in_bytes: u32,
    pub out_bytes: u32,
    pub filter_bytes: u32,
    pub partial_bytes: u32,
    pub packed_bytes: u32,
    pub in_bias_bytes: u32,
    pub groups: u32,
    pub m: u32,
    pub m_padded: u32,
    pub m_blocks: u32,
    pub column_blocks: u32,
    pub splits: u32,
    pub split_k: u32,
    pub split_floats: u32,
    pub by_column_blocks: Divisor,
    pub by_m_blocks: Divisor,
    pub by_groups: Divisor,
    pub by_phases: Divisor,
    pub in_n: u32,
    pub in_g: u32,
    pub in_c: u32,
    pub in_dhw: [u32; 3],
    pub in_step: [u32; 3],
    pub in_point: [u32; 3],
    pub in_len: [u32; 3],
    pub out_n: u32,
    pub out_g: u32,
    pub out_m: u32,
    pub out_step: [u32; 3],
    pub filter_g: u32,
    pub filter_m: u32,
    pub filter_c: u32,
    pub is_range: u32,
    pub alpha: f32,
    pub beta: f32,
    pub phases: u32,
    pub phase: [Phase; MAX_PHASES],
}

/// `WinogradParams` of the kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct WinogradParams {
    pub conv: ConvParams,
    pub by_tiles: Divisor,
    pub by_tile_plane: Divisor,
    pub by_tile_row: Divisor,
    pub tiles: u32,
    pub patch_first: [i32; 2],
    pub out_len: [u32; 2],
}

/// `WrwParams` of the kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct WrwParams {
    pub x: u64,
    pub dy: u64,
    pub out: u64,
    pub dw: u64,
    pub x_bytes: u32,
    pub dy_bytes: u32,
    pub out_bytes: u32,
    pub dw_bytes: u32,
    pub groups: u32,
    pub m: u32,
    pub n: u32,
    pub m_blocks: u32,
    pub n_blocks: u32,
    pub taps: u32,
    pub splits: u32,
    pub points: u32,
    pub split_points: u32,
    pub split_floats: u32,
    pub is_partial: u32,
    pub by_n_blocks: Divisor,
    pub by_m_blocks: Divisor,
    pub by_tap_blocks: Divisor,
    pub by_groups: Divisor,
    pub by_points: Divisor,
    pub by_plane: Divisor,
    pub by_row: Divisor,
    pub by_taps: Divisor,
    pub by_tap_plane: Divisor,
    pub by_tap_row: Divisor,
    pub by_n: Divisor,
    pub by_m: Divisor,
    pub advance: [u32; 4],
    pub out_len: [u32; 3],
    pub x_n: u32,
    pub x_g: u32,
    pub x_c: u32,
    pub x_step: [u32; 3],
    pub x_dhw: [u32; 3],
    pub x_point: [u32; 3],
    pub x_len: [u32; 3],
    pub pad: [u32; 3],
    pub dilation: [u32; 3],
    pub dy_n: u32,
    pub dy_g: u32,
    pub dy_m: u32,
    pub dy_step: [u32; 3],
    pub out_g: u32,
    pub out_m: u32,
    pub out_n: u32,
    pub out_tap: [u32; 3],
    pub dw_g: u32,
    pub dw_m: u32,
    pub dw_n: u32,
    pub dw_tap: [u32; 3],
    pub alpha: f32,
    pub beta: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_is_exact() {
        let limit = (1u32 << 31) - 1;
        let divisors = (1..=300).chain([1023, 1024, 1025, 65_535, 12_544, limit - 1, limit]);
        for divisor in divisors {
            let by = Divisor::new(divisor);
            let multiples = (1..64).map(|i| (limit / divisor / 64 * i).saturating_mul(divisor));
            for near in multiples.chain([0, 1, limit]) {
                for n in near.saturating_sub(2)..=near.saturating_add(2).min(limit) {
                    assert_eq!(by.divide(n), n / divisor, "{n} / {divisor}");
                }
            }
        }
    }
}
