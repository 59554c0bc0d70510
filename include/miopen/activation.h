/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Activation functions.
 */
#ifndef GUARD_MIOPEN_ACTIVATION_H_
#define GUARD_MIOPEN_ACTIVATION_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

MIOPEN_EXPORT miopenStatus_t miopenCreateActivationDescriptor(
    miopenActivationDescriptor_t* activDesc);

MIOPEN_EXPORT miopenStatus_t miopenSetActivationDescriptor(
    const miopenActivationDescriptor_t activDesc, miopenActivationMode_t mode, double activAlpha,
    double activBeta, double activGamma);

MIOPEN_EXPORT miopenStatus_t miopenGetActivationDescriptor(
    const miopenActivationDescriptor_t activDesc, miopenActivationMode_t* mode, double* activAlpha,
    double* activBeta, double* activGamma);

MIOPEN_EXPORT miopenStatus_t miopenActivationForward(
    miopenHandle_t handle, const miopenActivationDescriptor_t activDesc, const void* alpha,
    const miopenTensorDescriptor_t xDesc, const void* x, const void* beta,
    const miopenTensorDescriptor_t yDesc, void* y);

MIOPEN_EXPORT miopenStatus_t miopenActivationBackward(
    miopenHandle_t handle, const miopenActivationDescriptor_t activDesc, const void* alpha,
    const miopenTensorDescriptor_t yDesc, const void* y, const miopenTensorDescriptor_t dyDesc,
    const void* dy, const miopenTensorDescriptor_t xDesc, const void* x, const void* beta,
    const miopenTensorDescriptor_t dxDesc, void* dx);

MIOPEN_EXPORT miopenStatus_t miopenDestroyActivationDescriptor(
    miopenActivationDescriptor_t activDesc);

#ifdef MIOPEN_BETA_API

MIOPEN_EXPORT miopenStatus_t miopenGLUForward(
    miopenHandle_t handle, const miopenTensorDescriptor_t inputDesc, const void* input,
    const miopenTensorDescriptor_t outputDesc, void* output, const uint32_t dim);

MIOPEN_EXPORT miopenStatus_t miopenGLUBackward(
    miopenHandle_t handle, const miopenTensorDescriptor_t inputDesc, const void* input,
    const miopenTensorDescriptor_t outputGradDesc, const void* outputGrad,
    const miopenTensorDescriptor_t inputGradDesc, void* inputGrad, const uint32_t dim);

MIOPEN_EXPORT miopenStatus_t miopenGetPReLUBackwardWorkspaceSize(
    miopenHandle_t handle, miopenTensorDescriptor_t inputDesc, miopenTensorDescriptor_t weightDesc,
    size_t* sizeInBytes);

MIOPEN_EXPORT miopenStatus_t miopenPReLUBackward(
    miopenHandle_t handle, void* workspace, size_t workspaceSizeInBytes,
    miopenTensorDescriptor_t inputDesc, const void* input, miopenTensorDescriptor_t weightDesc,
    const void* weight, miopenTensorDescriptor_t doutputDesc, const void* doutput,
    miopenTensorDescriptor_t dinputDesc, void* dinput, miopenTensorDescriptor_t dweightDesc,
    void* dweight);

#endif /* MIOPEN_BETA_API */

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_ACTIVATION_H_ */
