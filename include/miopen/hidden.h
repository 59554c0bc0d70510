/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Functions that MIOpen exports but declares in no public header.
 */
#ifndef GUARD_MIOPEN_HIDDEN_H_
#define GUARD_MIOPEN_HIDDEN_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef MIOPEN_BYPASS_HIDDEN_API

MIOPEN_EXPORT miopenStatus_t miopenHiddenSetConvolutionFindMode(
    miopenConvolutionDescriptor_t convDesc, int findMode);

MIOPEN_EXPORT miopenStatus_t miopenHiddenGetConvolutionFindMode(
    const miopenConvolutionDescriptor_t convDesc, int* findMode);

#endif /* MIOPEN_BYPASS_HIDDEN_API */

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_HIDDEN_H_ */
