/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Attention descriptors.
 */
#ifndef GUARD_MIOPEN_ATTENTION_H_
#define GUARD_MIOPEN_ATTENTION_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

MIOPEN_EXPORT miopenStatus_t miopenCreateMhaDescriptor(miopenMhaDescriptor_t* mhaDesc);

MIOPEN_EXPORT miopenStatus_t miopenSetMhaDescriptor(miopenMhaDescriptor_t mhaDesc, float scale);

MIOPEN_EXPORT miopenStatus_t miopenGetMhaDescriptor(miopenMhaDescriptor_t mhaDesc, float* scale);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_ATTENTION_H_ */
