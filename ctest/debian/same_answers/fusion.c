/* Fusion plans: which operations can be appended, and what a plan tells. */
#include "answers.h"

enum { CONVOLUTION, BIAS, BATCH_NORM, RELU, BATCH_NORM_TRAIN, BATCH_NORM_BACK, RELU_BACK, KINDS };

static miopenFusionOpDescriptor_t append(miopenFusionPlanDescriptor_t plan, int kind) {
    static const int channels[] = {1, 8, 1, 1};
    miopenFusionOpDescriptor_t op = NULL;
    miopenTensorDescriptor_t w = new_tensor_4d(8, 4, 3, 3), per_channel = new_tensor(miopenFloat, 4, channels);
    miopenConvolutionDescriptor_t conv = new_convolution(miopenConvolution, 2, 1, 1, 1, 1);
    switch (kind) {
    case CONVOLUTION: CALL(miopenCreateOpConvForward, (plan, &op, conv, w), "3x3"); break;
    case BIAS: CALL(miopenCreateOpBiasForward, (plan, &op, per_channel), ""); break;
    case BATCH_NORM:
        CALL(miopenCreateOpBatchNormInference, (plan, &op, miopenBNSpatial, per_channel), "spatial");
        break;
    case RELU: CALL(miopenCreateOpActivationForward, (plan, &op, miopenActivationRELU), "relu"); break;
    case BATCH_NORM_TRAIN: CALL(miopenCreateOpBatchNormForward, (plan, &op, miopenBNSpatial, true), "spatial"); break;
    case BATCH_NORM_BACK: CALL(miopenCreateOpBatchNormBackward, (plan, &op, miopenBNSpatial), "spatial"); break;
    case RELU_BACK: CALL(miopenCreateOpActivationBackward, (plan, &op, miopenActivationRELU), "relu"); break;
    }
    value("made", op != NULL);
    miopenDestroyTensorDescriptor(w);
    miopenDestroyTensorDescriptor(per_channel);
    miopenDestroyConvolutionDescriptor(conv);
    return op;
}

static void dump_plan(miopenFusionPlanDescriptor_t plan) {
    for (int index = 0; index <= 4; ++index) {
        miopenFusionOpDescriptor_t op = NULL;
        CALL(miopenFusionPlanGetOp, (plan, index, &op), "%d", index);
        value("given", op != NULL);
    }
    for (int request = 1; request <= 4; request += 3) {
        miopenConvFwdAlgorithm_t algorithms[4];
        int found = UNTOUCHED, as_numbers[4];
        for (int i = 0; i < 4; ++i) {
            algorithms[i] = (miopenConvFwdAlgorithm_t)99;
        }
        CALL(miopenFusionPlanConvolutionGetAlgo, (plan, request, &found, algorithms), "%d requested", request);
        value("found", found);
        for (int i = 0; i < 4; ++i) {
            as_numbers[i] = (int)algorithms[i];
        }
        dims_value("algorithms", as_numbers, 4);
    }
    for (int algorithm = -1; algorithm <= 6; ++algorithm) {
        CALL(miopenFusionPlanConvolutionSetAlgo, (plan, (miopenConvFwdAlgorithm_t)algorithm), "%d", algorithm);
    }
    size_t bytes = 77;
    CALL(miopenFusionPlanGetWorkSpaceSize, (NULL, plan, &bytes, miopenConvolutionFwdAlgoDirect), "NULL handle");
    value("bytes", (long long)bytes);
    CALL(miopenCompileFusionPlan, (NULL, plan), "NULL handle");
}

void ask_fusion_plans(void) {
    static const int chains[][3] = {
        {CONVOLUTION, -1, -1}, {CONVOLUTION, BIAS, -1}, {CONVOLUTION, BIAS, RELU}, {CONVOLUTION, BATCH_NORM, RELU},
        {CONVOLUTION, RELU, -1}, {BATCH_NORM, RELU, -1}, {BATCH_NORM_TRAIN, RELU, -1},
        {BATCH_NORM_BACK, RELU_BACK, -1}, {RELU, CONVOLUTION, -1}, {BIAS, BIAS, BIAS}, {-1, -1, -1},
    };
    miopenTensorDescriptor_t x = new_tensor_4d(2, 4, 6, 6);
    for (int direction = -1; direction <= 2; ++direction) {
        for (int c = 0; c < COUNT(chains); ++c) {
            miopenFusionPlanDescriptor_t plan = NULL;
            CALL(miopenCreateFusionPlan, (&plan, (miopenFusionDirection_t)direction, x), "direction %d", direction);
            value("made", plan != NULL);
            for (int i = 0; i < 3; ++i) {
                if (chains[c][i] >= 0) {
                    append(plan, chains[c][i]);
                }
            }
            dump_plan(plan);
            CALL(miopenDestroyFusionPlan, (plan), "the last one");
        }
    }
    miopenFusionPlanDescriptor_t plan = NULL;
    miopenFusionOpDescriptor_t op = NULL;
    CALL(miopenCreateFusionPlan, (NULL, miopenVerticalFusion, x), "NULL");
    CALL(miopenCreateFusionPlan, (&plan, miopenVerticalFusion, NULL), "tensor NULL");
    value("made", plan != NULL);
    CALL(miopenDestroyFusionPlan, (NULL), "NULL");
    CALL(miopenCreateOpActivationForward, (NULL, &op, miopenActivationRELU), "plan NULL");
    CALL(miopenCreateOpBiasForward, (NULL, &op, x), "plan NULL");
    CALL(miopenFusionPlanGetOp, (NULL, 0, &op), "plan NULL");
    value("given", op != NULL);
    CALL(miopenExecuteFusionPlan, (NULL, NULL, x, NULL, x, NULL, NULL), "NULL");
    miopenDestroyTensorDescriptor(x);
}

void ask_fusion_arguments(void) {
    static const float one = 1.0f, zero = 0.0f;
    static float data[16];
    miopenTensorDescriptor_t x = new_tensor_4d(2, 4, 6, 6);
    miopenFusionPlanDescriptor_t plan = NULL;
    miopenOperatorArgs_t arguments = NULL;
    miopenFusionOpDescriptor_t ops[KINDS];
    miopenCreateFusionPlan(&plan, miopenVerticalFusion, x);
    for (int kind = 0; kind < KINDS; ++kind) {
        ops[kind] = append(plan, kind);
    }
    CALL(miopenCreateOperatorArgs, (&arguments), "");
    value("made", arguments != NULL);
    CALL(miopenSetOpArgsConvForward, (arguments, ops[CONVOLUTION], &one, &zero, data), "");
    CALL(miopenSetOpArgsConvForward, (arguments, ops[CONVOLUTION], &one, &zero, NULL), "w NULL");
    CALL(miopenSetOpArgsBiasForward, (arguments, ops[BIAS], &one, &zero, data), "");
    CALL(miopenSetOpArgsBiasForward, (arguments, ops[BIAS], &one, &zero, NULL), "bias NULL");
    CALL(miopenSetOpArgsActivForward, (arguments, ops[RELU], &one, &zero, 1.0, 2.0, 3.0), "");
    CALL(miopenSetOpArgsActivBackward, (arguments, ops[RELU_BACK], &one, &zero, data, NULL, 1.0, 2.0, 3.0), "");
    CALL(miopenSetOpArgsBatchNormInference,
         (arguments, ops[BATCH_NORM], &one, &zero, data, data, data, data, 1e-5), "");
    CALL(miopenSetOpArgsBatchNormForward,
         (arguments, ops[BATCH_NORM_TRAIN], &one, &zero, data, data, data, data, data, data, 0.1, 1e-5), "");
    CALL(miopenSetOpArgsBatchNormBackward,
         (arguments, ops[BATCH_NORM_BACK], &one, &zero, data, data, data, data, data, data, data), "");
    CALL(miopenExecuteFusionPlan, (NULL, plan, x, data, x, data, arguments), "NULL handle");
    CALL(miopenCreateOperatorArgs, (NULL), "NULL");
    CALL(miopenSetOpArgsConvForward, (NULL, ops[CONVOLUTION], &one, &zero, data), "NULL");
    CALL(miopenSetOpArgsBiasForward, (NULL, ops[BIAS], &one, &zero, data), "NULL");
    CALL(miopenSetOpArgsActivForward, (NULL, ops[RELU], &one, &zero, 1.0, 2.0, 3.0), "NULL");
    CALL(miopenSetOpArgsConvForward, (arguments, NULL, &one, &zero, data), "op NULL");
    CALL(miopenDestroyOperatorArgs, (arguments), "the last one");
    CALL(miopenDestroyOperatorArgs, (NULL), "NULL");
    CALL(miopenDestroyFusionPlan, (plan), "the last one");
    miopenDestroyTensorDescriptor(x);
}
