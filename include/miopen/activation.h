/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Activation functions, gated linear units and PReLU gradients.
 */
#ifndef GUARD_MIOPEN_ACTIVATION_H_
#define GUARD_MIOPEN_ACTIVATION_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Activation functions ---- */

/** Makes an activation descriptor, to be freed by miopenDestroyActivationDescriptor(). */
MIOPEN_EXPORT miopenStatus_t miopenCreateActivationDescriptor(
    miopenActivationDescriptor_t* activDesc);

/** Sets function and constants; miopenActivationMode_t says which constants it uses. */
MIOPEN_EXPORT miopenStatus_t miopenSetActivationDescriptor(
    const miopenActivationDescriptor_t activDesc, miopenActivationMode_t mode, double activAlpha,
    double activBeta, double activGamma);

/** Reads function and constants. */
MIOPEN_EXPORT miopenStatus_t miopenGetActivationDescriptor(
    const miopenActivationDescriptor_t activDesc, miopenActivationMode_t* mode, double* activAlpha,
    double* activBeta, double* activGamma);

/** y = alpha * f(x) + beta * y; alpha and beta are on the host. */
MIOPEN_EXPORT miopenStatus_t miopenActivationForward(
    miopenHandle_t handle, const miopenActivationDescriptor_t activDesc, const void* alpha,
    const miopenTensorDescriptor_t xDesc, const void* x, const void* beta,
    const miopenTensorDescriptor_t yDesc, void* y);

/** dx = alpha * gradient + beta * dx, from input x, output y and dy of the forward pass. */
MIOPEN_EXPORT miopenStatus_t miopenActivationBackward(
    miopenHandle_t handle, const miopenActivationDescriptor_t activDesc, const void* alpha,
    const miopenTensorDescriptor_t yDesc, const void* y, const miopenTensorDescriptor_t dyDesc,
    const void* dy, const miopenTensorDescriptor_t xDesc, const void* x, const void* beta,
    const miopenTensorDescriptor_t dxDesc, void* dx);

/** Frees an activation descriptor; NULL is accepted. */
MIOPEN_EXPORT miopenStatus_t miopenDestroyActivationDescriptor(
    miopenActivationDescriptor_t activDesc);

/* ---- Gated linear units and PReLU ---- */

#ifdef MIOPEN_BETA_API

/**
 * Gated linear unit: halves the input along dim into a and b and gives a * sigmoid(b). Since ROCm
 * 6.4.
 */
MIOPEN_EXPORT miopenStatus_t miopenGLUForward(
    miopenHandle_t handle, const miopenTensorDescriptor_t inputDesc, const void* input,
    const miopenTensorDescriptor_t outputDesc, void* output, const uint32_t dim);

/** Gradient of miopenGLUForward(). Since ROCm 6.4. */
MIOPEN_EXPORT miopenStatus_t miopenGLUBackward(
    miopenHandle_t handle, const miopenTensorDescriptor_t inputDesc, const void* input,
    const miopenTensorDescriptor_t outputGradDesc, const void* outputGrad,
    const miopenTensorDescriptor_t inputGradDesc, void* inputGrad, const uint32_t dim);

/** Bytes of workspace for miopenPReLUBackward(). Since ROCm 6.3. */
MIOPEN_EXPORT miopenStatus_t miopenGetPReLUBackwardWorkspaceSize(
    miopenHandle_t handle, miopenTensorDescriptor_t inputDesc, miopenTensorDescriptor_t weightDesc,
    size_t* sizeInBytes);

/**
 * Gradients of a ReLU with a learned slope, by the input (dinput) and the slope (dweight). Since
 * ROCm 6.3.
 */
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
