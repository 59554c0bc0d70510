/* SPDX-License-Identifier: MIT */
/**
 * @file
 * One convolution with its descriptors, guarded buffers, and the answer it must give: the sum of
 * products as it stands in a textbook, in double precision.
 *
 * Letters: x (n c di hi wi), w (k c/g z y x), y (n k do ho wo); a gradient has the place of the
 * tensor it belongs to. Arrays hold the outermost spatial dimension first.
 */
#ifndef COMMON_CONV_CASE_H
#define COMMON_CONV_CASE_H

#include "conv_call.h"
#include "guarded.h"

#include <miopen/miopen.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    CHANNELS_FIRST, /**< NCHW or NCDHW without gaps. */
    CHANNELS_LAST,  /**< NHWC or NDHWC without gaps. */
    WITH_GAPS       /**< A slice out of a larger NCHW tensor. */
} layout_t;

/** Sizes as a client states them. */
typedef struct {
    const char* name;
    int spatial_dim; /**< 2 or 3. */
    int n, c, k, groups;
    int in[3], filter[3], pads[3], strides[3], dilations[3];
} conv_shape_t;

/** A tensor: strides in elements, N C (D) H W order. */
typedef struct {
    miopenDataType_t dtype;
    int rank;
    int lengths[5], strides[5];
    miopenTensorDescriptor_t desc;
    guarded_t buffer;
} tensor_t;

/** Inputs filled, output full of NaN, expected output known. */
typedef struct {
    conv_shape_t shape;
    direction_t direction;
    tensor_t x, w, y;
    miopenConvolutionDescriptor_t conv;
    tensor_t* output;    /**< The one of the three that the direction writes. */
    double* expected;    /**< In the output's logical order. */
    double bound_factor; /**< See conv_case_check_output(). */
} conv_case_t;

/**
 * The case for that shape. x and w are of type `dtype`, y too, except that int8 gives int32.
 * Mode, group count and the rest are set on the convolution descriptor as PyTorch does.
 */
conv_case_t* conv_case_new(
    const conv_shape_t* shape, direction_t direction, miopenDataType_t dtype, layout_t layout);

/**
 * Checks the output, what lies between its elements and round every buffer; then fills the output
 * with NaN again.
 *
 * Bound for each element: (terms + 16) * 2^-24 * (largest sum of absolute products), which any
 * order of summation in float keeps and Winograd's transforms too, and one rounding to the output
 * type. int8 is exact.
 */
void conv_case_check_output(conv_case_t* test);

/** The output is still as it was before the first call. */
void conv_case_check_untouched(const conv_case_t* test);

/** The call with that handle and without workspace. */
conv_call_t conv_case_call(const conv_case_t* test, miopenHandle_t handle);

/** Checks the surroundings of the buffers and gives everything back. */
void conv_case_free(conv_case_t* test);

/** "fp32" and so on. */
const char* dtype_name(miopenDataType_t dtype);

/** "NCHW" and so on. */
const char* layout_name(layout_t layout);

#ifdef __cplusplus
}
#endif

#endif /* COMMON_CONV_CASE_H */
