/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Convolution descriptors and output shapes.
 *
 * Shapes, with g groups: input x is [n, c, hi, wi], filter w is [k, c/g, y, x], output y is [n, k,
 * ho, wo]. In transpose mode the filter is [c, k/g, y, x]. 3-D adds a depth after the channels.
 * Lengths are in elements, also of padding, stride and dilation.
 */
#ifndef GUARD_MIOPEN_CONVOLUTION_H_
#define GUARD_MIOPEN_CONVOLUTION_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Descriptor ---- */

/**
 * Makes a 2-D convolution descriptor: padding 0, stride 1, dilation 1, one group.
 *
 * @param convDesc  receives it; miopenDestroyConvolutionDescriptor() frees it
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateConvolutionDescriptor(
    miopenConvolutionDescriptor_t* convDesc);

/**
 * Sets up a 2-D convolution.
 *
 * Puts groups, output padding, attributes and find mode back to their defaults: set those after.
 *
 * @param convDesc    the descriptor
 * @param c_mode      miopenConvolution or miopenTranspose; the other two mean miopenConvolution
 * @param pad_h       rows of zeros above and below the input
 * @param pad_w       columns of zeros on either side of the input
 * @param stride_h    rows from one output to the next
 * @param stride_w    columns from one output to the next
 * @param dilation_h  rows from one filter tap to the next; 1: dense
 * @param dilation_w  columns from one filter tap to the next; 1: dense
 * @return miopenStatusBadParm if a padding is negative, a stride or dilation below 1, or the mode
 *         unknown
 */
MIOPEN_EXPORT miopenStatus_t miopenInitConvolutionDescriptor(
    miopenConvolutionDescriptor_t convDesc, miopenConvolutionMode_t c_mode, int pad_h, int pad_w,
    int stride_h, int stride_w, int dilation_h, int dilation_w);

/**
 * Sets up a convolution of any rank; see miopenInitConvolutionDescriptor().
 *
 * @param convDesc    the descriptor
 * @param spatialDim  2 or 3; a 1-D convolution is passed as 2-D with a dimension of 1
 * @param padA        spatialDim paddings
 * @param strideA     spatialDim strides
 * @param dilationA   spatialDim dilations
 * @param c_mode      mode
 */
MIOPEN_EXPORT miopenStatus_t miopenInitConvolutionNdDescriptor(
    miopenConvolutionDescriptor_t convDesc, int spatialDim, const int* padA, const int* strideA,
    const int* dilationA, miopenConvolutionMode_t c_mode);

/**
 * Reads a 2-D convolution.
 *
 * @param convDesc    the descriptor
 * @param c_mode      receives the mode
 * @param pad_h       receives the vertical padding
 * @param pad_w       receives the horizontal padding
 * @param stride_h    receives the vertical stride
 * @param stride_w    receives the horizontal stride
 * @param dilation_h  receives the vertical dilation
 * @param dilation_w  receives the horizontal dilation
 * @return miopenStatusUnknownError if the convolution is not 2-D
 */
MIOPEN_EXPORT miopenStatus_t miopenGetConvolutionDescriptor(
    miopenConvolutionDescriptor_t convDesc, miopenConvolutionMode_t* c_mode, int* pad_h, int* pad_w,
    int* stride_h, int* stride_w, int* dilation_h, int* dilation_w);

/**
 * Reads a convolution of any rank.
 *
 * @param convDesc             the descriptor
 * @param requestedSpatialDim  length of the arrays; 0: the arrays may be NULL
 * @param spatialDim           receives the number of spatial dimensions; may be NULL
 * @param padA                 receives the paddings
 * @param strideA              receives the strides
 * @param dilationA            receives the dilations
 * @param c_mode               receives the mode; may be NULL
 * @return miopenStatusUnknownError if the convolution has fewer dimensions than requested
 */
MIOPEN_EXPORT miopenStatus_t miopenGetConvolutionNdDescriptor(
    miopenConvolutionDescriptor_t convDesc, int requestedSpatialDim, int* spatialDim, int* padA,
    int* strideA, int* dilationA, miopenConvolutionMode_t* c_mode);

/**
 * Sets the number of groups. It is checked against the tensors when it is used, not here.
 *
 * @param convDesc    the descriptor
 * @param groupCount  1: every output sees every input channel; c: depthwise
 */
MIOPEN_EXPORT miopenStatus_t miopenSetConvolutionGroupCount(
    miopenConvolutionDescriptor_t convDesc, int groupCount);

/**
 * Sets the rows and columns added to the output of a transposed 2-D convolution.
 *
 * @param convDesc  the descriptor
 * @param adj_h     rows, fewer than the stride
 * @param adj_w     columns, fewer than the stride
 * @return miopenStatusUnknownError if the convolution is not 2-D
 */
MIOPEN_EXPORT miopenStatus_t miopenSetTransposeConvOutputPadding(
    miopenConvolutionDescriptor_t convDesc, int adj_h, int adj_w);

/**
 * Sets the output padding of a transposed convolution of any rank.
 *
 * @param convDesc    the descriptor
 * @param spatialDim  that of the descriptor, else miopenStatusUnknownError
 * @param adjA        spatialDim paddings, each less than the stride
 */
MIOPEN_EXPORT miopenStatus_t miopenSetTransposeConvNdOutputPadding(
    miopenConvolutionDescriptor_t convDesc, int spatialDim, const int* adjA);

/**
 * Frees a convolution descriptor.
 *
 * @param convDesc  may be NULL
 */
MIOPEN_EXPORT miopenStatus_t miopenDestroyConvolutionDescriptor(
    miopenConvolutionDescriptor_t convDesc);

/**
 * Number of spatial dimensions of a convolution. Since ROCm 5.5.
 *
 * @param convDesc    the descriptor
 * @param spatialDim  receives 2 or 3
 */
MIOPEN_EXPORT miopenStatus_t miopenGetConvolutionSpatialDim(
    miopenConvolutionDescriptor_t convDesc, int* spatialDim);

/**
 * Number of groups of a convolution. Since ROCm 6.0.
 *
 * @param convDesc    the descriptor
 * @param groupCount  receives the number
 */
MIOPEN_EXPORT miopenStatus_t miopenGetConvolutionGroupCount(
    miopenConvolutionDescriptor_t convDesc, int* groupCount);

/* ---- Output shape ---- */

/**
 * Output shape of a 2-D convolution.
 *
 * ho = max(1, (hi + 2 * pad - (1 + dilation * (y - 1))) / stride + 1), rounded down; in transpose
 * mode max(1, stride * (hi - 1) + 1 + dilation * (y - 1) - 2 * pad + output padding).
 *
 * @param convDesc         the descriptor
 * @param inputTensorDesc  x
 * @param filterDesc       w
 * @param n                receives the batch size
 * @param c                receives the output channels
 * @param h                receives ho
 * @param w                receives wo
 * @return miopenStatusBadParm if the types differ, the channels do not fit the filter, or an output
 *         padding reaches the stride; miopenStatusUnknownError if the convolution is not 2-D
 */
MIOPEN_EXPORT miopenStatus_t miopenGetConvolutionForwardOutputDim(
    miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t inputTensorDesc,
    const miopenTensorDescriptor_t filterDesc, int* n, int* c, int* h, int* w);

/**
 * Output shape of a convolution of any rank; see miopenGetConvolutionForwardOutputDim().
 *
 * @param convDesc          the descriptor
 * @param inputTensorDesc   x
 * @param filterDesc        w
 * @param nDim              receives the number of dimensions, batch and channels included
 * @param outputTensorDimA  receives nDim lengths
 */
MIOPEN_EXPORT miopenStatus_t miopenGetConvolutionNdForwardOutputDim(
    miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t inputTensorDesc,
    const miopenTensorDescriptor_t filterDesc, int* nDim, int* outputTensorDimA);

/* ---- Attributes and find mode ---- */

/**
 * Changes one of the numbered settings. Since ROCm 5.0.
 *
 * @param convDesc  the descriptor
 * @param attr      which
 * @param value     its new value
 * @return miopenStatusBadParm for an unknown setting or a value it does not take
 */
MIOPEN_EXPORT miopenStatus_t miopenSetConvolutionAttribute(
    miopenConvolutionDescriptor_t convDesc, const miopenConvolutionAttrib_t attr, int value);

/**
 * Reads one of the numbered settings. Since ROCm 5.0.
 *
 * @param convDesc  the descriptor
 * @param attr      which
 * @param value     receives its value
 * @return miopenStatusBadParm for an unknown setting
 */
MIOPEN_EXPORT miopenStatus_t miopenGetConvolutionAttribute(
    miopenConvolutionDescriptor_t convDesc, const miopenConvolutionAttrib_t attr, int* value);

/**
 * Says how much work searches for this convolution do. Since ROCm 6.4.
 *
 * @param convDesc  the descriptor
 * @param findMode  the mode
 */
MIOPEN_EXPORT miopenStatus_t miopenSetConvolutionFindMode(
    miopenConvolutionDescriptor_t convDesc, miopenConvolutionFindMode_t findMode);

/**
 * Find mode of a convolution. Since ROCm 6.4.
 *
 * @param convDesc  the descriptor
 * @param findMode  receives the mode
 */
MIOPEN_EXPORT miopenStatus_t miopenGetConvolutionFindMode(
    const miopenConvolutionDescriptor_t convDesc, miopenConvolutionFindMode_t* findMode);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_CONVOLUTION_H_ */
