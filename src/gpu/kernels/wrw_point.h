// Where backward-weights reads and writes.
#pragma once
#include "params.h"

struct WrwPlace {
    u32 n_block, m_block, tap, group, split;
};
// `tap` counts blocks of taps: single ones for the tiles, all in one where they are folded in.
DEVICE WrwPlace wrw_place_of(const WrwParams &p, u32 block) {
    WrwPlace at;
    u32 rest = block / p.by_n_blocks;
    at.n_block = block - rest * p.n_blocks;
    u32 next = rest / p.by_m_blocks;
    at.m_block = rest - next * p.m_blocks;
    rest = next / p.by_tap_blocks;
    at.tap = next - rest * p.by_tap_blocks.divisor;
    at.split = rest / p.by_groups;
    at.group = rest - at.split * p.groups;
    return at;
}

struct Tap {
    u32 offset;  // in the lowered x
    int d, h, w; // coordinates at point 0
};
DEVICE Tap tap_of(const WrwParams &p, u32 tap) {
    const u32 d = tap / p.by_tap_plane;
    tap -= d * p.by_tap_plane.divisor;
    const u32 h = tap / p.by_tap_row, w = tap - h * p.by_tap_row.divisor;
    const u32 reach[3] = {d * p.dilation[0], h * p.dilation[1], w * p.dilation[2]};
    Tap at;
    at.offset = reach[0] * p.x_dhw[0] + reach[1] * p.x_dhw[1] + reach[2] * p.x_dhw[2];
    at.d = (int)(reach[0] - p.pad[0]);
    at.h = (int)(reach[1] - p.pad[1]);
    at.w = (int)(reach[2] - p.pad[2]);
    return at;
}

// Points that the lanes of a step lie apart: a block's threads walk over them side by side.
static const int WRW_STEP = 8;

// A thread's way over the points: no division from step to step.
template <bool VOLUME> struct Walk {
    int d, h, w; // coordinates in x of a tap
    u32 dy_offset, x_offset;
    int d_end, h_end, w_end; // of the same tap at the point behind the last one
    int room; // points behind the step in the row of its first lane, the same for all lanes

    // At point `first` + `lane`; `first` and `tap` are the same for all lanes.
    __attribute__((device)) INLINE void start(const WrwParams &p, u32 first, u32 lane,
                                              const Tap &tap) {
        const u32 point = first + lane;
        const u32 image = point / p.by_points;
        u32 rest = point - image * p.by_points.divisor;
        const u32 qd = rest / p.by_plane;
        rest -= qd * p.by_plane.divisor;
        const u32 qh = rest / p.by_row, qw = rest - qh * p.by_row.divisor;
        d = (int)(qd * p.x_point[0]) + tap.d;
        h = (int)(qh * p.x_point[1]) + tap.h;
        w = (int)(qw * p.x_point[2]) + tap.w;
        d_end = (int)(p.out_len[0] * p.x_point[0]) + tap.d;
        h_end = (int)(p.out_len[1] * p.x_point[1]) + tap.h;
        w_end = (int)(p.out_len[2] * p.x_point[2]) + tap.w;
        dy_offset = image * p.dy_n + qd * p.dy_step[0] + qh * p.dy_step[1] + qw * p.dy_step[2];
        x_offset = image * p.x_n + qd * p.x_step[0] + qh * p.x_step[1] + qw * p.x_step[2];
        room = (int)(p.out_len[2] - WRW_STEP - first + first / p.by_row * p.out_len[2]);
    }
    __attribute__((device)) INLINE bool inside(const WrwParams &p, int dd = 0, int dh = 0,
                                               int dw = 0) const {
        // `&`, not `&&`: a branch costs more than a comparison.
        return ((u32)(h + dh) < p.x_len[1]) & ((u32)(w + dw) < p.x_len[2]) &
               (!VOLUME | ((u32)(d + dd) < p.x_len[0]));
    }
    __attribute__((device)) INLINE void advance(const WrwParams &p) {
        // Constants of the launch: the compiler keeps them in SGPRs.
        const u32 dy_move = p.advance[0] * p.dy_n + p.advance[1] * p.dy_step[0] +
                            p.advance[2] * p.dy_step[1] + p.advance[3] * p.dy_step[2];
        const u32 x_move = p.advance[0] * p.x_n + p.advance[1] * p.x_step[0] +
                           p.advance[2] * p.x_step[1] + p.advance[3] * p.x_step[2];
        dy_offset += dy_move;
        x_offset += x_move;
        w += (int)(p.advance[3] * p.x_point[2]);
        const bool stays = room >= WRW_STEP; // all lanes in their row, as is true of most steps
        room -= (int)p.advance[3];
        if (!stays) {
            room += room <= -WRW_STEP ? (int)p.out_len[2] : 0;
            wrap(p);
        }
        // Done here and now: left open, the tail of it lives through the products in VGPRs.
        asm volatile("" : "+v"(w), "+v"(h), "+v"(dy_offset), "+v"(x_offset));
        if (VOLUME) asm volatile("" : "+v"(d));
    }
    __attribute__((device)) INLINE void wrap(const WrwParams &p) {
        const bool past_row = w >= w_end;
        w -= past_row ? (int)(p.out_len[2] * p.x_point[2]) : 0;
        dy_offset += past_row ? p.dy_step[1] - p.out_len[2] * p.dy_step[2] : 0;
        x_offset += past_row ? p.x_step[1] - p.out_len[2] * p.x_step[2] : 0;
        h += (int)(p.advance[2] * p.x_point[1]) + (past_row ? (int)p.x_point[1] : 0);
        const bool past_plane = h >= h_end;
        h -= past_plane ? (int)(p.out_len[1] * p.x_point[1]) : 0;
        if (VOLUME) {
            dy_offset += past_plane ? p.dy_step[0] - p.out_len[1] * p.dy_step[1] : 0;
            x_offset += past_plane ? p.x_step[0] - p.out_len[1] * p.x_step[1] : 0;
            d += (int)(p.advance[1] * p.x_point[0]) + (past_plane ? (int)p.x_point[0] : 0);
            const bool past_image = d >= d_end;
            d -= past_image ? (int)(p.out_len[0] * p.x_point[0]) : 0;
            dy_offset += past_image ? p.dy_n - p.out_len[0] * p.dy_step[0] : 0;
            x_offset += past_image ? p.x_n - p.out_len[0] * p.x_step[0] : 0;
        } else {
            dy_offset += past_plane ? p.dy_n - p.out_len[1] * p.dy_step[1] : 0;
            x_offset += past_plane ? p.x_n - p.out_len[1] * p.x_step[1] : 0;
        }
        // Without it the compiler forms the whole of it in every step, and selects.
        asm volatile("" : "+v"(w), "+v"(h), "+v"(dy_offset), "+v"(x_offset));
    }
};

DEVICE Resource wrw_out(const WrwParams &p, u32 split) {
    return resource(p.out + (u64)split * p.split_floats * 4, p.out_bytes);
}
DEVICE u32 wrw_offset(const WrwParams &p, u32 group, u32 m, u32 n, u32 tap) {
    const u32 d = tap / p.by_tap_plane;
    tap -= d * p.by_tap_plane.divisor;
    const u32 h = tap / p.by_tap_row, w = tap - h * p.by_tap_row.divisor;
    return group * p.out_g + m * p.out_m + n * p.out_n + d * p.out_tap[0] + h * p.out_tap[1] +
           w * p.out_tap[2];
}
template <class T>
DEVICE void wrw_put(const WrwParams &p, Resource out, float value, u32 offset,
                    u32 scalar_offset) {
    if (p.is_partial) {
        store((float *)0, out, value, offset, scalar_offset);
        return;
    }
    value *= p.alpha;
    if (p.beta != 0.f) value = fma(p.beta, load((T *)0, out, offset, scalar_offset), value);
    store((T *)0, out, value, offset, scalar_offset);
}
