/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Reductions over dimensions of a tensor: generic, and the beta forms for one dimension.
 */
#ifndef GUARD_MIOPEN_REDUCE_H_
#define GUARD_MIOPEN_REDUCE_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Generic reduction ---- */

/** Makes a reduction descriptor. Since ROCm 3.8. */
MIOPEN_EXPORT miopenStatus_t miopenCreateReduceTensorDescriptor(
    miopenReduceTensorDescriptor_t* reduceTensorDesc);

/** Frees a reduction descriptor; NULL is accepted. Since ROCm 3.8. */
MIOPEN_EXPORT miopenStatus_t miopenDestroyReduceTensorDescriptor(
    miopenReduceTensorDescriptor_t reduceTensorDesc);

/**
 * Sets operation, type to compute in, treatment of NaN, and whether and how wide indices are given.
 * Since ROCm 3.8.
 */
MIOPEN_EXPORT miopenStatus_t miopenSetReduceTensorDescriptor(
    miopenReduceTensorDescriptor_t reduceTensorDesc, miopenReduceTensorOp_t reduceTensorOp,
    miopenDataType_t reduceTensorCompType, miopenNanPropagation_t reduceTensorNanOpt,
    miopenReduceTensorIndices_t reduceTensorIndices, miopenIndicesType_t reduceTensorIndicesType);

/** Reads what miopenSetReduceTensorDescriptor() set. Since ROCm 3.8. */
MIOPEN_EXPORT miopenStatus_t miopenGetReduceTensorDescriptor(
    const miopenReduceTensorDescriptor_t reduceTensorDesc, miopenReduceTensorOp_t* reduceTensorOp,
    miopenDataType_t* reduceTensorCompType, miopenNanPropagation_t* reduceTensorNanOpt,
    miopenReduceTensorIndices_t* reduceTensorIndices, miopenIndicesType_t* reduceTensorIndicesType);

/** Bytes of the indices of a reduction from aDesc to cDesc. Since ROCm 3.8. */
MIOPEN_EXPORT miopenStatus_t miopenGetReductionIndicesSize(
    miopenHandle_t handle, const miopenReduceTensorDescriptor_t reduceTensorDesc,
    const miopenTensorDescriptor_t aDesc, const miopenTensorDescriptor_t cDesc,
    size_t* sizeInBytes);

/** Bytes of workspace of a reduction from aDesc to cDesc. Since ROCm 3.8. */
MIOPEN_EXPORT miopenStatus_t miopenGetReductionWorkspaceSize(
    miopenHandle_t handle, const miopenReduceTensorDescriptor_t reduceTensorDesc,
    const miopenTensorDescriptor_t aDesc, const miopenTensorDescriptor_t cDesc,
    size_t* sizeInBytes);

/** C = alpha * reduce(A) + beta * C, over the dimensions where C has length 1. Since ROCm 3.8. */
MIOPEN_EXPORT miopenStatus_t miopenReduceTensor(
    miopenHandle_t handle, const miopenReduceTensorDescriptor_t reduceTensorDesc, void* indices,
    size_t indicesSizeInBytes, void* workspace, size_t workspaceSizeInBytes, const void* alpha,
    const miopenTensorDescriptor_t aDesc, const void* A, const void* beta,
    const miopenTensorDescriptor_t cDesc, void* C);

/* ---- Reduction along one dimension ---- */

#ifdef MIOPEN_BETA_API

/**
 * Minimum or maximum along dim (y), or its place (indice), as the operation says. Since ROCm 6.2.
 */
MIOPEN_EXPORT miopenStatus_t miopenReduceExtremeForward(
    miopenHandle_t handle, const miopenTensorDescriptor_t xDesc, const void* x, const int32_t dim,
    const miopenReduceExtremeOp_t reduceExtremeOp, const miopenTensorDescriptor_t yDesc, void* y,
    const miopenTensorDescriptor_t indiceDesc, void* indice);

/** Bytes of workspace for miopenReduceCalculationForward(). Since ROCm 6.3. */
MIOPEN_EXPORT miopenStatus_t miopenGetReduceCalculationWorkspaceSize(
    miopenHandle_t handle, const miopenTensorDescriptor_t xDesc, const int32_t dim,
    const miopenReduceCalculationOp_t reduceCalculationOp,
    const miopenTensorDescriptor_t reduceDesc, size_t* sizeInBytes);

/** Sum or product along dim. Since ROCm 6.3. */
MIOPEN_EXPORT miopenStatus_t miopenReduceCalculationForward(
    miopenHandle_t handle, miopenReduceCalculationNanPropagation_t nanPropagation, void* workspace,
    size_t workspaceSizeInBytes, const miopenTensorDescriptor_t xDesc, const void* x,
    const int32_t dim, const miopenReduceCalculationOp_t reduceCalculationOp,
    const miopenTensorDescriptor_t reduceDesc, void* y);

#endif /* MIOPEN_BETA_API */

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_REDUCE_H_ */
