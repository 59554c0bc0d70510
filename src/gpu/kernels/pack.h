// Before and after the matrix kernels: the filter brought into their order together with the
// table, and the sum over the parts of a split reduction.
#pragma once
#include "gather.h"

static const u32 PACK_TILE = 32, PACK_THREADS = 256, PACK_ROWS = 128;
// What the matrix kernels fetch beyond the end of a table.
static const u32 TABLE_SLACK = 8;

// What reduction element k stands for.
struct Element {
    u32 channel, tap[3];
};
DEVICE Element element_of(const Phase &f, u32 k) {
    Element e;
    const u32 group = f.run == 4 ? k / 4 : k, within = f.run == 4 ? k % 4 : 0;
    const u32 channels = group / f.by_taps;
    u32 tap = group - channels * f.by_taps.divisor;
    e.channel = channels * f.run + within;
    e.tap[0] = tap / f.by_tap_plane;
    tap -= e.tap[0] * f.by_tap_plane.divisor;
    e.tap[1] = tap / f.by_tap_row;
    e.tap[2] = tap - e.tap[1] * f.by_tap_row.divisor;
    return e;
}

// The entry of reduction element k; those beyond the end never meet the input.
DEVICE void write_entry(const ConvParams &p, const Phase &f, u32 k) {
    const bool exists = k < f.k_total;
    const Element e = element_of(f, exists ? k : 0);
    u32 *const entry = (u32 *)p.table + f.table_first + k * (p.is_range ? 4 : 2);
    u32 offset = p.in_bias_bytes + e.channel * p.in_c;
    int coordinate[3];
    for (int axis = 0; axis < 3; axis++) {
        coordinate[axis] = f.in_first[axis] + (int)e.tap[axis] * f.tap_step[axis];
        offset += (u32)(coordinate[axis] * (int)p.in_dhw[axis]);
    }
    entry[0] = exists ? offset : 0;
    if (p.is_range) {
        // Added to any coordinate it stays beyond every length.
        entry[1] = exists ? (u32)coordinate[0] : 0x40000000u;
        entry[2] = (u32)coordinate[1];
        entry[3] = (u32)coordinate[2];
    } else {
        const u32 mask = 1u << e.tap[2] | 1u << (f.taps[2] + e.tap[1]) |
                         1u << (f.taps[2] + f.taps[1] + e.tap[0]);
        entry[1] = exists ? mask : NEVER_BIT;
    }
}

// packed[k][m] = alpha * filter, zero beyond the ends. A block takes 32 reduction elements and
// PACK_ROWS channels, and turns square after square of 32 by 32 round in LDS: the filter is read
// along k and written along m. What belongs to k is found once for all squares, and what the lanes
// of a wave share stays in SGPRs: a filter of a layer with few points is packed for few products.
template <class T> DEVICE void pack(const ConvParams &p, float *lds) {
    const Place at = place_of(p, block_index()); // here column blocks are blocks of k
    const Phase &f = p.phase[at.phase];
    constexpr u32 WAVES = PACK_THREADS / PACK_TILE;
    const u32 lane = thread_in_block() % PACK_TILE;
    const u32 row = uniform(thread_in_block() / PACK_TILE);
    const u32 first_k = at.column_block * PACK_TILE;
    const u32 k = first_k + lane;
    // Phases differ in length, the grid fits the longest. Tables are longer by a step.
    if (first_k >= f.k_padded + TABLE_SLACK) return;
    if (at.group == 0 && at.m_block == 0 && row == 0) write_entry(p, f, k);
    const Resource filter = resource(p.filter, p.filter_bytes);
    const Resource packed = resource(p.packed + f.filter_first, p.packed_bytes);
    const Element e = element_of(f, k < f.k_total ? k : 0);
    const u32 of_k = f.filter_tap_first + at.group * p.filter_g + e.channel * p.filter_c +
                     (u32)((int)e.tap[0] * f.filter_tap_step[0] +
                           (int)e.tap[1] * f.filter_tap_step[1] +
                           (int)e.tap[2] * f.filter_tap_step[2]);
    const u32 from = k < f.k_total ? of_k : OUTSIDE;
    const u32 first_m = at.m_block * PACK_ROWS;
    const u32 end_m = first_m + PACK_ROWS < p.m_padded ? first_m + PACK_ROWS : p.m_padded;
    for (u32 square = first_m; square < end_m; square += PACK_TILE) {
#pragma unroll
        for (u32 i = 0; i < PACK_TILE; i += WAVES) {
            const u32 m = square + row + i;
            const float value =
                m < p.m ? p.alpha * load((T *)0, filter, from, m * p.filter_m) : 0.f;
            lds[(row + i) * (PACK_TILE + 1) + lane] = value;
        }
        lds_barrier();
        const u32 to = square + lane < p.m_padded ? 4 * (square + lane) : OUTSIDE;
#pragma unroll
        for (u32 i = 0; i < PACK_TILE; i += WAVES) {
            const u32 to_k = first_k + row + i;
            if (to_k < f.k_padded)
                store((float *)0, packed, lds[lane * (PACK_TILE + 1) + row + i], to,
                      4 * (at.group * f.k_padded + to_k) * p.m_padded);
        }
        lds_barrier();
    }
}

// out = sum over the splits, in their order: the same bits every time.
template <class T> DEVICE void reduce(const ConvParams &p) {
    const Place at = place_of(p, block_index()); // a block is one channel and 256 columns
    const Phase &f = p.phase[at.phase];
    const u32 column = at.column_block * PACK_THREADS + thread_in_block();
    if (column >= f.columns) return;
    const float *part = p.partial + f.partial_first +
                        ((u64)at.group * p.m + at.m_block) * f.columns + column;
    float sum = 0.f;
    for (u32 split = 0; split < p.splits; split++) {
        sum += *(const __attribute__((address_space(1))) float *)part;
        part += p.split_floats;
    }
    const u32 offset = out_offset(p, f, at.group, point_of(f, column)) + at.m_block * p.out_m;
    put<T>(resource(p.out, p.out_bytes), sum, p.beta, offset, 0);
}
