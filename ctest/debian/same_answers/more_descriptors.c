/* Reductions, recurrent networks, CTC loss, dropout: their descriptors. */
#include "answers.h"

void ask_reduction(void) {
    for (int operation = -1; operation <= 8; ++operation) {
        for (int k = 0; k < 16; ++k) {
            const int type = k % 4, nan_option = k / 4 % 2, indices = k / 8 % 2, index_type = k % 4;
            miopenReduceTensorDescriptor_t desc = NULL;
            miopenReduceTensorOp_t got_operation = (miopenReduceTensorOp_t)99;
            miopenDataType_t got_type = miopenInt64;
            miopenNanPropagation_t got_nan = (miopenNanPropagation_t)99;
            miopenReduceTensorIndices_t got_indices = (miopenReduceTensorIndices_t)99;
            miopenIndicesType_t got_index_type = (miopenIndicesType_t)99;
            CALL(miopenCreateReduceTensorDescriptor, (&desc), "");
            value("made", desc != NULL);
            CALL(miopenSetReduceTensorDescriptor,
                 (desc, (miopenReduceTensorOp_t)operation, (miopenDataType_t)type, (miopenNanPropagation_t)nan_option,
                  (miopenReduceTensorIndices_t)indices, (miopenIndicesType_t)index_type),
                 "%d,type %d,nan %d,indices %d,%d", operation, type, nan_option, indices, index_type);
            CALL(miopenGetReduceTensorDescriptor,
                 (desc, &got_operation, &got_type, &got_nan, &got_indices, &got_index_type), "");
            value("operation", (int)got_operation);
            value("type", (int)got_type);
            value("nan", (int)got_nan);
            value("indices", (int)got_indices);
            value("index_type", (int)got_index_type);
            CALL(miopenDestroyReduceTensorDescriptor, (desc), "");
        }
    }
    CALL(miopenCreateReduceTensorDescriptor, (NULL), "NULL");
    CALL(miopenDestroyReduceTensorDescriptor, (NULL), "NULL");
}

static void ask_network(int mode, int input, int direction, int bias, int type) {
    miopenRNNDescriptor_t desc = NULL;
    miopenRNNMode_t got_mode = (miopenRNNMode_t)99;
    miopenRNNAlgo_t got_algorithm = (miopenRNNAlgo_t)99;
    miopenRNNInputMode_t got_input = (miopenRNNInputMode_t)99;
    miopenRNNDirectionMode_t got_direction = (miopenRNNDirectionMode_t)99;
    miopenRNNBiasMode_t got_bias = (miopenRNNBiasMode_t)99;
    miopenRNNPaddingMode_t padding = (miopenRNNPaddingMode_t)99;
    int hidden = UNTOUCHED, layers = UNTOUCHED;
    CALL(miopenCreateRNNDescriptor, (&desc), "");
    value("made", desc != NULL);
    CALL(miopenSetRNNDescriptor,
         (desc, 16, 2, (miopenRNNInputMode_t)input, (miopenRNNDirectionMode_t)direction, (miopenRNNMode_t)mode,
          (miopenRNNBiasMode_t)bias, miopenRNNdefault, (miopenDataType_t)type),
         "mode %d,input %d,direction %d,bias %d,type %d", mode, input, direction, bias, type);
    CALL(miopenGetRNNDescriptor,
         (desc, &got_mode, &got_algorithm, &got_input, &got_direction, &got_bias, &hidden, &layers), "");
    value("mode", (int)got_mode);
    value("algorithm", (int)got_algorithm);
    value("input", (int)got_input);
    value("direction", (int)got_direction);
    value("bias", (int)got_bias);
    value("hidden", hidden);
    value("layers", layers);
    CALL(miopenGetRNNPaddingMode, (desc, &padding), "");
    value("padding", (int)padding);
    CALL(miopenSetRNNPaddingMode, (desc, miopenRNNIOWithPadding), "");
    CALL(miopenGetRNNPaddingMode, (desc, &padding), "");
    value("padding", (int)padding);
    CALL(miopenDestroyRNNDescriptor, (desc), "");
}

static void dump_sequence(miopenSeqTensorDescriptor_t desc) {
    miopenDataType_t type = miopenInt64;
    miopenRNNBaseLayout_t layout = (miopenRNNBaseLayout_t)99;
    int longest = UNTOUCHED, batch = UNTOUCHED, size = UNTOUCHED;
    int lengths[4] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED};
    CALL(miopenGetRNNDataSeqTensorDescriptor,
         (desc, &type, &layout, &longest, &batch, &size, COUNT(lengths), lengths, NULL), "");
    value("type", (int)type);
    value("layout", (int)layout);
    value("longest", longest);
    value("batch", batch);
    value("size", size);
    dims_value("lengths", lengths, COUNT(lengths));
}

void ask_recurrent(void) {
    for (int mode = -1; mode <= 4; ++mode) {
        for (int k = 0; k < 16; ++k) {
            ask_network(mode, k % 2, k / 2 % 2, k / 4 % 2, k / 8 % 2);
        }
    }
    ask_network(miopenLSTM, 0, 0, 0, miopenInt8);
    CALL(miopenCreateRNNDescriptor, (NULL), "NULL");
    CALL(miopenDestroyRNNDescriptor, (NULL), "NULL");

    static const int lengths[] = {5, 4, 4, 1};
    for (int layout = 0; layout <= 4; ++layout) {
        miopenSeqTensorDescriptor_t desc = NULL;
        CALL(miopenCreateSeqTensorDescriptor, (&desc), "");
        value("made", desc != NULL);
        CALL(miopenSetRNNDataSeqTensorDescriptor,
             (desc, miopenFloat, (miopenRNNBaseLayout_t)layout, 5, 0, 3, lengths, NULL), "layout %d,no batch", layout);
        CALL(miopenSetRNNDataSeqTensorDescriptor,
             (desc, miopenFloat, (miopenRNNBaseLayout_t)layout, 5, 4, 3, lengths, NULL), "layout %d,batch 4", layout);
        /* The getter of the real library crashes on a descriptor that was never set. */
        if (layout >= miopenRNNDataSeqMajorNotPadded && layout <= miopenRNNDataBatchMajorPadded) {
            dump_sequence(desc);
        }
        CALL(miopenDestroySeqTensorDescriptor, (desc), "");
    }
}

void ask_other_descriptors(void) {
    for (int type = miopenHalf; type <= miopenInt32; ++type) {
        for (int blank = -1; blank <= 1; ++blank) {
            miopenCTCLossDescriptor_t desc = NULL;
            miopenDataType_t got_type = miopenInt64;
            int got_blank = UNTOUCHED;
            bool softmax = false;
            CALL(miopenCreateCTCLossDescriptor, (&desc), "");
            value("made", desc != NULL);
            CALL(miopenSetCTCLossDescriptor, (desc, (miopenDataType_t)type, blank, true), "type %d,blank %d", type,
                 blank);
            CALL(miopenGetCTCLossDescriptor, (desc, &got_type, &got_blank, &softmax), "");
            value("type", (int)got_type);
            value("blank", got_blank);
            value("softmax", softmax);
            CALL(miopenDestroyCTCLossDescriptor, (desc), "");
        }
    }
    miopenDropoutDescriptor_t dropout = NULL;
    miopenTensorDescriptor_t x = new_tensor_4d(2, 3, 9, 8);
    size_t bytes = 77;
    CALL(miopenCreateDropoutDescriptor, (&dropout), "");
    value("made", dropout != NULL);
    CALL(miopenDropoutGetReserveSpaceSize, (x, &bytes), "2x3x9x8");
    value("bytes", (long long)bytes);
    CALL(miopenDestroyDropoutDescriptor, (dropout), "");
    CALL(miopenCreateDropoutDescriptor, (NULL), "NULL");
    CALL(miopenDestroyDropoutDescriptor, (NULL), "NULL");
    CALL(miopenCreateCTCLossDescriptor, (NULL), "NULL");
    CALL(miopenDestroyCTCLossDescriptor, (NULL), "NULL");
    miopenDestroyTensorDescriptor(x);
}
