// How the kernels of forward and backward-data find their input.
#pragma once
#include "params.h"

enum Gather {
    RUN,    // channels go in fours that share a tap: one mask for four loads
    VECTOR, // and lie side by side in memory: one load for four channels
    MASK,   // a mask for each k
    RANGE,  // any filter: coordinates are compared
};

typedef const __attribute__((address_space(4))) u32x4 *Table;

// Table entries of one step for one thread, in scalar registers.
template <Gather GATHER, int COUNT> struct Entries {
    static constexpr int VECTORS = GATHER == RANGE ? COUNT : COUNT / 2;
    u32x4 vector[VECTORS];

    __attribute__((device)) INLINE void fetch(Table table) {
#pragma unroll
        for (int i = 0; i < VECTORS; i++) vector[i] = table[i];
    }
    __attribute__((device)) INLINE u32 offset(int i) const {
        if (GATHER == RANGE) return vector[i].x;
        return i & 1 ? vector[i / 2].z : vector[i / 2].x;
    }
    __attribute__((device)) INLINE u32 mask(int i) const {
        return i & 1 ? vector[i / 2].w : vector[i / 2].y;
    }
};

// Where one column reads its input.
struct Column {
    u32 offset;  // of tap 0
    u32 outside; // bits of taps in the padding (all but RANGE)
    int d, h, w; // input coordinates of tap 0 (RANGE)
};
template <Gather GATHER>
DEVICE Column column_at(const ConvParams &p, const Phase &f, u32 group, u32 column) {
    Point q = point_of(f, column);
    Column at;
    const bool exists = column < f.columns;
    at.offset = q.image * p.in_n + group * p.in_g + q.d * p.in_step[0] + q.h * p.in_step[1] +
                q.w * p.in_step[2];
    if (GATHER == RANGE) {
        at.outside = 0;
        // No coordinate from here on comes near the input again: both are below 2^30.
        at.d = exists ? (int)(q.d * p.in_point[0]) : 0x40000000;
        at.h = (int)(q.h * p.in_point[1]);
        at.w = (int)(q.w * p.in_point[2]);
    } else {
        at.outside = exists ? outside_taps(p, f, q) : 0xFFFFFFFFu;
        at.d = at.h = at.w = 0;
    }
    return at;
}

template <class T, Gather GATHER, int COUNT>
DEVICE void gather(const ConvParams &p, Resource in, const Column &at,
                   const Entries<GATHER, COUNT> &entries, float *value) {
    if constexpr (GATHER == RUN || GATHER == VECTOR) {
#pragma unroll
        for (int i = 0; i < COUNT; i += 4) {
            const u32 offset = at.outside & entries.mask(i) ? OUTSIDE : at.offset;
            if constexpr (GATHER == VECTOR) {
                const f32x4 four = load4((T *)0, in, offset, entries.offset(i));
#pragma unroll
                for (int c = 0; c < 4; c++) value[i + c] = four[c];
            } else {
#pragma unroll
                for (int c = 0; c < 4; c++)
                    value[i + c] = load((T *)0, in, offset, entries.offset(i + c));
            }
        }
    } else {
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
            bool outside;
            if constexpr (GATHER == MASK) {
                outside = at.outside & entries.mask(i);
            } else {
                const u32x4 e = entries.vector[i];
                outside = ((u32)(at.d + (int)e.y) >= p.in_len[0]) |
                          ((u32)(at.h + (int)e.z) >= p.in_len[1]) |
                          ((u32)(at.w + (int)e.w) >= p.in_len[2]);
            }
            value[i] = load((T *)0, in, outside ? OUTSIDE : at.offset, entries.offset(i));
        }
    }
}

DEVICE Table table_of(const ConvParams &p, const Phase &f) {
    return (Table)(u64)(p.table + f.table_first);
}
DEVICE Resource filter_of(const ConvParams &p, const Phase &f, u32 group) {
    const u32 floats = f.k_padded * p.m_padded;
    return resource(p.packed + f.filter_first + (u64)group * floats, floats * 4);
}

// Stores one value, or adds it to beta times the old one.
template <class T>
DEVICE void put(Resource out, float value, float beta, u32 offset, u32 scalar_offset) {
    if (beta != 0.f) value = fma(beta, load((T *)0, out, offset, scalar_offset), value);
    store((T *)0, out, value, offset, scalar_offset);
}
