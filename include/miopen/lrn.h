/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Local response normalization (LRN), within a channel or across channels.
 */
#ifndef GUARD_MIOPEN_LRN_H_
#define GUARD_MIOPEN_LRN_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Makes an LRN descriptor, to be freed by miopenDestroyLRNDescriptor(). */
MIOPEN_EXPORT miopenStatus_t miopenCreateLRNDescriptor(miopenLRNDescriptor_t* lrnDesc);

/**
 * Sets up y = x / (K + alpha / N * sum of x^2 over N neighbours) ^ beta; lrnN is the width of the
 * window.
 */
MIOPEN_EXPORT miopenStatus_t miopenSetLRNDescriptor(
    const miopenLRNDescriptor_t lrnDesc, miopenLRNMode_t mode, unsigned int lrnN, double lrnAlpha,
    double lrnBeta, double lrnK);

/** Reads what miopenSetLRNDescriptor() set. */
MIOPEN_EXPORT miopenStatus_t miopenGetLRNDescriptor(
    const miopenLRNDescriptor_t lrnDesc, miopenLRNMode_t* mode, unsigned int* lrnN,
    double* lrnAlpha, double* lrnBeta, double* lrnK);

/** Bytes that miopenLRNForward() stores for the gradient, for output yDesc. */
MIOPEN_EXPORT miopenStatus_t miopenLRNGetWorkSpaceSize(
    const miopenTensorDescriptor_t yDesc, size_t* workSpaceSize);

/**
 * y = alpha * lrn(x) + beta * y; with do_backward it stores its sums in workSpace for the gradient.
 */
MIOPEN_EXPORT miopenStatus_t miopenLRNForward(
    miopenHandle_t handle, const miopenLRNDescriptor_t lrnDesc, const void* alpha,
    const miopenTensorDescriptor_t xDesc, const void* x, const void* beta,
    const miopenTensorDescriptor_t yDesc, void* y, bool do_backward, void* workSpace);

/** dx = alpha * gradient + beta * dx; workSpace is what miopenLRNForward() stored. */
MIOPEN_EXPORT miopenStatus_t miopenLRNBackward(
    miopenHandle_t handle, const miopenLRNDescriptor_t lrnDesc, const void* alpha,
    const miopenTensorDescriptor_t yDesc, const void* y, const miopenTensorDescriptor_t dyDesc,
    const void* dy, const miopenTensorDescriptor_t xDesc, const void* x, const void* beta,
    const miopenTensorDescriptor_t dxDesc, void* dx, const void* workSpace);

/** Frees an LRN descriptor; NULL is accepted. */
MIOPEN_EXPORT miopenStatus_t miopenDestroyLRNDescriptor(miopenLRNDescriptor_t lrnDesc);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_LRN_H_ */
