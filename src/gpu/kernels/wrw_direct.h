// Backward-weights for few channels in a group (depthwise above all), and the sum over parts.
#pragma once
#include "wrw_point.h"

static const int WRW_DIRECT_THREADS = 256, WRW_DIRECT_TAPS = 3;

// A block sums one pair of channels and three taps over the points of its split.
template <class T> DEVICE void wrw_direct(const WrwParams &p, float *lds) {
    const WrwPlace at = wrw_place_of(p, block_index()); // n_block and m_block are channels
    const u32 begin = at.split * p.split_points, limit = begin + p.split_points;
    const u32 end = limit < p.points ? limit : p.points;
    const u32 t = thread_in_block(), first_tap = at.tap * WRW_DIRECT_TAPS;
    const Resource x = resource(p.x, p.x_bytes), dy = resource(p.dy, p.dy_bytes);
    const u32 dy_first = at.group * p.dy_g + at.m_block * p.dy_m;
    const u32 x_first = at.group * p.x_g + at.n_block * p.x_c;
    float acc[WRW_DIRECT_TAPS];
#pragma unroll
    for (int i = 0; i < WRW_DIRECT_TAPS; i++) acc[i] = 0.f;
    for (u32 point = begin + t; point < end; point += WRW_DIRECT_THREADS) {
        Walk<true> walk;
        walk.start(p, point, 0, Tap{0, 0, 0, 0});
        const float gradient = load((T *)0, dy, walk.dy_offset + dy_first, 0);
#pragma unroll
        for (int i = 0; i < WRW_DIRECT_TAPS; i++) {
            const Tap tap = tap_of(p, first_tap + i);
            const bool inside =
                (first_tap + i < p.taps) & walk.inside(p, tap.d, tap.h, tap.w);
            const u32 offset = inside ? walk.x_offset + x_first : OUTSIDE;
            // In the padding nothing is added, whatever the gradient is.
            const float value = load((T *)0, x, offset, tap.offset);
            acc[i] = inside ? fma(gradient, value, acc[i]) : acc[i];
        }
    }
#pragma unroll
    for (int i = 0; i < WRW_DIRECT_TAPS; i++) lds[i * WRW_DIRECT_THREADS + t] = acc[i];
    for (u32 half = WRW_DIRECT_THREADS / 2; half > 0; half /= 2) {
        lds_barrier();
        if (t < half)
            for (int i = 0; i < WRW_DIRECT_TAPS; i++)
                lds[i * WRW_DIRECT_THREADS + t] += lds[i * WRW_DIRECT_THREADS + t + half];
    }
    lds_barrier();
    if (t < WRW_DIRECT_TAPS && first_tap + t < p.taps)
        wrw_put<T>(p, wrw_out(p, at.split), lds[t * WRW_DIRECT_THREADS],
                   wrw_offset(p, at.group, at.m_block, at.n_block, first_tap + t), 0);
}

// dw = alpha * sum over the splits, in their order: the same bits every time.
template <class T> DEVICE void wrw_reduce(const WrwParams &p) {
    const u32 element = block_index() * WRW_DIRECT_THREADS + thread_in_block();
    u32 rest = element / p.by_taps;
    u32 tap = element - rest * p.taps;
    u32 next = rest / p.by_n;
    const u32 n = rest - next * p.n;
    const u32 group = next / p.by_m, m = next - group * p.m;
    if (group >= p.groups) return;
    const __attribute__((address_space(1))) float *part =
        (const __attribute__((address_space(1))) float *)(p.out) + element;
    float sum = 0.f;
    for (u32 split = 0; split < p.splits; split++) {
        sum += *part;
        part += p.split_floats;
    }
    const u32 d = tap / p.by_tap_plane;
    tap -= d * p.by_tap_plane.divisor;
    const u32 h = tap / p.by_tap_row, w = tap - h * p.by_tap_row.divisor;
    const u32 offset = group * p.dw_g + m * p.dw_m + n * p.dw_n + d * p.dw_tap[0] +
                       h * p.dw_tap[1] + w * p.dw_tap[2];
    const Resource dw = resource(p.dw, p.dw_bytes);
    sum *= p.alpha;
    if (p.beta != 0.f) sum = fma(p.beta, load((T *)0, dw, offset, 0), sum);
    store((T *)0, dw, sum, offset, 0);
}
