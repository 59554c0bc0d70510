/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Multi-head attention descriptors. The work itself is done through a Find 2.0 problem, see
 * miopenCreateMhaProblem().
 */
#ifndef GUARD_MIOPEN_ATTENTION_H_
#define GUARD_MIOPEN_ATTENTION_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Makes an attention descriptor. Since ROCm 6.2. */
MIOPEN_EXPORT miopenStatus_t miopenCreateMhaDescriptor(miopenMhaDescriptor_t* mhaDesc);

/** Sets the factor that the products of queries and keys are multiplied by. Since ROCm 6.2. */
MIOPEN_EXPORT miopenStatus_t miopenSetMhaDescriptor(miopenMhaDescriptor_t mhaDesc, float scale);

/** Reads the factor that the products of queries and keys are multiplied by. Since ROCm 6.2. */
MIOPEN_EXPORT miopenStatus_t miopenGetMhaDescriptor(miopenMhaDescriptor_t mhaDesc, float* scale);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_ATTENTION_H_ */
