/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Softmax along one dimension.
 */
#ifndef GUARD_MIOPEN_SOFTMAX_H_
#define GUARD_MIOPEN_SOFTMAX_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** y = alpha * softmax(x) + beta * y, over channels, accurate; alpha and beta are on the host. */
MIOPEN_EXPORT miopenStatus_t miopenSoftmaxForward(
    miopenHandle_t handle, const void* alpha, const miopenTensorDescriptor_t xDesc, const void* x,
    const void* beta, const miopenTensorDescriptor_t yDesc, void* y);

/** dx = alpha * gradient + beta * dx for miopenSoftmaxForward(), from y and dy. */
MIOPEN_EXPORT miopenStatus_t miopenSoftmaxBackward(
    miopenHandle_t handle, const void* alpha, const miopenTensorDescriptor_t yDesc, const void* y,
    const miopenTensorDescriptor_t dyDesc, const void* dy, const void* beta,
    const miopenTensorDescriptor_t dxDesc, void* dx);

/** miopenSoftmaxForward() with a choice of algorithm and mode. */
MIOPEN_EXPORT miopenStatus_t miopenSoftmaxForward_V2(
    miopenHandle_t handle, const void* alpha, const miopenTensorDescriptor_t xDesc, const void* x,
    const void* beta, const miopenTensorDescriptor_t yDesc, void* y,
    miopenSoftmaxAlgorithm_t algorithm, miopenSoftmaxMode_t mode);

/** miopenSoftmaxBackward() with a choice of algorithm and mode. */
MIOPEN_EXPORT miopenStatus_t miopenSoftmaxBackward_V2(
    miopenHandle_t handle, const void* alpha, const miopenTensorDescriptor_t yDesc, const void* y,
    const miopenTensorDescriptor_t dyDesc, const void* dy, const void* beta,
    const miopenTensorDescriptor_t dxDesc, void* dx, miopenSoftmaxAlgorithm_t algorithm,
    miopenSoftmaxMode_t mode);

/** Makes a softmax descriptor for miopenCreateSoftmaxProblem(). Since ROCm 6.2. */
MIOPEN_EXPORT miopenStatus_t miopenCreateSoftmaxDescriptor(miopenSoftmaxDescriptor_t* softmaxDesc);

/** Sets factors, algorithm and mode. Since ROCm 6.2. */
MIOPEN_EXPORT miopenStatus_t miopenSetSoftmaxDescriptor(
    miopenSoftmaxDescriptor_t softmaxDesc, float alpha, float beta,
    miopenSoftmaxAlgorithm_t algorithm, miopenSoftmaxMode_t mode);

/** Reads factors, algorithm and mode. Since ROCm 6.2. */
MIOPEN_EXPORT miopenStatus_t miopenGetSoftmaxDescriptor(
    const miopenSoftmaxDescriptor_t softmaxDesc, float* alpha, float* beta,
    miopenSoftmaxAlgorithm_t* algorithm, miopenSoftmaxMode_t* mode);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_SOFTMAX_H_ */
