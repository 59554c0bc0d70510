// The arguments of the kernels, as the host writes them (src/gpu/params.rs holds the same
// structures). Strides and offsets are bytes unless they say otherwise.
#pragma once
#include "prelude.h"

// Division of a number below 2^31 by a constant: the host computes both fields.
struct Divisor {
    u32 divisor;
    u32 multiplier;
    u32 shift;
};
DEVICE u32 operator/(u32 n, const Divisor &d) {
    return (u32)(((u64)(n << 1) * d.multiplier) >> 32) >> d.shift;
}

// Forward is one phase. Backward-data has one for each residue of the output coordinates by the
// strides: the filter taps that meet a residue form a dense convolution of stride 1.
struct Phase {
    u32 k_total;         // channels * taps, without padding
    u32 k_padded;        // a multiple of the step of the reduction, at least one step
    u32 table_first;     // first entry of its table, in dwords
    u32 filter_first;    // first float of its packed filter
    u32 columns;         // images * points of the phase
    u32 out_first;       // of point 0
    u32 partial_first;   // first float of its part in a partial result
    u32 run;             // 4: channels go innermost in fours; 1: taps go innermost
    Divisor by_points;   // points of one image
    Divisor by_plane;    // q_h * q_w
    Divisor by_row;      // q_w
    Divisor by_taps;     // d, h, w taps together
    Divisor by_tap_plane;
    Divisor by_tap_row;
    u32 taps[3];         // number of taps in d, h, w
    int in_first[3];     // input coordinate of tap 0 at point 0
    int tap_step[3];     // input coordinates from tap to tap
    u32 filter_tap_first;   // offset of tap 0 in the filter
    int filter_tap_step[3];
    u32 padded;          // 1 where a tap of some point lies in the padding
};

static const u32 MAX_PHASES = 8;

// Forward and backward-data: out[m][column] = sum over k of filter[k][m] * in[table[k]][column].
struct ConvParams {
    const u8 *in;        // lowered by in_bias_bytes, so that table offsets are not negative
    const float *packed; // [phase][group][k_padded][m_padded]
    const u32 *table;    // per k {offset, mask} or {offset, d, h, w}
    u8 *out;
    float *partial;      // [split][phase][group][m][column], or null
    const u8 *filter;    // as the caller laid it
    u32 in_bytes;        // with the bias
    u32 out_bytes;
    u32 filter_bytes;
    u32 partial_bytes;
    u32 packed_bytes;
    u32 in_bias_bytes;
    u32 groups;
    u32 m;               // output channels of a group
    u32 m_padded;
    u32 m_blocks;
    u32 column_blocks;
    u32 splits;          // parts of the reduction
    u32 split_k;         // its length, a multiple of the step
    u32 split_floats;    // floats of one split in the partial result
    Divisor by_column_blocks;
    Divisor by_m_blocks;
    Divisor by_groups;
    Divisor by_phases;
    u32 in_n, in_g, in_c;
    u32 in_dhw[3];       // stride of one input coordinate
    u32 in_step[3];      // stride of the input from point to point
    u32 in_point[3];     // coordinates of the input from point to point
    u32 in_len[3];
    u32 out_n, out_g, out_m;
    u32 out_step[3];     // stride of the output from point to point
    u32 filter_g, filter_m, filter_c;
    u32 is_range;        // the table holds coordinates instead of masks
    float alpha;         // goes into the packed filter
    float beta;
    u32 phases;
    Phase phase[MAX_PHASES];
};

// Backward-weights: dw[m][n][tap] = sum over the points of dy[m][point] * x[n][point, tap].
struct WrwParams {
    const u8 *x;         // lowered by the offset of the padding, so that tap offsets are positive
    const u8 *dy;
    u8 *out;             // dw, or the partial sums [split][group][m][n][tap] in f32
    u8 *dw;              // where `wrw_reduce` writes
    u32 x_bytes;         // with the bias
    u32 dy_bytes;
    u32 out_bytes;       // of one split where the result is partial
    u32 dw_bytes;
    u32 groups;
    u32 m, n;            // output and input channels of a group
    u32 m_blocks, n_blocks;
    u32 taps;
    u32 splits;
    u32 points;          // of all images
    u32 split_points;    // a multiple of the step
    u32 split_floats;    // from one part of the partial result to the next
    u32 is_partial;
    Divisor by_n_blocks;
    Divisor by_m_blocks;
    Divisor by_tap_blocks;
    Divisor by_groups;
    Divisor by_points;   // points of one image
    Divisor by_plane;
    Divisor by_row;
    Divisor by_taps;
    Divisor by_tap_plane;
    Divisor by_tap_row;
    Divisor by_n;
    Divisor by_m;
    // From step to step the point moves by [image, d, h, w], each below its length; when a
    // coordinate passes its end, it falls back and the one before it rises by one.
    u32 advance[4];
    u32 out_len[3];
    u32 x_n, x_g, x_c;
    u32 x_step[3];       // from point to point
    u32 x_dhw[3];        // from coordinate to coordinate
    u32 x_point[3];      // coordinates from point to point
    u32 x_len[3];
    u32 pad[3];
    u32 dilation[3];
    u32 dy_n, dy_g, dy_m;
    u32 dy_step[3];
    u32 out_g, out_m, out_n;
    u32 out_tap[3];
    u32 dw_g, dw_m, dw_n;
    u32 dw_tap[3];
    float alpha;
    float beta;
};

// A block of work: which phase, group, split, tile.
struct Place {
    u32 phase, group, split, m_block, column_block;
};
DEVICE Place place_of(const ConvParams &p, u32 block) {
    Place at;
    u32 rest = block / p.by_column_blocks;
    at.column_block = block - rest * p.column_blocks;
    u32 next = rest / p.by_m_blocks;
    at.m_block = rest - next * p.m_blocks;
    rest = next / p.by_groups;
    at.group = next - rest * p.groups;
    at.split = rest / p.by_phases;
    at.phase = rest - at.split * p.phases;
    return at;
}

// A point of the output grid of a phase.
struct Point {
    u32 image, d, h, w;
};
DEVICE Point point_of(const Phase &f, u32 column) {
    Point q;
    q.image = column / f.by_points;
    u32 rest = column - q.image * f.by_points.divisor;
    q.d = rest / f.by_plane;
    rest -= q.d * f.by_plane.divisor;
    q.h = rest / f.by_row;
    q.w = rest - q.h * f.by_row.divisor;
    return q;
}
// Its output offset for channel 0 of the group.
DEVICE u32 out_offset(const ConvParams &p, const Phase &f, u32 group, Point q) {
    return f.out_first + group * p.out_g + q.image * p.out_n + q.d * p.out_step[0] +
           q.h * p.out_step[1] + q.w * p.out_step[2];
}

// The bit in every mask that marks entries beyond the end of the reduction.
static const u32 NEVER_BIT = 0x80000000u;
// Bits of the taps that fall outside the input at point q: w taps lowest, then h, then d.
DEVICE u32 outside_taps(const ConvParams &p, const Phase &f, Point q) {
    u32 mask = NEVER_BIT, bit = 1;
    const u32 at[3] = {q.d, q.h, q.w};
    for (int axis = 2; axis >= 0; axis--) {
        int coordinate = (int)(at[axis] * p.in_point[axis]) + f.in_first[axis];
        for (u32 tap = 0; tap < f.taps[axis]; tap++) {
            if ((u32)coordinate >= p.in_len[axis]) mask |= bit;
            coordinate += f.tap_step[axis];
            bit <<= 1;
        }
    }
    return mask;
}
