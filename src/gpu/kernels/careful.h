// Infinities and NaN where the filter meets the padding. There the products belong to no sum, but
// the kernels read zeros, and zero times infinity is NaN. So a thread with a NaN among its sums
// forms them again, leaving out what lies in the padding. That costs a thread without NaN one
// addition a sum, outside of the hot loop, and nothing where no tap ever falls into the padding.
#pragma once
#include "wrw_point.h"
#include "gather.h"

template <int ROWS, int COLUMNS> DEVICE bool any_nan(const float (&acc)[ROWS][COLUMNS]) {
    float sum = 0.f;
#pragma unroll
    for (int i = 0; i < ROWS; i++)
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) sum += acc[i][j];
    // Infinities of both signs end here too, to no harm.
    return sum != sum;
}

// acc = filter * input over reduction elements k to `k_end`. `row_of` gives the row of the packed
// filter, `column_of` where a column reads its input.
template <class T, Gather GATHER, int ROWS, int COLUMNS, class RowOf, class ColumnOf>
DEVICE void conv_careful(const ConvParams &p, const Phase &f, Resource in, Resource filter, u32 k,
                         u32 k_end, RowOf row_of, ColumnOf column_of,
                         float (&acc)[ROWS][COLUMNS]) {
    typedef const __attribute__((address_space(4))) u32 *Words;
    constexpr u32 WORDS = GATHER == RANGE ? 4 : 2;
    Words entry = (Words)(u64)(p.table + f.table_first) + k * WORDS;
    Column column[COLUMNS];
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) {
        column[j] = column_of(j);
#pragma unroll
        for (int i = 0; i < ROWS; i++) acc[i][j] = 0.f;
    }
#pragma unroll 1
    for (; k < k_end; k++) {
        float weight[ROWS];
#pragma unroll
        for (int i = 0; i < ROWS; i++)
            weight[i] = load((float *)0, filter, 4 * (k * p.m_padded + row_of(i)), 0);
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
            const Column &at = column[j];
            bool outside;
            if constexpr (GATHER == RANGE)
                outside = ((u32)(at.d + (int)entry[1]) >= p.in_len[0]) |
                          ((u32)(at.h + (int)entry[2]) >= p.in_len[1]) |
                          ((u32)(at.w + (int)entry[3]) >= p.in_len[2]);
            else
                outside = at.outside & entry[1];
            const float value = load((T *)0, in, outside ? OUTSIDE : at.offset, entry[0]);
#pragma unroll
            for (int i = 0; i < ROWS; i++)
                acc[i][j] = outside ? acc[i][j] : fma(weight[i], value, acc[i][j]);
        }
        entry += WORDS;
    }
}

// acc = dy * x over the points from `point` to `end`, for taps that stand beside the channels.
// `row_of` gives the output channel within the group, `column_of` what a column of x is.
template <class T, class RowOf, class ColumnOf>
DEVICE void wrw_careful(const WrwParams &p, u32 group, u32 begin, u32 end, RowOf row_of,
                        ColumnOf column_of, float (&acc)[8][8]) {
    const Resource x = resource(p.x, p.x_bytes), dy = resource(p.dy, p.dy_bytes);
    const Tap tap = tap_of(p, 0);
    // Column by column: no other one's registers are needed beside the sums.
#pragma unroll
    for (int j = 0; j < 8; j++) {
#pragma unroll
        for (int i = 0; i < 8; i++) acc[i][j] = 0.f;
        const auto column = column_of(j);
#pragma unroll 1
        for (u32 point = begin; point < end; point++) {
            Walk<true> walk;
            walk.start(p, point, 0, tap);
            const bool inside = walk.inside(p, column.d, column.h, column.w);
            const u32 offset = walk.x_offset + group * p.x_g + column.offset;
            const float value = load((T *)0, x, inside ? offset : OUTSIDE, tap.offset);
#pragma unroll
            for (int i = 0; i < 8; i++) {
                const u32 m = row_of(i);
                const u32 of_row = walk.dy_offset + group * p.dy_g + m * p.dy_m;
                const float gradient = load((T *)0, dy, m < p.m ? of_row : OUTSIDE, 0);
                acc[i][j] = inside ? fma(gradient, value, acc[i][j]) : acc[i][j];
            }
        }
        schedule_fence();
    }
}
