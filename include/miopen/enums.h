/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Enumerations.
 *
 * All of them are unsigned int in the ABI. Numbers are those of MIOpen 3.5.1 (ROCm 7.2.4); numbers
 * that differed in an earlier release are noted. Names marked MIOPEN_BETA_API are not yet stable in
 * MIOpen; names behind MIOPEN_BYPASS_RETIRED_API exist in older releases only.
 */
#ifndef GUARD_MIOPEN_ENUMS_H_
#define GUARD_MIOPEN_ENUMS_H_

/* Marks a declaration that strict ISO C would refuse: enumerators above INT_MAX. */
#ifdef __GNUC__
#define MIOPEN_BYPASS_EXTENSION __extension__
#else
#define MIOPEN_BYPASS_EXTENSION
#endif

/** How a call ended. */
typedef enum {
    miopenStatusSuccess = 0,              /**< It worked. */
    miopenStatusNotInitialized = 1,       /**< Something was not set up first. */
    miopenStatusInvalidValue = 2,         /**< A value is out of its range. */
    miopenStatusBadParm = 3,              /**< An argument is NULL or does not fit the others. */
    miopenStatusAllocFailed = 4,          /**< No memory. */
    miopenStatusInternalError = 5,        /**< The library contradicts itself. */
    miopenStatusNotImplemented = 6,       /**< Valid, but not offered. */
    miopenStatusUnknownError = 7,         /**< Anything else, HIP errors among it. */
    miopenStatusUnsupportedOp = 8,        /**< The fusion plan cannot be fused. */
    miopenStatusGpuOperationsSkipped = 9, /**< Compiled only, not run. */
    miopenStatusVersionMismatch = 10,     /**< Saved by another version. */
} miopenStatus_t;

/** Type of the elements of a tensor. */
typedef enum {
    miopenHalf = 0,         /**< IEEE binary16. */
    miopenFloat = 1,        /**< IEEE binary32. */
    miopenInt32 = 2,        /**< 32-bit signed. */
    miopenInt8 = 3,         /**< 8-bit signed. */
#ifdef MIOPEN_BYPASS_RETIRED_API
    miopenInt8x4 = 4,       /**< Four int8 side by side; until ROCm 6.0. */
#endif
    miopenBFloat16 = 5,     /**< Upper half of a binary32. */
    miopenDouble = 6,       /**< IEEE binary64. */
#ifdef MIOPEN_BYPASS_RETIRED_API
    miopenFloat8 = 7,       /**< Name of miopenFloat8_fnuz until ROCm 6.4. */
#endif
    miopenFloat8_fnuz = 7,  /**< 8 bits, 4 of exponent, no infinities, no negative zero. */
#ifdef MIOPEN_BYPASS_RETIRED_API
    miopenBFloat8 = 8,      /**< Name of miopenBFloat8_fnuz until ROCm 6.4. */
#endif
    miopenBFloat8_fnuz = 8, /**< 8 bits, 5 of exponent, no infinities, no negative zero. */
    miopenInt64 = 9,        /**< 64-bit signed. */
} miopenDataType_t;

/** Width of the indices that max pooling stores. */
typedef enum {
    miopenIndexUint8 = 0,
    miopenIndexUint16 = 1,
    miopenIndexUint32 = 2,
    miopenIndexUint64 = 3,
} miopenIndexType_t;

/** Elementwise operation of miopenOpTensor(). */
typedef enum {
    miopenTensorOpAdd = 0,
    miopenTensorOpMul = 1,
    miopenTensorOpMin = 2,
    miopenTensorOpMax = 3,
} miopenTensorOp_t;

/** Kind of convolution. */
typedef enum {
    miopenConvolution = 0, /**< Cross-correlation, filter not flipped. */
    miopenTranspose = 1,   /**< Transposed: forward computes the gradient by the data. */
    miopenGroupConv = 2,   /**< Taken as miopenConvolution. */
    miopenDepthwise = 3,   /**< Taken as miopenConvolution. */
} miopenConvolutionMode_t;

/** How padding is found. The C interface always uses the explicit numbers. */
typedef enum {
    miopenPaddingDefault = 0,
    miopenPaddingSame = 1,
    miopenPaddingValid = 2,
} miopenPaddingMode_t;

/** What a pooling window gives. */
typedef enum {
    miopenPoolingMax = 0,
    miopenPoolingAverage = 1,          /**< Mean of the elements inside the tensor. */
    miopenPoolingAverageInclusive = 2, /**< Mean with padding counted as zeros. */
} miopenPoolingMode_t;

/** Where the neighbours of a local response normalization lie. */
typedef enum {
    miopenLRNWithinChannel = 0,
    miopenLRNCrossChannel = 1,
} miopenLRNMode_t;

/** What shares a mean and a variance. */
typedef enum {
    miopenBNPerActivation = 0, /**< One for each of C, H, W. */
    miopenBNSpatial = 1,       /**< One for each channel. */
} miopenBatchNormMode_t;

/** Activation function; a, b and g stand for activAlpha, activBeta and activGamma. */
typedef enum {
    miopenActivationPASTHRU = 0,     /**< x */
    miopenActivationLOGISTIC = 1,    /**< 1 / (1 + exp(-x)) */
    miopenActivationTANH = 2,        /**< b * tanh(a * x) */
    miopenActivationRELU = 3,        /**< max(0, x) */
    miopenActivationSOFTRELU = 4,    /**< log(1 + exp(x)) */
    miopenActivationABS = 5,         /**< abs(x) */
    miopenActivationPOWER = 6,       /**< (a + b * x) ^ g */
    miopenActivationCLIPPEDRELU = 7, /**< min(a, max(0, x)) */
    miopenActivationLEAKYRELU = 8,   /**< x for x > 0, else a * x */
    miopenActivationELU = 9,         /**< x for x > 0, else a * (exp(x) - 1) */
    miopenActivationCLAMP = 10,      /**< max(a, min(b, x)) */
} miopenActivationMode_t;

/** How a softmax is computed. */
typedef enum {
    MIOPEN_SOFTMAX_FAST = 0,     /**< Without subtracting the maximum. */
    MIOPEN_SOFTMAX_ACCURATE = 1, /**< The maximum is subtracted first. */
    MIOPEN_SOFTMAX_LOG = 2,      /**< The logarithm of the softmax. */
} miopenSoftmaxAlgorithm_t;

/** Which elements of a sample sum up to 1. */
typedef enum {
    MIOPEN_SOFTMAX_MODE_INSTANCE = 0, /**< All of C, H, W. */
    MIOPEN_SOFTMAX_MODE_CHANNEL = 1,  /**< C, for each H, W. */
} miopenSoftmaxMode_t;

/** Family of a forward convolution kernel. */
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

/** Family of a backward-weights convolution kernel. */
typedef enum {
    miopenConvolutionBwdWeightsAlgoGEMM = 0,
    miopenConvolutionBwdWeightsAlgoDirect = 1,
    miopenConvolutionBwdWeightsAlgoWinograd = 3,
    miopenConvolutionBwdWeightsAlgoImplicitGEMM = 5,
} miopenConvBwdWeightsAlgorithm_t;

/** Family of a backward-data convolution kernel. */
typedef enum {
    miopenConvolutionBwdDataAlgoGEMM = 0,
    miopenConvolutionBwdDataAlgoDirect = 1,
    miopenConvolutionBwdDataAlgoFFT = 2,
    miopenConvolutionBwdDataAlgoWinograd = 3,
    miopenTransposeBwdDataAlgoGEMM = 4, /**< No longer returned by a search. */
    miopenConvolutionBwdDataAlgoImplicitGEMM = 5,
} miopenConvBwdDataAlgorithm_t;

/** Family of a convolution kernel, whatever its direction. */
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

/** Whether operations follow each other or run side by side. */
typedef enum {
    miopenVerticalFusion = 0,
    miopenHorizontalFusion = 1,
} miopenFusionDirection_t;

/** Cell of a recurrent network. */
typedef enum {
    miopenRNNRELU = 0,
    miopenRNNTANH = 1,
    miopenLSTM = 2,
    miopenGRU = 3,
} miopenRNNMode_t;

/** What happens to the input before the first layer. */
typedef enum {
    miopenRNNlinear = 0, /**< A matrix product. */
    miopenRNNskip = 1,   /**< Nothing: input and hidden size are equal. */
} miopenRNNInputMode_t;

/** How a recurrent network is computed. */
typedef enum {
    miopenRNNdefault = 0,
    miopenRNNfundamental = 1,
    miopenRNNroundedDynamic = 2,
} miopenRNNAlgo_t;

/** Whether a sequence is read once or in both directions. */
typedef enum {
    miopenRNNunidirection = 0,
    miopenRNNbidirection = 1,
} miopenRNNDirectionMode_t;

/** Whether cells have a bias. */
typedef enum {
    miopenRNNNoBias = 0,
    miopenRNNwithBias = 1,
} miopenRNNBiasMode_t;

/** How the matrix products of a recurrent network are computed. */
typedef enum {
    miopenRNNAlgoGEMM = 0,
} miopenRNNGEMMalgoMode_t;

/** How a CTC loss is computed. */
typedef enum {
    MIOPEN_CTC_LOSS_ALGO_DETERMINISTIC = 0,
} miopenCTCLossAlgo_t;

/** Random number generator of dropout. */
typedef enum {
    MIOPEN_RNG_PSEUDO_XORWOW = 0,
} miopenRNGType_t;

/** What the indices that max pooling stores count. */
typedef enum {
    miopenPoolingWorkspaceIndexMask = 0,  /**< The place within the window. */
    miopenPoolingWorkspaceIndexImage = 1, /**< The place within the image. */
} miopenPoolingWorkspaceIndexMode_t;

/** Operation of a reduction. */
typedef enum {
    MIOPEN_REDUCE_TENSOR_ADD = 0,
    MIOPEN_REDUCE_TENSOR_MUL = 1,
    MIOPEN_REDUCE_TENSOR_MIN = 2,
    MIOPEN_REDUCE_TENSOR_MAX = 3,
    MIOPEN_REDUCE_TENSOR_AMAX = 4,  /**< Maximum of the absolute values. */
    MIOPEN_REDUCE_TENSOR_AVG = 5,
    MIOPEN_REDUCE_TENSOR_NORM1 = 6, /**< Sum of the absolute values. */
    MIOPEN_REDUCE_TENSOR_NORM2 = 7, /**< Root of the sum of squares. */
} miopenReduceTensorOp_t;

/** Whether a NaN in the input shows in the output. */
typedef enum {
    MIOPEN_NOT_PROPAGATE_NAN = 0,
    MIOPEN_PROPAGATE_NAN = 1,
} miopenNanPropagation_t;

/** Whether a reduction also gives the place of the element it chose. */
typedef enum {
    MIOPEN_REDUCE_TENSOR_NO_INDICES = 0,
    MIOPEN_REDUCE_TENSOR_FLATTENED_INDICES = 1,
} miopenReduceTensorIndices_t;

/** Width of the indices that a reduction gives. */
typedef enum {
    MIOPEN_32BIT_INDICES = 0,
    MIOPEN_64BIT_INDICES = 1,
    MIOPEN_16BIT_INDICES = 2,
    MIOPEN_8BIT_INDICES = 3,
} miopenIndicesType_t;

/** Numbered settings of a convolution, see miopenSetConvolutionAttribute(). */
typedef enum {
    /** -1 default, 0 off, 1 on: half inputs rounded to bfloat16 (gfx90a). */
    MIOPEN_CONVOLUTION_ATTRIB_FP16_ALT_IMPL = 0,    
    MIOPEN_CONVOLUTION_ATTRIB_DETERMINISTIC = 1,     /**< 0, or 1: equal runs give equal bits. */
#ifdef MIOPEN_BETA_API
    MIOPEN_CONVOLUTION_ATTRIB_FP8_ROUNDING_MODE = 2, /**< A miopenF8RoundingMode_t. */
#endif
    MIOPEN_CONVOLUTION_ATTRIB_MATH_TYPE = 3,         /**< A miopenMathType_t; after ROCm 7.2.4. */
} miopenConvolutionAttrib_t;

/** Order of the dimensions in memory, slowest first. */
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

/** Direction of a Find 2.0 problem. */
typedef enum {
    miopenProblemDirectionForward = 0,
    miopenProblemDirectionBackward = 1,        /**< Gradient by the data. */
    miopenProblemDirectionBackwardWeights = 2, /**< Gradient by the filter. */
#ifdef MIOPEN_BETA_API
    miopenProblemDirectionInference = 4,
#endif
} miopenProblemDirection_t;

/**
 * Role of a tensor in a Find 2.0 problem.
 *
 * The activation, bias, softmax and batch normalization numbers were one less in ROCm 6.2, before
 * miopenTensorMhaBias was put in; activation and bias were numbered from 4 in 6.1. The two batch
 * normalization scalars were one less in 6.2 as well. Convolution roles never changed.
 */
MIOPEN_BYPASS_EXTENSION typedef enum {
    miopenTensorArgumentIdInvalid = 0,          /**< No role; what 0 means. */
    miopenTensorConvolutionX = 1,               /**< Input, or its gradient. */
    miopenTensorConvolutionW = 2,               /**< Filter, or its gradient. */
    miopenTensorConvolutionY = 3,               /**< Output, or its gradient. */
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
    /** Set in roles whose buffer is one value in host memory. */
    miopenTensorArgumentIsScalar = 0x80000000u,
    miopenTensorMhaMask = 0x80000001u,
#ifdef MIOPEN_BETA_API
    miopenScalarBatchnormExpAvgFactor = 0x80000002u,
    miopenScalarBatchnormEpsilon = 0x80000003u,
#endif
} miopenTensorArgumentId_t;

/** How miopenFindSolutions() sorts. */
typedef enum {
    miopenFindResultsOrderByTime = 0,
    miopenFindResultsOrderByWorkspaceSize = 1,
} miopenFindResultsOrder_t;

/** Whether sequences are padded to one length. */
typedef enum {
    miopenRNNIONotPadded = 0,
    miopenRNNIOWithPadding = 1,
} miopenRNNPaddingMode_t;

/** Whether a forward call prepares for a backward one. */
typedef enum {
    miopenRNNTraining = 0,
    miopenRNNInference = 1,
} miopenRNNFWDMode_t;

/** Memory layout of a batch of sequences. */
typedef enum {
    miopenRNNDataUnknownLayout = 0,
    miopenRNNDataSeqMajorNotPadded = 1,
    miopenRNNDataSeqMajorPadded = 2,
    miopenRNNDataBatchMajorPadded = 3,
} miopenRNNBaseLayout_t;

/** Mask of a multi-head attention; passed as the scalar miopenTensorMhaMask. */
typedef enum {
    miopenMhaMaskNone = 0,
    miopenMhaMaskCausal = 1, /**< A position sees only itself and earlier ones. */
} miopenMhaMask_t;

/** How much work a Find call does. There is no 4. */
typedef enum {
    miopenConvolutionFindModeNormal = 1,          /**< Measure all applicable solutions. */
    miopenConvolutionFindModeFast = 2,            /**< Take a known one, else a guess. */
    miopenConvolutionFindModeHybrid = 3,          /**< Take a known one, else measure. */
    miopenConvolutionFindModeDynamicHybrid = 5,   /**< The same, without slow compiling. */
    miopenConvolutionFindModeDefault = 5,         /**< What a new descriptor has. */
    /** Take a known one, measure if it got slower. */
    miopenConvolutionFindModeTrustVerify = 6,    
    miopenConvolutionFindModeTrustVerifyFull = 7, /**< The same, and tune again. */
} miopenConvolutionFindMode_t;

/** What a search does with tuning results. */
typedef enum {
    miopenTuningPolicyNone = 1,           /**< As the call says. */
    miopenTuningPolicyDbUpdate = 2,       /**< Where tuning is asked for, replace what is stored. */
    miopenTuningPolicySearch = 3,         /**< Tune what is not stored, asked for or not. */
    miopenTuningPolicySearchDbUpdate = 4, /**< Always tune, replace what is stored. */
    miopenTuningPolicyDbClean = 5,        /**< Delete what is stored. */
} miopenTuningPolicy_t;

/** Values of MIOPEN_CONVOLUTION_ATTRIB_MATH_TYPE. */
typedef enum {
    miopenMathDefault = 0,
    miopenMathPedantic = 1,
} miopenMathType_t;

#ifdef MIOPEN_BETA_API

/** Rounding to 8-bit floats. */
typedef enum {
    miopenF8RoundingModeStandard = 0,
    miopenF8RoundingModeStochastic = 1,
} miopenF8RoundingMode_t;

/** Which parameters a layer or group normalization applies. */
typedef enum {
    MIOPEN_ELEMENTWISE_AFFINE = 0,
    MIOPEN_WEIGHT_BIAS = 1,
    MIOPEN_ELEMENTWISE_AFFINE_FUSED_ADD = 2,
    MIOPEN_WEIGHT_BIAS_FUSED_ADD = 3,
    MIOPEN_ELEMENTWISE_AFFINE_T5 = 4,
    MIOPEN_WEIGHT_BIAS_T5 = 5,
} miopenNormMode_t;

/** Which extreme miopenReduceExtremeForward() looks for. */
typedef enum {
    MIOPEN_REDUCE_EXTREME_ARGMIN = 1,
    MIOPEN_REDUCE_EXTREME_ARGMAX = 2,
    MIOPEN_REDUCE_EXTREME_MIN = 3,
    MIOPEN_REDUCE_EXTREME_MAX = 4,
} miopenReduceExtremeOp_t;

/** Whether miopenReduceCalculationForward() lets a NaN through. */
typedef enum {
    MIOPEN_REDUCE_CALCULATION_NOT_PROPAGATE_NAN = 0,
    MIOPEN_REDUCE_CALCULATION_PROPAGATE_NAN = 1,
} miopenReduceCalculationNanPropagation_t;

/** Operation of miopenReduceCalculationForward(). */
typedef enum {
    MIOPEN_REDUCE_CALCULATION_PROD = 1,
    MIOPEN_REDUCE_CALCULATION_SUM = 2,
} miopenReduceCalculationOp_t;

/** How the losses of a batch are combined. */
typedef enum {
    MIOPEN_LOSS_REDUCTION_NONE = 0,
    MIOPEN_LOSS_REDUCTION_SUM = 1,
    MIOPEN_LOSS_REDUCTION_MEAN = 2,
} miopenLossReductionMode_t;

#endif /* MIOPEN_BETA_API */

#endif /* GUARD_MIOPEN_ENUMS_H_ */
