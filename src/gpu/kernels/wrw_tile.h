// The matrix kernel of backward-weights: gemm_m output channels, gemm_n input channels (times
// filter taps where they are folded in), gemm_k the points of all images. Both operands come
// along the points and are turned round on their way into LDS.
#pragma once
#include "careful.h"
#include "tile.h"

// Lanes that lie along the points; the others lie along the channels. With a pitch of four
// floats more than the tile, the 32 lanes of a store meet 32 different banks.
static const int WRW_STEP = 8, WRW_SKEW = 4;

// What the rows of x in a tile are where taps are folded in: found once, kept in LDS.
struct FoldedRow {
    u32 offset;
    int d, h, w; // added to the coordinates of tap 0 at the point
};

template <class T, int ROWS, int COLUMNS, int THREADS, bool RAGGED, bool FOLDED, bool VOLUME>
DEVICE void wrw_tile(const WrwParams &p, float *lds, FoldedRow *folded) {
    constexpr int ROW_PITCH = ROWS + WRW_SKEW, COLUMN_PITCH = COLUMNS + WRW_SKEW;
    typedef Tile<ROWS, COLUMNS, WRW_STEP, ROW_PITCH, COLUMN_PITCH> Product;
    constexpr int LANE_ROWS = THREADS / WRW_STEP; // channels between the loads of a thread
    constexpr int M_LOADS = ROWS / LANE_ROWS, N_LOADS = COLUMNS / LANE_ROWS;
    constexpr int THREAD_COLUMNS = COLUMNS / 8;

    const WrwPlace at = wrw_place_of(p, block_index());
    const u32 first_m = at.m_block * ROWS, first_n = at.n_block * COLUMNS;
    const u32 begin = at.split * p.split_points, limit = begin + p.split_points;
    const u32 end = limit < p.points ? limit : p.points;
    const u32 n_total = FOLDED ? p.n * p.taps : p.n;

    const u32 t = thread_in_block(), lane_k = t % WRW_STEP, lane_row = t / WRW_STEP;
    const Resource x = resource(p.x, p.x_bytes), dy = resource(p.dy, p.dy_bytes);
    const Tap tap = FOLDED ? tap_of(p, 0) : tap_of(p, at.tap);
    Walk<VOLUME> walk;
    walk.start(p, begin + lane_k, tap);
    walk.dy_offset += at.group * p.dy_g + (first_m + lane_row) * p.dy_m;
    walk.x_offset += at.group * p.x_g + (FOLDED ? 0 : (first_n + lane_row) * p.x_c);

    if (FOLDED) {
        for (u32 i = t; i < COLUMNS; i += THREADS) {
            const u32 row = first_n + i, n = row / p.by_taps;
            const Tap own = tap_of(p, row - n * p.taps);
            // A row that does not exist never meets the input.
            folded[i] = FoldedRow{n * p.x_c + own.offset - tap.offset,
                                  row < n_total ? own.d - tap.d : 0x40000000, own.h - tap.h,
                                  own.w - tap.w};
        }
        lds_barrier();
    }

    const u32 thread_column = t % THREAD_COLUMNS, thread_row = t / THREAD_COLUMNS;
    u32 read_row = thread_row * 16, read_column = thread_column * 16 + 4 * Product::COLUMNS_AT;
    u32 write_row = 4 * (lane_k * ROW_PITCH + lane_row);
    u32 write_column = 4 * (Product::COLUMNS_AT + lane_k * COLUMN_PITCH + lane_row);
    Swing swing = {4 * Product::BUFFER};

    float m_value[M_LOADS], n_value[N_LOADS];
    u32 k = begin;
    auto load_step = [&]() INLINE {
        const bool exists = lane_k < end - k;
        // Where the tap lies in the padding neither side is read: what is infinite in dy would make
        // NaN of the zero in x. Taps that share a tile differ in that (`wrw_careful`).
        const bool inside = FOLDED ? exists : exists & walk.inside(p);
        const u32 dy_offset = inside ? walk.dy_offset : OUTSIDE;
#pragma unroll
        for (int i = 0; i < M_LOADS; i++) {
            const bool row = !RAGGED | (first_m + lane_row + i * LANE_ROWS < p.m);
            m_value[i] = load((T *)0, dy, row ? dy_offset : OUTSIDE, i * LANE_ROWS * p.dy_m);
        }
        const u32 x_offset = inside ? walk.x_offset : OUTSIDE;
#pragma unroll
        for (int i = 0; i < N_LOADS; i++) {
            if (FOLDED) {
                const FoldedRow row = folded[lane_row + i * LANE_ROWS];
                const bool inside = exists & walk.inside(p, row.d, row.h, row.w);
                n_value[i] = load((T *)0, x, inside ? walk.x_offset + row.offset : OUTSIDE,
                                  tap.offset);
            } else {
                const bool row = !RAGGED | (first_n + lane_row + i * LANE_ROWS < p.n);
                n_value[i] = load((T *)0, x, row ? x_offset : OUTSIDE,
                                  tap.offset + i * LANE_ROWS * p.x_c);
            }
        }
        walk.advance(p);
        k += WRW_STEP;
    };
    auto stage_step = [&]() INLINE {
        wait_for_loads();
        char *const rows = (char *)lds + write_row, *const columns = (char *)lds + write_column;
#pragma unroll
        for (int i = 0; i < M_LOADS; i++) *(float *)(rows + 4 * i * LANE_ROWS) = m_value[i];
#pragma unroll
        for (int i = 0; i < N_LOADS; i++) *(float *)(columns + 4 * i * LANE_ROWS) = n_value[i];
        swing.over(write_row);
        swing.over(write_column);
    };

    float acc[8][8];
    Product::clear(acc);
    load_step();
    stage_step();
    lds_barrier();
    while (k < end) {
        load_step();
        schedule_fence();
        Product::multiply(lds, read_row, read_column, acc, [] {});
        swing.over(read_row);
        swing.over(read_column);
        swing.turn();
        stage_step();
        forget(read_row, read_column);
        forget(write_row, write_column);
        lds_barrier();
    }
    Product::multiply(lds, read_row, read_column, acc, [] {});

    const u32 m = first_m + thread_row * 4;
    if (FOLDED && any_nan(acc)) {
        const WrwParams &again = arguments_again<WrwParams>();
        wrw_careful<T>(
            again, at.group, begin, end,
            [&](int i) INLINE { return m + (i / 4) * (ROWS / 2) + i % 4; },
            [&](int j) INLINE { return folded[(j / 4) * (COLUMNS / 2) + thread_column * 4 + j % 4]; },
            acc);
    }
    // Read anew: arguments for the end, kept through the loop, would crowd the SGPRs.
    const WrwParams &q = arguments_again<WrwParams>();
    const Resource out = wrw_out(q, at.split);
#pragma unroll
    for (int j = 0; j < 8; j++) {
        const u32 column = first_n + (j / 4) * (COLUMNS / 2) + thread_column * 4 + j % 4;
        const u32 n = FOLDED ? column / q.by_taps : column;
        const u32 offset =
            wrw_offset(q, at.group, m, n, FOLDED ? column - n * q.taps : at.tap);
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const u32 row = (i / 4) * (ROWS / 2) + i % 4;
            const bool exists = column < n_total && m + row < q.m;
            wrw_put<T>(q, out, acc[i][j], exists ? offset : OUTSIDE, row * q.out_m);
        }
        schedule_fence();
    }
}
