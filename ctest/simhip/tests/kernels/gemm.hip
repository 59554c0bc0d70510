// C = A * B in f32, f16 and bf16 storage, tiles of 64x64 through LDS, and a few simple kernels.
#define GLOBAL extern "C" __attribute__((global))
#define SHARED __attribute__((shared))
#define DEVICE __attribute__((device)) inline __attribute__((always_inline))
typedef unsigned u32;
typedef unsigned short u16;

DEVICE u32 thread() { return __builtin_amdgcn_workitem_id_x(); }
DEVICE u32 block_x() { return __builtin_amdgcn_workgroup_id_x(); }
DEVICE u32 block_y() { return __builtin_amdgcn_workgroup_id_y(); }
DEVICE void barrier() {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

struct F32 { float v; DEVICE operator float() const { return v; } DEVICE F32(float x) : v(x) {} };
struct F16 { _Float16 v; DEVICE operator float() const { return (float)v; } DEVICE F16(float x) : v((_Float16)x) {} };
struct BF16 {
    u16 v;
    DEVICE operator float() const { return __builtin_bit_cast(float, (u32)v << 16); }
    DEVICE BF16(float x) {
        u32 b = __builtin_bit_cast(u32, x);
        v = x != x ? 0x7fc0 : (u16)((b + 0x7fff + (b >> 16 & 1)) >> 16);
    }
};

// 256 work-items, each 4x4 results; m, n multiples of nothing, k of nothing.
template <class T> DEVICE void gemm(const T *a, const T *b, T *c, u32 m, u32 n, u32 k) {
    SHARED float ta[16][65];
    SHARED float tb[16][64];
    const u32 t = thread(), row0 = block_y() * 64, col0 = block_x() * 64;
    const u32 ty = t / 16 * 4, tx = t % 16 * 4;
    float acc[4][4] = {};
    for (u32 k0 = 0; k0 < k; k0 += 16) {
        for (u32 i = t; i < 64 * 16; i += 256) {
            u32 r = i / 16, q = i % 16;
            ta[q][r] = row0 + r < m && k0 + q < k ? (float)a[(row0 + r) * k + k0 + q] : 0.0f;
            u32 col = i % 64, p = i / 64;
            tb[p][col] = col0 + col < n && k0 + p < k ? (float)b[(k0 + p) * n + col0 + col] : 0.0f;
        }
        barrier();
        for (u32 q = 0; q < 16; q++)
            for (u32 i = 0; i < 4; i++)
                for (u32 j = 0; j < 4; j++)
                    acc[i][j] = __builtin_fmaf(ta[q][ty + i], tb[q][tx + j], acc[i][j]);
        barrier();
    }
    for (u32 i = 0; i < 4; i++)
        for (u32 j = 0; j < 4; j++)
            if (row0 + ty + i < m && col0 + tx + j < n) c[(row0 + ty + i) * n + col0 + tx + j] = T(acc[i][j]);
}
#define GEMM(name, T) \
    GLOBAL __attribute__((amdgpu_flat_work_group_size(256, 256))) void name(const T *a, const T *b, T *c, u32 m, u32 n, u32 k) { gemm<T>(a, b, c, m, n, k); }
GEMM(gemm_f32, F32)
GEMM(gemm_f16, F16)
GEMM(gemm_bf16, BF16)

// IEEE division, square root by the host's rules, and integer division: long sequences of the compiler's own.
GLOBAL void divide(const float *a, const float *b, float *c, u32 n) {
    u32 i = block_x() * 64 + thread();
    if (i < n) c[i] = a[i] / b[i];
}
GLOBAL void divide_f64(const double *a, const double *b, double *c, u32 n) {
    u32 i = block_x() * 64 + thread();
    if (i < n) c[i] = a[i] * b[i] + 1.0;
}
GLOBAL void integer_divide(const u32 *a, const u32 *b, u32 *c, u32 n) {
    u32 i = block_x() * 64 + thread();
    if (i < n) c[i] = (a[i] / b[i]) ^ (a[i] % b[i] << 3) ^ (u32)((int)a[i] / (int)(b[i] | 1));
}
GLOBAL void integer_divide64(const unsigned long long *a, const unsigned long long *b, unsigned long long *c, u32 n) {
    u32 i = block_x() * 64 + thread();
    if (i < n) c[i] = a[i] / b[i];
}
// A data-dependent loop, with lanes that leave at different times.
GLOBAL void collatz(const u32 *a, u32 *c, u32 n) {
    u32 i = block_x() * 64 + thread(), steps = 0;
    if (i >= n) return;
    for (unsigned long long x = a[i]; x > 1; steps++) x = x & 1 ? 3 * x + 1 : x / 2;
    c[i] = steps;
}
// A switch, tables in constant memory, and a global counter.
__attribute__((constant)) const u32 table[8] = {3, 1, 4, 1, 5, 9, 2, 6};
__attribute__((device)) u32 counter = 40;
GLOBAL void mixed(const u32 *a, u32 *c, u32 n) {
    u32 i = block_x() * 64 + thread();
    if (i >= n) return;
    u32 x = a[i];
    switch (x & 7) {
    case 0: x = __builtin_popcount(x); break;
    case 1: x = __builtin_clz(x | 1); break;
    case 2: x = __builtin_bitreverse32(x); break;
    case 3: x = __builtin_rotateleft32(x, x >> 27); break;
    case 4: x = table[x >> 3 & 7]; break;
    case 5: x = x * 2654435761u >> 7; break;
    default: x = __builtin_bswap32(x);
    }
    c[i] = x;
    __atomic_fetch_add(&counter, 1u, __ATOMIC_RELAXED);
}
// Sum of a workgroup through lane swizzles and LDS.
GLOBAL __attribute__((amdgpu_flat_work_group_size(128, 128))) void reduce(const float *a, float *c) {
    SHARED float part[4];
    float x = a[block_x() * 128 + thread()];
    for (u32 d = 16; d; d /= 2)
        x += __builtin_bit_cast(float, __builtin_amdgcn_ds_bpermute((int)((thread() ^ d) * 4), __builtin_bit_cast(int, x)));
    if (thread() % 32 == 0) part[thread() / 32] = x;
    barrier();
    if (thread() == 0) c[block_x()] = part[0] + part[1] + part[2] + part[3];
}
// Block dimensions from the dispatch packet.
GLOBAL void packet(u32 *c) {
    const __attribute__((address_space(4))) u16 *p = (const __attribute__((address_space(4))) u16 *)__builtin_amdgcn_dispatch_ptr();
    c[(__builtin_amdgcn_workitem_id_z() * 3 + __builtin_amdgcn_workitem_id_y()) * 5 + thread()] = p[2] * 10000 + p[3] * 100 + p[4];
}
