/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Functions that MIOpen exports but declares in no public header. MIGraphX declares and calls the
 * first itself. Declared only where MIOPEN_BYPASS_HIDDEN_API is defined.
 */
#ifndef GUARD_MIOPEN_HIDDEN_H_
#define GUARD_MIOPEN_HIDDEN_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef MIOPEN_BYPASS_HIDDEN_API

/**
 * miopenSetConvolutionFindMode() with a number, which is not checked. Before ROCm 6.4 the only way.
 *
 * @param convDesc  the descriptor
 * @param findMode  a miopenConvolutionFindMode_t
 */
MIOPEN_EXPORT miopenStatus_t miopenHiddenSetConvolutionFindMode(
    miopenConvolutionDescriptor_t convDesc, int findMode);

/**
 * miopenGetConvolutionFindMode() with a number.
 *
 * @param convDesc  the descriptor
 * @param findMode  receives a miopenConvolutionFindMode_t
 */
MIOPEN_EXPORT miopenStatus_t miopenHiddenGetConvolutionFindMode(
    const miopenConvolutionDescriptor_t convDesc, int* findMode);

#endif /* MIOPEN_BYPASS_HIDDEN_API */

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_HIDDEN_H_ */
