/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Recurrent networks: plain RNN, LSTM and GRU.
 *
 * Functions that take an array of tensor descriptors describe a batch that shrinks over time: one
 * descriptor [batch, vector] a time step. Functions that take a miopenSeqTensorDescriptor_t
 * describe the whole sequence at once, padded or packed. Training needs a reserve space that the
 * forward call fills and the backward calls read.
 */
#ifndef GUARD_MIOPEN_RNN_H_
#define GUARD_MIOPEN_RNN_H_

#include <miopen/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Sequence tensors ---- */

/** Makes a sequence tensor descriptor. Since ROCm 6.0. */
MIOPEN_EXPORT miopenStatus_t miopenCreateSeqTensorDescriptor(
    miopenSeqTensorDescriptor_t* tensorDesc);

/** Frees a sequence tensor descriptor; NULL is accepted. Since ROCm 6.0. */
MIOPEN_EXPORT miopenStatus_t miopenDestroySeqTensorDescriptor(
    miopenSeqTensorDescriptor_t tensorDesc);

/**
 * Describes batchSize sequences of vectors of vectorSize elements; sequenceLenArray has one length
 * a sample, none above maxSequenceLen. paddingMarker is the value to fill gaps with, or NULL. Since
 * ROCm 6.0.
 */
MIOPEN_EXPORT miopenStatus_t miopenSetRNNDataSeqTensorDescriptor(
    miopenSeqTensorDescriptor_t seqTensorDesc, miopenDataType_t dataType,
    miopenRNNBaseLayout_t layout, int maxSequenceLen, int batchSize, int vectorSize,
    const int* sequenceLenArray, void* paddingMarker);

/**
 * Reads a sequence tensor; sequenceLenArray has room for sequenceLenArrayLimit lengths. Since ROCm
 * 6.0.
 */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNDataSeqTensorDescriptor(
    miopenSeqTensorDescriptor_t seqTensorDesc, miopenDataType_t* dataType,
    miopenRNNBaseLayout_t* layout, int* maxSequenceLen, int* batchSize, int* vectorSize,
    int sequenceLenArrayLimit, int* sequenceLenArray, void* paddingMarker);

/* ---- Descriptors ---- */

/** Makes an RNN descriptor, to be freed by miopenDestroyRNNDescriptor(). */
MIOPEN_EXPORT miopenStatus_t miopenCreateRNNDescriptor(miopenRNNDescriptor_t* rnnDesc);

/** Reads an RNN descriptor. Each output pointer may be NULL. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNDescriptor(
    miopenRNNDescriptor_t rnnDesc, miopenRNNMode_t* rnnMode, miopenRNNAlgo_t* algoMode,
    miopenRNNInputMode_t* inputMode, miopenRNNDirectionMode_t* dirMode,
    miopenRNNBiasMode_t* biasMode, int* hiddenSize, int* layer);

/** Reads an RNN descriptor with dropout and data type. Each output pointer may be NULL. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNDescriptor_V2(
    miopenRNNDescriptor_t rnnDesc, int* hiddenSize, int* layer,
    miopenDropoutDescriptor_t* dropoutDesc, miopenRNNInputMode_t* inputMode,
    miopenRNNDirectionMode_t* dirMode, miopenRNNMode_t* rnnMode, miopenRNNBiasMode_t* biasMode,
    miopenRNNAlgo_t* algoMode, miopenDataType_t* dataType);

/** Frees an RNN descriptor; NULL is accepted. */
MIOPEN_EXPORT miopenStatus_t miopenDestroyRNNDescriptor(miopenRNNDescriptor_t rnnDesc);

/** Sets up a network of nlayers layers with hsize hidden elements. */
MIOPEN_EXPORT miopenStatus_t miopenSetRNNDescriptor(
    miopenRNNDescriptor_t rnnDesc, const int hsize, const int nlayers, miopenRNNInputMode_t inMode,
    miopenRNNDirectionMode_t direction, miopenRNNMode_t rnnMode, miopenRNNBiasMode_t biasMode,
    miopenRNNAlgo_t algo, miopenDataType_t dataType);

/** miopenSetRNNDescriptor() with dropout between the layers. */
MIOPEN_EXPORT miopenStatus_t miopenSetRNNDescriptor_V2(
    miopenRNNDescriptor_t rnnDesc, const int hsize, const int nlayers,
    miopenDropoutDescriptor_t dropoutDesc, miopenRNNInputMode_t inMode,
    miopenRNNDirectionMode_t direction, miopenRNNMode_t rnnMode, miopenRNNBiasMode_t biasMode,
    miopenRNNAlgo_t algo, miopenDataType_t dataType);

/** Says whether sequences are padded to one length. Since ROCm 6.0. */
MIOPEN_EXPORT miopenStatus_t miopenSetRNNPaddingMode(
    miopenRNNDescriptor_t rnnDesc, miopenRNNPaddingMode_t paddingMode);

/** Reads whether sequences are padded to one length. Since ROCm 6.0. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNPaddingMode(
    miopenRNNDescriptor_t rnnDesc, miopenRNNPaddingMode_t* paddingMode);

/* ---- Sizes ---- */

/** Bytes of workspace for sequenceLen steps; xDesc has one descriptor a step. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNWorkspaceSize(
    miopenHandle_t handle, const miopenRNNDescriptor_t rnnDesc, const int sequenceLen,
    const miopenTensorDescriptor_t* xDesc, size_t* numBytes);

/** Bytes of reserve space for training over sequenceLen steps; xDesc has one descriptor a step. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNTrainingReserveSize(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, const int sequenceLen,
    const miopenTensorDescriptor_t* xDesc, size_t* numBytes);

/** Bytes of all weights and biases. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNParamsSize(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, miopenTensorDescriptor_t xDesc,
    size_t* numBytes, miopenDataType_t dtype);

/** Describes the buffer of all weights and biases in wDesc. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNParamsDescriptor(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, miopenTensorDescriptor_t xDesc,
    miopenTensorDescriptor_t wDesc, miopenDataType_t dtype);

/** Bytes of the input of seqLen steps. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNInputTensorSize(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, const int seqLen,
    miopenTensorDescriptor_t* xDesc, size_t* numBytes);

/** Bytes of the hidden state of seqLen steps. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNHiddenTensorSize(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, const int seqLen,
    miopenTensorDescriptor_t* xDesc, size_t* numBytes);

/** Bytes of one weight matrix of a layer. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNLayerParamSize(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, const int layer,
    miopenTensorDescriptor_t xDesc, const int paramID, size_t* numBytes);

/** Bytes of one bias vector of a layer. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNLayerBiasSize(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, const int layer, const int biasID,
    size_t* numBytes);

/** Bytes of workspace and of reserve space for a sequence tensor. Since ROCm 6.0. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNTempSpaceSizes(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, miopenSeqTensorDescriptor_t xDesc,
    miopenRNNFWDMode_t fwdMode, size_t* workSpaceSize, size_t* reserveSpaceSize);

/* ---- Weights and biases ---- */

/**
 * Copies one weight matrix out of w into layerParam and describes it in paramDesc; with layerParam
 * NULL it only describes.
 */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNLayerParam(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, const int layer,
    miopenTensorDescriptor_t xDesc, miopenTensorDescriptor_t wDesc, const void* w,
    const int paramID, miopenTensorDescriptor_t paramDesc, void* layerParam);

/**
 * Copies one bias vector out of w into layerBias and describes it in biasDesc; with layerBias NULL
 * it only describes.
 */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNLayerBias(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, const int layer,
    miopenTensorDescriptor_t xDesc, miopenTensorDescriptor_t wDesc, const void* w, const int biasID,
    miopenTensorDescriptor_t biasDesc, void* layerBias);

/** Place of one weight matrix in w, in elements; describes it in paramDesc. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNLayerParamOffset(
    miopenRNNDescriptor_t rnnDesc, const int layer, miopenTensorDescriptor_t xDesc,
    const int paramID, miopenTensorDescriptor_t paramDesc, size_t* layerParamOffset);

/** Place of one bias vector in w, in elements; describes it in biasDesc. */
MIOPEN_EXPORT miopenStatus_t miopenGetRNNLayerBiasOffset(
    miopenRNNDescriptor_t rnnDesc, const int layer, miopenTensorDescriptor_t xDesc,
    const int biasID, miopenTensorDescriptor_t biasDesc, size_t* layerBiasOffset);

/** Copies one weight matrix from layerParam into w. */
MIOPEN_EXPORT miopenStatus_t miopenSetRNNLayerParam(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, const int layer,
    miopenTensorDescriptor_t xDesc, miopenTensorDescriptor_t wDesc, void* w, const int paramID,
    miopenTensorDescriptor_t paramDesc, const void* layerParam);

/** Copies one bias vector from layerBias into w. */
MIOPEN_EXPORT miopenStatus_t miopenSetRNNLayerBias(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, const int layer,
    miopenTensorDescriptor_t xDesc, miopenTensorDescriptor_t wDesc, void* w, const int biasID,
    miopenTensorDescriptor_t biasDesc, const void* layerBias);

/* ---- Execution ---- */

/**
 * Runs the network over sequenceLen steps and fills the reserve space. hx and cx are the first
 * hidden and cell state, NULL: zeros; hy and cy receive the last ones, or are NULL.
 */
MIOPEN_EXPORT miopenStatus_t miopenRNNForwardTraining(
    miopenHandle_t handle, const miopenRNNDescriptor_t rnnDesc, const int sequenceLen,
    const miopenTensorDescriptor_t* xDesc, const void* x, const miopenTensorDescriptor_t hxDesc,
    const void* hx, const miopenTensorDescriptor_t cxDesc, const void* cx,
    const miopenTensorDescriptor_t wDesc, const void* w, const miopenTensorDescriptor_t* yDesc,
    void* y, const miopenTensorDescriptor_t hyDesc, void* hy, const miopenTensorDescriptor_t cyDesc,
    void* cy, void* workSpace, size_t workSpaceNumBytes, void* reserveSpace,
    size_t reserveSpaceNumBytes);

/**
 * Gradients by the input (dx) and the first states (dhx, dcx), after miopenRNNForwardTraining().
 */
MIOPEN_EXPORT miopenStatus_t miopenRNNBackwardData(
    miopenHandle_t handle, const miopenRNNDescriptor_t rnnDesc, const int sequenceLen,
    const miopenTensorDescriptor_t* yDesc, const void* y, const miopenTensorDescriptor_t* dyDesc,
    const void* dy, const miopenTensorDescriptor_t dhyDesc, const void* dhy,
    const miopenTensorDescriptor_t dcyDesc, const void* dcy, const miopenTensorDescriptor_t wDesc,
    const void* w, const miopenTensorDescriptor_t hxDesc, const void* hx,
    const miopenTensorDescriptor_t cxDesc, const void* cx, const miopenTensorDescriptor_t* dxDesc,
    void* dx, const miopenTensorDescriptor_t dhxDesc, void* dhx,
    const miopenTensorDescriptor_t dcxDesc, void* dcx, void* workSpace, size_t workSpaceNumBytes,
    void* reserveSpace, size_t reserveSpaceNumBytes);

/** Gradient by the weights (dw), after miopenRNNBackwardData(). */
MIOPEN_EXPORT miopenStatus_t miopenRNNBackwardWeights(
    miopenHandle_t handle, const miopenRNNDescriptor_t rnnDesc, const int sequenceLen,
    const miopenTensorDescriptor_t* xDesc, const void* x, const miopenTensorDescriptor_t hxDesc,
    const void* hx, const miopenTensorDescriptor_t* yDesc, const void* y,
    const miopenTensorDescriptor_t dwDesc, void* dw, void* workSpace, size_t workSpaceNumBytes,
    const void* reserveSpace, size_t reserveSpaceNumBytes);

/** miopenRNNForwardTraining() without a reserve space. */
MIOPEN_EXPORT miopenStatus_t miopenRNNForwardInference(
    miopenHandle_t handle, miopenRNNDescriptor_t rnnDesc, const int sequenceLen,
    const miopenTensorDescriptor_t* xDesc, const void* x, const miopenTensorDescriptor_t hxDesc,
    const void* hx, const miopenTensorDescriptor_t cxDesc, const void* cx,
    const miopenTensorDescriptor_t wDesc, const void* w, const miopenTensorDescriptor_t* yDesc,
    void* y, const miopenTensorDescriptor_t hyDesc, void* hy, const miopenTensorDescriptor_t cyDesc,
    void* cy, void* workSpace, size_t workSpaceNumBytes);

/** Runs the network over a sequence tensor, for training or inference. Since ROCm 6.0. */
MIOPEN_EXPORT miopenStatus_t miopenRNNForward(
    miopenHandle_t handle, const miopenRNNDescriptor_t rnnDesc, miopenRNNFWDMode_t fwdMode,
    const miopenSeqTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t hDesc,
    const void* hx, void* hy, const miopenTensorDescriptor_t cDesc, const void* cx, void* cy,
    const miopenSeqTensorDescriptor_t yDesc, void* y, const void* w, size_t weightSpaceSize,
    void* workSpace, size_t workSpaceNumBytes, void* reserveSpace, size_t reserveSpaceNumBytes);

/**
 * Gradients by input and states over a sequence tensor, after miopenRNNForward(). Since ROCm 6.0.
 */
MIOPEN_EXPORT miopenStatus_t miopenRNNBackwardSeqData(
    miopenHandle_t handle, const miopenRNNDescriptor_t rnnDesc,
    const miopenSeqTensorDescriptor_t yDesc, const void* y, const void* dy,
    const miopenTensorDescriptor_t hDesc, const void* hx, const void* dhy, void* dhx,
    const miopenTensorDescriptor_t cDesc, const void* cx, const void* dcy, void* dcx,
    const miopenSeqTensorDescriptor_t xDesc, void* dx, const void* w, size_t weightSpaceSize,
    void* workSpace, size_t workSpaceNumBytes, void* reserveSpace, size_t reserveSpaceNumBytes);

/**
 * Gradient by the weights (dw) over a sequence tensor, after miopenRNNBackwardSeqData(). Since ROCm
 * 6.0.
 */
MIOPEN_EXPORT miopenStatus_t miopenRNNBackwardWeightsSeqTensor(
    miopenHandle_t handle, const miopenRNNDescriptor_t rnnDesc,
    const miopenSeqTensorDescriptor_t xDesc, const void* x, const miopenTensorDescriptor_t hDesc,
    const void* hx, const miopenSeqTensorDescriptor_t yDesc, const void* y, void* dw,
    size_t weightSpaceSize, void* workSpace, size_t workSpaceNumBytes, const void* reserveSpace,
    size_t reserveSpaceNumBytes);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_RNN_H_ */
