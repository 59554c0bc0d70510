/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Library version, status names and handles.
 *
 * Every function but miopenGetErrorString() answers with a miopenStatus_t. A failure of the HIP
 * runtime is miopenStatusUnknownError.
 */
#ifndef GUARD_MIOPEN_HANDLE_H_
#define GUARD_MIOPEN_HANDLE_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Name of a status.
 *
 * @param error  a status
 * @return the name of the enumerator, "Unknown error status" for any other number; never NULL; the
 *         text lives as long as the library
 */
MIOPEN_EXPORT const char* miopenGetErrorString(miopenStatus_t error);

/**
 * Version of the loaded library, of the real MIOpen where there is one.
 *
 * @param major  receives the first number; may be NULL
 * @param minor  receives the second number; may be NULL
 * @param patch  receives the third number; may be NULL
 */
MIOPEN_EXPORT miopenStatus_t miopenGetVersion(size_t* major, size_t* minor, size_t* patch);

/**
 * Makes a handle for the current HIP device, on the default stream.
 *
 * A handle remembers its device. Use it from one thread at a time; one handle a thread is usual.
 *
 * @param handle  receives the handle; miopenDestroy() frees it
 */
MIOPEN_EXPORT miopenStatus_t miopenCreate(miopenHandle_t* handle);

/**
 * Makes a handle for the current HIP device, on a stream of the caller.
 *
 * @param handle  receives the handle; miopenDestroy() frees it
 * @param stream  must outlive its use by the handle; NULL is the default stream
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateWithStream(
    miopenHandle_t* handle, miopenAcceleratorQueue_t stream);

/**
 * Frees a handle. The stream stays.
 *
 * @param handle  may be NULL
 */
MIOPEN_EXPORT miopenStatus_t miopenDestroy(miopenHandle_t handle);

/**
 * Puts the work of later calls on another stream of the same device.
 *
 * @param handle    the handle
 * @param streamID  NULL is the default stream
 */
MIOPEN_EXPORT miopenStatus_t miopenSetStream(
    miopenHandle_t handle, miopenAcceleratorQueue_t streamID);

/**
 * Stream of a handle.
 *
 * @param handle    the handle
 * @param streamID  receives the stream
 */
MIOPEN_EXPORT miopenStatus_t miopenGetStream(
    miopenHandle_t handle, miopenAcceleratorQueue_t* streamID);

/**
 * Lets the library take the device memory it needs for itself from the caller.
 *
 * @param handle            the handle
 * @param allocator         called for memory; NULL with a NULL deallocator restores hipMalloc()
 * @param deallocator       called to give it back
 * @param allocatorContext  handed to both; may be NULL
 */
MIOPEN_EXPORT miopenStatus_t miopenSetAllocator(
    miopenHandle_t handle, miopenAllocatorFunction allocator, miopenDeallocatorFunction deallocator,
    void* allocatorContext);

/**
 * Time that the kernels of the latest call took. miopenEnableProfiling() comes first.
 *
 * @param handle  the handle
 * @param time    receives milliseconds
 */
MIOPEN_EXPORT miopenStatus_t miopenGetKernelTime(miopenHandle_t handle, float* time);

/**
 * Switches time measurement on or off. While on, each call waits for its kernels.
 *
 * @param handle  the handle
 * @param enable  true: measure
 */
MIOPEN_EXPORT miopenStatus_t miopenEnableProfiling(miopenHandle_t handle, bool enable);

/**
 * Says what searches with this handle do about tuning. Since ROCm 7.
 *
 * @param handle    the handle
 * @param newValue  the policy; another number is miopenStatusBadParm
 */
MIOPEN_EXPORT miopenStatus_t miopenSetTuningPolicy(
    miopenHandle_t handle, miopenTuningPolicy_t newValue);

/**
 * Tuning policy of a handle. Since ROCm 7.
 *
 * @param handle  the handle
 * @param value   receives the policy
 */
MIOPEN_EXPORT miopenStatus_t miopenGetTuningPolicy(
    miopenHandle_t handle, miopenTuningPolicy_t* value);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_HANDLE_H_ */
