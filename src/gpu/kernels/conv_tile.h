// The matrix kernel of forward and backward-data: gemm_m output channels, gemm_n points of the
// output, gemm_k input channels times filter taps.
#pragma once
#include "careful.h"
#include "tile.h"

// Floats of LDS. A wave alone reads and writes in order, so that one buffer does.
template <int ROWS, int COLUMNS, int THREADS, int STEP>
static constexpr int CONV_LDS = (THREADS > 32 ? 2 : 1) * STEP * (ROWS + COLUMNS);

// Where the filter comes from.
enum Filter {
    PACKED,   // f32, by reduction element and row
    IN_PLACE, // as the caller laid it, by row and reduction element: filters of one tap
};

template <class T, int ROWS, int COLUMNS, int THREADS, int STEP, Gather GATHER, Filter FILTER>
DEVICE void conv_tile(const ConvParams &p, float *lds) {
    typedef Tile<ROWS, COLUMNS, STEP, ROWS, COLUMNS> Product;
    constexpr int GATHERED = COLUMNS * STEP / THREADS;   // inputs a thread brings in a step
    constexpr int FILTERED = ROWS * STEP / THREADS / 4;  // fours of the filter
    constexpr int ROW_FOURS = ROWS / 4, FILTER_K = THREADS / ROW_FOURS;
    constexpr int THREAD_COLUMNS = COLUMNS / 8;
    constexpr bool IS_DOUBLE = THREADS > 32;
    // Elements in one turn of the loop: what a reduction's length is padded to.
    constexpr int TURN = 8;
    static_assert(TURN % STEP == 0, "whole steps");
    // A thread gathers for one column, or for several that lie THREADS apart.
    constexpr int SETS = COLUMNS > THREADS ? COLUMNS / THREADS : 1;
    constexpr int SET_COLUMNS = COLUMNS / SETS, OF_SET = GATHERED / SETS;
    static_assert(THREADS % SET_COLUMNS == 0 && OF_SET % 4 == 0, "whole runs for each column");
    static_assert(SET_COLUMNS % 32 == 0, "the lanes of a wave share their k");

    const Place at = place_of(p, block_index());
    const Phase &f = p.phase[at.phase];
    const u32 first_column = at.column_block * COLUMNS, first_m = at.m_block * ROWS;
    if (first_column >= f.columns) return; // phases differ in size, the grid fits the largest
    const u32 k_begin = at.split * p.split_k;
    const u32 k_limit = k_begin + p.split_k;
    const u32 k_end = k_limit < f.k_padded ? k_limit : f.k_padded;

    const u32 t = thread_in_block();
    const u32 my_column = t % SET_COLUMNS, my_k = uniform(t / SET_COLUMNS) * OF_SET;
    Column column[SETS];
#pragma unroll
    for (int s = 0; s < SETS; s++)
        column[s] = column_at<GATHER>(p, f, at.group, first_column + my_column + s * SET_COLUMNS);
    const Resource in = resource(p.in, p.in_bytes);
    const Resource filter = FILTER == PACKED
                                ? filter_of(p, f, at.group)
                                : resource(p.filter + at.group * p.filter_g,
                                           p.filter_bytes - at.group * p.filter_g);
    // Of a four along the rows, or along k: threads beside each other then take rows.
    constexpr bool IS_PACKED = FILTER == PACKED;
    const u32 filter_row = IS_PACKED ? (t % ROW_FOURS) * 4 : t % ROWS;
    const u32 filter_k = IS_PACKED ? t / ROW_FOURS : t / ROWS * 4;
    const u32 k_bytes = IS_PACKED ? 4 * p.m_padded : sizeof(T);
    const u32 row_bytes = IS_PACKED ? 4 : p.filter_m;
    const u32 filter_offset = filter_k * k_bytes + (first_m + filter_row) * row_bytes;
    // From one four of a thread to its next.
    constexpr int NEXT_K = IS_PACKED ? FILTER_K : THREADS / ROWS * 4;
    constexpr int NEXT_ROW = IS_PACKED || THREADS >= ROWS ? 0 : THREADS;
    // Entries are two dwords, or four for RANGE.
    constexpr u32 STEP_VECTORS = GATHER == RANGE ? STEP : STEP / 2;
    Table table = table_of(p, f) + k_begin / STEP * STEP_VECTORS +
                  (GATHER == RANGE ? my_k : my_k / 2);

    const u32 thread_column = t % THREAD_COLUMNS, thread_row = t / THREAD_COLUMNS;
    u32 read_row = thread_row * 16, read_column = thread_column * 16 + 4 * Product::COLUMNS_AT;
    u32 write_row = 4 * (filter_k * ROWS + filter_row);
    u32 write_column = 4 * (Product::COLUMNS_AT + my_k * COLUMNS + my_column);
    Swing swing = {4 * Product::BUFFER};

    f32x4 filtered[FILTERED];
    float gathered[SETS][OF_SET];
    Entries<GATHER, OF_SET> entries;
    u32 filter_k_bytes = k_begin * k_bytes;
    auto load_step = [&]() INLINE {
#pragma unroll
        for (int i = 0; i < FILTERED; i++) {
            const u32 next = filter_k_bytes + i * (NEXT_K * k_bytes + NEXT_ROW * row_bytes);
            if constexpr (IS_PACKED)
                filtered[i] = load4((float *)0, filter, filter_offset, next);
            else
                filtered[i] = load4((T *)0, filter, filter_offset, next);
        }
        filter_k_bytes += STEP * k_bytes;
#pragma unroll
        for (int s = 0; s < SETS; s++)
            gather<T, GATHER, OF_SET>(p, in, column[s], entries, gathered[s]);
    };
    // The table is longer than the reduction by a step, so there is always a next one.
    auto fetch_next = [&]() INLINE {
        table += STEP_VECTORS;
        entries.fetch(table);
    };
    auto stage_step = [&]() INLINE {
        wait_for_loads();
        char *const rows = (char *)lds + write_row, *const columns = (char *)lds + write_column;
#pragma unroll
        for (int i = 0; i < FILTERED; i++) {
            char *const to = rows + i * (NEXT_K * ROWS + NEXT_ROW) * 4;
            if constexpr (IS_PACKED) {
                *(f32x4 *)to = filtered[i];
            } else {
#pragma unroll
                for (int c = 0; c < 4; c++) *(float *)(to + c * ROWS * 4) = filtered[i][c];
            }
        }
#pragma unroll
        for (int s = 0; s < SETS; s++)
#pragma unroll
            for (int i = 0; i < OF_SET; i++)
                *(float *)(columns + (i * COLUMNS + s * SET_COLUMNS) * 4) = gathered[s][i];
        if (IS_DOUBLE) {
            swing.over(write_row);
            swing.over(write_column);
        }
    };

    float acc[8][8];
    Product::clear(acc);
    entries.fetch(table);
    load_step();
    fetch_next();
    stage_step();
    lds_turn<THREADS>();
    auto next_step = [&]() INLINE {
        load_step();
        schedule_fence();
        Product::multiply(lds, read_row, read_column, acc, fetch_next);
        if (IS_DOUBLE) {
            swing.over(read_row);
            swing.over(read_column);
            swing.turn();
        }
        stage_step();
        forget(read_row, read_column);
        forget(write_row, write_column);
        lds_turn<THREADS>();
    };
    // The last step stands outside the loop: one without conditions is shorter by 12 instructions.
    for (u32 k = k_begin + TURN; k < k_end; k += TURN)
#pragma unroll
        for (int i = 0; i < TURN; i += STEP) next_step();
#pragma unroll
    for (int i = STEP; i < TURN; i += STEP) next_step();
    Product::multiply(lds, read_row, read_column, acc, [] {});

    const u32 m = first_m + thread_row * 4;
    // Filters in place meet no padding.
    if (IS_PACKED && f.padded && any_nan(acc)) {
        conv_careful<T, GATHER>(
            p, f, in, filter, k_begin, k_end,
            [&](int i) INLINE { return m + (i / 4) * (ROWS / 2) + i % 4; },
            [&](int j) INLINE {
                const u32 c = first_column + (j / 4) * (COLUMNS / 2) + thread_column * 4 + j % 4;
                return column_at<GATHER>(p, f, at.group, c);
            },
            acc);
    }
    if (p.partial != 0) {
        // Every split has its own part; the sum comes from the kernel `reduce`.
        const u64 part = (u64)at.split * p.split_floats + f.partial_first +
                         (u64)at.group * p.m * f.columns;
        const Resource out = resource(p.partial + part, p.m * f.columns * 4);
#pragma unroll
        for (int j = 0; j < 8; j++) {
            const u32 c = first_column + (j / 4) * (COLUMNS / 2) + thread_column * 4 + j % 4;
            const u32 offset = c < f.columns ? 4 * (m * f.columns + c) : OUTSIDE;
#pragma unroll
            for (int i = 0; i < 8; i++) {
                const u32 row = (i / 4) * (ROWS / 2) + i % 4;
                store((float *)0, out, acc[i][j], m + row < p.m ? offset : OUTSIDE,
                      4 * row * f.columns);
            }
            schedule_fence();
        }
        return;
    }
    const Resource out = resource(p.out, p.out_bytes);
#pragma unroll
    for (int j = 0; j < 8; j++) {
        const u32 c = first_column + (j / 4) * (COLUMNS / 2) + thread_column * 4 + j % 4;
        const u32 offset = out_offset(p, f, at.group, point_of(f, c)) + m * p.out_m;
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const u32 row = (i / 4) * (ROWS / 2) + i % 4;
            const bool exists = c < f.columns && m + row < p.m;
            put<T>(out, acc[i][j], p.beta, exists ? offset : OUTSIDE, row * p.out_m);
        }
        schedule_fence();
    }
}
