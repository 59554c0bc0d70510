/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Convolution in immediate mode: choose a solution from a list, then run it, without a search.
 *
 * The order for each direction: GetSolutionCount(), GetSolution(), GetSolutionWorkspaceSize(),
 * optionally CompileSolution(), then Immediate() as often as wanted. A solution id keeps its
 * meaning from run to run and may be stored. Immediate calls compute with alpha 1 and beta 0. The
 * three directions share their ids. Tensor order differs between the directions: mind it.
 */
#ifndef GUARD_MIOPEN_CONVOLUTION_IMMEDIATE_H_
#define GUARD_MIOPEN_CONVOLUTION_IMMEDIATE_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Forward ---- */

/**
 * Number of solutions for y = conv(x, w).
 *
 * @param handle         the handle
 * @param wDesc          describes the filter w
 * @param xDesc          describes the input x
 * @param convDesc       the convolution
 * @param yDesc          describes the output y
 * @param solutionCount  receives the number
 * @return miopenStatusNotImplemented if there is none
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionForwardGetSolutionCount(
    miopenHandle_t handle, const miopenTensorDescriptor_t wDesc,
    const miopenTensorDescriptor_t xDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t yDesc, size_t* solutionCount);

/**
 * Lists solutions for y = conv(x, w): measured ones first, fastest first, then guesses.
 *
 * @param handle            the handle
 * @param wDesc             describes the filter w
 * @param xDesc             describes the input x
 * @param convDesc          the convolution
 * @param yDesc             describes the output y
 * @param maxSolutionCount  length of solutions
 * @param solutionCount     receives how many there are, or were written; may be NULL
 * @param solutions         receives at most maxSolutionCount; NULL: only count
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionForwardGetSolution(
    miopenHandle_t handle, const miopenTensorDescriptor_t wDesc,
    const miopenTensorDescriptor_t xDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t yDesc, const size_t maxSolutionCount, size_t* solutionCount,
    miopenConvSolution_t* solutions);

/**
 * Workspace of one solution for y = conv(x, w).
 *
 * @param handle         the handle
 * @param wDesc          describes the filter w
 * @param xDesc          describes the input x
 * @param convDesc       the convolution
 * @param yDesc          describes the output y
 * @param solution_id    which
 * @param workSpaceSize  receives bytes
 * @return miopenStatusBadParm if the id is unknown or does not fit the problem
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionForwardGetSolutionWorkspaceSize(
    miopenHandle_t handle, const miopenTensorDescriptor_t wDesc,
    const miopenTensorDescriptor_t xDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t yDesc, const uint64_t solution_id, size_t* workSpaceSize);

/**
 * Prepares one solution for y = conv(x, w), so that its first run is not slow.
 *
 * @param handle       the handle
 * @param wDesc        describes the filter w
 * @param xDesc        describes the input x
 * @param convDesc     the convolution
 * @param yDesc        describes the output y
 * @param solution_id  which
 * @return miopenStatusBadParm if the id is unknown or does not fit the problem
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionForwardCompileSolution(
    miopenHandle_t handle, const miopenTensorDescriptor_t wDesc,
    const miopenTensorDescriptor_t xDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t yDesc, const uint64_t solution_id);

/**
 * Computes y = conv(x, w) by one solution.
 *
 * @param handle         the handle
 * @param wDesc          describes the filter w
 * @param w              filter
 * @param xDesc          describes the input x
 * @param x              input
 * @param convDesc       the convolution
 * @param yDesc          describes the output y
 * @param y              result
 * @param workSpace      scratch memory of the caller; NULL if none is needed
 * @param workSpaceSize  its bytes, at least what the solution needs
 * @param solution_id    which
 * @return miopenStatusBadParm if the id is unknown
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionForwardImmediate(
    miopenHandle_t handle, const miopenTensorDescriptor_t wDesc, const void* w,
    const miopenTensorDescriptor_t xDesc, const void* x,
    const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t yDesc, void* y,
    void* workSpace, size_t workSpaceSize, const uint64_t solution_id);

/* ---- Backward data ---- */

/**
 * Number of solutions for dx, the gradient by the input, from dy and w.
 *
 * @param handle         the handle
 * @param dyDesc         describes dy, the gradient by the output
 * @param wDesc          describes the filter w
 * @param convDesc       the convolution
 * @param dxDesc         describes dx, the gradient by the input
 * @param solutionCount  receives the number
 * @return miopenStatusNotImplemented if there is none
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardDataGetSolutionCount(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t wDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t dxDesc, size_t* solutionCount);

/**
 * Lists solutions for dx, the gradient by the input, from dy and w: measured ones first, fastest
 * first, then guesses.
 *
 * @param handle            the handle
 * @param dyDesc            describes dy, the gradient by the output
 * @param wDesc             describes the filter w
 * @param convDesc          the convolution
 * @param dxDesc            describes dx, the gradient by the input
 * @param maxSolutionCount  length of solutions
 * @param solutionCount     receives how many there are, or were written; may be NULL
 * @param solutions         receives at most maxSolutionCount; NULL: only count
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardDataGetSolution(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t wDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t dxDesc, const size_t maxSolutionCount, size_t* solutionCount,
    miopenConvSolution_t* solutions);

/**
 * Workspace of one solution for dx, the gradient by the input, from dy and w.
 *
 * @param handle         the handle
 * @param dyDesc         describes dy, the gradient by the output
 * @param wDesc          describes the filter w
 * @param convDesc       the convolution
 * @param dxDesc         describes dx, the gradient by the input
 * @param solution_id    which
 * @param workSpaceSize  receives bytes
 * @return miopenStatusBadParm if the id is unknown or does not fit the problem
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardDataGetSolutionWorkspaceSize(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t wDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t dxDesc, const uint64_t solution_id, size_t* workSpaceSize);

/**
 * Prepares one solution for dx, the gradient by the input, from dy and w, so that its first run is
 * not slow.
 *
 * @param handle       the handle
 * @param dyDesc       describes dy, the gradient by the output
 * @param wDesc        describes the filter w
 * @param convDesc     the convolution
 * @param dxDesc       describes dx, the gradient by the input
 * @param solution_id  which
 * @return miopenStatusBadParm if the id is unknown or does not fit the problem
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardDataCompileSolution(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t wDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t dxDesc, const uint64_t solution_id);

/**
 * Computes dx, the gradient by the input, from dy and w by one solution.
 *
 * @param handle         the handle
 * @param dyDesc         describes dy, the gradient by the output
 * @param dy             gradient by the output
 * @param wDesc          describes the filter w
 * @param w              filter
 * @param convDesc       the convolution
 * @param dxDesc         describes dx, the gradient by the input
 * @param dx             result
 * @param workSpace      scratch memory of the caller; NULL if none is needed
 * @param workSpaceSize  its bytes, at least what the solution needs
 * @param solution_id    which
 * @return miopenStatusBadParm if the id is unknown
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardDataImmediate(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void* dy,
    const miopenTensorDescriptor_t wDesc, const void* w,
    const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dxDesc, void* dx,
    void* workSpace, size_t workSpaceSize, const uint64_t solution_id);

/* ---- Backward weights ---- */

/**
 * Number of solutions for dw, the gradient by the filter, from dy and x.
 *
 * @param handle         the handle
 * @param dyDesc         describes dy, the gradient by the output
 * @param xDesc          describes the input x
 * @param convDesc       the convolution
 * @param dwDesc         describes dw, the gradient by the filter
 * @param solutionCount  receives the number
 * @return miopenStatusNotImplemented if there is none
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardWeightsGetSolutionCount(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t xDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t dwDesc, size_t* solutionCount);

/**
 * Lists solutions for dw, the gradient by the filter, from dy and x: measured ones first, fastest
 * first, then guesses.
 *
 * @param handle            the handle
 * @param dyDesc            describes dy, the gradient by the output
 * @param xDesc             describes the input x
 * @param convDesc          the convolution
 * @param dwDesc            describes dw, the gradient by the filter
 * @param maxSolutionCount  length of solutions
 * @param solutionCount     receives how many there are, or were written; may be NULL
 * @param solutions         receives at most maxSolutionCount; NULL: only count
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardWeightsGetSolution(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t xDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t dwDesc, const size_t maxSolutionCount, size_t* solutionCount,
    miopenConvSolution_t* solutions);

/**
 * Workspace of one solution for dw, the gradient by the filter, from dy and x.
 *
 * @param handle         the handle
 * @param dyDesc         describes dy, the gradient by the output
 * @param xDesc          describes the input x
 * @param convDesc       the convolution
 * @param dwDesc         describes dw, the gradient by the filter
 * @param solution_id    which
 * @param workSpaceSize  receives bytes
 * @return miopenStatusBadParm if the id is unknown or does not fit the problem
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardWeightsGetSolutionWorkspaceSize(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t xDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t dwDesc, const uint64_t solution_id, size_t* workSpaceSize);

/**
 * Prepares one solution for dw, the gradient by the filter, from dy and x, so that its first run is
 * not slow.
 *
 * @param handle       the handle
 * @param dyDesc       describes dy, the gradient by the output
 * @param xDesc        describes the input x
 * @param convDesc     the convolution
 * @param dwDesc       describes dw, the gradient by the filter
 * @param solution_id  which
 * @return miopenStatusBadParm if the id is unknown or does not fit the problem
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardWeightsCompileSolution(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc,
    const miopenTensorDescriptor_t xDesc, const miopenConvolutionDescriptor_t convDesc,
    const miopenTensorDescriptor_t dwDesc, const uint64_t solution_id);

/**
 * Computes dw, the gradient by the filter, from dy and x by one solution.
 *
 * @param handle         the handle
 * @param dyDesc         describes dy, the gradient by the output
 * @param dy             gradient by the output
 * @param xDesc          describes the input x
 * @param x              input of the forward pass
 * @param convDesc       the convolution
 * @param dwDesc         describes dw, the gradient by the filter
 * @param dw             result
 * @param workSpace      scratch memory of the caller; NULL if none is needed
 * @param workSpaceSize  its bytes, at least what the solution needs
 * @param solution_id    which
 * @return miopenStatusBadParm if the id is unknown
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBackwardWeightsImmediate(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void* dy,
    const miopenTensorDescriptor_t xDesc, const void* x,
    const miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t dwDesc, void* dw,
    void* workSpace, size_t workSpaceSize, const uint64_t solution_id);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_CONVOLUTION_IMMEDIATE_H_ */
