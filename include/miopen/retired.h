/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Functions and names that later MIOpen releases dropped, and that this library still exports.
 *
 * Declared only where MIOPEN_BYPASS_RETIRED_API is defined. Sum and Argmax were replaced by
 * miopenReduceCalculationForward() and miopenReduceExtremeForward(); the graph interface
 * (miopenBackend*) was in ROCm 6.2 to 7.2.
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
/** The name that miopenNormMode_t had in ROCm 6.0. */
typedef miopenNormMode_t miopenLayerNormMode_t;
#endif /* MIOPEN_BETA_API */

/** Whether miopenSumForward() lets a NaN through. */
typedef enum {
    MIOPEN_SUM_NOT_PROPAGATE_NAN = 0,
    MIOPEN_SUM_PROPAGATE_NAN = 1,
} miopenSumNanPropagation_t;

/** Bytes of workspace for miopenSumForward(). ROCm 6.1 and 6.2. */
MIOPEN_EXPORT miopenStatus_t miopenGetSumWorkspaceSize(
    miopenHandle_t handle, const miopenTensorDescriptor_t xDesc, const int32_t dim,
    const miopenTensorDescriptor_t yDesc, size_t* sizeInBytes);

/** Sum along dim. ROCm 6.1 and 6.2. */
MIOPEN_EXPORT miopenStatus_t miopenSumForward(
    miopenHandle_t handle, miopenSumNanPropagation_t nanPropagation, void* workspace,
    size_t workspaceSizeInBytes, const miopenTensorDescriptor_t xDesc, const void* x,
    const int32_t dim, const miopenTensorDescriptor_t yDesc, void* y);

/** Place of the maximum along dim. ROCm 6.1. */
MIOPEN_EXPORT miopenStatus_t miopenArgmaxForward(
    miopenHandle_t handle, const miopenTensorDescriptor_t xDesc, const void* x, const int32_t dim,
    const miopenTensorDescriptor_t yDesc, void* y);

/** Makes a graph descriptor of a kind. */
MIOPEN_EXPORT miopenStatus_t miopenBackendCreateDescriptor(
    miopenBackendDescriptorType_t descriptorType, miopenBackendDescriptor_t* descriptor);

/** Sets an attribute to elementCount values of attributeType; not after finalization. */
MIOPEN_EXPORT miopenStatus_t miopenBackendSetAttribute(
    miopenBackendDescriptor_t descriptor, miopenBackendAttributeName_t attributeName,
    miopenBackendAttributeType_t attributeType, int64_t elementCount, void* arrayOfElements);

/** Checks a descriptor and makes it usable. */
MIOPEN_EXPORT miopenStatus_t miopenBackendFinalize(miopenBackendDescriptor_t descriptor);

/**
 * Reads an attribute of a finalized descriptor: at most requestedElementCount values; elementCount
 * receives how many there are.
 */
MIOPEN_EXPORT miopenStatus_t miopenBackendGetAttribute(
    miopenBackendDescriptor_t descriptor, miopenBackendAttributeName_t attributeName,
    miopenBackendAttributeType_t attributeType, int64_t requestedElementCount,
    int64_t* elementCount, void* arrayOfElements);

/** Runs an execution plan on the buffers of a variant pack. */
MIOPEN_EXPORT miopenStatus_t miopenBackendExecute(
    miopenHandle_t handle, miopenBackendDescriptor_t executionPlan,
    miopenBackendDescriptor_t variantPack);

/** Frees a graph descriptor. */
MIOPEN_EXPORT miopenStatus_t miopenBackendDestroyDescriptor(miopenBackendDescriptor_t descriptor);

/** Makes a graph descriptor in memory of the caller, of sizeInBytes bytes. */
MIOPEN_EXPORT miopenStatus_t miopenBackendInitialize(
    miopenBackendDescriptor_t descriptor, miopenBackendDescriptorType_t descriptorType,
    size_t sizeInBytes);

#endif /* MIOPEN_BYPASS_RETIRED_API */

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_RETIRED_H_ */
