/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Layer normalization, its fused and T5 (root mean square) forms, and group normalization. All
 * beta.
 */
#ifndef GUARD_MIOPEN_LAYERNORM_H_
#define GUARD_MIOPEN_LAYERNORM_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef MIOPEN_BETA_API

/**
 * Normalizes x over the dimensions from normalized_dim on, then applies weight and bias as the mode
 * says; mean and rstd receive the statistics. Since ROCm 6.0.
 */
MIOPEN_EXPORT miopenStatus_t miopenLayerNormForward(
    miopenHandle_t handle, miopenNormMode_t mode, const miopenTensorDescriptor_t xDesc,
    const void* x, const miopenTensorDescriptor_t weightDesc, const void* weight,
    const miopenTensorDescriptor_t biasDesc, const void* bias, const float epsilon,
    const int32_t normalized_dim, const miopenTensorDescriptor_t yDesc, void* y,
    const miopenTensorDescriptor_t meanDesc, void* mean, const miopenTensorDescriptor_t rstdDesc,
    void* rstd);

/**
 * Normalizes x over groups of channels (num_groups of them), then applies weight and bias as the
 * mode says; mean and rstd receive the statistics. Since ROCm 6.1.
 */
MIOPEN_EXPORT miopenStatus_t miopenGroupNormForward(
    miopenHandle_t handle, miopenNormMode_t mode, const miopenTensorDescriptor_t xDesc,
    const void* x, const miopenTensorDescriptor_t weightDesc, const void* weight,
    const miopenTensorDescriptor_t biasDesc, const void* bias, const uint64_t num_groups,
    const float epsilon, const miopenTensorDescriptor_t yDesc, void* y,
    const miopenTensorDescriptor_t meanDesc, void* mean, const miopenTensorDescriptor_t rstdDesc,
    void* rstd);

/** miopenLayerNormForward() of x + x2. Since ROCm 6.2. */
MIOPEN_EXPORT miopenStatus_t miopenAddLayerNormForward(
    miopenHandle_t handle, miopenNormMode_t mode, const miopenTensorDescriptor_t xDesc,
    const void* x, const miopenTensorDescriptor_t x2Desc, const void* x2,
    const miopenTensorDescriptor_t weightDesc, const void* weight,
    const miopenTensorDescriptor_t biasDesc, const void* bias, const float epsilon,
    const int32_t normalized_dim, const miopenTensorDescriptor_t yDesc, void* y,
    const miopenTensorDescriptor_t meanDesc, void* mean, const miopenTensorDescriptor_t rstdDesc,
    void* rstd);

/**
 * Divides x by its root mean square over the last dimension, then multiplies by weight; rstd
 * receives the inverse. Since ROCm 6.2.
 */
MIOPEN_EXPORT miopenStatus_t miopenT5LayerNormForward(
    miopenHandle_t handle, miopenNormMode_t mode, const miopenTensorDescriptor_t xDesc,
    const void* x, const miopenTensorDescriptor_t weightDesc, const void* weight,
    const float epsilon, const miopenTensorDescriptor_t yDesc, void* y,
    const miopenTensorDescriptor_t rstdDesc, void* rstd);

/** Bytes of workspace for miopenT5LayerNormBackward(). Since ROCm 6.2. */
MIOPEN_EXPORT miopenStatus_t miopenGetT5LayerNormBackwardWorkspaceSize(
    miopenHandle_t handle, miopenNormMode_t mode, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t xDesc, const miopenTensorDescriptor_t weightDesc,
    const miopenTensorDescriptor_t rstdDesc, const miopenTensorDescriptor_t dxDesc,
    const miopenTensorDescriptor_t dwDesc, size_t* sizeInBytes);

/** Gradients of miopenT5LayerNormForward() by x (dx) and weight (dw). Since ROCm 6.2. */
MIOPEN_EXPORT miopenStatus_t miopenT5LayerNormBackward(
    miopenHandle_t handle, miopenNormMode_t mode, void* workspace, size_t workspaceSizeInBytes,
    const miopenTensorDescriptor_t dyDesc, const void* dy, const miopenTensorDescriptor_t xDesc,
    const void* x, const miopenTensorDescriptor_t weightDesc, const void* weight,
    const miopenTensorDescriptor_t rstdDesc, const void* rstd,
    const miopenTensorDescriptor_t dxDesc, void* dx, const miopenTensorDescriptor_t dwDesc,
    void* dw);

/** Bytes of workspace for miopenLayerNormBackward(). Since ROCm 7. */
MIOPEN_EXPORT miopenStatus_t miopenGetLayerNormBackwardWorkspaceSize(
    miopenHandle_t handle, miopenNormMode_t mode, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t xDesc, const miopenTensorDescriptor_t weightDesc,
    const miopenTensorDescriptor_t meanDesc, const miopenTensorDescriptor_t rstdDesc,
    const int32_t normalized_dim, const miopenTensorDescriptor_t dxDesc,
    const miopenTensorDescriptor_t dwDesc, const miopenTensorDescriptor_t dbDesc,
    size_t* sizeInBytes);

/** Gradients of miopenLayerNormForward() by x (dx), weight (dw) and bias (db). Since ROCm 7. */
MIOPEN_EXPORT miopenStatus_t miopenLayerNormBackward(
    miopenHandle_t handle, miopenNormMode_t mode, void* workspace, size_t workspaceSizeInBytes,
    const miopenTensorDescriptor_t dyDesc, const void* dy, const miopenTensorDescriptor_t xDesc,
    const void* x, const miopenTensorDescriptor_t weightDesc, const void* weight,
    const miopenTensorDescriptor_t meanDesc, const void* mean,
    const miopenTensorDescriptor_t rstdDesc, const void* rstd, const int32_t normalized_dim,
    const miopenTensorDescriptor_t dxDesc, void* dx, const miopenTensorDescriptor_t dwDesc,
    void* dw, const miopenTensorDescriptor_t dbDesc, void* db);

#endif /* MIOPEN_BETA_API */

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_LAYERNORM_H_ */
