// What the kernels need of the language: types, the places of a work-item, buffer resources, and
// the fences that keep the compiler's scheduler in line. No ROCm header is used.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef float f32x4 __attribute__((ext_vector_type(4)));
typedef u32 u32x2 __attribute__((ext_vector_type(2)));
typedef u32 u32x4 __attribute__((ext_vector_type(4)));
typedef u16 u16x4 __attribute__((ext_vector_type(4)));

// Storage types; arithmetic is f32 throughout.
struct bf16 {
    u16 bits;
};
typedef _Float16 f16;

#define DEVICE __attribute__((device, always_inline)) static inline
#define INLINE __attribute__((always_inline))
// `waves` is the least number of waves that must fit on a SIMD: it bounds the VGPRs.
#define KERNEL(threads, waves)                                                      \
    extern "C" __attribute__((global, amdgpu_flat_work_group_size(threads, threads), \
                              amdgpu_waves_per_eu(waves)))
#define SHARED __attribute__((shared, aligned(16)))

DEVICE u32 thread_in_block() { return __builtin_amdgcn_workitem_id_x(); }
DEVICE u32 block_index() { return __builtin_amdgcn_workgroup_id_x(); }
// For a value that is equal in all lanes though the compiler cannot see it: moves it to an SGPR.
DEVICE u32 uniform(u32 value) { return (u32)__builtin_amdgcn_readfirstlane((int)value); }

// A barrier that orders LDS only: global loads stay in flight across it.
DEVICE void lds_barrier() {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup", "local");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup", "local");
}

// Nothing is moved across: without it LLVM hoists every LDS read out of the unrolled loop and
// runs out of registers.
DEVICE void schedule_fence() {
    asm volatile("" ::: "memory");
    __builtin_amdgcn_sched_barrier(0);
}
// The value is needed here, in a VGPR: accumulators stay where they are from step to step.
DEVICE void pin8(float *v) {
    asm volatile("" : "+v"(v[0]), "+v"(v[1]), "+v"(v[2]), "+v"(v[3]), "+v"(v[4]), "+v"(v[5]),
                 "+v"(v[6]), "+v"(v[7]));
}
// The compiler may not know anything about the two offsets, so it does not merge LDS reads.
DEVICE void forget(u32 &a, u32 &b) { asm volatile("" : "+v"(a), "+v"(b)); }

// Buffer resources: base, length, and loads that give 0 (stores that do nothing) beyond it.
typedef __amdgpu_buffer_rsrc_t Resource;
// FORMAT_32_FLOAT, RESOURCE_LEVEL 1, OOB_SELECT 3: the same word on all gfx10.
static const int RESOURCE_WORD3 = 0x31014000;
// An offset that lies beyond every resource: lengths are at most MAX_RESOURCE_BYTES (host).
// Masked accesses use it; the scalar offset is added by the hardware after the range check or
// taken off the length before it, so no access may rely on the scalar offset being checked.
static const u32 OUTSIDE = 0xFFFF0000u;

DEVICE Resource resource(const void *base, u32 bytes) {
    return __builtin_amdgcn_make_buffer_rsrc((void *)base, 0, (int)bytes, RESOURCE_WORD3);
}

DEVICE f32x4 load_f32x4(Resource r, u32 offset, u32 scalar_offset) {
    return __builtin_bit_cast(
        f32x4, __builtin_amdgcn_raw_buffer_load_b128(r, (int)offset, (int)scalar_offset, 0));
}

DEVICE float load(float *, Resource r, u32 offset, u32 scalar_offset) {
    return __builtin_bit_cast(
        float, __builtin_amdgcn_raw_buffer_load_b32(r, (int)offset, (int)scalar_offset, 0));
}
DEVICE float load(f16 *, Resource r, u32 offset, u32 scalar_offset) {
    u16 bits = (u16)__builtin_amdgcn_raw_buffer_load_b16(r, (int)offset, (int)scalar_offset, 0);
    return (float)__builtin_bit_cast(f16, bits);
}
DEVICE float from_bf16(u32 bits) { return __builtin_bit_cast(float, bits << 16); }
DEVICE float load(bf16 *, Resource r, u32 offset, u32 scalar_offset) {
    return from_bf16(
        (u16)__builtin_amdgcn_raw_buffer_load_b16(r, (int)offset, (int)scalar_offset, 0));
}

// Four neighbours in memory.
DEVICE f32x4 load4(float *, Resource r, u32 offset, u32 scalar_offset) {
    return load_f32x4(r, offset, scalar_offset);
}
DEVICE u16x4 load_u16x4(Resource r, u32 offset, u32 scalar_offset) {
    return __builtin_bit_cast(
        u16x4, __builtin_amdgcn_raw_buffer_load_b64(r, (int)offset, (int)scalar_offset, 0));
}
DEVICE f32x4 load4(f16 *, Resource r, u32 offset, u32 scalar_offset) {
    typedef f16 f16x4 __attribute__((ext_vector_type(4)));
    f16x4 v = __builtin_bit_cast(f16x4, load_u16x4(r, offset, scalar_offset));
    return f32x4{(float)v.x, (float)v.y, (float)v.z, (float)v.w};
}
DEVICE f32x4 load4(bf16 *, Resource r, u32 offset, u32 scalar_offset) {
    u16x4 v = load_u16x4(r, offset, scalar_offset);
    return f32x4{from_bf16(v.x), from_bf16(v.y), from_bf16(v.z), from_bf16(v.w)};
}

DEVICE void store(float *, Resource r, float value, u32 offset, u32 scalar_offset) {
    __builtin_amdgcn_raw_buffer_store_b32(__builtin_bit_cast(u32, value), r, (int)offset,
                                          (int)scalar_offset, 0);
}
DEVICE void store(f16 *, Resource r, float value, u32 offset, u32 scalar_offset) {
    __builtin_amdgcn_raw_buffer_store_b16(__builtin_bit_cast(u16, (f16)value), r, (int)offset,
                                          (int)scalar_offset, 0);
}
DEVICE void store(bf16 *, Resource r, float value, u32 offset, u32 scalar_offset) {
    u32 bits = __builtin_bit_cast(u32, value);
    // Round to nearest, ties to even; a NaN stays one.
    u32 rounded = bits + 0x7FFFu + ((bits >> 16) & 1);
    bits = value != value ? 0x7FC00000u : rounded;
    __builtin_amdgcn_raw_buffer_store_b16((u16)(bits >> 16), r, (int)offset, (int)scalar_offset,
                                          0);
}

DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
