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
#if __clang_major__ >= 19
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup", "local");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup", "local");
#else
    // A fence of older compilers waits for global loads as well. lgkmcnt 0, the others at most.
    asm volatile("" ::: "memory");
    __builtin_amdgcn_s_waitcnt(0xC07F);
    __builtin_amdgcn_s_barrier();
    asm volatile("" ::: "memory");
#endif
}

// What a block of so many threads needs between writing LDS and reading it, either way round. LDS
// serves a wave in order, so that one alone needs neither barrier nor wait.
template <int THREADS> DEVICE void lds_turn() {
    if constexpr (THREADS > 32)
        lds_barrier();
    else
        asm volatile("" ::: "memory");
}

// The arguments of the kernel, in a way that the compiler cannot connect with earlier reads.
template <class Params> DEVICE const Params &arguments_again() {
    auto p = (const __attribute__((address_space(4))) Params *)
        __builtin_amdgcn_kernarg_segment_ptr();
    asm volatile("" : "+s"(p));
    return *(const Params *)p;
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
// FORMAT_32_FLOAT, RESOURCE_LEVEL 1, OOB_SELECT 3: the same word on all gfx10.
static const int RESOURCE_WORD3 = 0x31014000;
// An offset that lies beyond every resource: lengths are at most MAX_RESOURCE_BYTES (host).
// Masked accesses use it; the scalar offset is added by the hardware after the range check or
// taken off the length before it, so no access may rely on the scalar offset being checked.
static const u32 OUTSIDE = 0xFFFF0000u;

typedef int Resource __attribute__((ext_vector_type(4)));

DEVICE Resource resource(const void *base, u32 bytes) {
    const u64 address = (u64)base;
    return Resource{(int)uniform((u32)address), (int)uniform((u32)(address >> 32) & 0xFFFF),
                    (int)bytes, RESOURCE_WORD3};
}

// LLVM's intrinsics by their own names: clang has builtins for them only since release 19.
__attribute__((device)) u16 raw_load_u16(Resource, int offset, int scalar_offset,
                                         int policy) __asm("llvm.amdgcn.raw.buffer.load.i16");
__attribute__((device)) float raw_load_f32(Resource, int offset, int scalar_offset,
                                           int policy) __asm("llvm.amdgcn.raw.buffer.load.f32");
__attribute__((device)) u32x2 raw_load_u32x2(Resource, int offset, int scalar_offset, int policy)
    __asm("llvm.amdgcn.raw.buffer.load.v2i32");
__attribute__((device)) f32x4 raw_load_f32x4(Resource, int offset, int scalar_offset, int policy)
    __asm("llvm.amdgcn.raw.buffer.load.v4f32");
__attribute__((device)) void raw_store_u16(u16, Resource, int offset, int scalar_offset,
                                           int policy) __asm("llvm.amdgcn.raw.buffer.store.i16");
__attribute__((device)) void raw_store_f32(float, Resource, int offset, int scalar_offset,
                                           int policy) __asm("llvm.amdgcn.raw.buffer.store.f32");

DEVICE float from_bf16(u32 bits) { return __builtin_bit_cast(float, bits << 16); }

// As it is stored: to be widened when it is used.
DEVICE float load_stored(float *, Resource r, u32 offset, u32 scalar_offset) {
    return raw_load_f32(r, (int)offset, (int)scalar_offset, 0);
}
DEVICE f16 load_stored(f16 *, Resource r, u32 offset, u32 scalar_offset) {
    return __builtin_bit_cast(f16, raw_load_u16(r, (int)offset, (int)scalar_offset, 0));
}
DEVICE bf16 load_stored(bf16 *, Resource r, u32 offset, u32 scalar_offset) {
    return bf16{raw_load_u16(r, (int)offset, (int)scalar_offset, 0)};
}
DEVICE float widen(float v) { return v; }
DEVICE float widen(f16 v) { return (float)v; }
DEVICE float widen(bf16 v) { return from_bf16(v.bits); }

DEVICE float load(float *, Resource r, u32 offset, u32 scalar_offset) {
    return raw_load_f32(r, (int)offset, (int)scalar_offset, 0);
}
DEVICE float load(f16 *, Resource r, u32 offset, u32 scalar_offset) {
    return (float)__builtin_bit_cast(f16, raw_load_u16(r, (int)offset, (int)scalar_offset, 0));
}
DEVICE float load(bf16 *, Resource r, u32 offset, u32 scalar_offset) {
    return from_bf16(raw_load_u16(r, (int)offset, (int)scalar_offset, 0));
}

// Four neighbours in memory.
DEVICE f32x4 load4(float *, Resource r, u32 offset, u32 scalar_offset) {
    return raw_load_f32x4(r, (int)offset, (int)scalar_offset, 0);
}
DEVICE f32x4 load4(f16 *, Resource r, u32 offset, u32 scalar_offset) {
    typedef f16 f16x4 __attribute__((ext_vector_type(4)));
    const u32x2 bits = raw_load_u32x2(r, (int)offset, (int)scalar_offset, 0);
    const f16x4 v = __builtin_bit_cast(f16x4, bits);
    return f32x4{(float)v.x, (float)v.y, (float)v.z, (float)v.w};
}
DEVICE f32x4 load4(bf16 *, Resource r, u32 offset, u32 scalar_offset) {
    const u32x2 v = raw_load_u32x2(r, (int)offset, (int)scalar_offset, 0);
    return f32x4{from_bf16(v.x), __builtin_bit_cast(float, v.x & 0xFFFF0000u), from_bf16(v.y),
                 __builtin_bit_cast(float, v.y & 0xFFFF0000u)};
}

DEVICE void store(float *, Resource r, float value, u32 offset, u32 scalar_offset) {
    raw_store_f32(value, r, (int)offset, (int)scalar_offset, 0);
}
DEVICE void store(f16 *, Resource r, float value, u32 offset, u32 scalar_offset) {
    raw_store_u16(__builtin_bit_cast(u16, (f16)value), r, (int)offset, (int)scalar_offset, 0);
}
DEVICE void store(bf16 *, Resource r, float value, u32 offset, u32 scalar_offset) {
    u32 bits = __builtin_bit_cast(u32, value);
    // Round to nearest, ties to even; a NaN stays one.
    const u32 rounded = bits + 0x7FFFu + ((bits >> 16) & 1);
    bits = value != value ? 0x7FC00000u : rounded;
    raw_store_u16((u16)(bits >> 16), r, (int)offset, (int)scalar_offset, 0);
}

// Either zero, found out by the scalar unit: a uniform branch on a float costs vector work.
DEVICE bool is_zero(float value) { return __builtin_bit_cast(u32, value) << 1 == 0; }

DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
