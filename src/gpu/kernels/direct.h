// Forward and backward-data for few output channels in a group (depthwise above all): no LDS,
// filter values come as scalars, each thread computes `ROWS` channels of four points.
#pragma once
#include "careful.h"

static const int DIRECT_THREADS = 256, DIRECT_POINTS = 4;
// Reduction elements taken at once: what loads are in flight together.
static const int DIRECT_STEP = 4;

typedef const __attribute__((address_space(4))) float *Scalars;

template <class T, int ROWS, Gather GATHER> DEVICE void direct(const ConvParams &p) {
    const Place at = place_of(p, block_index());
    const Phase &f = p.phase[at.phase];
    const u32 first_column = at.column_block * (DIRECT_THREADS * DIRECT_POINTS);
    if (first_column >= f.columns) return; // phases differ in size, the grid fits the largest
    const u32 t = thread_in_block(), first_m = at.m_block * ROWS;
    const Resource in = resource(p.in, p.in_bytes);
    Scalars filter = (Scalars)(u64)(p.packed + f.filter_first +
                                    (u64)at.group * f.k_padded * p.m_padded + first_m);
    Table table = table_of(p, f);

    Column column[DIRECT_POINTS];
    float acc[ROWS][DIRECT_POINTS];
#pragma unroll
    for (int j = 0; j < DIRECT_POINTS; j++) {
        column[j] = column_at<GATHER>(p, f, at.group, first_column + j * DIRECT_THREADS + t);
#pragma unroll
        for (int i = 0; i < ROWS; i++) acc[i][j] = 0.f;
    }
    for (u32 k = 0; k < f.k_padded; k += DIRECT_STEP) {
        Entries<GATHER, DIRECT_STEP> entries;
        entries.fetch(table);
        table += Entries<GATHER, DIRECT_STEP>::VECTORS;
        float value[DIRECT_POINTS][DIRECT_STEP];
#pragma unroll
        for (int j = 0; j < DIRECT_POINTS; j++)
            gather<T, GATHER, DIRECT_STEP>(p, in, column[j], entries, value[j]);
#pragma unroll
        for (int s = 0; s < DIRECT_STEP; s++) {
            float row[ROWS];
#pragma unroll
            for (int i = 0; i < ROWS; i++) row[i] = filter[i];
            filter += p.m_padded;
#pragma unroll
            for (int i = 0; i < ROWS; i++)
#pragma unroll
                for (int j = 0; j < DIRECT_POINTS; j++)
                    acc[i][j] = fma(row[i], value[j][s], acc[i][j]);
        }
    }

    // Read anew: arguments for the end, kept through the loop, would crowd the SGPRs.
    const ConvParams &q = arguments_again<ConvParams>();
    const Phase &g = q.phase[at.phase];
    if (g.padded && any_nan(acc)) {
        conv_careful<T, GATHER>(
            q, g, resource(q.in, q.in_bytes), filter_of(q, g, at.group), 0, g.k_padded,
            [&](int i) INLINE { return first_m + i; },
            [&](int j) INLINE {
                return column_at<GATHER>(q, g, at.group, first_column + j * DIRECT_THREADS + t);
            },
            acc);
    }
    const Resource out = resource(q.out, q.out_bytes);
#pragma unroll
    for (int j = 0; j < DIRECT_POINTS; j++) {
        const u32 c = first_column + j * DIRECT_THREADS + t;
        const u32 offset = out_offset(q, g, at.group, point_of(g, c)) + first_m * q.out_m;
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
            const bool exists = c < g.columns && first_m + i < q.m;
            put<T>(out, acc[i][j], q.beta, exists ? offset : OUTSIDE, i * q.out_m);
        }
    }
}
