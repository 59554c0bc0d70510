/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The few functions of HIP that these programs use, as `hip/hip_runtime_api.h` declares them. HIP
 * itself need not be installed: the stand-in under ctest/simhip has the functions.
 */
#ifndef GPU_HIP_H
#define GPU_HIP_H

#include <miopen/miopen.h>
#include <stddef.h>

enum { hipSuccess = 0, hipMemcpyHostToDevice = 1, hipMemcpyDeviceToHost = 2 };

int hipGetDeviceCount(int* count);
int hipSetDevice(int device);
int hipGetDevice(int* device);
int hipMalloc(void** address, size_t bytes);
int hipFree(void* address);
int hipHostMalloc(void** address, size_t bytes, unsigned flags);
int hipHostFree(void* address);
int hipMemcpy(void* to, const void* from, size_t bytes, int kind);
int hipMemcpyAsync(void* to, const void* from, size_t bytes, int kind, hipStream_t stream);
int hipStreamCreate(hipStream_t* stream);
int hipStreamDestroy(hipStream_t stream);
int hipStreamSynchronize(hipStream_t stream);
int hipStreamQuery(hipStream_t stream);

#endif /* GPU_HIP_H */
