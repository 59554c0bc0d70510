/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Library version, error names, and handles.
 */
#ifndef GUARD_MIOPEN_HANDLE_H_
#define GUARD_MIOPEN_HANDLE_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

MIOPEN_EXPORT const char* miopenGetErrorString(miopenStatus_t error);

MIOPEN_EXPORT miopenStatus_t miopenGetVersion(size_t* major, size_t* minor, size_t* patch);

MIOPEN_EXPORT miopenStatus_t miopenCreate(miopenHandle_t* handle);

MIOPEN_EXPORT miopenStatus_t miopenCreateWithStream(
    miopenHandle_t* handle, miopenAcceleratorQueue_t stream);

MIOPEN_EXPORT miopenStatus_t miopenDestroy(miopenHandle_t handle);

MIOPEN_EXPORT miopenStatus_t miopenSetStream(
    miopenHandle_t handle, miopenAcceleratorQueue_t streamID);

MIOPEN_EXPORT miopenStatus_t miopenGetStream(
    miopenHandle_t handle, miopenAcceleratorQueue_t* streamID);

MIOPEN_EXPORT miopenStatus_t miopenSetAllocator(
    miopenHandle_t handle, miopenAllocatorFunction allocator, miopenDeallocatorFunction deallocator,
    void* allocatorContext);

MIOPEN_EXPORT miopenStatus_t miopenGetKernelTime(miopenHandle_t handle, float* time);

MIOPEN_EXPORT miopenStatus_t miopenEnableProfiling(miopenHandle_t handle, bool enable);

MIOPEN_EXPORT miopenStatus_t miopenSetTuningPolicy(
    miopenHandle_t handle, miopenTuningPolicy_t newValue);

MIOPEN_EXPORT miopenStatus_t miopenGetTuningPolicy(
    miopenHandle_t handle, miopenTuningPolicy_t* value);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_HANDLE_H_ */
