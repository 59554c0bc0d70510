/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Enumerations.
 */
#ifndef GUARD_MIOPEN_ENUMS_H_
#define GUARD_MIOPEN_ENUMS_H_

/* Marks a declaration that strict ISO C would refuse: enumerators above INT_MAX. */
#ifdef __GNUC__
#define MIOPEN_BYPASS_EXTENSION __extension__
#else
#define MIOPEN_BYPASS_EXTENSION
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    miopenStatusSuccess = 0,
    miopenStatusNotInitialized = 1,
    miopenStatusInvalidValue = 2,
    miopenStatusBadParm = 3,
    miopenStatusAllocFailed = 4,
    miopenStatusInternalError = 5,
    miopenStatusNotImplemented = 6,
    miopenStatusUnknownError = 7,
    miopenStatusUnsupportedOp = 8,
    miopenStatusGpuOperationsSkipped = 9,
    miopenStatusVersionMismatch = 10,
} miopenStatus_t;

typedef enum {
    miopenHalf = 0,
    miopenFloat = 1,
    miopenInt32 = 2,
    miopenInt8 = 3,
#ifdef MIOPEN_BYPASS_RETIRED_API
    miopenInt8x4 = 4,
#endif
    miopenBFloat16 = 5,
    miopenDouble = 6,
#ifdef MIOPEN_BYPASS_RETIRED_API
    miopenFloat8 = 7,
#endif
    miopenFloat8_fnuz = 7,
#ifdef MIOPEN_BYPASS_RETIRED_API
    miopenBFloat8 = 8,
#endif
    miopenBFloat8_fnuz = 8,
    miopenInt64 = 9,
} miopenDataType_t;

typedef enum {
    miopenIndexUint8 = 0,
    miopenIndexUint16 = 1,
    miopenIndexUint32 = 2,
    miopenIndexUint64 = 3,
} miopenIndexType_t;

typedef enum {
    miopenTensorOpAdd = 0,
    miopenTensorOpMul = 1,
    miopenTensorOpMin = 2,
    miopenTensorOpMax = 3,
} miopenTensorOp_t;

typedef enum {
    miopenConvolution = 0,
    miopenTranspose = 1,
    miopenGroupConv = 2,
    miopenDepthwise = 3,
} miopenConvolutionMode_t;

typedef enum {
    miopenPaddingDefault = 0,
    miopenPaddingSame = 1,
    miopenPaddingValid = 2,
} miopenPaddingMode_t;

typedef enum {
    miopenPoolingMax = 0,
    miopenPoolingAverage = 1,
    miopenPoolingAverageInclusive = 2,
} miopenPoolingMode_t;

typedef enum {
    miopenLRNWithinChannel = 0,
    miopenLRNCrossChannel = 1,
} miopenLRNMode_t;

typedef enum {
    miopenBNPerActivation = 0,
    miopenBNSpatial = 1,
} miopenBatchNormMode_t;

typedef enum {
    miopenActivationPASTHRU = 0,
    miopenActivationLOGISTIC = 1,
    miopenActivationTANH = 2,
    miopenActivationRELU = 3,
    miopenActivationSOFTRELU = 4,
    miopenActivationABS = 5,
    miopenActivationPOWER = 6,
    miopenActivationCLIPPEDRELU = 7,
    miopenActivationLEAKYRELU = 8,
    miopenActivationELU = 9,
    miopenActivationCLAMP = 10,
} miopenActivationMode_t;

typedef enum {
    MIOPEN_SOFTMAX_FAST = 0,
    MIOPEN_SOFTMAX_ACCURATE = 1,
    MIOPEN_SOFTMAX_LOG = 2,
} miopenSoftmaxAlgorithm_t;

typedef enum {
    MIOPEN_SOFTMAX_MODE_INSTANCE = 0,
    MIOPEN_SOFTMAX_MODE_CHANNEL = 1,
} miopenSoftmaxMode_t;

typedef enum {
    miopenConvolutionFwdAlgoGEMM = 0,
    miopenConvolutionFwdAlgoDirect = 1,
    miopenConvolutionFwdAlgoFFT = 2,
    miopenConvolutionFwdAlgoWinograd = 3,
    miopenConvolutionFwdAlgoImplicitGEMM = 5,
#ifdef MIOPEN_BYPASS_RETIRED_API
    miopenConvolutionFwdAlgoStaticCompiledGEMM = 6,
#endif
} miopenConvFwdAlgorithm_t;

typedef enum {
    miopenConvolutionBwdWeightsAlgoGEMM = 0,
    miopenConvolutionBwdWeightsAlgoDirect = 1,
    miopenConvolutionBwdWeightsAlgoWinograd = 3,
    miopenConvolutionBwdWeightsAlgoImplicitGEMM = 5,
} miopenConvBwdWeightsAlgorithm_t;

typedef enum {
    miopenConvolutionBwdDataAlgoGEMM = 0,
    miopenConvolutionBwdDataAlgoDirect = 1,
    miopenConvolutionBwdDataAlgoFFT = 2,
    miopenConvolutionBwdDataAlgoWinograd = 3,
    miopenTransposeBwdDataAlgoGEMM = 4,
    miopenConvolutionBwdDataAlgoImplicitGEMM = 5,
} miopenConvBwdDataAlgorithm_t;

typedef enum {
    miopenConvolutionAlgoGEMM = 0,
    miopenConvolutionAlgoDirect = 1,
    miopenConvolutionAlgoFFT = 2,
    miopenConvolutionAlgoWinograd = 3,
    miopenConvolutionAlgoImplicitGEMM = 5,
#ifdef MIOPEN_BYPASS_RETIRED_API
    miopenConvolutionAlgoStaticCompiledGEMM = 6,
#endif
} miopenConvAlgorithm_t;

typedef enum {
    miopenVerticalFusion = 0,
    miopenHorizontalFusion = 1,
} miopenFusionDirection_t;

typedef enum {
    miopenRNNRELU = 0,
    miopenRNNTANH = 1,
    miopenLSTM = 2,
    miopenGRU = 3,
} miopenRNNMode_t;

typedef enum {
    miopenRNNlinear = 0,
    miopenRNNskip = 1,
} miopenRNNInputMode_t;

typedef enum {
    miopenRNNdefault = 0,
    miopenRNNfundamental = 1,
    miopenRNNroundedDynamic = 2,
} miopenRNNAlgo_t;

typedef enum {
    miopenRNNunidirection = 0,
    miopenRNNbidirection = 1,
} miopenRNNDirectionMode_t;

typedef enum {
    miopenRNNNoBias = 0,
    miopenRNNwithBias = 1,
} miopenRNNBiasMode_t;

typedef enum {
    miopenRNNAlgoGEMM = 0,
} miopenRNNGEMMalgoMode_t;

typedef enum {
    MIOPEN_CTC_LOSS_ALGO_DETERMINISTIC = 0,
} miopenCTCLossAlgo_t;

typedef enum {
    MIOPEN_RNG_PSEUDO_XORWOW = 0,
} miopenRNGType_t;

typedef enum {
    miopenPoolingWorkspaceIndexMask = 0,
    miopenPoolingWorkspaceIndexImage = 1,
} miopenPoolingWorkspaceIndexMode_t;

typedef enum {
    MIOPEN_REDUCE_TENSOR_ADD = 0,
    MIOPEN_REDUCE_TENSOR_MUL = 1,
    MIOPEN_REDUCE_TENSOR_MIN = 2,
    MIOPEN_REDUCE_TENSOR_MAX = 3,
    MIOPEN_REDUCE_TENSOR_AMAX = 4,
    MIOPEN_REDUCE_TENSOR_AVG = 5,
    MIOPEN_REDUCE_TENSOR_NORM1 = 6,
    MIOPEN_REDUCE_TENSOR_NORM2 = 7,
} miopenReduceTensorOp_t;

typedef enum {
    MIOPEN_NOT_PROPAGATE_NAN = 0,
    MIOPEN_PROPAGATE_NAN = 1,
} miopenNanPropagation_t;

typedef enum {
    MIOPEN_REDUCE_TENSOR_NO_INDICES = 0,
    MIOPEN_REDUCE_TENSOR_FLATTENED_INDICES = 1,
} miopenReduceTensorIndices_t;

typedef enum {
    MIOPEN_32BIT_INDICES = 0,
    MIOPEN_64BIT_INDICES = 1,
    MIOPEN_16BIT_INDICES = 2,
    MIOPEN_8BIT_INDICES = 3,
} miopenIndicesType_t;

typedef enum {
    MIOPEN_CONVOLUTION_ATTRIB_FP16_ALT_IMPL = 0,
    MIOPEN_CONVOLUTION_ATTRIB_DETERMINISTIC = 1,
#ifdef MIOPEN_BETA_API
    MIOPEN_CONVOLUTION_ATTRIB_FP8_ROUNDING_MODE = 2,
#endif
    MIOPEN_CONVOLUTION_ATTRIB_MATH_TYPE = 3,
} miopenConvolutionAttrib_t;

typedef enum {
    miopenTensorNCHW = 0,
    miopenTensorNHWC = 1,
    miopenTensorCHWN = 2,
    miopenTensorNCHWc4 = 3,
    miopenTensorNCHWc8 = 4,
    miopenTensorCHWNc4 = 5,
    miopenTensorCHWNc8 = 6,
    miopenTensorNCDHW = 7,
    miopenTensorNDHWC = 8,
} miopenTensorLayout_t;

typedef enum {
    miopenProblemDirectionForward = 0,
    miopenProblemDirectionBackward = 1,
    miopenProblemDirectionBackwardWeights = 2,
#ifdef MIOPEN_BETA_API
    miopenProblemDirectionInference = 4,
#endif
} miopenProblemDirection_t;

MIOPEN_BYPASS_EXTENSION typedef enum {
    miopenTensorArgumentIdInvalid = 0,
    miopenTensorConvolutionX = 1,
    miopenTensorConvolutionW = 2,
    miopenTensorConvolutionY = 3,
    miopenTensorMhaK = 4,
    miopenTensorMhaQ = 5,
    miopenTensorMhaV = 6,
    miopenTensorMhaDescaleK = 7,
    miopenTensorMhaDescaleQ = 8,
    miopenTensorMhaDescaleV = 9,
    miopenTensorMhaDescaleS = 10,
    miopenTensorMhaScaleS = 11,
    miopenTensorMhaScaleO = 12,
    miopenTensorMhaDropoutProbability = 13,
    miopenTensorMhaDropoutSeed = 14,
    miopenTensorMhaDropoutOffset = 15,
    miopenTensorMhaO = 16,
    miopenTensorMhaAmaxO = 17,
    miopenTensorMhaAmaxS = 18,
    miopenTensorMhaM = 19,
    miopenTensorMhaZInv = 20,
    miopenTensorMhaDO = 21,
    miopenTensorMhaDescaleO = 22,
    miopenTensorMhaDescaleDO = 23,
    miopenTensorMhaDescaleDS = 24,
    miopenTensorMhaScaleDS = 25,
    miopenTensorMhaScaleDQ = 26,
    miopenTensorMhaScaleDK = 27,
    miopenTensorMhaScaleDV = 28,
    miopenTensorMhaDQ = 29,
    miopenTensorMhaDK = 30,
    miopenTensorMhaDV = 31,
    miopenTensorMhaAmaxDQ = 32,
    miopenTensorMhaAmaxDK = 33,
    miopenTensorMhaAmaxDV = 34,
    miopenTensorMhaAmaxDS = 35,
    miopenTensorMhaBias = 36,
#ifdef MIOPEN_BETA_API
    miopenTensorActivationX = 37,
    miopenTensorActivationY = 38,
    miopenTensorActivationDX = 39,
    miopenTensorActivationDY = 40,
    miopenTensorBiasX = 41,
    miopenTensorBiasY = 42,
    miopenTensorBias = 43,
    miopenTensorSoftmaxX = 44,
    miopenTensorSoftmaxY = 45,
    miopenTensorSoftmaxDX = 46,
    miopenTensorSoftmaxDY = 47,
    miopenTensorBatchnormX = 48,
    miopenTensorBatchnormY = 49,
    miopenTensorBatchnormRunningMean = 50,
    miopenTensorBatchnormRunningVariance = 51,
    miopenTensorBatchnormSavedMean = 52,
    miopenTensorBatchnormSavedVariance = 53,
    miopenTensorBatchnormScale = 54,
    miopenTensorBatchnormScaleDiff = 55,
    miopenTensorBatchnormEstimatedMean = 56,
    miopenTensorBatchnormEstimatedVariance = 57,
    miopenTensorBatchnormBias = 58,
    miopenTensorBatchnormBiasDiff = 59,
    miopenTensorBatchnormDX = 60,
    miopenTensorBatchnormDY = 61,
#endif
    miopenTensorArgumentIsScalar = 0x80000000u,
    miopenTensorMhaMask = 0x80000001u,
#ifdef MIOPEN_BETA_API
    miopenScalarBatchnormExpAvgFactor = 0x80000002u,
    miopenScalarBatchnormEpsilon = 0x80000003u,
#endif
} miopenTensorArgumentId_t;

typedef enum {
    miopenFindResultsOrderByTime = 0,
    miopenFindResultsOrderByWorkspaceSize = 1,
} miopenFindResultsOrder_t;

typedef enum {
    miopenRNNIONotPadded = 0,
    miopenRNNIOWithPadding = 1,
} miopenRNNPaddingMode_t;

typedef enum {
    miopenRNNTraining = 0,
    miopenRNNInference = 1,
} miopenRNNFWDMode_t;

typedef enum {
    miopenRNNDataUnknownLayout = 0,
    miopenRNNDataSeqMajorNotPadded = 1,
    miopenRNNDataSeqMajorPadded = 2,
    miopenRNNDataBatchMajorPadded = 3,
} miopenRNNBaseLayout_t;

typedef enum {
    miopenMhaMaskNone = 0,
    miopenMhaMaskCausal = 1,
} miopenMhaMask_t;

typedef enum {
    miopenConvolutionFindModeNormal = 1,
    miopenConvolutionFindModeFast = 2,
    miopenConvolutionFindModeHybrid = 3,
    miopenConvolutionFindModeDynamicHybrid = 5,
    miopenConvolutionFindModeDefault = 5,
    miopenConvolutionFindModeTrustVerify = 6,
    miopenConvolutionFindModeTrustVerifyFull = 7,
} miopenConvolutionFindMode_t;

typedef enum {
    miopenTuningPolicyNone = 1,
    miopenTuningPolicyDbUpdate = 2,
    miopenTuningPolicySearch = 3,
    miopenTuningPolicySearchDbUpdate = 4,
    miopenTuningPolicyDbClean = 5,
} miopenTuningPolicy_t;

typedef enum {
    miopenMathDefault = 0,
    miopenMathPedantic = 1,
} miopenMathType_t;

#ifdef MIOPEN_BETA_API

typedef enum {
    miopenF8RoundingModeStandard = 0,
    miopenF8RoundingModeStochastic = 1,
} miopenF8RoundingMode_t;

typedef enum {
    MIOPEN_ELEMENTWISE_AFFINE = 0,
    MIOPEN_WEIGHT_BIAS = 1,
    MIOPEN_ELEMENTWISE_AFFINE_FUSED_ADD = 2,
    MIOPEN_WEIGHT_BIAS_FUSED_ADD = 3,
    MIOPEN_ELEMENTWISE_AFFINE_T5 = 4,
    MIOPEN_WEIGHT_BIAS_T5 = 5,
} miopenNormMode_t;

typedef enum {
    MIOPEN_REDUCE_EXTREME_ARGMIN = 1,
    MIOPEN_REDUCE_EXTREME_ARGMAX = 2,
    MIOPEN_REDUCE_EXTREME_MIN = 3,
    MIOPEN_REDUCE_EXTREME_MAX = 4,
} miopenReduceExtremeOp_t;

typedef enum {
    MIOPEN_REDUCE_CALCULATION_NOT_PROPAGATE_NAN = 0,
    MIOPEN_REDUCE_CALCULATION_PROPAGATE_NAN = 1,
} miopenReduceCalculationNanPropagation_t;

typedef enum {
    MIOPEN_REDUCE_CALCULATION_PROD = 1,
    MIOPEN_REDUCE_CALCULATION_SUM = 2,
} miopenReduceCalculationOp_t;

typedef enum {
    MIOPEN_LOSS_REDUCTION_NONE = 0,
    MIOPEN_LOSS_REDUCTION_SUM = 1,
    MIOPEN_LOSS_REDUCTION_MEAN = 2,
} miopenLossReductionMode_t;

#endif /* MIOPEN_BETA_API */

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_ENUMS_H_ */
