/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Functions that later releases dropped.
 */
#ifndef GUARD_MIOPEN_RETIRED_H_
#define GUARD_MIOPEN_RETIRED_H_

#include <miopen/graph_types.h>
#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef MIOPEN_BYPASS_RETIRED_API

#ifdef MIOPEN_BETA_API
typedef miopenNormMode_t miopenLayerNormMode_t;
#endif /* MIOPEN_BETA_API */

typedef enum {
    MIOPEN_SUM_NOT_PROPAGATE_NAN = 0,
    MIOPEN_SUM_PROPAGATE_NAN = 1,
} miopenSumNanPropagation_t;

MIOPEN_EXPORT miopenStatus_t miopenGetSumWorkspaceSize(
    miopenHandle_t handle, const miopenTensorDescriptor_t xDesc, const int32_t dim,
    const miopenTensorDescriptor_t yDesc, size_t* sizeInBytes);

MIOPEN_EXPORT miopenStatus_t miopenSumForward(
    miopenHandle_t handle, miopenSumNanPropagation_t nanPropagation, void* workspace,
    size_t workspaceSizeInBytes, const miopenTensorDescriptor_t xDesc, const void* x,
    const int32_t dim, const miopenTensorDescriptor_t yDesc, void* y);

MIOPEN_EXPORT miopenStatus_t miopenArgmaxForward(
    miopenHandle_t handle, const miopenTensorDescriptor_t xDesc, const void* x, const int32_t dim,
    const miopenTensorDescriptor_t yDesc, void* y);

MIOPEN_EXPORT miopenStatus_t miopenBackendCreateDescriptor(
    miopenBackendDescriptorType_t descriptorType, miopenBackendDescriptor_t* descriptor);

MIOPEN_EXPORT miopenStatus_t miopenBackendSetAttribute(
    miopenBackendDescriptor_t descriptor, miopenBackendAttributeName_t attributeName,
    miopenBackendAttributeType_t attributeType, int64_t elementCount, void* arrayOfElements);

MIOPEN_EXPORT miopenStatus_t miopenBackendFinalize(miopenBackendDescriptor_t descriptor);

MIOPEN_EXPORT miopenStatus_t miopenBackendGetAttribute(
    miopenBackendDescriptor_t descriptor, miopenBackendAttributeName_t attributeName,
    miopenBackendAttributeType_t attributeType, int64_t requestedElementCount,
    int64_t* elementCount, void* arrayOfElements);

MIOPEN_EXPORT miopenStatus_t miopenBackendExecute(
    miopenHandle_t handle, miopenBackendDescriptor_t executionPlan,
    miopenBackendDescriptor_t variantPack);

MIOPEN_EXPORT miopenStatus_t miopenBackendDestroyDescriptor(miopenBackendDescriptor_t descriptor);

MIOPEN_EXPORT miopenStatus_t miopenBackendInitialize(
    miopenBackendDescriptor_t descriptor, miopenBackendDescriptorType_t descriptorType,
    size_t sizeInBytes);

#endif /* MIOPEN_BYPASS_RETIRED_API */

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_RETIRED_H_ */
