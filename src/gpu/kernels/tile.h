// The heart of all matrix kernels: 8x8 outer products from two LDS tiles.
#pragma once
#include "prelude.h"

// One wait for all loads instead of one for each: they were issued a whole step ago.
// Bits as gfx10 has them: vmcnt 0, expcnt and lgkmcnt at their maxima.
DEVICE void wait_for_loads() { __builtin_amdgcn_s_waitcnt(0x3F70); }

// The two halves of a double buffer: the offset goes to and fro by the same distance.
struct Swing {
    int distance;
    __attribute__((device)) INLINE void over(u32 &offset) const { offset += distance; }
    __attribute__((device)) INLINE void turn() { distance = -distance; }
};

// Each thread owns two times four rows, half a tile apart, and columns likewise, so that the
// fragments of eight neighbouring lanes are read without bank conflicts.
//
// LDS holds two buffers, each the rows of a step and then its columns, [k][pitch].
template <int ROWS, int COLUMNS, int STEP, int ROW_PITCH, int COLUMN_PITCH>
struct Tile {
    static constexpr int HALF_ROWS = ROWS / 2, HALF_COLUMNS = COLUMNS / 2;
    static constexpr int COLUMNS_AT = STEP * ROW_PITCH;                // floats
    static constexpr int BUFFER = COLUMNS_AT + STEP * COLUMN_PITCH;    // floats

    __attribute__((device)) INLINE static f32x4 read(const float *lds, u32 offset, int elems) {
        return *(const f32x4 *)((const char *)lds + offset + elems * 4);
    }

    // acc += rows^T * columns. `aside` runs after the first quarter of the products: scalar loads
    // belong there, because the next wait for LDS reads, three quarters later, waits for them too.
    // The offsets (bytes) are those of the thread's first row and column; the fragments of a step
    // are read while the products of the one before it are computed.
    template <class Aside>
    __attribute__((device)) INLINE static void multiply(const float *lds, u32 &row_offset,
                                                        u32 &column_offset, float (&acc)[8][8],
                                                        Aside aside) {
        f32x4 a[2][2], b[2][2];
        auto read_step = [&](int k) INLINE {
            a[k & 1][0] = read(lds, row_offset, k * ROW_PITCH);
            b[k & 1][0] = read(lds, column_offset, k * COLUMN_PITCH);
            b[k & 1][1] = read(lds, column_offset, k * COLUMN_PITCH + HALF_COLUMNS);
            a[k & 1][1] = read(lds, row_offset, k * ROW_PITCH + HALF_ROWS);
        };
        read_step(0);
#pragma unroll
        for (int k = 0; k < STEP; k++) {
            const int now = k & 1;
            forget(row_offset, column_offset);
            if (k + 1 < STEP) read_step(k + 1);
            schedule_fence();
            // The quarter that needs the fragments read last comes first: one wait for all four.
#pragma unroll
            for (int quarter = 3; quarter >= 0; quarter--) {
#pragma unroll
                for (int i = 0; i < 4; i++)
#pragma unroll
                    for (int j = 0; j < 4; j++) {
                        float &sum = acc[(quarter >> 1) * 4 + i][(quarter & 1) * 4 + j];
                        sum = fma(a[now][quarter >> 1][i], b[now][quarter & 1][j], sum);
                    }
                if (k == 0 && quarter == 3) {
                    schedule_fence();
                    aside();
                    schedule_fence();
                }
            }
#pragma unroll
            for (int i = 0; i < 8; i++) pin8(acc[i]);
            schedule_fence();
        }
    }

    // The same for the first elements of a step, one after the other.
    __attribute__((device)) INLINE static void multiply_some(const float *lds, u32 row_offset,
                                                             u32 column_offset,
                                                             float (&acc)[8][8], u32 count) {
#pragma unroll 1
        for (u32 k = 0; k < count; k++) {
            const f32x4 a[2] = {read(lds, row_offset, 0), read(lds, row_offset, HALF_ROWS)};
            const f32x4 b[2] = {read(lds, column_offset, 0),
                                read(lds, column_offset, HALF_COLUMNS)};
#pragma unroll
            for (int i = 0; i < 8; i++)
#pragma unroll
                for (int j = 0; j < 8; j++)
                    acc[i][j] = fma(a[i / 4][i % 4], b[j / 4][j % 4], acc[i][j]);
#pragma unroll
            for (int i = 0; i < 8; i++) pin8(acc[i]);
            row_offset += 4 * ROW_PITCH;
            column_offset += 4 * COLUMN_PITCH;
        }
    }

    __attribute__((device)) INLINE static void clear(float (&acc)[8][8]) {
#pragma unroll
        for (int i = 0; i < 8; i++)
#pragma unroll
            for (int j = 0; j < 8; j++) acc[i][j] = 0.f;
    }
};
