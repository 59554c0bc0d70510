// The matrix kernel of backward-weights: gemm_m output channels, gemm_n input channels (times
// filter taps where they are folded in), gemm_k the points of all images. Both operands come
// along the points and are turned round on their way into LDS.
#pragma once
#include "careful.h"
#include "tile.h"

// Lanes that lie along the points; the others lie along the channels, four each. With a pitch of
// four floats more than the tile, the eight lanes of a pass of a store meet 32 different banks.
static const int WRW_SKEW = 4;

// What the columns of a tile are.
enum Columns {
    WHOLE,  // input channels, as many as the tile has or more; so with the rows
    RAGGED, // input channels, any number; so with the rows
    FOURS,  // taps times input channels, which go in fours; whole tiles as in WHOLE
    FOLDED, // taps times input channels, any number; so with the rows
};
// Columns that share an entry of the table of folded columns.
static constexpr int COLUMNS_OF_ENTRY[] = {4, 4, 4, 1};

template <int ROWS, int COLUMNS, int THREADS> struct WrwShape {
    static constexpr int ROW_PITCH = ROWS + WRW_SKEW, COLUMN_PITCH = COLUMNS + WRW_SKEW;
    // Threads that own the same 8x8 sums, each for its share of the points of a step.
    static constexpr int SHARES = THREADS * 64 / (ROWS * COLUMNS);
    typedef Tile<ROWS, COLUMNS, WRW_STEP / SHARES, SHARES * ROW_PITCH, SHARES * COLUMN_PITCH>
        Product;
    // Two waves or one gain less by a second buffer than by the waves that fit for want of it.
    static constexpr bool IS_DOUBLE = THREADS > 64;
    static constexpr int LDS = Product::BUFFER * (IS_DOUBLE ? 2 : 1);
    static_assert(SHARES == 1 || THREADS == 32, "shares are added up within a wave");
};

// What a column of a tile is where taps are folded in, beside tap 0 of channel 0.
struct FoldedColumn {
    u32 offset;
    int h, w, d;
};
DEVICE FoldedColumn folded_column(const WrwParams &p, u32 column) {
    const u32 tap = column / p.by_n, n = column - tap * p.n;
    const Tap first = tap_of(p, 0), own = tap_of(p, tap);
    // A column that does not exist never meets the input.
    return FoldedColumn{n * p.x_c + own.offset - first.offset,
                        tap < p.taps ? own.h - first.h : 0x40000000, own.w - first.w,
                        own.d - first.d};
}

// The first row (or column) of a block. Tiles that must be whole overlap the one before them.
DEVICE u32 tile_first(bool is_whole, u32 block, u32 tile, u32 total) {
    const u32 first = block * tile;
    return is_whole && first + tile > total ? total - tile : first;
}

// Adds up the shares of all threads that lie a multiple of STRIDE apart, in all of them.
template <int SHARES, int STRIDE> DEVICE void add_shares(float (&acc)[8][8]) {
    if constexpr (SHARES > 1) {
#pragma unroll
        for (int i = 0; i < 8; i++) {
#pragma unroll
            for (int j = 0; j < 8; j++) {
                // The pattern: lane number, all bits kept, then this bit turned over.
                const int other = __builtin_amdgcn_ds_swizzle(
                    __builtin_bit_cast(int, acc[i][j]), STRIDE << 10 | 0x1F);
                acc[i][j] += __builtin_bit_cast(float, other);
            }
            pin8(acc[i]);
            schedule_fence();
        }
        add_shares<SHARES / 2, STRIDE * 2>(acc);
    }
}

template <class T, int ROWS, int COLUMNS, int THREADS, Columns KIND, bool VOLUME>
DEVICE void wrw_tile(const WrwParams &p, float *lds, FoldedColumn *folded) {
    typedef WrwShape<ROWS, COLUMNS, THREADS> Shape;
    typedef typename Shape::Product Product;
    constexpr int ROW_PITCH = Shape::ROW_PITCH, COLUMN_PITCH = Shape::COLUMN_PITCH;
    constexpr bool IS_WHOLE = KIND == WHOLE || KIND == FOURS;
    constexpr bool HAS_TAPS = KIND == FOURS || KIND == FOLDED;
    constexpr int LANE_ROWS = THREADS / WRW_STEP * 4; // channels that all lanes load in fours
    constexpr int M_FOURS = ROWS / LANE_ROWS, N_FOURS = COLUMNS / LANE_ROWS;
    static_assert(M_FOURS * LANE_ROWS == ROWS && N_FOURS * LANE_ROWS == COLUMNS, "whole fours");
    constexpr int THREAD_COLUMNS = COLUMNS / 8, THREAD_ROWS = ROWS / 8;

    const WrwPlace at = wrw_place_of(p, block_index());
    const u32 n_total = HAS_TAPS ? p.n * p.taps : p.n;
    const u32 first_m = tile_first(IS_WHOLE, at.m_block, ROWS, p.m);
    const u32 first_n = tile_first(IS_WHOLE, at.n_block, COLUMNS, n_total);
    const u32 begin = at.split * p.split_points, limit = begin + p.split_points;
    const u32 end = limit < p.points ? limit : p.points;

    const u32 t = thread_in_block(), lane_k = t % WRW_STEP, lane_row = t / WRW_STEP * 4;
    const Resource x = resource(p.x, p.x_bytes), dy = resource(p.dy, p.dy_bytes);
    const Tap tap = HAS_TAPS ? tap_of(p, 0) : tap_of(p, at.tap);
    Walk<VOLUME> walk;
    walk.start(p, begin, lane_k, tap);
    walk.dy_offset += at.group * p.dy_g + (first_m + lane_row) * p.dy_m;
    walk.x_offset += at.group * p.x_g + (HAS_TAPS ? 0 : (first_n + lane_row) * p.x_c);

    // Found once and kept in LDS, so that what lanes read together lies side by side there.
    constexpr u32 EACH = COLUMNS_OF_ENTRY[KIND], TOGETHER = LANE_ROWS / 4, LOADS = 4 / EACH;
    if (HAS_TAPS) {
        for (u32 i = t; i < COLUMNS / EACH; i += THREADS) {
            const u32 loads = i / TOGETHER, four = loads / LOADS * TOGETHER + i % TOGETHER;
            folded[i] = folded_column(p, first_n + four * 4 + loads % LOADS);
        }
        lds_turn<THREADS>();
    }

    const u32 thread_column = t % THREAD_COLUMNS, thread_row = t / THREAD_COLUMNS % THREAD_ROWS;
    const u32 share = Shape::SHARES > 1 ? t / (THREAD_COLUMNS * THREAD_ROWS) : 0;
    u32 read_row = thread_row * 16 + share * 4 * ROW_PITCH;
    u32 read_column = thread_column * 16 + 4 * (Product::COLUMNS_AT + share * COLUMN_PITCH);
    u32 write_row = 4 * (lane_k * ROW_PITCH + lane_row);
    u32 write_column = 4 * (lane_k * COLUMN_PITCH + lane_row);
    Swing swing = {4 * Product::BUFFER};

    float m_value[M_FOURS][4], n_value[N_FOURS][4];
    u32 k = begin;
    auto load_step = [&]() INLINE {
        const bool exists = lane_k < end - k;
        // Where the tap lies in the padding neither side is read: what is infinite in dy would make
        // NaN of the zero in x. Taps that share a tile differ in that (`wrw_careful`).
        const bool inside = HAS_TAPS ? exists : exists & walk.inside(p);
        const u32 dy_offset = inside ? walk.dy_offset : OUTSIDE;
#pragma unroll
        for (int i = 0; i < M_FOURS; i++)
#pragma unroll
            for (int c = 0; c < 4; c++) {
                const bool row = IS_WHOLE | (first_m + lane_row + i * LANE_ROWS + c < p.m);
                m_value[i][c] = load((T *)0, dy, row ? dy_offset : OUTSIDE,
                                     (i * LANE_ROWS + c) * p.dy_m);
            }
        const u32 x_offset = inside ? walk.x_offset : OUTSIDE;
#pragma unroll
        for (int i = 0; i < N_FOURS; i++) {
            if (KIND == FOURS) {
                const FoldedColumn four = folded[i * TOGETHER + lane_row / 4];
                const bool inside = exists & walk.inside(p, four.d, four.h, four.w);
                const u32 offset = inside ? walk.x_offset + four.offset : OUTSIDE;
#pragma unroll
                for (int c = 0; c < 4; c++)
                    n_value[i][c] = load((T *)0, x, offset, tap.offset + c * p.x_c);
                continue;
            }
#pragma unroll
            for (int c = 0; c < 4; c++) {
                const int column = i * LANE_ROWS + c;
                if (KIND == FOLDED) {
                    const FoldedColumn own = folded[(i * 4 + c) * TOGETHER + lane_row / 4];
                    const bool inside = exists & walk.inside(p, own.d, own.h, own.w);
                    n_value[i][c] = load((T *)0, x, inside ? walk.x_offset + own.offset : OUTSIDE,
                                         tap.offset);
                } else {
                    const bool is_column = IS_WHOLE | (first_n + lane_row + column < p.n);
                    n_value[i][c] = load((T *)0, x, is_column ? x_offset : OUTSIDE,
                                         tap.offset + column * p.x_c);
                }
            }
        }
        walk.advance(p);
        k += WRW_STEP;
    };
    auto stage_step = [&]() INLINE {
        wait_for_loads();
        char *const rows = (char *)lds + write_row;
        char *const columns = (char *)lds + 4 * Product::COLUMNS_AT +
                              (ROWS == COLUMNS ? write_row : write_column);
#pragma unroll
        for (int i = 0; i < M_FOURS; i++)
            *(f32x4 *)(rows + 4 * i * LANE_ROWS) =
                f32x4{m_value[i][0], m_value[i][1], m_value[i][2], m_value[i][3]};
#pragma unroll
        for (int i = 0; i < N_FOURS; i++)
            *(f32x4 *)(columns + 4 * i * LANE_ROWS) =
                f32x4{n_value[i][0], n_value[i][1], n_value[i][2], n_value[i][3]};
    };

    float acc[8][8];
    Product::clear(acc);
    load_step();
    stage_step();
    lds_turn<THREADS>();
    while (k < end) {
        load_step();
        schedule_fence();
        if (Shape::IS_DOUBLE) {
            swing.over(write_row);
            if (ROWS != COLUMNS) swing.over(write_column);
        }
        Product::multiply(lds, read_row, read_column, acc, [] {});
        if (Shape::IS_DOUBLE) {
            swing.over(read_row);
            swing.over(read_column);
            swing.turn();
        } else {
            // Who is ahead waits here until everybody has read. A wave alone waits for nothing.
            lds_turn<THREADS>();
        }
        stage_step();
        forget(read_row, read_column);
        forget(write_row, write_column);
        lds_turn<THREADS>();
    }
    // Few images of few points may end soon within a step.
    Product::multiply_some(lds, read_row, read_column, acc,
                           (end + WRW_STEP - k + Shape::SHARES - 1) / Shape::SHARES);

    add_shares<Shape::SHARES, THREAD_COLUMNS * THREAD_ROWS>(acc);
    // Found again: kept through the loop they would crowd the VGPRs.
    u32 again_t = thread_in_block();
    asm volatile("" : "+v"(again_t));
    const u32 m = first_m + again_t / THREAD_COLUMNS % THREAD_ROWS * 4;
    const u32 n_of_thread = first_n + again_t % THREAD_COLUMNS * 4;
    auto column_of = [&](int j) INLINE { return n_of_thread + (j / 4) * (COLUMNS / 2) + j % 4; };
    if (HAS_TAPS && any_nan(acc)) {
        const WrwParams &again = arguments_again<WrwParams>();
        wrw_careful<T>(
            again, at.group, begin, end,
            [&](int i) INLINE { return m + (i / 4) * (ROWS / 2) + i % 4; },
            [&](int j) INLINE { return folded_column(again, column_of(j)); }, acc);
    }
    if (Shape::SHARES > 1 && again_t >= THREAD_COLUMNS * THREAD_ROWS) return;
    // Read anew: arguments for the end, kept through the loop, would crowd the SGPRs.
    const WrwParams &q = arguments_again<WrwParams>();
    const Resource out = wrw_out(q, at.split);
    auto put_all = [&](bool is_masked, auto put) INLINE {
#pragma unroll
        for (int j = 0; j < 8; j++) {
            const u32 column = column_of(j);
            const u32 tap_of_column = HAS_TAPS ? column / q.by_n : at.tap;
            const u32 n = HAS_TAPS ? column - tap_of_column * q.n : column;
            const u32 offset = wrw_offset(q, at.group, m, n, tap_of_column);
            // What two whole tiles share belongs to the first.
            const bool is_own = IS_WHOLE ? column >= at.n_block * COLUMNS : column < n_total;
#pragma unroll
            for (int i = 0; i < 8; i++) {
                const u32 row = (i / 4) * (ROWS / 2) + i % 4;
                const bool is_own_row = IS_WHOLE ? m + row >= at.m_block * ROWS : m + row < q.m;
                const bool is_written = !is_masked | (is_own & is_own_row);
                put(acc[i][j], is_written ? offset : OUTSIDE, row * q.out_m);
            }
            schedule_fence();
        }
    };
    // Both of two tiles may write what they share if they come to the same bits.
    if (q.is_partial)
        put_all(KIND != WHOLE, [&](float sum, u32 offset, u32 scalar_offset) INLINE {
            store((float *)0, out, sum, offset, scalar_offset);
        });
    else if (is_zero(q.beta))
        put_all(KIND != WHOLE, [&](float sum, u32 offset, u32 scalar_offset) INLINE {
            store((T *)0, out, q.alpha * sum, offset, scalar_offset);
        });
    else
        put_all(true, [&](float sum, u32 offset, u32 scalar_offset) INLINE {
            const float old = load((T *)0, out, offset, scalar_offset);
            store((T *)0, out, fma(q.beta, old, q.alpha * sum), offset, scalar_offset);
        });
}
