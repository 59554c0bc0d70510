/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Dropout.
 */
#ifndef GUARD_MIOPEN_DROPOUT_H_
#define GUARD_MIOPEN_DROPOUT_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

MIOPEN_EXPORT miopenStatus_t miopenCreateDropoutDescriptor(miopenDropoutDescriptor_t* dropoutDesc);

MIOPEN_EXPORT miopenStatus_t miopenDestroyDropoutDescriptor(miopenDropoutDescriptor_t dropoutDesc);

MIOPEN_EXPORT miopenStatus_t miopenDropoutGetReserveSpaceSize(
    const miopenTensorDescriptor_t xDesc, size_t* reserveSpaceSizeInBytes);

MIOPEN_EXPORT miopenStatus_t miopenDropoutGetStatesSize(
    miopenHandle_t handle, size_t* stateSizeInBytes);

MIOPEN_EXPORT miopenStatus_t miopenGetDropoutDescriptor(
    miopenDropoutDescriptor_t dropoutDesc, miopenHandle_t handle, float* dropout, void** states,
    unsigned long long* seed, bool* use_mask, bool* state_evo, miopenRNGType_t* rng_mode);

MIOPEN_EXPORT miopenStatus_t miopenRestoreDropoutDescriptor(
    miopenDropoutDescriptor_t dropoutDesc, miopenHandle_t handle, float dropout, void* states,
    size_t stateSizeInBytes, unsigned long long seed, bool use_mask, bool state_evo,
    miopenRNGType_t rng_mode);

MIOPEN_EXPORT miopenStatus_t miopenSetDropoutDescriptor(
    miopenDropoutDescriptor_t dropoutDesc, miopenHandle_t handle, float dropout, void* states,
    size_t stateSizeInBytes, unsigned long long seed, bool use_mask, bool state_evo,
    miopenRNGType_t rng_mode);

MIOPEN_EXPORT miopenStatus_t miopenDropoutForward(
    miopenHandle_t handle, const miopenDropoutDescriptor_t dropoutDesc,
    const miopenTensorDescriptor_t noise_shape, const miopenTensorDescriptor_t xDesc, const void* x,
    const miopenTensorDescriptor_t yDesc, void* y, void* reserveSpace,
    size_t reserveSpaceSizeInBytes);

MIOPEN_EXPORT miopenStatus_t miopenDropoutBackward(
    miopenHandle_t handle, const miopenDropoutDescriptor_t dropoutDesc,
    const miopenTensorDescriptor_t noise_shape, const miopenTensorDescriptor_t dyDesc,
    const void* dy, const miopenTensorDescriptor_t dxDesc, void* dx, void* reserveSpace,
    size_t reserveSpaceSizeInBytes);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_DROPOUT_H_ */
