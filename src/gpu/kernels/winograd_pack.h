// The filter brought into Winograd's form, in the order in which the steps of the matrix kernel read
// it: [group][m_block][k / 4][16 slots][4][32 rows], times alpha, zero beyond the ends.
#pragma once
#include "winograd.h"

// Input channels of a block: a wave for each when they are written.
static const int WINOGRAD_PACK_CHANNELS = 8;
static const int WINOGRAD_PACK_TAPS = 9 * WINOGRAD_PACK_CHANNELS;
// From row to row in LDS: odd, so that lanes along the rows meet different banks, and long enough for
// the lanes of the third load of a row that lie beyond its 72 taps.
static const int WINOGRAD_PACK_PITCH = 97;
static const int WINOGRAD_PACK_LDS = WINOGRAD_ROWS * WINOGRAD_PACK_PITCH;

// G of winograd.h.
DEVICE void winograd_filter(float g0, float g1, float g2, float (&out)[4]) {
    const float ends = g0 + g2;
    out[0] = g0;
    out[1] = ends + g1;
    out[2] = ends - g1;
    out[3] = g2;
}

template <class T> DEVICE void winograd_pack(const WinogradParams &w, float *lds) {
    const ConvParams &p = w.conv;
    const Phase &f = p.phase[0];
    const Place at = place_of(p, block_index()); // here column blocks are blocks of channels
    const u32 lane = thread_in_block() % 32, wave = uniform(thread_in_block() / 32);
    const u32 first_m = at.m_block * WINOGRAD_ROWS;
    const u32 first_c = at.column_block * WINOGRAD_PACK_CHANNELS;
    Resource filter = resource(p.filter, p.filter_bytes);

    // Read with the lanes along the taps of neighbouring channels: as filters mostly lie.
#pragma unroll
    for (int part = 0; part < WINOGRAD_PACK_TAPS; part += 32) {
        const u32 element = (u32)part + lane, c = element / 9, tap = element - c * 9;
        const u32 tap_h = tap / 3, tap_w = tap - tap_h * 3;
        const u32 offset = f.filter_tap_first + at.group * p.filter_g + (first_c + c) * p.filter_c +
                           (u32)((int)tap_h * f.filter_tap_step[1] +
                                 (int)tap_w * f.filter_tap_step[2]);
        const bool exists = (element < WINOGRAD_PACK_TAPS) & (first_c + c < f.k_total);
        const u32 from = exists ? offset : OUTSIDE;
        float *const to = lds + wave * WINOGRAD_PACK_PITCH + element;
#pragma unroll
        for (u32 i = 0; i < WINOGRAD_ROWS / 8; i++) {
            const u32 m = first_m + wave + i * 8;
            // Of a channel that does not exist nothing is in range.
            filter.z = m < p.m ? (int)p.filter_bytes : 0;
            to[i * 8 * WINOGRAD_PACK_PITCH] = load((T *)0, filter, from, m * p.filter_m);
        }
    }
    lds_barrier();

    const float *g = lds + lane * WINOGRAD_PACK_PITCH + wave * 9;
    float rows[4][3];
#pragma unroll
    for (int j = 0; j < 3; j++) {
        float column[4];
        winograd_filter(p.alpha * g[j], p.alpha * g[3 + j], p.alpha * g[6 + j], column);
#pragma unroll
        for (int i = 0; i < 4; i++) rows[i][j] = column[i];
    }
    const u32 steps = f.k_padded / WINOGRAD_STEP;
    const u32 block_floats = steps * WINOGRAD_OPERAND;
    const u64 block = (u64)at.group * p.m_blocks + at.m_block;
    const Resource packed = resource(p.packed + block * block_floats, 4 * block_floats);
    const u32 c = first_c + wave;
    const u32 to = 4 * (c / WINOGRAD_STEP * WINOGRAD_OPERAND + c % WINOGRAD_STEP * WINOGRAD_ROWS);
    // In backward-data taps go against the coordinates; of a filter turned round the first and the last
    // row change places, and columns likewise.
    const bool turned = f.tap_step[1] < 0;
    const u32 slot_rows[4] = {turned ? 2u : 0u, 1, 3, turned ? 0u : 2u}; // see winograd.h
    const u32 slot_columns[4] = {turned ? 3u : 0u, 1, 2, turned ? 0u : 3u};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float of_row[4];
        winograd_filter(rows[i][0], rows[i][1], rows[i][2], of_row);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const u32 slot = slot_rows[i] * 4 + slot_columns[j];
            store((float *)0, packed, of_row[j], lane * 4,
                  to + slot * (4 * WINOGRAD_STEP * WINOGRAD_ROWS));
        }
    }
}
