/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Dropout and the state of its random number generator.
 */
#ifndef GUARD_MIOPEN_DROPOUT_H_
#define GUARD_MIOPEN_DROPOUT_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Makes a dropout descriptor, to be freed by miopenDestroyDropoutDescriptor(). */
MIOPEN_EXPORT miopenStatus_t miopenCreateDropoutDescriptor(miopenDropoutDescriptor_t* dropoutDesc);

/** Frees a dropout descriptor; NULL is accepted. The states stay with the caller. */
MIOPEN_EXPORT miopenStatus_t miopenDestroyDropoutDescriptor(miopenDropoutDescriptor_t dropoutDesc);

/** Bytes of the mask that a forward call keeps for the backward call. */
MIOPEN_EXPORT miopenStatus_t miopenDropoutGetReserveSpaceSize(
    const miopenTensorDescriptor_t xDesc, size_t* reserveSpaceSizeInBytes);

/** Bytes of the random number states for the device of a handle. */
MIOPEN_EXPORT miopenStatus_t miopenDropoutGetStatesSize(
    miopenHandle_t handle, size_t* stateSizeInBytes);

/** Reads a dropout descriptor. */
MIOPEN_EXPORT miopenStatus_t miopenGetDropoutDescriptor(
    miopenDropoutDescriptor_t dropoutDesc, miopenHandle_t handle, float* dropout, void** states,
    unsigned long long* seed, bool* use_mask, bool* state_evo, miopenRNGType_t* rng_mode);

/** Sets up a dropout with states that miopenSetDropoutDescriptor() initialised before. */
MIOPEN_EXPORT miopenStatus_t miopenRestoreDropoutDescriptor(
    miopenDropoutDescriptor_t dropoutDesc, miopenHandle_t handle, float dropout, void* states,
    size_t stateSizeInBytes, unsigned long long seed, bool use_mask, bool state_evo,
    miopenRNGType_t rng_mode);

/**
 * Sets up a dropout and initialises states, device memory of the caller, from seed. dropout is the
 * share of elements to drop, from 0 to 1.
 */
MIOPEN_EXPORT miopenStatus_t miopenSetDropoutDescriptor(
    miopenDropoutDescriptor_t dropoutDesc, miopenHandle_t handle, float dropout, void* states,
    size_t stateSizeInBytes, unsigned long long seed, bool use_mask, bool state_evo,
    miopenRNGType_t rng_mode);

/** Drops elements of x and scales the others by 1 / (1 - rate). noise_shape is shaped like x. */
MIOPEN_EXPORT miopenStatus_t miopenDropoutForward(
    miopenHandle_t handle, const miopenDropoutDescriptor_t dropoutDesc,
    const miopenTensorDescriptor_t noise_shape, const miopenTensorDescriptor_t xDesc, const void* x,
    const miopenTensorDescriptor_t yDesc, void* y, void* reserveSpace,
    size_t reserveSpaceSizeInBytes);

/** Gradient of miopenDropoutForward(), by the mask in the reserve space. */
MIOPEN_EXPORT miopenStatus_t miopenDropoutBackward(
    miopenHandle_t handle, const miopenDropoutDescriptor_t dropoutDesc,
    const miopenTensorDescriptor_t noise_shape, const miopenTensorDescriptor_t dyDesc,
    const void* dy, const miopenTensorDescriptor_t dxDesc, void* dx, void* reserveSpace,
    size_t reserveSpaceSizeInBytes);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_DROPOUT_H_ */
