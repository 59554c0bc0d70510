/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Tensor descriptors, and elementwise operations on tensors.
 *
 * A descriptor holds a data type, lengths and strides, no data. Lengths are in the order N, C, (D,)
 * H, W whatever the memory layout; strides, in elements, carry the layout.
 */
#ifndef GUARD_MIOPEN_TENSOR_H_
#define GUARD_MIOPEN_TENSOR_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Descriptors ---- */

/**
 * Makes a tensor descriptor without a shape yet.
 *
 * @param tensorDesc  receives it; miopenDestroyTensorDescriptor() frees it
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateTensorDescriptor(miopenTensorDescriptor_t* tensorDesc);

/**
 * Describes a packed NCHW tensor.
 *
 * @param tensorDesc  the descriptor
 * @param dataType    type of the elements
 * @param n           batch size
 * @param c           channels
 * @param h           height
 * @param w           width
 * @return miopenStatusBadParm if a length is below 1 or the type is unknown
 */
MIOPEN_EXPORT miopenStatus_t miopenSet4dTensorDescriptor(
    miopenTensorDescriptor_t tensorDesc, miopenDataType_t dataType, int n, int c, int h, int w);

/**
 * Reads a descriptor of a 4-D tensor, and of no other.
 *
 * @param tensorDesc  the descriptor
 * @param dataType    receives the type of the elements
 * @param n           receives the batch size
 * @param c           receives the channels
 * @param h           receives the height
 * @param w           receives the width
 * @param nStride     receives the elements from one sample to the next
 * @param cStride     receives the elements from one channel to the next
 * @param hStride     receives the elements from one row to the next
 * @param wStride     receives the elements from one column to the next
 */
MIOPEN_EXPORT miopenStatus_t miopenGet4dTensorDescriptor(
    miopenTensorDescriptor_t tensorDesc, miopenDataType_t* dataType, int* n, int* c, int* h, int* w,
    int* nStride, int* cStride, int* hStride, int* wStride);

/**
 * Describes a tensor of any rank.
 *
 * @param tensorDesc  the descriptor
 * @param dataType    type of the elements
 * @param nbDims      number of dimensions, at least 1
 * @param dimsA       nbDims lengths, in the order N, C, (D,) H, W
 * @param stridesA    nbDims strides in elements; NULL: packed, last dimension fastest
 * @return miopenStatusInvalidValue if dimsA is NULL or nbDims below 1; miopenStatusBadParm if a
 *         length or stride is below 1 or the type is unknown
 */
MIOPEN_EXPORT miopenStatus_t miopenSetTensorDescriptor(
    miopenTensorDescriptor_t tensorDesc, miopenDataType_t dataType, int nbDims, const int* dimsA,
    const int* stridesA);

/**
 * Number of dimensions of a tensor.
 *
 * @param tensorDesc  the descriptor
 * @param size        receives the number
 */
MIOPEN_EXPORT miopenStatus_t miopenGetTensorDescriptorSize(
    miopenTensorDescriptor_t tensorDesc, int* size);

/**
 * Reads a descriptor. Each output pointer may be NULL. Values beyond an int are cut off.
 *
 * @param tensorDesc  the descriptor
 * @param dataType    receives the type of the elements
 * @param dimsA       receives as many lengths as miopenGetTensorDescriptorSize() says
 * @param stridesA    receives as many strides, in elements
 */
MIOPEN_EXPORT miopenStatus_t miopenGetTensorDescriptor(
    miopenTensorDescriptor_t tensorDesc, miopenDataType_t* dataType, int* dimsA, int* stridesA);

/**
 * Frees a tensor descriptor.
 *
 * @param tensorDesc  may be NULL
 */
MIOPEN_EXPORT miopenStatus_t miopenDestroyTensorDescriptor(miopenTensorDescriptor_t tensorDesc);

/**
 * Bytes from the first element of a tensor to the end of its last, gaps included.
 *
 * @param tensorDesc  the descriptor
 * @param numBytes    receives the bytes
 */
MIOPEN_EXPORT miopenStatus_t miopenGetTensorNumBytes(
    miopenTensorDescriptor_t tensorDesc, size_t* numBytes);

/**
 * Describes a 4-D tensor with any strides. Since ROCm 5.2.
 *
 * @param tensorDesc  the descriptor
 * @param dataType    type of the elements
 * @param n           batch size
 * @param c           channels
 * @param h           height
 * @param w           width
 * @param nStride     elements from one sample to the next
 * @param cStride     elements from one channel to the next
 * @param hStride     elements from one row to the next
 * @param wStride     elements from one column to the next
 * @return miopenStatusBadParm if a length or stride is below 1 or the type is unknown
 */
MIOPEN_EXPORT miopenStatus_t miopenSet4dTensorDescriptorEx(
    miopenTensorDescriptor_t tensorDesc, miopenDataType_t dataType, int n, int c, int h, int w,
    int nStride, int cStride, int hStride, int wStride);

/**
 * Describes a packed tensor in a named memory layout. Since ROCm 5.3.
 *
 * @param tensorDesc    the descriptor
 * @param dataType      type of the elements
 * @param tensorLayout  order of the dimensions in memory
 * @param lens          num_lens lengths, always in the order N, C, (D,) H, W
 * @param num_lens      number of dimensions; must fit the layout
 */
MIOPEN_EXPORT miopenStatus_t miopenSetNdTensorDescriptorWithLayout(
    miopenTensorDescriptor_t tensorDesc, miopenDataType_t dataType,
    miopenTensorLayout_t tensorLayout, const int* lens, int num_lens);

#ifdef MIOPEN_BETA_API

/**
 * Lets a convolution convert this tensor to another type while it reads it. Since ROCm 6.0.
 *
 * @param tensorDesc  the descriptor
 * @param cast_type   the type to convert to, for 8-bit floats
 */
MIOPEN_EXPORT miopenStatus_t miopenSetTensorCastType(
    miopenTensorDescriptor_t tensorDesc, miopenDataType_t cast_type);

/**
 * Like miopenSetTensorDescriptor(), with lengths that may exceed an int. Since ROCm 6.2.
 *
 * @param tensorDesc  the descriptor
 * @param dataType    type of the elements
 * @param nbDims      number of dimensions, at least 1
 * @param dimsA       nbDims lengths, in the order N, C, (D,) H, W
 * @param stridesA    nbDims strides in elements; NULL: packed, last dimension fastest
 */
MIOPEN_EXPORT miopenStatus_t miopenSetTensorDescriptorV2(
    miopenTensorDescriptor_t tensorDesc, miopenDataType_t dataType, int nbDims, const size_t* dimsA,
    const size_t* stridesA);

#endif

/* ---- Operations ---- */

/**
 * Elementwise C = op(alpha1 * A, alpha2 * B) + beta * C; B is repeated along dimensions of length
 * 1.
 *
 * @param handle    the handle
 * @param tensorOp  add, multiply, minimum or maximum
 * @param alpha1    factor of A, on the host
 * @param aDesc     describes A
 * @param A         first operand
 * @param alpha2    factor of B, on the host
 * @param bDesc     describes B: each length equals that of C or is 1
 * @param B         second operand
 * @param beta      factor of the old C, on the host
 * @param cDesc     describes C
 * @param C         result
 */
MIOPEN_EXPORT miopenStatus_t miopenOpTensor(
    miopenHandle_t handle, miopenTensorOp_t tensorOp, const void* alpha1,
    const miopenTensorDescriptor_t aDesc, const void* A, const void* alpha2,
    const miopenTensorDescriptor_t bDesc, const void* B, const void* beta,
    const miopenTensorDescriptor_t cDesc, void* C);

/**
 * Sets each element of y to *alpha.
 *
 * @param handle  the handle
 * @param yDesc   describes y
 * @param y       result
 * @param alpha   the value, on the host
 */
MIOPEN_EXPORT miopenStatus_t miopenSetTensor(
    miopenHandle_t handle, const miopenTensorDescriptor_t yDesc, void* y, const void* alpha);

/**
 * Multiplies each element of y by *alpha.
 *
 * @param handle  the handle
 * @param yDesc   describes y
 * @param y       changed in place
 * @param alpha   the factor, on the host
 */
MIOPEN_EXPORT miopenStatus_t miopenScaleTensor(
    miopenHandle_t handle, const miopenTensorDescriptor_t yDesc, void* y, const void* alpha);

/**
 * Copies x into y, which may have other strides: y = alpha * x + beta * y.
 *
 * @param handle  the handle
 * @param alpha   factor of x, on the host
 * @param xDesc   describes x
 * @param x       source
 * @param beta    factor of the old y, on the host
 * @param yDesc   describes y, of the same lengths
 * @param y       result
 */
MIOPEN_EXPORT miopenStatus_t miopenTransformTensor(
    miopenHandle_t handle, const void* alpha, const miopenTensorDescriptor_t xDesc, const void* x,
    const void* beta, const miopenTensorDescriptor_t yDesc, void* y);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_TENSOR_H_ */
