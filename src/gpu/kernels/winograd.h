// Winograd F(2x2, 3x3): a tile of 2x2 outputs comes from a patch of 4x4 inputs by 16 products a
// channel instead of 36. Forward and backward-data of 3x3 filters with stride and dilation 1.
//
//   out = A' [sum over c of (G g G') * (B' d B)] A,   * element by element
//
// B' forms (d0 - d2, d1 + d2, d2 - d1, d3 - d1), G (g0, g0 + g1 + g2, g0 - g1 + g2, g2),
// A' (s0 + (s1 + s2) / 2, (s1 - s2) / 2 + s3). Usually G halves, and the last row of B' and of A' has
// the other sign. Here multiply-adds halve for nothing, and all rows of B' are something plus or minus
// one row that two of them share.
//
// The 16 positions of a patch lie in LDS by SLOTS, rows in the order 0, 1, 3, 2.
#pragma once
#include "winograd_params.h"
#include "tile.h"

static const int WINOGRAD_SLOTS = 16;
// Output channels, tiles and input channels of a block's step.
static const int WINOGRAD_ROWS = 32, WINOGRAD_TILES = 32, WINOGRAD_STEP = 4;
static const int WINOGRAD_THREADS = 256;
// Floats of one operand in a step, and of LDS: two buffers of both operands.
static const int WINOGRAD_OPERAND = WINOGRAD_SLOTS * WINOGRAD_STEP * 32;
static const int WINOGRAD_LDS = 4 * WINOGRAD_OPERAND;

// Two channels' outer products a turn: as `Tile`, but with 20 registers of fragments instead of 32,
// because those of the patch and of the filter stay in registers meanwhile. Each fragment is read
// when its registers become free, 16 to 48 products before it is needed.
struct SlotProduct {
    static constexpr int HALF = 16, PITCH = 32;

    // Rows or columns may be swizzled: position r of channel c lies at r ^ 8c.
    template <int BUFFER, bool ROWS_SWIZZLED, bool COLUMNS_SWIZZLED, class Aside>
    __attribute__((device)) INLINE static void multiply(const float *lds, u32 &row_offset,
                                                        u32 &column_offset, float (&acc)[8][8],
                                                        Aside aside) {
        constexpr int ROWS_AT = BUFFER * 2 * WINOGRAD_OPERAND;
        constexpr int COLUMNS_AT = ROWS_AT + WINOGRAD_OPERAND;
        f32x4 a[2], b[2], next;
        auto read = [&](u32 offset, int elems) INLINE {
            return *(const f32x4 *)((const char *)lds + offset + elems * 4);
        };
        auto read_rows = [&](int k, int half) INLINE {
            const int stored_half = ROWS_SWIZZLED ? half ^ (k >> 1) : half;
            return read(row_offset, ROWS_AT + k * PITCH + stored_half * HALF);
        };
        auto read_columns = [&](int k, int half) INLINE {
            const int stored_half = COLUMNS_SWIZZLED ? half ^ (k >> 1) : half;
            return read(column_offset, COLUMNS_AT + k * PITCH + stored_half * HALF);
        };
        auto quarter = [&](int i0, int j0, f32x4 &a, f32x4 &b) INLINE {
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    acc[i0 + i][j0 + j] = fma(a[i], b[j], acc[i0 + i][j0 + j]);
        };
        a[0] = read_rows(0, 0);
        b[0] = read_columns(0, 0);
        b[1] = read_columns(0, 1);
        a[1] = read_rows(0, 1);
        schedule_fence();
        aside();
#pragma unroll
        for (int k = 0; k < WINOGRAD_STEP; k++) {
            const bool more = k + 1 < WINOGRAD_STEP;
            // From even to odd channels and back.
            if (ROWS_SWIZZLED) row_offset ^= 32;
            if (COLUMNS_SWIZZLED) column_offset ^= 32;
            forget(row_offset, column_offset);
            schedule_fence();
            quarter(0, 0, a[0], b[0]);
            quarter(0, 4, a[0], b[1]);
            pin8(acc[0]), pin8(acc[1]), pin8(acc[2]), pin8(acc[3]);
            schedule_fence();
            if (more) {
                a[0] = read_rows(k + 1, 0);
                next = read_columns(k + 1, 0);
                schedule_fence();
            }
            quarter(4, 4, a[1], b[1]);
            quarter(4, 0, a[1], b[0]);
            pin8(acc[4]), pin8(acc[5]), pin8(acc[6]), pin8(acc[7]);
            schedule_fence();
            if (more) {
                b[0] = next;
                b[1] = read_columns(k + 1, 1);
                a[1] = read_rows(k + 1, 1);
            }
        }
        schedule_fence();
    }
};

// What one output tile of one channel comes to, straight from input and filter: where the sums above
// hold an infinity or a NaN, which the transforms spread over a tile.
template <class T>
DEVICE void winograd_careful(const WinogradParams &w, u32 group, u32 m, const TilePlace &tile, u32 c,
                             u32 c_end, float (&out)[4]) {
    const ConvParams &p = w.conv;
    const Phase &f = p.phase[0];
    const Resource in = resource(p.in, p.in_bytes), filter = resource(p.filter, p.filter_bytes);
#pragma unroll
    for (int i = 0; i < 4; i++) out[i] = 0.f;
    const u32 d = tile.d * p.in_point[0] + (u32)f.in_first[0];
    const u32 from = tile.image * p.in_n + group * p.in_g + d * p.in_dhw[0];
#pragma unroll 1
    for (; c < c_end; c++) {
#pragma unroll 1
        for (u32 tap = 0; tap < 9; tap++) {
            const int tap_h = (int)(tap / 3), tap_w = (int)(tap % 3);
            const u32 at = f.filter_tap_first + group * p.filter_g + m * p.filter_m + c * p.filter_c +
                           (u32)(tap_h * f.filter_tap_step[1] + tap_w * f.filter_tap_step[2]);
            const float weight = p.alpha * load((T *)0, filter, at, 0);
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int h = (int)tile.h * 2 + i / 2 + f.in_first[1] + tap_h * f.tap_step[1];
                const int x = (int)tile.w * 2 + i % 2 + f.in_first[2] + tap_w * f.tap_step[2];
                const bool inside = (d < p.in_len[0]) & ((u32)h < p.in_len[1]) &
                                    ((u32)x < p.in_len[2]);
                const u32 offset =
                    from + (u32)h * p.in_dhw[1] + (u32)x * p.in_dhw[2] + c * p.in_c;
                const float value = load((T *)0, in, inside ? offset : OUTSIDE, 0);
                out[i] = inside ? fma(weight, value, out[i]) : out[i];
            }
        }
    }
}

// The outputs of a tile, from its sums, which lie 2048 bytes apart.
DEVICE void winograd_tile(const char *sums, float (&y)[4]) {
    float v[2][4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
        float s[4];
#pragma unroll
        for (int i = 0; i < 4; i++) s[i] = *(const float *)(sums + (i * 4 + j) * 2048);
        // Rows lie in the order 0, 1, 3, 2.
        v[0][j] = fma(0.5f, s[1] + s[3], s[0]);
        v[1][j] = fma(0.5f, s[1] - s[3], s[2]);
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
        y[i * 2] = fma(0.5f, v[i][1] + v[i][2], v[i][0]);
        y[i * 2 + 1] = fma(0.5f, v[i][1] - v[i][2], v[i][3]);
    }
}

// Sums of the 16 slots to outputs: through LDS, because each thread has one slot, in two passes of
// 16 channels.
template <class T, bool PACKED>
DEVICE void winograd_out(float *lds, const Place &at, u32 lane, u32 wave, u32 c, u32 c_end,
                         float (&acc)[8][8]) {
    // Read anew: arguments for the end, kept through the loop, would crowd the SGPRs.
    const WinogradParams &w = arguments_again<WinogradParams>();
    const ConvParams &p = w.conv;
    const Phase &f = p.phase[0];
    const u32 tile = at.column_block * WINOGRAD_TILES + lane;
    const TilePlace q = tile_place(w, tile);
    const bool is_partial = p.partial != 0;
    // Every split has its own part of a partial result; the sum comes from the kernel `reduce`.
    const u64 part = (u64)at.split * p.split_floats + (u64)at.group * p.m * f.columns;
    const Resource out = is_partial ? resource(p.partial + part, p.m * f.columns * 4)
                                    : resource(p.out, p.out_bytes);
    const u32 step_h = is_partial ? 4 * f.by_row.divisor : p.out_step[1];
    const u32 step_w = is_partial ? 4 : p.out_step[2];
    const u32 step_m = is_partial ? 4 * f.columns : p.out_m;
    const u32 from =
        is_partial ? 4 * (q.image * f.by_points.divisor + q.d * f.by_plane.divisor)
                   : at.group * p.out_g + q.image * p.out_n + q.d * p.out_step[0];
    u32 to[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const u32 h = q.h * 2 + i / 2, x = q.w * 2 + i % 2;
        const bool exists = (tile < w.tiles) & (h < w.out_len[0]) & (x < w.out_len[1]);
        to[i] = exists ? from + h * step_h + x * step_w : OUTSIDE;
    }
    // Odd rows of threads swap the halves of their columns: else lanes that lie four channels apart
    // would meet in the same banks.
    const u32 t = wave * 32 + lane, row = t % 16 / 4;
    const u32 write = t / 16 * 2048 + row * 512 + ((t % 4 * 16) ^ (row % 2 * 64));
    const u32 read = wave * 128 + ((lane * 4) ^ (wave / 4 * 64));
    // Of each pass a wave takes two channels; of each the four outputs of the lane's tile.
    float y[4][4];
#pragma unroll
    for (int pass = 0; pass < 2; pass++) {
        lds_barrier();
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                const float *sums = &acc[pass * 4 + i][half * 4];
                *(f32x4 *)((char *)lds + (write ^ (half * 64)) + i * 128) =
                    f32x4{sums[0], sums[1], sums[2], sums[3]};
            }
        lds_barrier();
#pragma unroll
        for (int i = 0; i < 2; i++)
            winograd_tile((const char *)lds + read + i * 1024, y[pass * 2 + i]);
    }

    if constexpr (!PACKED) {
        // Packed filters hold alpha.
#pragma unroll
        for (int n = 0; n < 4; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) y[n][i] *= p.alpha;
    }
    const u32 first_m = at.m_block * WINOGRAD_ROWS + wave;
    // Differences are 0 unless a number is infinite or NaN, or a sum overflows.
    float sum = 0.f;
#pragma unroll
    for (int n = 0; n < 4; n++) sum += (y[n][0] + y[n][1]) + (y[n][2] + y[n][3]);
    if (sum - sum != 0.f) {
#pragma unroll 1
        for (u32 n = 0; n < 4; n++) {
            float again[4];
            winograd_careful<T>(w, at.group, first_m + n * 8, q, c, c_end, again);
#pragma unroll
            for (u32 to = 0; to < 4; to++)
#pragma unroll
                for (int i = 0; i < 4; i++) y[to][i] = to == n ? again[i] : y[to][i];
        }
    }
    // Of a channel that does not exist nothing is in range.
    auto channel_out = [&](u32 n) INLINE {
        Resource of = out;
        of.z = first_m + n * 8 < p.m ? of.z : 0;
        return of;
    };
    if (is_partial) {
#pragma unroll
        for (u32 n = 0; n < 4; n++)
#pragma unroll
            for (int i = 0; i < 4; i++)
                store((float *)0, channel_out(n), y[n][i], to[i], (first_m + n * 8) * step_m);
        return;
    }
    if (p.beta != 0.f) {
#pragma unroll
        for (u32 n = 0; n < 4; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const u32 at_m = (first_m + n * 8) * step_m;
                y[n][i] = fma(p.beta, load((T *)0, channel_out(n), to[i], at_m), y[n][i]);
            }
    }
#pragma unroll
    for (u32 n = 0; n < 4; n++)
#pragma unroll
        for (int i = 0; i < 4; i++)
            store((T *)0, channel_out(n), y[n][i], to[i], (first_m + n * 8) * step_m);
}

// Whether arithmetic reads the storage type without a conversion (v_fma_mix_f32).
template <class T> struct Mixes {
    static constexpr bool value = false;
};
template <> struct Mixes<f16> {
    static constexpr bool value = true;
};

// Where the matrix kernel takes the filter from.
enum FilterSource {
    PACKED,  // the packing kernel brought it into the order of the steps
    FORWARD, // the filter itself: its nine taps lie side by side, and 4 divides the channels
    BACKWARD // likewise, and taps go against the coordinates
};

DEVICE void load_taps(Resource r, u32 offset, u32 scalar_offset, float (&taps)[9]) {
    const f32x4 a = load4((float *)0, r, offset, scalar_offset);
    const f32x4 b = load4((float *)0, r, offset + 16, scalar_offset);
#pragma unroll
    for (int i = 0; i < 4; i++) taps[i] = a[i], taps[4 + i] = b[i];
    taps[8] = load((float *)0, r, offset + 32, scalar_offset);
}
// Halves need not be aligned for longer loads.
template <class T>
DEVICE void load_taps(Resource r, u32 offset, u32 scalar_offset, T (&taps)[9]) {
#pragma unroll
    for (int i = 0; i < 9; i++) taps[i] = load_stored((T *)0, r, offset + 2 * i, scalar_offset);
}

// PIXELS: channels lie side by side in memory, and 4 divides them.
template <class T, FilterSource SOURCE, bool PIXELS> DEVICE void winograd(const WinogradParams &w, float *lds) {
    const ConvParams &p = w.conv;
    const Place at = place_of(p, block_index());
    const u32 t = thread_in_block(), lane = t % 32, wave = uniform(t / 32);
    const u32 k_begin = at.split * p.split_k, k_limit = k_begin + p.split_k;
    const u32 k_end = k_limit < p.phase[0].k_padded ? k_limit : p.phase[0].k_padded;

    // A wave brings two rows of the transformed patches of one channel, a lane those of one tile; or a
    // wave brings all four channels of eight tiles, so that four lanes read neighbours.
    const u32 half = wave / 4, channel = PIXELS ? lane % 4 : wave % 4;
    const u32 my_tile = PIXELS ? wave % 4 * 8 + lane / 4 : lane;
    const u32 tile = at.column_block * WINOGRAD_TILES + my_tile;
    u32 patch[3][4];
    {
        const TilePlace q = tile_place(w, tile);
        const Phase &f = p.phase[0];
        const u32 d = q.d * p.in_point[0] + (u32)f.in_first[0];
        const bool exists = (tile < w.tiles) & (d < p.in_len[0]);
        const u32 from = q.image * p.in_n + at.group * p.in_g + d * p.in_dhw[0] +
                         (PIXELS ? channel * p.in_c : 0);
        // The row that is alone, the shared one, the other one.
        const int rows[3] = {half ? 3 : 0, half ? 1 : 2, half ? 2 : 1};
#pragma unroll
        for (int i = 0; i < 3; i++) {
            const int h = (int)q.h * 2 + w.patch_first[0] + rows[i];
            const bool row_exists = exists & ((u32)h < p.in_len[1]);
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const int x = (int)q.w * 2 + w.patch_first[1] + j;
                const bool inside = row_exists & ((u32)x < p.in_len[2]);
                patch[i][j] = inside ? from + (u32)h * p.in_dhw[1] + (u32)x * p.in_dhw[2] : OUTSIDE;
            }
        }
    }
    // In an SGPR.
    const float sign = __builtin_bit_cast(float, uniform(half ? 0xBF800000u : 0x3F800000u));
    // A multiply-add widens halves for nothing, if the compiler does not know that it multiplies by 1.
    float one = 1.f;
    if constexpr (Mixes<T>::value) asm volatile("" : "+s"(one));

    const u32 block_floats = p.phase[0].k_padded * (WINOGRAD_SLOTS * WINOGRAD_ROWS);
    const u64 block = (u64)at.group * p.m_blocks + at.m_block;
    const Resource filter = SOURCE == PACKED ? resource(p.packed + block * block_floats, 4 * block_floats)
                                       : resource(p.filter, p.filter_bytes);
    // Four lanes take the channels of a row, because those lie side by side in memory in forward.
    const u32 my_m = t % 128 / 4, my_c = t % 4, m = at.m_block * WINOGRAD_ROWS + my_m;
    const u32 filter_first = p.phase[0].filter_tap_first + at.group * p.filter_g;
    u32 filter_offset =
        SOURCE == PACKED ? t * 16
                         : m < p.m ? filter_first + m * p.filter_m + my_c * p.filter_c : OUTSIDE;
    const u32 filter_c = p.filter_c;
    Resource in = resource(p.in, p.in_bytes);
    const u32 in_bytes = p.in_bytes, channels = p.phase[0].k_total, in_c = p.in_c;
    // The wave's channel, or its first one.
    const u32 wave_channel = PIXELS ? 0 : wave % 4;
    u32 step_channel = k_begin + wave_channel;
    u32 filter_at = k_begin * (4 * WINOGRAD_SLOTS * WINOGRAD_ROWS);

    u32 read_row = (t / 16) * 512 + (t % 16) / 4 * 16, read_column = (t / 16) * 512 + t % 4 * 16;
    // Unpacked, the columns of a row are swizzled by its channel: so the lanes of four channels write
    // to different banks.
    const u32 write_filter =
        SOURCE == PACKED ? t * 16
                         : half * (8 * 4 * 4 * 32) + my_c * (4 * 32) + (my_m ^ (my_c * 8)) * 4;
    const u32 write_patch =
        4 * WINOGRAD_OPERAND + half * (8 * 4 * 4 * 32) + channel * (4 * 32) +
        (PIXELS ? my_tile ^ (channel * 8) : my_tile) * 4;

    f32x4 filtered[2];
    T taps[9];
    T gathered[3][4];
    auto load_step = [&]() INLINE {
        // Of a channel that does not exist nothing is in range.
        in.z = step_channel < channels ? (int)in_bytes : 0;
        const u32 channel_at = step_channel * in_c;
#pragma unroll
        for (int i = 0; i < 3; i++)
#pragma unroll
            for (int j = 0; j < 4; j++)
                gathered[i][j] = load_stored((T *)0, in, patch[i][j], channel_at);
        if constexpr (SOURCE == PACKED) {
#pragma unroll
            for (int i = 0; i < 2; i++)
                filtered[i] = load4((float *)0, filter, filter_offset, filter_at + i * 4096);
            filter_at += 4 * WINOGRAD_OPERAND;
        } else {
            // One register for all taps: else the compiler keeps an offset of each.
            asm volatile("" : "+v"(filter_offset));
            // A step exists as a whole, or meets zeros: then any taps of the row will do.
            const u32 step = step_channel - wave_channel, last = channels - WINOGRAD_STEP;
            load_taps(filter, filter_offset, (step < last ? step : last) * filter_c, taps);
        }
        step_channel += WINOGRAD_STEP;
    };
    auto stage_step = [&](int buffer) INLINE {
        wait_for_loads();
        char *const to = (char *)lds + buffer * (8 * WINOGRAD_OPERAND);
        if constexpr (SOURCE == PACKED) {
#pragma unroll
            for (int i = 0; i < 2; i++) *(f32x4 *)(to + write_filter + i * 4096) = filtered[i];
        } else {
            // The row that is alone, and the one that goes with the patch's other row.
            float g[2][3];
#pragma unroll
            for (int j = 0; j < 3; j++) {
                auto tap = [&](int i) INLINE {
                    const int at = i * 3 + j;
                    return widen(taps[SOURCE == BACKWARD ? 8 - at : at]);
                };
                const float first = tap(0), last = tap(2);
                g[0][j] = half ? last : first;
                g[1][j] = fma(sign, tap(1), first + last);
            }
#pragma unroll
            for (int i = 0; i < 2; i++) {
                const float ends = g[i][0] + g[i][2];
                const float of_row[4] = {g[i][0], ends + g[i][1], ends - g[i][1], g[i][2]};
#pragma unroll
                for (int j = 0; j < 4; j++)
                    *(float *)(to + write_filter + (i * 4 + j) * (4 * 4 * 32)) = of_row[j];
            }
        }
        float v[2][4];
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const float shared = widen(gathered[1][j]);
            v[0][j] = fma(one, widen(gathered[0][j]), -shared);
            v[1][j] = fma(sign, shared, widen(gathered[2][j]));
        }
#pragma unroll
        for (int i = 0; i < 2; i++) {
            const float of_row[4] = {v[i][0] - v[i][2], v[i][1] + v[i][2], v[i][2] - v[i][1],
                                     v[i][3] - v[i][1]};
#pragma unroll
            for (int j = 0; j < 4; j++)
                *(float *)(to + write_patch + (i * 4 + j) * (4 * 4 * 32)) = of_row[j];
        }
    };

    float acc[8][8];
#pragma unroll
    for (int i = 0; i < 8; i++) {
#pragma unroll
        for (int j = 0; j < 8; j++) acc[i][j] = 0.f;
        // Else they are cleared once for each way into the loop.
        pin8(acc[i]);
    }
    load_step();
    stage_step(0);
    lds_barrier();
    // Two steps a turn, one for each buffer.
    for (u32 k = k_begin + 2 * WINOGRAD_STEP; k < k_end; k += 2 * WINOGRAD_STEP) {
        SlotProduct::multiply<0, SOURCE != PACKED, PIXELS>(lds, read_row, read_column, acc, load_step);
        stage_step(1);
        lds_barrier();
        SlotProduct::multiply<1, SOURCE != PACKED, PIXELS>(lds, read_row, read_column, acc, load_step);
        stage_step(0);
        lds_barrier();
    }
    SlotProduct::multiply<0, SOURCE != PACKED, PIXELS>(lds, read_row, read_column, acc, load_step);
    stage_step(1);
    lds_barrier();
    SlotProduct::multiply<1, SOURCE != PACKED, PIXELS>(lds, read_row, read_column, acc, [] {});

    const u32 c_end = k_end < channels ? k_end : channels;
    winograd_out<T, SOURCE == PACKED>(lds, at, lane, wave, k_begin, c_end, acc);
}
