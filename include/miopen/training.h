/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Optimizer steps, losses, indexing, concatenation and position embedding. All beta.
 */
#ifndef GUARD_MIOPEN_TRAINING_H_
#define GUARD_MIOPEN_TRAINING_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Optimizer steps ---- */

#ifdef MIOPEN_BETA_API

/**
 * One step of Adam or AdamW over a parameter tensor, in place. Since ROCm 6.2.
 *
 * state_step is the number of the step, where stateStep, a counter in device memory, is NULL.
 * gradScale and foundInf may be NULL: gradients are divided by the first, and nothing changes where
 * the second is set.
 */
MIOPEN_EXPORT miopenStatus_t miopenFusedAdam(
    miopenHandle_t handle, const miopenTensorDescriptor_t paramDesc, void* param,
    const miopenTensorDescriptor_t gradDesc, const void* grad,
    const miopenTensorDescriptor_t expAvgDesc, void* expAvg,
    const miopenTensorDescriptor_t expAvgSqDesc, void* expAvgSq,
    const miopenTensorDescriptor_t maxExpAvgSqDesc, void* maxExpAvgSq,
    const miopenTensorDescriptor_t stateStepDesc, void* stateStep, const unsigned int state_step,
    const float lr, const float beta1, const float beta2, const float weight_decay, const float eps,
    const bool amsgrad, const bool maximize, const bool adamw,
    const miopenTensorDescriptor_t gradScaleDesc, const void* gradScale,
    const miopenTensorDescriptor_t foundInfDesc, const void* foundInf);

/**
 * miopenFusedAdam() with separate outputs, and a half precision copy of the parameters. Since ROCm
 * 6.2.
 */
MIOPEN_EXPORT miopenStatus_t miopenFusedAdamWithOutput(
    miopenHandle_t handle, const miopenTensorDescriptor_t paramInDesc, void* paramIn,
    const miopenTensorDescriptor_t paramOutDesc, void* paramOut,
    const miopenTensorDescriptor_t paramOutFloat16Desc, void* paramOutFloat16,
    const miopenTensorDescriptor_t gradInDesc, const void* gradIn,
    const miopenTensorDescriptor_t expAvgInDesc, void* expAvgIn,
    const miopenTensorDescriptor_t expAvgOutDesc, void* expAvgOut,
    const miopenTensorDescriptor_t expAvgSqInDesc, void* expAvgSqIn,
    const miopenTensorDescriptor_t expAvgSqOutDesc, void* expAvgSqOut,
    const miopenTensorDescriptor_t maxExpAvgSqInDesc, void* maxExpAvgSqIn,
    const miopenTensorDescriptor_t maxExpAvgSqOutDesc, void* maxExpAvgSqOut,
    const miopenTensorDescriptor_t stateStepInDesc, void* stateStepIn,
    const miopenTensorDescriptor_t stateStepOutDesc, void* stateStepOut,
    const unsigned int state_step, const float lr, const float beta1, const float beta2,
    const float weight_decay, const float eps, const bool amsgrad, const bool maximize,
    const bool adamw, const miopenTensorDescriptor_t gradScaleDesc, const void* gradScale,
    const miopenTensorDescriptor_t foundInfDesc, const void* foundInf);

/**
 * One step of AdamW as the Hugging Face Transformers library defines it, in place. Since ROCm 6.3.
 *
 * state_step is the number of the step, where stateStep, a counter in device memory, is NULL.
 * gradScale and foundInf may be NULL: gradients are divided by the first, and nothing changes where
 * the second is set.
 */
MIOPEN_EXPORT miopenStatus_t miopenTransformersAdamW(
    miopenHandle_t handle, const miopenTensorDescriptor_t paramDesc, void* param,
    const miopenTensorDescriptor_t gradDesc, const void* grad,
    const miopenTensorDescriptor_t expAvgDesc, void* expAvg,
    const miopenTensorDescriptor_t expAvgSqDesc, void* expAvgSq,
    const miopenTensorDescriptor_t stateStepDesc, void* stateStep, const unsigned int state_step,
    const float lr, const float beta1, const float beta2, const float weight_decay, const float eps,
    const bool correct_bias, const miopenTensorDescriptor_t gradScaleDesc, const void* gradScale,
    const miopenTensorDescriptor_t foundInfDesc, const void* foundInf);

/** miopenTransformersAdamW() with separate outputs and a given step size. Since ROCm 6.3. */
MIOPEN_EXPORT miopenStatus_t miopenTransformersAdamWWithOutput(
    miopenHandle_t handle, const miopenTensorDescriptor_t paramInDesc, void* paramIn,
    const miopenTensorDescriptor_t paramOutDesc, void* paramOut,
    const miopenTensorDescriptor_t paramOutFloat16Desc, void* paramOutFloat16,
    const miopenTensorDescriptor_t gradInDesc, const void* gradIn,
    const miopenTensorDescriptor_t expAvgInDesc, void* expAvgIn,
    const miopenTensorDescriptor_t expAvgOutDesc, void* expAvgOut,
    const miopenTensorDescriptor_t expAvgSqInDesc, void* expAvgSqIn,
    const miopenTensorDescriptor_t expAvgSqOutDesc, void* expAvgSqOut,
    const miopenTensorDescriptor_t stateStepInDesc, void* stateStepIn,
    const miopenTensorDescriptor_t stateStepOutDesc, void* stateStepOut,
    const unsigned int state_step, const float lr, const float beta1, const float beta2,
    const float weight_decay, const float eps, const float step_size, const bool correct_bias,
    const miopenTensorDescriptor_t gradScaleDesc, const void* gradScale,
    const miopenTensorDescriptor_t foundInfDesc, const void* foundInf);

#endif

/* ---- Losses ---- */

#ifdef MIOPEN_BETA_API

/** Bytes of workspace for miopenSoftMarginLossForward(). Since ROCm 6.4. */
MIOPEN_EXPORT miopenStatus_t miopenGetSoftMarginLossForwardWorkspaceSize(
    miopenHandle_t handle, miopenTensorDescriptor_t inputDesc, miopenTensorDescriptor_t targetDesc,
    miopenTensorDescriptor_t outputDesc, miopenLossReductionMode_t reduction, size_t* sizeInBytes);

/** log(1 + exp(-target * input)), combined as the reduction says. Since ROCm 6.4. */
MIOPEN_EXPORT miopenStatus_t miopenSoftMarginLossForward(
    miopenHandle_t handle, miopenTensorDescriptor_t inputDesc, const void* input,
    miopenTensorDescriptor_t targetDesc, const void* target, miopenTensorDescriptor_t outputDesc,
    void* output, miopenLossReductionMode_t reduction, void* workspace,
    size_t workspaceSizeInBytes);

/** Gradient of miopenSoftMarginLossForward() by the input. Since ROCm 6.4. */
MIOPEN_EXPORT miopenStatus_t miopenSoftMarginLossBackward(
    miopenHandle_t handle, miopenTensorDescriptor_t inputDesc, const void* input,
    miopenTensorDescriptor_t targetDesc, const void* target, miopenTensorDescriptor_t doutputDesc,
    const void* doutput, miopenTensorDescriptor_t dinputDesc, void* dinput,
    miopenLossReductionMode_t reduction);

/** Bytes of workspace for miopenMultiMarginLossForward(). Since ROCm 6.4. */
MIOPEN_EXPORT miopenStatus_t miopenGetMultiMarginLossForwardWorkspaceSize(
    miopenHandle_t handle, miopenTensorDescriptor_t inputDesc, miopenTensorDescriptor_t targetDesc,
    miopenTensorDescriptor_t weightDesc, miopenTensorDescriptor_t outputDesc, long p, float margin,
    miopenLossReductionMode_t reduction, size_t* sizeInBytes);

/**
 * Hinge loss over classes, with exponent p (1 or 2) and margin, combined as the reduction says.
 * Since ROCm 6.4.
 */
MIOPEN_EXPORT miopenStatus_t miopenMultiMarginLossForward(
    miopenHandle_t handle, miopenTensorDescriptor_t inputDesc, const void* input,
    miopenTensorDescriptor_t targetDesc, const void* target, miopenTensorDescriptor_t weightDesc,
    const void* weight, miopenTensorDescriptor_t outputDesc, void* output, long p, float margin,
    miopenLossReductionMode_t reduction, void* workspace, size_t workspaceSizeInBytes);

#endif

/* ---- Indexing and joining ---- */

#ifdef MIOPEN_BETA_API

/** Joins xCount tensors along dim. Since ROCm 6.1. */
MIOPEN_EXPORT miopenStatus_t miopenCatForward(
    miopenHandle_t handle, const int32_t xCount, const miopenTensorDescriptor_t* xDescs,
    const void* const* xs, const miopenTensorDescriptor_t yDesc, void* y, const int32_t dim);

/** Bytes of workspace for miopenGetitemBackward(). Since ROCm 6.3. */
MIOPEN_EXPORT miopenStatus_t miopenGetGetitemWorkspaceSize(
    miopenHandle_t handle, uint32_t indexCount, const miopenTensorDescriptor_t* indexDescs,
    size_t* sizeInBytes);

/**
 * Gradient of indexing and slicing: adds dy to the places in dx that the indices and slices chose.
 * error receives a mark for each index out of range. Since ROCm 6.3.
 */
MIOPEN_EXPORT miopenStatus_t miopenGetitemBackward(
    miopenHandle_t handle, void* workspace, size_t workspaceSizeInBytes,
    const miopenTensorDescriptor_t dyDesc, const void* dy, uint32_t indexCount,
    const miopenTensorDescriptor_t* indexDescs, const void* const* indexs,
    const miopenTensorDescriptor_t dxDesc, void* dx, const miopenTensorDescriptor_t errorDesc,
    void* error, uint32_t dimCount, const int32_t* dims, uint32_t sliceCount, const int32_t* slices,
    uint32_t offset);

/** Rotary position embedding of x by given cosines and sines. Since ROCm 6.3. */
MIOPEN_EXPORT miopenStatus_t miopenRoPEForward(
    miopenHandle_t handle, const miopenTensorDescriptor_t xDesc, const void* x,
    const miopenTensorDescriptor_t cosDesc, const void* cos, const miopenTensorDescriptor_t sinDesc,
    const void* sin, const miopenTensorDescriptor_t yDesc, void* y);

/** Gradient of miopenRoPEForward(). Since ROCm 6.3. */
MIOPEN_EXPORT miopenStatus_t miopenRoPEBackward(
    miopenHandle_t handle, const miopenTensorDescriptor_t dyDesc, const void* dy,
    const miopenTensorDescriptor_t cosDesc, const void* cos, const miopenTensorDescriptor_t sinDesc,
    const void* sin, const miopenTensorDescriptor_t dxDesc, void* dx);

/** The k-th smallest element along dim and its index. Since ROCm 6.4. */
MIOPEN_EXPORT miopenStatus_t miopenKthvalueForward(
    miopenHandle_t handle, miopenTensorDescriptor_t inputDesc, const void* input,
    miopenTensorDescriptor_t outputDesc, void* output, miopenTensorDescriptor_t indicesDesc,
    size_t* indices, size_t k, int32_t dim, bool keepDim);

#endif /* MIOPEN_BETA_API */

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_TRAINING_H_ */
