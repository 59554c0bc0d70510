/* Calls that need a handle, without one: which are refused, and what they leave untouched. */
#include "answers.h"

static float buffer_x[2 * 4 * 6 * 6], buffer_w[8 * 4 * 3 * 3], buffer_y[2 * 8 * 6 * 6];
static const float one = 1.0f, zero = 0.0f;

/* The three tensors of a 3x3 convolution with padding 1, and spare room. */
typedef struct {
    miopenTensorDescriptor_t x, w, y, bias;
    miopenConvolutionDescriptor_t conv;
} Convolution;

static Convolution make(void) {
    Convolution c;
    c.x = new_tensor_4d(2, 4, 6, 6);
    c.w = new_tensor_4d(8, 4, 3, 3);
    c.y = new_tensor_4d(2, 8, 6, 6);
    c.bias = new_tensor_4d(1, 8, 1, 1);
    c.conv = new_convolution(miopenConvolution, 2, 1, 1, 1, 1);
    return c;
}

static void destroy(Convolution c) {
    miopenDestroyTensorDescriptor(c.x);
    miopenDestroyTensorDescriptor(c.w);
    miopenDestroyTensorDescriptor(c.y);
    miopenDestroyTensorDescriptor(c.bias);
    miopenDestroyConvolutionDescriptor(c.conv);
}

static void ask_find(Convolution c) {
    miopenConvAlgoPerf_t perf[4];
    for (int request = 0; request <= 4; request += 4) {
        int found = UNTOUCHED;
        CALL(miopenFindConvolutionForwardAlgorithm,
             (NULL, c.x, buffer_x, c.w, buffer_w, c.conv, c.y, buffer_y, request, &found, perf, NULL, 0, false),
             "NULL handle,%d requested", request);
        value("found", found);
        CALL(miopenFindConvolutionBackwardDataAlgorithm,
             (NULL, c.y, buffer_y, c.w, buffer_w, c.conv, c.x, buffer_x, request, &found, perf, NULL, 0, false),
             "NULL handle,%d requested", request);
        value("found", found);
        CALL(miopenFindConvolutionBackwardWeightsAlgorithm,
             (NULL, c.y, buffer_y, c.x, buffer_x, c.conv, c.w, buffer_w, request, &found, perf, NULL, 0, false),
             "NULL handle,%d requested", request);
        value("found", found);
    }
    int found = UNTOUCHED;
    CALL(miopenFindConvolutionForwardAlgorithm,
         (NULL, c.x, NULL, c.w, NULL, c.conv, c.y, NULL, 1, &found, perf, NULL, 0, false), "NULL handle,buffers NULL");
    CALL(miopenFindConvolutionForwardAlgorithm,
         (NULL, c.x, buffer_x, c.w, buffer_w, c.conv, c.y, buffer_y, 1, NULL, perf, NULL, 0, false),
         "NULL handle,count NULL");
    CALL(miopenFindConvolutionForwardAlgorithm,
         (NULL, c.x, buffer_x, c.w, buffer_w, c.conv, c.y, buffer_y, 1, &found, NULL, NULL, 0, false),
         "NULL handle,results NULL");
    value("found", found);
}

static void ask_run(Convolution c) {
    for (int algorithm = 0; algorithm <= 6; ++algorithm) {
        CALL(miopenConvolutionForward, (NULL, &one, c.x, buffer_x, c.w, buffer_w, c.conv,
                                        (miopenConvFwdAlgorithm_t)algorithm, &zero, c.y, buffer_y, NULL, 0),
             "NULL handle,algorithm %d", algorithm);
        CALL(miopenConvolutionBackwardData, (NULL, &one, c.y, buffer_y, c.w, buffer_w, c.conv,
                                             (miopenConvBwdDataAlgorithm_t)algorithm, &zero, c.x, buffer_x, NULL, 0),
             "NULL handle,algorithm %d", algorithm);
        CALL(miopenConvolutionBackwardWeights,
             (NULL, &one, c.y, buffer_y, c.x, buffer_x, c.conv, (miopenConvBwdWeightsAlgorithm_t)algorithm, &zero,
              c.w, buffer_w, NULL, 0),
             "NULL handle,algorithm %d", algorithm);
    }
    CALL(miopenConvolutionForwardBias, (NULL, &one, c.bias, buffer_w, &zero, c.y, buffer_y), "NULL handle");
    CALL(miopenConvolutionBackwardBias, (NULL, &one, c.y, buffer_y, &zero, c.bias, buffer_w), "NULL handle");
}

static void ask_immediate(Convolution c) {
    static const uint64_t ids[] = {0, 1, 85, 86, 87, 91, 999999};
    miopenConvSolution_t solutions[4];
    size_t count = 77;
    CALL(miopenConvolutionForwardGetSolutionCount, (NULL, c.w, c.x, c.conv, c.y, &count), "NULL handle");
    CALL(miopenConvolutionBackwardDataGetSolutionCount, (NULL, c.y, c.w, c.conv, c.x, &count), "NULL handle");
    CALL(miopenConvolutionBackwardWeightsGetSolutionCount, (NULL, c.y, c.x, c.conv, c.w, &count), "NULL handle");
    CALL(miopenConvolutionForwardGetSolution, (NULL, c.w, c.x, c.conv, c.y, 4, &count, solutions), "NULL handle");
    CALL(miopenConvolutionBackwardDataGetSolution, (NULL, c.y, c.w, c.conv, c.x, 4, &count, solutions),
         "NULL handle");
    CALL(miopenConvolutionBackwardWeightsGetSolution, (NULL, c.y, c.x, c.conv, c.w, 4, &count, solutions),
         "NULL handle");
    value("count", (long long)count);
    for (int i = 0; i < COUNT(ids); ++i) {
        size_t bytes = 77;
        const int id = (int)ids[i];
        CALL(miopenConvolutionForwardGetSolutionWorkspaceSize, (NULL, c.w, c.x, c.conv, c.y, ids[i], &bytes),
             "NULL handle,id %d", id);
        CALL(miopenConvolutionBackwardDataGetSolutionWorkspaceSize, (NULL, c.y, c.w, c.conv, c.x, ids[i], &bytes),
             "NULL handle,id %d", id);
        CALL(miopenConvolutionBackwardWeightsGetSolutionWorkspaceSize,
             (NULL, c.y, c.x, c.conv, c.w, ids[i], &bytes), "NULL handle,id %d", id);
        value("bytes", (long long)bytes);
        CALL(miopenConvolutionForwardCompileSolution, (NULL, c.w, c.x, c.conv, c.y, ids[i]), "NULL handle,id %d", id);
        CALL(miopenConvolutionBackwardDataCompileSolution, (NULL, c.y, c.w, c.conv, c.x, ids[i]),
             "NULL handle,id %d", id);
        CALL(miopenConvolutionBackwardWeightsCompileSolution, (NULL, c.y, c.x, c.conv, c.w, ids[i]),
             "NULL handle,id %d", id);
        CALL(miopenConvolutionForwardImmediate,
             (NULL, c.w, buffer_w, c.x, buffer_x, c.conv, c.y, buffer_y, NULL, 0, ids[i]), "NULL handle,id %d", id);
        CALL(miopenConvolutionBackwardDataImmediate,
             (NULL, c.y, buffer_y, c.w, buffer_w, c.conv, c.x, buffer_x, NULL, 0, ids[i]), "NULL handle,id %d", id);
        CALL(miopenConvolutionBackwardWeightsImmediate,
             (NULL, c.y, buffer_y, c.x, buffer_x, c.conv, c.w, buffer_w, NULL, 0, ids[i]), "NULL handle,id %d", id);
    }
}

void ask_convolution_without_handle(void) {
    Convolution c = make();
    size_t bytes = 77;
    CALL(miopenConvolutionForwardGetWorkSpaceSize, (NULL, c.w, c.x, c.conv, c.y, &bytes), "NULL handle");
    CALL(miopenConvolutionBackwardDataGetWorkSpaceSize, (NULL, c.y, c.w, c.conv, c.x, &bytes), "NULL handle");
    CALL(miopenConvolutionBackwardWeightsGetWorkSpaceSize, (NULL, c.y, c.x, c.conv, c.w, &bytes), "NULL handle");
    value("bytes", (long long)bytes);
    ask_find(c);
    ask_run(c);
    ask_immediate(c);
    CALL(miopenConvolutionBiasActivationForward,
         (NULL, &one, c.x, buffer_x, c.w, buffer_w, c.conv, miopenConvolutionFwdAlgoDirect, NULL, 0, &zero, c.y,
          buffer_y, c.bias, buffer_w, NULL, c.y, buffer_y),
         "NULL handle");
    destroy(c);
}

void ask_other_without_handle(void) {
    Convolution c = make();
    size_t bytes = 77;
    CALL(miopenSetTensor, (NULL, c.x, buffer_x, &one), "NULL handle");
    CALL(miopenScaleTensor, (NULL, c.x, buffer_x, &one), "NULL handle");
    CALL(miopenTransformTensor, (NULL, &one, c.x, buffer_x, &zero, c.x, buffer_y), "NULL handle");
    CALL(miopenOpTensor,
         (NULL, miopenTensorOpAdd, &one, c.x, buffer_x, &one, c.x, buffer_x, &zero, c.x, buffer_y), "NULL handle");
    CALL(miopenSoftmaxForward, (NULL, &one, c.x, buffer_x, &zero, c.x, buffer_y), "NULL handle");
    CALL(miopenSoftmaxForward_V2, (NULL, &one, c.x, buffer_x, &zero, c.x, buffer_y, MIOPEN_SOFTMAX_LOG,
                                   MIOPEN_SOFTMAX_MODE_CHANNEL),
         "NULL handle");
    CALL(miopenBatchNormalizationForwardInference,
         (NULL, miopenBNSpatial, (void *)&one, (void *)&zero, c.x, buffer_x, c.x, buffer_y, c.bias, buffer_w,
          buffer_w, buffer_w, buffer_w, 1e-5),
         "NULL handle");
    CALL(miopenDropoutGetStatesSize, (NULL, &bytes), "NULL handle");
    value("bytes", (long long)bytes);

    miopenPoolingDescriptor_t pooling = NULL;
    miopenCreatePoolingDescriptor(&pooling);
    miopenSet2dPoolingDescriptor(pooling, miopenPoolingMax, 3, 3, 1, 1, 1, 1);
    CALL(miopenPoolingForward, (NULL, pooling, &one, c.x, buffer_x, &zero, c.x, buffer_y, false, NULL, 0),
         "NULL handle");
    miopenDestroyPoolingDescriptor(pooling);

    miopenActivationDescriptor_t activation = NULL;
    miopenCreateActivationDescriptor(&activation);
    miopenSetActivationDescriptor(activation, miopenActivationRELU, 0, 0, 0);
    CALL(miopenActivationForward, (NULL, activation, &one, c.x, buffer_x, &zero, c.x, buffer_y), "NULL handle");
    miopenDestroyActivationDescriptor(activation);
    destroy(c);
}
