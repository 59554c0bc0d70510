/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Convolution by search: ask for workspace, search for the fastest algorithm, run it; and bias.
 *
 * The order for each direction: miopenConvolution*GetWorkSpaceSize(), allocate,
 * miopenFindConvolution*Algorithm(), then miopenConvolution*() as often as wanted with an algorithm
 * that the search returned. MIOpen refuses to run a problem that was not searched for with the same
 * handle (miopenStatusUnknownError). Where this library computes itself it needs no search.
 *
 * Data pointers are device memory. alpha and beta are host pointers, to double if the output tensor
 * is miopenDouble, else to float. The result is alpha * conv + beta * old output; 2-D convolutions
 * take alpha 1 and beta 0 only (else miopenStatusNotImplemented). With beta 0 the old output is not
 * read.
 *
 * Statuses common to all calls: miopenStatusBadParm for a NULL buffer, differing ranks or data
 * types of x, w and y (int8 input may have an int32 or float output), a tensor of fewer than three
 * dimensions, channels that do not match the filter, or channels not divisible by the groups.
 */
#ifndef GUARD_MIOPEN_CONVOLUTION_FIND_H_
#define GUARD_MIOPEN_CONVOLUTION_FIND_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Forward ---- */

/**
 * Workspace that a search for y = conv(x, w) may need.
 *
 * @param handle         the handle
 * @param wDesc          describes the filter w
 * @param xDesc          describes the input x
 * @param convDesc       the convolution
 * @param yDesc          describes the output y
 * @param workSpaceSize  receives bytes: an upper bound over the algorithms a search would try
 * @return miopenStatusBadParm if the tensors do not fit each other
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionForwardGetWorkSpaceSize(
    miopenHandle_t handle, const miopenTensorDescriptor_t wDesc,
    const miopenTensorDescriptor_t xDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t yDesc, size_t* workSpaceSize);

/**
 * Measures the algorithms for y = conv(x, w).
 *
 * The result is overwritten while measuring.
 *
 * @param handle             the handle
 * @param xDesc              describes the input x
 * @param x                  input
 * @param wDesc              describes the filter w
 * @param w                  filter
 * @param convDesc           the convolution
 * @param yDesc              describes the output y
 * @param y                  result
 * @param requestAlgoCount   length of perfResults, at least 1
 * @param returnedAlgoCount  receives how many were written
 * @param perfResults        receives at most one entry an algorithm, fastest first
 * @param workSpace          scratch memory; NULL: only algorithms without are tried
 * @param workSpaceSize      its bytes; algorithms that need more are left out
 * @param exhaustiveSearch   true: tune the kernels too, which can take minutes
 * @return miopenStatusUnknownError if no algorithm can compute it
 */
MIOPEN_EXPORT miopenStatus_t miopenFindConvolutionForwardAlgorithm(
    miopenHandle_t handle, const miopenTensorDescriptor_t xDesc, const void* x,
    const miopenTensorDescriptor_t wDesc, const void* w,
    const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t yDesc, void* y,
    const int requestAlgoCount, int* returnedAlgoCount, miopenConvAlgoPerf_t* perfResults,
    void* workSpace, size_t workSpaceSize, bool exhaustiveSearch);

/**
 * Computes y = conv(x, w).
 *
 * @param handle         the handle
 * @param alpha          factor of the result, on the host
 * @param xDesc          describes the input x
 * @param x              input
 * @param wDesc          describes the filter w
 * @param w              filter
 * @param convDesc       the convolution
 * @param algo           one that the search returned
 * @param beta           factor of the old result, on the host
 * @param yDesc          describes the output y
 * @param y              result
 * @param workSpace      scratch memory of the caller
 * @param workSpaceSize  its bytes, at least the memory that the search named
 * @return miopenStatusUnknownError if the algorithm was not found by a search before
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionForward(
    miopenHandle_t handle, const void* alpha, const miopenTensorDescriptor_t xDesc, const void* x,
    const miopenTensorDescriptor_t wDesc, const void* w,
    const miopenConvolutionDescriptor_t convDesc, miopenConvFwdAlgorithm_t algo, const void* beta,
    const miopenTensorDescriptor_t yDesc, void* y, void* workSpace, size_t workSpaceSize);

/* ---- Backward data ---- */

/**
 * Workspace that a search for dx, the gradient by the input, from dy and w may need.
 *
 * @param handle         the handle
 * @param dyDesc         describes dy, the gradient by the output
 * @param wDesc          describes the filter w
 * @param convDesc       the convolution
 * @param dxDesc         describes dx, the gradient by the input
 * @param workSpaceSize  receives bytes: an upper bound over the algorithms a search would try
 * @return miopenStatusBadParm if the tensors do not fit each other
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardDataGetWorkSpaceSize(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t wDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t dxDesc, size_t* workSpaceSize);

/**
 * Measures the algorithms for dx, the gradient by the input, from dy and w.
 *
 * The result is overwritten while measuring.
 *
 * @param handle             the handle
 * @param dyDesc             describes dy, the gradient by the output
 * @param dy                 gradient by the output
 * @param wDesc              describes the filter w
 * @param w                  filter
 * @param convDesc           the convolution
 * @param dxDesc             describes dx, the gradient by the input
 * @param dx                 result
 * @param requestAlgoCount   length of perfResults, at least 1
 * @param returnedAlgoCount  receives how many were written
 * @param perfResults        receives at most one entry an algorithm, fastest first
 * @param workSpace          scratch memory; NULL: only algorithms without are tried
 * @param workSpaceSize      its bytes; algorithms that need more are left out
 * @param exhaustiveSearch   true: tune the kernels too, which can take minutes
 * @return miopenStatusUnknownError if no algorithm can compute it
 */
MIOPEN_EXPORT miopenStatus_t miopenFindConvolutionBackwardDataAlgorithm(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void* dy,
    const miopenTensorDescriptor_t wDesc, const void* w,
    const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dxDesc, void* dx,
    const int requestAlgoCount, int* returnedAlgoCount, miopenConvAlgoPerf_t* perfResults,
    void* workSpace, size_t workSpaceSize, bool exhaustiveSearch);

/**
 * Computes dx, the gradient by the input, from dy and w.
 *
 * @param handle         the handle
 * @param alpha          factor of the result, on the host
 * @param dyDesc         describes dy, the gradient by the output
 * @param dy             gradient by the output
 * @param wDesc          describes the filter w
 * @param w              filter
 * @param convDesc       the convolution
 * @param algo           one that the search returned
 * @param beta           factor of the old result, on the host
 * @param dxDesc         describes dx, the gradient by the input
 * @param dx             result
 * @param workSpace      scratch memory of the caller
 * @param workSpaceSize  its bytes, at least the memory that the search named
 * @return miopenStatusUnknownError if the algorithm was not found by a search before
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardData(
    miopenHandle_t handle, const void* alpha, const miopenTensorDescriptor_t dyDesc, const void* dy,
    const miopenTensorDescriptor_t wDesc, const void* w,
    const miopenConvolutionDescriptor_t convDesc, miopenConvBwdDataAlgorithm_t algo,
    const void* beta, const miopenTensorDescriptor_t dxDesc, void* dx, void* workSpace,
    size_t workSpaceSize);

/* ---- Backward weights ---- */

/**
 * Workspace that a search for dw, the gradient by the filter, from dy and x may need.
 *
 * @param handle         the handle
 * @param dyDesc         describes dy, the gradient by the output
 * @param xDesc          describes the input x
 * @param convDesc       the convolution
 * @param dwDesc         describes dw, the gradient by the filter
 * @param workSpaceSize  receives bytes: an upper bound over the algorithms a search would try
 * @return miopenStatusBadParm if the tensors do not fit each other
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardWeightsGetWorkSpaceSize(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t xDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t dwDesc, size_t* workSpaceSize);

/**
 * Measures the algorithms for dw, the gradient by the filter, from dy and x.
 *
 * The result is overwritten while measuring.
 *
 * @param handle             the handle
 * @param dyDesc             describes dy, the gradient by the output
 * @param dy                 gradient by the output
 * @param xDesc              describes the input x
 * @param x                  input of the forward pass
 * @param convDesc           the convolution
 * @param dwDesc             describes dw, the gradient by the filter
 * @param dw                 result
 * @param requestAlgoCount   length of perfResults, at least 1
 * @param returnedAlgoCount  receives how many were written
 * @param perfResults        receives at most one entry an algorithm, fastest first
 * @param workSpace          scratch memory; NULL: only algorithms without are tried
 * @param workSpaceSize      its bytes; algorithms that need more are left out
 * @param exhaustiveSearch   true: tune the kernels too, which can take minutes
 * @return miopenStatusUnknownError if no algorithm can compute it; miopenStatusBadParm for int8 x
 */
MIOPEN_EXPORT miopenStatus_t miopenFindConvolutionBackwardWeightsAlgorithm(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void* dy,
    const miopenTensorDescriptor_t xDesc, const void* x,
    const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dwDesc, void* dw,
    const int requestAlgoCount, int* returnedAlgoCount, miopenConvAlgoPerf_t* perfResults,
    void* workSpace, size_t workSpaceSize, bool exhaustiveSearch);

/**
 * Computes dw, the gradient by the filter, from dy and x.
 *
 * @param handle         the handle
 * @param alpha          factor of the result, on the host
 * @param dyDesc         describes dy, the gradient by the output
 * @param dy             gradient by the output
 * @param xDesc          describes the input x
 * @param x              input of the forward pass
 * @param convDesc       the convolution
 * @param algo           one that the search returned
 * @param beta           factor of the old result, on the host
 * @param dwDesc         describes dw, the gradient by the filter
 * @param dw             result
 * @param workSpace      scratch memory of the caller
 * @param workSpaceSize  its bytes, at least the memory that the search named
 * @return miopenStatusUnknownError if the algorithm was not found by a search before
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardWeights(
    miopenHandle_t handle, const void* alpha, const miopenTensorDescriptor_t dyDesc, const void* dy,
    const miopenTensorDescriptor_t xDesc, const void* x,
    const miopenConvolutionDescriptor_t convDesc, miopenConvBwdWeightsAlgorithm_t algo,
    const void* beta, const miopenTensorDescriptor_t dwDesc, void* dw, void* workSpace,
    size_t workSpaceSize);

/* ---- Bias ---- */

/**
 * Adds a bias: y = alpha * (y + b), plus beta * y if beta is not 0.
 *
 * @param handle  the handle
 * @param alpha   factor, on the host
 * @param bDesc   describes b: [1, k, 1, 1]
 * @param b       one value a channel
 * @param beta    factor of the old y, on the host
 * @param yDesc   describes y
 * @param y       changed in place
 * @return miopenStatusNotImplemented for bfloat16
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionForwardBias(
    miopenHandle_t handle, const void* alpha, const miopenTensorDescriptor_t bDesc, const void* b,
    const void* beta, const miopenTensorDescriptor_t yDesc, void* y);

/**
 * Gradient by the bias: db[k] is the sum of dy over batch and space.
 *
 * @param handle  the handle
 * @param alpha   must point to 1, else miopenStatusUnknownError
 * @param dyDesc  describes dy
 * @param dy      gradient by the output
 * @param beta    must point to 0, else miopenStatusUnknownError
 * @param dbDesc  describes db: [1, k, 1, 1]
 * @param db      result
 * @return miopenStatusBadParm if channels differ; miopenStatusNotImplemented for bfloat16
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardBias(
    miopenHandle_t handle, const void* alpha, const miopenTensorDescriptor_t dyDesc, const void* dy,
    const void* beta, const miopenTensorDescriptor_t dbDesc, void* db);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_CONVOLUTION_FIND_H_ */
