// One right kernel and its wrong twins: neighbours are added through LDS.
#define GLOBAL extern "C" __attribute__((global)) __attribute__((amdgpu_flat_work_group_size(128, 128)))
#define SHARED __attribute__((shared))
#define DEVICE __attribute__((device)) inline __attribute__((always_inline))
typedef unsigned u32;

DEVICE u32 thread() { return __builtin_amdgcn_workitem_id_x(); }
DEVICE u32 item() { return __builtin_amdgcn_workgroup_id_x() * 128 + thread(); }
DEVICE void barrier() {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

GLOBAL void good(const float *a, float *c) {
    SHARED float tile[128];
    tile[thread()] = a[item()];
    barrier();
    c[item()] = tile[thread()] + tile[127 - thread()];
}
GLOBAL void no_barrier(const float *a, float *c) {
    SHARED float tile[128];
    tile[thread()] = a[item()];
    c[item()] = tile[thread()] + tile[127 - thread()];
}
GLOBAL void barrier_in_branch(const float *a, float *c) {
    SHARED float tile[128];
    tile[thread()] = a[item()];
    if (thread() < 100) barrier();
    c[item()] = tile[thread()];
}
GLOBAL void one_too_far(const float *a, float *c) {
    c[item()] = a[item() + 1];
}
GLOBAL void lds_not_filled(const float *a, float *c) {
    SHARED float tile[128];
    if (thread() < 127) tile[thread()] = a[item()];
    barrier();
    c[item()] = tile[thread()] + tile[127 - thread()];
}
