/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Fusion: several operations in one kernel.
 *
 * The order: miopenCreateFusionPlan(), one miopenCreateOp*() an operation in the order of
 * execution, miopenCompileFusionPlan(), then miopenCreateOperatorArgs(), miopenSetOpArgs*(),
 * miopenExecuteFusionPlan(). Create functions accept any sequence; whether it can be fused is the
 * answer of miopenCompileFusionPlan(). A plan owns its operations; do not free them.
 */
#ifndef GUARD_MIOPEN_FUSION_H_
#define GUARD_MIOPEN_FUSION_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Plans ---- */

/**
 * Makes an empty plan.
 *
 * @param fusePlanDesc   receives it; miopenDestroyFusionPlan() frees it
 * @param fuseDirection  miopenVerticalFusion: each operation reads the one before
 * @param inputDesc      input of the first operation; copied
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateFusionPlan(
    miopenFusionPlanDescriptor_t* fusePlanDesc, const miopenFusionDirection_t fuseDirection,
    const miopenTensorDescriptor_t inputDesc);

/**
 * Frees a plan and its operations.
 *
 * @param fusePlanDesc  may be NULL
 */
MIOPEN_EXPORT miopenStatus_t miopenDestroyFusionPlan(miopenFusionPlanDescriptor_t fusePlanDesc);

/**
 * Looks for kernels that compute the whole plan, and prepares them.
 *
 * @param handle        the handle
 * @param fusePlanDesc  the plan
 * @return miopenStatusUnsupportedOp if there is none; run the operations one by one then
 */
MIOPEN_EXPORT miopenStatus_t miopenCompileFusionPlan(
    miopenHandle_t handle, miopenFusionPlanDescriptor_t fusePlanDesc);

/**
 * Operation of a plan by its place.
 *
 * @param fusePlanDesc  the plan
 * @param op_idx        place, from 0; beyond the last is miopenStatusBadParm
 * @param op            receives the operation
 */
MIOPEN_EXPORT miopenStatus_t miopenFusionPlanGetOp(
    miopenFusionPlanDescriptor_t fusePlanDesc, const int op_idx, miopenFusionOpDescriptor_t* op);

/**
 * Workspace that the convolutions of a plan need.
 *
 * @param handle         the handle
 * @param fusePlanDesc   the plan
 * @param workSpaceSize  receives bytes
 * @param algo           algorithm of the convolution
 */
MIOPEN_EXPORT miopenStatus_t miopenFusionPlanGetWorkSpaceSize(
    miopenHandle_t handle, miopenFusionPlanDescriptor_t fusePlanDesc, size_t* workSpaceSize,
    miopenConvFwdAlgorithm_t algo);

/**
 * Algorithms that the convolution of a plan may use.
 *
 * @param fusePlanDesc       the plan
 * @param requestAlgoCount   length of returnedAlgos
 * @param returnedAlgoCount  receives how many were written
 * @param returnedAlgos      receives them
 */
MIOPEN_EXPORT miopenStatus_t miopenFusionPlanConvolutionGetAlgo(
    miopenFusionPlanDescriptor_t fusePlanDesc, const int requestAlgoCount, int* returnedAlgoCount,
    miopenConvFwdAlgorithm_t* returnedAlgos);

/**
 * Asks for an algorithm for the convolution of a plan.
 *
 * @param fusePlanDesc  the plan
 * @param algo          the algorithm
 */
MIOPEN_EXPORT miopenStatus_t miopenFusionPlanConvolutionSetAlgo(
    miopenFusionPlanDescriptor_t fusePlanDesc, miopenConvFwdAlgorithm_t algo);

/* ---- Operations ---- */

/**
 * Appends a forward convolution.
 *
 * @param fusePlanDesc  the plan
 * @param convOp        receives the operation
 * @param convDesc      the convolution; copied
 * @param wDesc         describes the filter; copied
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateOpConvForward(
    miopenFusionPlanDescriptor_t fusePlanDesc, miopenFusionOpDescriptor_t* convOp,
    miopenConvolutionDescriptor_t convDesc, const miopenTensorDescriptor_t wDesc);

/**
 * Appends an activation.
 *
 * @param fusePlanDesc  the plan
 * @param activFwdOp    receives the operation
 * @param mode          function
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateOpActivationForward(
    miopenFusionPlanDescriptor_t fusePlanDesc, miopenFusionOpDescriptor_t* activFwdOp,
    miopenActivationMode_t mode);

/**
 * Appends the gradient of an activation.
 *
 * @param fusePlanDesc  the plan
 * @param activBwdOp    receives the operation
 * @param mode          function
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateOpActivationBackward(
    miopenFusionPlanDescriptor_t fusePlanDesc, miopenFusionOpDescriptor_t* activBwdOp,
    miopenActivationMode_t mode);

/**
 * Appends a bias.
 *
 * @param fusePlanDesc  the plan
 * @param biasOp        receives the operation
 * @param bDesc         describes the bias: [1, k, 1, 1]; copied
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateOpBiasForward(
    miopenFusionPlanDescriptor_t fusePlanDesc, miopenFusionOpDescriptor_t* biasOp,
    const miopenTensorDescriptor_t bDesc);

/**
 * Appends a batch normalization with given statistics.
 *
 * @param fusePlanDesc            the plan
 * @param bnOp                    receives the operation
 * @param bn_mode                 what shares a mean and a variance
 * @param bnScaleBiasMeanVarDesc  describes scale, bias, mean and variance; copied
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateOpBatchNormInference(
    miopenFusionPlanDescriptor_t fusePlanDesc, miopenFusionOpDescriptor_t* bnOp,
    const miopenBatchNormMode_t bn_mode, const miopenTensorDescriptor_t bnScaleBiasMeanVarDesc);

/**
 * Appends a batch normalization for training.
 *
 * @param fusePlanDesc         the plan
 * @param bnFwdOp              receives the operation
 * @param bn_mode              what shares a mean and a variance
 * @param runningMeanVariance  true: running statistics are updated
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateOpBatchNormForward(
    miopenFusionPlanDescriptor_t fusePlanDesc, miopenFusionOpDescriptor_t* bnFwdOp,
    const miopenBatchNormMode_t bn_mode, bool runningMeanVariance);

/**
 * Appends the gradient of a batch normalization.
 *
 * @param fusePlanDesc  the plan
 * @param bnBwdOp       receives the operation
 * @param bn_mode       what shares a mean and a variance
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateOpBatchNormBackward(
    miopenFusionPlanDescriptor_t fusePlanDesc, miopenFusionOpDescriptor_t* bnBwdOp,
    const miopenBatchNormMode_t bn_mode);

/* ---- Arguments ---- */

/**
 * Makes an empty set of arguments.
 *
 * @param args  receives it; miopenDestroyOperatorArgs() frees it
 */
MIOPEN_EXPORT miopenStatus_t miopenCreateOperatorArgs(miopenOperatorArgs_t* args);

/**
 * Frees a set of arguments.
 *
 * @param args  may be NULL
 */
MIOPEN_EXPORT miopenStatus_t miopenDestroyOperatorArgs(miopenOperatorArgs_t args);

/**
 * Arguments of a convolution.
 *
 * @param args    the set
 * @param convOp  the operation
 * @param alpha   must point to 1
 * @param beta    must point to 0
 * @param w       filter
 */
MIOPEN_EXPORT miopenStatus_t miopenSetOpArgsConvForward(
    miopenOperatorArgs_t args, const miopenFusionOpDescriptor_t convOp, const void* alpha,
    const void* beta, const void* w);

/**
 * Arguments of an activation.
 *
 * @param args        the set
 * @param activFwdOp  the operation
 * @param alpha       must point to 1
 * @param beta        must point to 0
 * @param activAlpha  first constant of the function
 * @param activBeta   second constant
 * @param activGamma  third constant
 */
MIOPEN_EXPORT miopenStatus_t miopenSetOpArgsActivForward(
    miopenOperatorArgs_t args, const miopenFusionOpDescriptor_t activFwdOp, const void* alpha,
    const void* beta, double activAlpha, double activBeta, double activGamma);

/**
 * Arguments of the gradient of an activation.
 *
 * @param args        the set
 * @param activBwdOp  the operation
 * @param alpha       must point to 1
 * @param beta        must point to 0
 * @param y           output of the forward pass
 * @param reserved    not used; may be NULL
 * @param activAlpha  first constant of the function
 * @param activBeta   second constant
 * @param activGamma  third constant
 */
MIOPEN_EXPORT miopenStatus_t miopenSetOpArgsActivBackward(
    miopenOperatorArgs_t args, const miopenFusionOpDescriptor_t activBwdOp, const void* alpha,
    const void* beta, const void* y, const void* reserved, double activAlpha, double activBeta,
    double activGamma);

/**
 * Arguments of a batch normalization with given statistics.
 *
 * @param args               the set
 * @param bnOp               the operation
 * @param alpha              must point to 1
 * @param beta               must point to 0
 * @param bnScale            scale
 * @param bnBias             bias
 * @param estimatedMean      mean
 * @param estimatedVariance  variance
 * @param epsilon            added to the variance
 */
MIOPEN_EXPORT miopenStatus_t miopenSetOpArgsBatchNormInference(
    miopenOperatorArgs_t args, const miopenFusionOpDescriptor_t bnOp, const void* alpha,
    const void* beta, const void* bnScale, const void* bnBias, const void* estimatedMean,
    const void* estimatedVariance, double epsilon);

/**
 * Arguments of a batch normalization for training.
 *
 * @param args              the set
 * @param bnOp              the operation
 * @param alpha             must point to 1
 * @param beta              must point to 0
 * @param bnScale           scale
 * @param bnBias            bias
 * @param savedMean         receives the mean of the batch
 * @param savedInvVariance  receives 1 / sqrt(variance + epsilon)
 * @param runningMean       updated
 * @param runningVariance   updated
 * @param expAvgFactor      weight of the batch in the running statistics
 * @param epsilon           added to the variance
 */
MIOPEN_EXPORT miopenStatus_t miopenSetOpArgsBatchNormForward(
    miopenOperatorArgs_t args, const miopenFusionOpDescriptor_t bnOp, const void* alpha,
    const void* beta, const void* bnScale, const void* bnBias, void* savedMean,
    void* savedInvVariance, void* runningMean, void* runningVariance, double expAvgFactor,
    double epsilon);

/**
 * Arguments of the gradient of a batch normalization.
 *
 * @param args               the set
 * @param bnOp               the operation
 * @param alpha              must point to 1
 * @param beta               must point to 0
 * @param x                  input of the forward pass
 * @param bnScale            scale
 * @param bnBias             bias
 * @param resultBnScaleDiff  receives the gradient by the scale
 * @param resultBnBiasDiff   receives the gradient by the bias
 * @param savedMean          saved by the forward pass
 * @param savedInvVariance   saved by the forward pass
 */
MIOPEN_EXPORT miopenStatus_t miopenSetOpArgsBatchNormBackward(
    miopenOperatorArgs_t args, const miopenFusionOpDescriptor_t bnOp, const void* alpha,
    const void* beta, const void* x, const void* bnScale, const void* bnBias,
    void* resultBnScaleDiff, void* resultBnBiasDiff, const void* savedMean,
    const void* savedInvVariance);

/**
 * Arguments of a bias.
 *
 * @param args    the set
 * @param biasOp  the operation
 * @param alpha   must point to 1
 * @param beta    must point to 0
 * @param bias    one value a channel
 */
MIOPEN_EXPORT miopenStatus_t miopenSetOpArgsBiasForward(
    miopenOperatorArgs_t args, const miopenFusionOpDescriptor_t biasOp, const void* alpha,
    const void* beta, const void* bias);

/* ---- Execution ---- */

/**
 * Runs a compiled plan.
 *
 * @param handle        the handle
 * @param fusePlanDesc  the plan; miopenStatusBadParm if it was not compiled
 * @param inputDesc     must equal the one the plan was made with, else miopenStatusBadParm
 * @param input         input of the first operation
 * @param outputDesc    must equal the output that follows from the plan, else miopenStatusBadParm
 * @param output        result of the last operation
 * @param args          the arguments of all operations
 */
MIOPEN_EXPORT miopenStatus_t miopenExecuteFusionPlan(
    const miopenHandle_t handle, const miopenFusionPlanDescriptor_t fusePlanDesc,
    const miopenTensorDescriptor_t inputDesc, const void* input,
    const miopenTensorDescriptor_t outputDesc, void* output, miopenOperatorArgs_t args);

/**
 * y = relu(alpha1 * conv(x, w) + alpha2 * z + bias) in one call. Since ROCm 5.4.
 *
 * @param handle                the handle
 * @param alpha1                factor of the convolution, on the host; NULL: 1
 * @param xDesc                 describes x
 * @param x                     input
 * @param wDesc                 describes w
 * @param w                     filter
 * @param convDesc              the convolution
 * @param algo                  not binding
 * @param workspace             not used; pass NULL
 * @param workspaceSizeInBytes  not used; pass 0
 * @param alpha2                factor of z, on the host; NULL: 1
 * @param zDesc                 describes z, shaped like y
 * @param z                     added before the activation
 * @param biasDesc              describes bias
 * @param bias                  one value a channel
 * @param activationDesc        must be miopenActivationRELU, else miopenStatusNotImplemented
 * @param yDesc                 describes y
 * @param y                     result
 */
MIOPEN_EXPORT miopenStatus_t miopenConvolutionBiasActivationForward(
    miopenHandle_t handle, const void* alpha1, const miopenTensorDescriptor_t xDesc, const void* x,
    const miopenTensorDescriptor_t wDesc, const void* w,
    const miopenConvolutionDescriptor_t convDesc, miopenConvFwdAlgorithm_t algo, void* workspace,
    size_t workspaceSizeInBytes, const void* alpha2, const miopenTensorDescriptor_t zDesc,
    const void* z, const miopenTensorDescriptor_t biasDesc, const void* bias,
    const miopenActivationDescriptor_t activationDesc, const miopenTensorDescriptor_t yDesc,
    void* y);

/**
 * Runs a compiled plan with workspace, which NCHW convolutions need since ROCm 7.
 *
 * @param handle         the handle
 * @param fusePlanDesc   the plan; miopenStatusBadParm if it was not compiled
 * @param inputDesc      must equal the one the plan was made with, else miopenStatusBadParm
 * @param input          input of the first operation
 * @param outputDesc     must equal the output that follows from the plan, else miopenStatusBadParm
 * @param output         result of the last operation
 * @param args           the arguments of all operations
 * @param workspace      scratch memory of the caller
 * @param workspaceSize  its bytes, see miopenFusionPlanGetWorkSpaceSize()
 */
MIOPEN_EXPORT miopenStatus_t miopenExecuteFusionPlan_v2(
    const miopenHandle_t handle, const miopenFusionPlanDescriptor_t fusePlanDesc,
    const miopenTensorDescriptor_t inputDesc, const void* input,
    const miopenTensorDescriptor_t outputDesc, void* output, miopenOperatorArgs_t args,
    void* workspace, size_t workspaceSize);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_FUSION_H_ */
