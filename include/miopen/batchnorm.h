/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Batch normalization.
 *
 * y = scale * (x - mean) / sqrt(variance + epsilon) + bias, with one mean and variance a channel
 * (miopenBNSpatial) or one for each element of a sample (miopenBNPerActivation). Forms with _V2 and
 * _V3 take one descriptor for each parameter tensor; the first form takes one for all.
 */
#ifndef GUARD_MIOPEN_BATCHNORM_H_
#define GUARD_MIOPEN_BATCHNORM_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Describes the parameter tensors (scale, bias, mean, variance) that fit input xDesc in this mode.
 */
MIOPEN_EXPORT miopenStatus_t miopenDeriveBNTensorDescriptor(
    miopenTensorDescriptor_t derivedBnDesc, const miopenTensorDescriptor_t xDesc,
    miopenBatchNormMode_t bn_mode);

/**
 * Normalizes x by the statistics of the batch.
 *
 * alpha and beta are on the host. epsilon is added to the variance. resultSaveMean and
 * resultSaveInvVariance receive the statistics of the batch for the gradient, the latter as 1 /
 * sqrt(variance + epsilon); both may be NULL. resultRunningMean and resultRunningVariance are
 * updated as (1 - expAvgFactor) * old + expAvgFactor * batch, and may be NULL.
 */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormalizationForwardTraining(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, void* alpha, void* beta,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t yDesc,
    void* y, const miopenTensorDescriptor_t bnScaleBiasMeanVarDesc, void* bnScale, void* bnBias,
    double expAvgFactor, void* resultRunningMean, void* resultRunningVariance, double epsilon,
    void* resultSaveMean, void* resultSaveInvVariance);

/**
 * Normalizes x by given statistics; if estimatedMean and estimatedVariance are NULL, by those of
 * the batch. alpha and beta are on the host.
 */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormalizationForwardInference(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, void* alpha, void* beta,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t yDesc,
    void* y, const miopenTensorDescriptor_t bnScaleBiasMeanVarDesc, void* bnScale, void* bnBias,
    void* estimatedMean, void* estimatedVariance, double epsilon);

/**
 * Gradients by x, scale and bias.
 *
 * alphaDataDiff and betaDataDiff scale dx and its old value, alphaParamDiff and betaParamDiff those
 * of the two parameters; all are on the host. savedMean and savedInvVariance come from the forward
 * pass; if they are NULL they are computed again.
 */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormalizationBackward(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, const void* alphaDataDiff,
    const void* betaDataDiff, const void* alphaParamDiff, const void* betaParamDiff,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t dyDesc,
    const void* dy, const miopenTensorDescriptor_t dxDesc, void* dx,
    const miopenTensorDescriptor_t bnScaleBiasDiffDesc, const void* bnScale,
    void* resultBnScaleDiff, void* resultBnBiasDiff, double epsilon, const void* savedMean,
    const void* savedInvVariance);

/**
 * miopenBatchNormalizationForwardTraining() with one descriptor for each parameter tensor. Since
 * ROCm 6.4.
 */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormalizationForwardTraining_V2(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, void* alpha, void* beta,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t yDesc,
    void* y, const miopenTensorDescriptor_t scaleDesc, const miopenTensorDescriptor_t biasVarDesc,
    const miopenTensorDescriptor_t savedMeanDesc, const miopenTensorDescriptor_t savedVarDesc,
    void* bnScale, void* bnBias, double expAvgFactor, void* resultRunningMean,
    void* resultRunningVariance, double epsilon, void* resultSaveMean, void* resultSaveInvVariance);

/**
 * miopenBatchNormalizationForwardInference() with one descriptor for each parameter tensor. Since
 * ROCm 6.4.
 */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormalizationForwardInference_V2(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, void* alpha, void* beta,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t yDesc,
    void* y, const miopenTensorDescriptor_t scaleDesc, const miopenTensorDescriptor_t biasDesc,
    const miopenTensorDescriptor_t estMeanDesc, const miopenTensorDescriptor_t estVarianceDesc,
    void* bnScale, void* bnBias, void* estimatedMean, void* estimatedVariance, double epsilon);

/**
 * miopenBatchNormalizationBackward() with one descriptor for each parameter tensor. Since ROCm 6.4.
 */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormalizationBackward_V2(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, const void* alphaDataDiff,
    const void* betaDataDiff, const void* alphaParamDiff, const void* betaParamDiff,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t dyDesc,
    const void* dy, const miopenTensorDescriptor_t dxDesc, void* dx,
    const miopenTensorDescriptor_t scaleDesc, const miopenTensorDescriptor_t biasDesc,
    const miopenTensorDescriptor_t savedMeanDesc, const miopenTensorDescriptor_t savedVarDesc,
    const void* bnScale, void* resultBnScaleDiff, void* resultBnBiasDiff, double epsilon,
    const void* savedMean, const void* savedInvVariance);

/** miopenBatchNormalizationForwardTraining_V2() followed by an activation. Since ROCm 7. */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormForwardTrainingActivation(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, void* alpha, void* beta,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t yDesc,
    void* y, const miopenTensorDescriptor_t scaleDesc, const miopenTensorDescriptor_t biasVarDesc,
    const miopenTensorDescriptor_t savedMeanDesc, const miopenTensorDescriptor_t savedVarDesc,
    void* bnScale, void* bnBias, double expAvgFactor, void* resultRunningMean,
    void* resultRunningVariance, double epsilon, void* resultSaveMean, void* resultSaveInvVariance,
    const miopenActivationDescriptor_t activDesc);

/** miopenBatchNormalizationForwardInference_V2() followed by an activation. Since ROCm 7. */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormForwardInferenceActivation(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, void* alpha, void* beta,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t yDesc,
    void* y, const miopenTensorDescriptor_t scaleDesc, const miopenTensorDescriptor_t biasDesc,
    const miopenTensorDescriptor_t estMeanDesc, const miopenTensorDescriptor_t estVarianceDesc,
    void* bnScale, void* bnBias, void* estimatedMean, void* estimatedVariance, double epsilon,
    const miopenActivationDescriptor_t activDesc);

/** Gradient of a batch normalization followed by an activation. Since ROCm 7. */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormBackwardActivation(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, const void* alphaDataDiff,
    const void* betaDataDiff, const void* alphaParamDiff, const void* betaParamDiff,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t dyDesc,
    const void* dy, const miopenTensorDescriptor_t dxDesc, void* dx,
    const miopenTensorDescriptor_t scaleDesc, const miopenTensorDescriptor_t biasDesc,
    const miopenTensorDescriptor_t savedMeanDesc, const miopenTensorDescriptor_t savedVarianceDesc,
    const void* bnScale, const void* bnBias, void* resultBnScaleDiff, void* resultBnBiasDiff,
    double epsilon, const void* savedMean, const void* savedInvVariance,
    const miopenActivationDescriptor_t activDesc);

/**
 * miopenBatchNormalizationForwardTraining_V2() that reads the running statistics from the prev
 * pointers and writes them to the next ones. After ROCm 7.2.4.
 */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormalizationForwardTraining_V3(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, void* alpha, void* beta,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t yDesc,
    void* y, const miopenTensorDescriptor_t scaleDesc, const miopenTensorDescriptor_t biasVarDesc,
    const miopenTensorDescriptor_t savedMeanDesc, const miopenTensorDescriptor_t savedVarDesc,
    void* bnScale, void* bnBias, double expAvgFactor, const void* prevResultRunningMean,
    const void* prevResultRunningVariance, void* nextResultRunningMean,
    void* nextResultRunningVariance, double epsilon, void* resultSaveMean,
    void* resultSaveInvVariance);

/** miopenBatchNormalizationForwardTraining_V3() followed by an activation. After ROCm 7.2.4. */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormForwardTrainingActivation_V2(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, void* alpha, void* beta,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t yDesc,
    void* y, const miopenTensorDescriptor_t scaleDesc, const miopenTensorDescriptor_t biasVarDesc,
    const miopenTensorDescriptor_t savedMeanDesc, const miopenTensorDescriptor_t savedVarDesc,
    void* bnScale, void* bnBias, double expAvgFactor, const void* prevResultRunningMean,
    const void* prevResultRunningVariance, void* nextResultRunningMean,
    void* nextResultRunningVariance, double epsilon, void* resultSaveMean,
    void* resultSaveInvVariance, const miopenActivationDescriptor_t activDesc);

/** Normalizes x by a given mean and 1 / sqrt(variance + epsilon). After ROCm 7.2.4. */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormalizationForwardInferenceInvVariance(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, void* alpha, void* beta,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t yDesc,
    void* y, const miopenTensorDescriptor_t scaleDesc, const miopenTensorDescriptor_t biasDesc,
    const miopenTensorDescriptor_t estMeanDesc, const miopenTensorDescriptor_t estInvVarianceDesc,
    void* bnScale, void* bnBias, void* estimatedMean, void* estimatedInvVariance);

/**
 * miopenBatchNormalizationForwardInferenceInvVariance() followed by an activation. After ROCm
 * 7.2.4.
 */
MIOPEN_EXPORT miopenStatus_t miopenBatchNormForwardInferenceActivationInvVariance(
    miopenHandle_t handle, miopenBatchNormMode_t bn_mode, void* alpha, void* beta,
    const miopenTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t yDesc,
    void* y, const miopenTensorDescriptor_t scaleDesc, const miopenTensorDescriptor_t biasDesc,
    const miopenTensorDescriptor_t estMeanDesc, const miopenTensorDescriptor_t estInvVarianceDesc,
    void* bnScale, void* bnBias, void* estimatedMean, void* estimatedInvVariance,
    const miopenActivationDescriptor_t activDesc);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_BATCHNORM_H_ */
