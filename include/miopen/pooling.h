/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Max and average pooling over 2-D and 3-D windows.
 */
#ifndef GUARD_MIOPEN_POOLING_H_
#define GUARD_MIOPEN_POOLING_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Makes a pooling descriptor, to be freed by miopenDestroyPoolingDescriptor(). */
MIOPEN_EXPORT miopenStatus_t miopenCreatePoolingDescriptor(miopenPoolingDescriptor_t* poolDesc);

/** Sets the width of the indices that max pooling stores for its gradient. */
MIOPEN_EXPORT miopenStatus_t miopenSetPoolingIndexType(
    miopenPoolingDescriptor_t poolDesc, miopenIndexType_t index_type);

/** Reads the width of the indices that max pooling stores for its gradient. */
MIOPEN_EXPORT miopenStatus_t miopenGetPoolingIndexType(
    miopenPoolingDescriptor_t poolDesc, miopenIndexType_t* index_type);

/** Sets up a 2-D pooling: mode, and window, padding and stride in elements. */
MIOPEN_EXPORT miopenStatus_t miopenSet2dPoolingDescriptor(
    miopenPoolingDescriptor_t poolDesc, miopenPoolingMode_t mode, int windowHeight, int windowWidth,
    int pad_h, int pad_w, int stride_h, int stride_w);

/** Reads a 2-D pooling: mode, and window, padding and stride in elements. */
MIOPEN_EXPORT miopenStatus_t miopenGet2dPoolingDescriptor(
    const miopenPoolingDescriptor_t poolDesc, miopenPoolingMode_t* mode, int* windowHeight,
    int* windowWidth, int* pad_h, int* pad_w, int* stride_h, int* stride_w);

/** Output shape of a 2-D pooling of a tensor. */
MIOPEN_EXPORT miopenStatus_t miopenGetPoolingForwardOutputDim(
    const miopenPoolingDescriptor_t poolDesc, const miopenTensorDescriptor_t tensorDesc, int* n,
    int* c, int* h, int* w);

/** Sets up a pooling over nbDims spatial dimensions; each array has nbDims entries. */
MIOPEN_EXPORT miopenStatus_t miopenSetNdPoolingDescriptor(
    miopenPoolingDescriptor_t poolDesc, const miopenPoolingMode_t mode, int nbDims,
    const int* windowDimA, const int* padA, const int* stridesA);

/**
 * Reads a pooling of any rank; each array has room for nbDimsRequested entries, and nbDims receives
 * the number of spatial dimensions.
 */
MIOPEN_EXPORT miopenStatus_t miopenGetNdPoolingDescriptor(
    const miopenPoolingDescriptor_t poolDesc, int nbDimsRequested, miopenPoolingMode_t* mode,
    int* nbDims, int* windowDimA, int* padA, int* stridesA);

/** Output shape of a pooling of any rank; dims counts batch and channels too. */
MIOPEN_EXPORT miopenStatus_t miopenGetPoolingNdForwardOutputDim(
    const miopenPoolingDescriptor_t poolDesc, const miopenTensorDescriptor_t tensorDesc, int dims,
    int* tensorDimArr);

/** Bytes for the indices of a max pooling with output yDesc, if they are miopenIndexUint8. */
MIOPEN_EXPORT miopenStatus_t miopenPoolingGetWorkSpaceSize(
    const miopenTensorDescriptor_t yDesc, size_t* workSpaceSize);

/** Bytes for the indices of a max pooling with output yDesc, for the index type of poolDesc. */
MIOPEN_EXPORT miopenStatus_t miopenPoolingGetWorkSpaceSizeV2(
    const miopenPoolingDescriptor_t poolDesc, const miopenTensorDescriptor_t yDesc,
    size_t* workSpaceSize);

/**
 * y = alpha * pool(x) + beta * y; alpha and beta are on the host. With do_backward a max pooling
 * stores indices in workSpace, which miopenPoolingBackward() reads.
 */
MIOPEN_EXPORT miopenStatus_t miopenPoolingForward(
    miopenHandle_t handle, const miopenPoolingDescriptor_t poolDesc, const void* alpha,
    const miopenTensorDescriptor_t xDesc, const void* x, const void* beta,
    const miopenTensorDescriptor_t yDesc, void* y, bool do_backward, void* workSpace,
    size_t workSpaceSize);

/**
 * dx = alpha * gradient + beta * dx; workSpace holds the indices that miopenPoolingForward()
 * stored.
 */
MIOPEN_EXPORT miopenStatus_t miopenPoolingBackward(
    miopenHandle_t handle, const miopenPoolingDescriptor_t poolDesc, const void* alpha,
    const miopenTensorDescriptor_t yDesc, const void* y, const miopenTensorDescriptor_t dyDesc,
    const void* dy, const miopenTensorDescriptor_t xDesc, const void* x, const void* beta,
    const miopenTensorDescriptor_t dxDesc, void* dx, void* workSpace);

/** Frees a pooling descriptor; NULL is accepted. */
MIOPEN_EXPORT miopenStatus_t miopenDestroyPoolingDescriptor(miopenPoolingDescriptor_t poolDesc);

/** Says whether stored indices count within the window or within the image. Since ROCm 3.8. */
MIOPEN_EXPORT miopenStatus_t miopenSetPoolingWorkSpaceIndexMode(
    miopenPoolingDescriptor_t poolDesc, miopenPoolingWorkspaceIndexMode_t workspace_index);

/** Reads whether stored indices count within the window or within the image. Since ROCm 3.8. */
MIOPEN_EXPORT miopenStatus_t miopenGetPoolingWorkSpaceIndexMode(
    miopenPoolingDescriptor_t poolDesc, miopenPoolingWorkspaceIndexMode_t* workspace_index);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_POOLING_H_ */
