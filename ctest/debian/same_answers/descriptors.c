/* The descriptors that are not the convolution's: pooling, normalisation, activation, softmax. */
#include "answers.h"

void ask_pooling(void) {
    static const int windows[] = {1, 2, 3}, pads[] = {-1, 0, 1, 5}, strides[] = {1, 2};
    miopenTensorDescriptor_t x = new_tensor_4d(2, 3, 9, 8);
    for (int mode = -1; mode <= 3; ++mode) {
        for (int k = 0; k < COUNT(windows) * COUNT(pads) * COUNT(strides); ++k) {
            const int window = windows[k % COUNT(windows)], pad = pads[k / COUNT(windows) % COUNT(pads)];
            const int stride = strides[k / COUNT(windows) / COUNT(pads)];
            miopenPoolingDescriptor_t desc = NULL;
            miopenPoolingMode_t got_mode = (miopenPoolingMode_t)9;
            miopenIndexType_t index_type = (miopenIndexType_t)9;
            miopenPoolingWorkspaceIndexMode_t index_mode = (miopenPoolingWorkspaceIndexMode_t)9;
            int p[6] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED}, out[4];
            size_t bytes = 77;
            for (int i = 0; i < 4; ++i) {
                out[i] = UNTOUCHED;
            }
            CALL(miopenCreatePoolingDescriptor, (&desc), "");
            value("made", desc != NULL);
            CALL(miopenSet2dPoolingDescriptor,
                 (desc, (miopenPoolingMode_t)mode, window, window, pad, pad, stride, stride),
                 "mode %d,window %d,pad %d,stride %d", mode, window, pad, stride);
            CALL(miopenGet2dPoolingDescriptor, (desc, &got_mode, &p[0], &p[1], &p[2], &p[3], &p[4], &p[5]), "");
            value("mode", (int)got_mode);
            dims_value("parameters", p, 6);
            CALL(miopenGetPoolingForwardOutputDim, (desc, x, &out[0], &out[1], &out[2], &out[3]), "");
            dims_value("y", out, 4);
            CALL(miopenSetPoolingIndexType, (desc, (miopenIndexType_t)(k % 5)), "%d", k % 5);
            CALL(miopenGetPoolingIndexType, (desc, &index_type), "");
            value("type", (int)index_type);
            CALL(miopenSetPoolingWorkSpaceIndexMode, (desc, (miopenPoolingWorkspaceIndexMode_t)(k % 3)), "%d", k % 3);
            CALL(miopenGetPoolingWorkSpaceIndexMode, (desc, &index_mode), "");
            value("mode", (int)index_mode);
            CALL(miopenPoolingGetWorkSpaceSizeV2, (desc, x, &bytes), "");
            value("bytes", (long long)bytes);
            CALL(miopenDestroyPoolingDescriptor, (desc), "");
        }
    }
    miopenTensorDescriptor_t x5 = new_tensor(miopenFloat, 5, (const int[]){2, 3, 7, 8, 9});
    for (int spatial = 1; spatial <= 3; ++spatial) {
        static const int window[] = {2, 3, 2}, pad[] = {0, 1, 1}, stride[] = {2, 1, 3};
        miopenPoolingDescriptor_t desc = NULL;
        miopenPoolingMode_t mode = (miopenPoolingMode_t)9;
        int dims = UNTOUCHED, w[3] = {UNTOUCHED, UNTOUCHED, UNTOUCHED}, p[3] = {UNTOUCHED, UNTOUCHED, UNTOUCHED};
        int s[3] = {UNTOUCHED, UNTOUCHED, UNTOUCHED}, out[5] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED};
        miopenCreatePoolingDescriptor(&desc);
        CALL(miopenSetNdPoolingDescriptor, (desc, miopenPoolingAverage, spatial, window, pad, stride), "%d dims",
             spatial);
        CALL(miopenGetNdPoolingDescriptor, (desc, spatial, &mode, &dims, w, p, s), "%d dims", spatial);
        value("mode", (int)mode);
        value("dims", dims);
        dims_value("windows", w, 3);
        dims_value("pads", p, 3);
        dims_value("strides", s, 3);
        if (spatial > 1) {
            CALL(miopenGetPoolingNdForwardOutputDim, (desc, spatial == 2 ? x : x5, spatial + 2, out), "%d dims",
                 spatial);
            dims_value("y", out, 5);
        }
        CALL(miopenDestroyPoolingDescriptor, (desc), "");
    }
    size_t bytes = 77;
    CALL(miopenPoolingGetWorkSpaceSize, (x, &bytes), "2x3x9x8");
    value("bytes", (long long)bytes);
    CALL(miopenCreatePoolingDescriptor, (NULL), "NULL");
    CALL(miopenSet2dPoolingDescriptor, (NULL, miopenPoolingMax, 2, 2, 0, 0, 1, 1), "NULL");
    CALL(miopenSetPoolingIndexType, (NULL, miopenIndexUint8), "NULL");
    CALL(miopenDestroyPoolingDescriptor, (NULL), "NULL");
    miopenDestroyTensorDescriptor(x);
    miopenDestroyTensorDescriptor(x5);
}

void ask_normalisation(void) {
    miopenTensorDescriptor_t x = new_tensor_4d(2, 3, 9, 8);
    for (int mode = -1; mode <= 2; ++mode) {
        for (unsigned n = 0; n <= 5; ++n) {
            miopenLRNDescriptor_t desc = NULL;
            miopenLRNMode_t got_mode = (miopenLRNMode_t)9;
            unsigned got_n = 77;
            double alpha = UNTOUCHED, beta = UNTOUCHED, k = UNTOUCHED;
            CALL(miopenCreateLRNDescriptor, (&desc), "");
            CALL(miopenSetLRNDescriptor, (desc, (miopenLRNMode_t)mode, n, 1e-4, 0.75, 2.0), "mode %d,n %u", mode, n);
            CALL(miopenGetLRNDescriptor, (desc, &got_mode, &got_n, &alpha, &beta, &k), "");
            value("mode", (int)got_mode);
            value("n", got_n);
            real_value("alpha", alpha);
            real_value("beta", beta);
            real_value("k", k);
            CALL(miopenDestroyLRNDescriptor, (desc), "");
        }
    }
    size_t bytes = 77;
    CALL(miopenLRNGetWorkSpaceSize, (x, &bytes), "2x3x9x8");
    value("bytes", (long long)bytes);
    CALL(miopenCreateLRNDescriptor, (NULL), "NULL");
    CALL(miopenDestroyLRNDescriptor, (NULL), "NULL");

    for (int mode = -1; mode <= 2; ++mode) {
        for (int rank = 4; rank <= 5; ++rank) {
            miopenTensorDescriptor_t of = new_tensor(miopenHalf, rank, (const int[]){2, 3, 4, 5, 6}), derived = NULL;
            miopenCreateTensorDescriptor(&derived);
            CALL(miopenDeriveBNTensorDescriptor, (derived, of, (miopenBatchNormMode_t)mode), "rank %d,mode %d", rank,
                 mode);
            dump_tensor(derived, rank);
            miopenDestroyTensorDescriptor(of);
            miopenDestroyTensorDescriptor(derived);
        }
    }
    CALL(miopenDeriveBNTensorDescriptor, (NULL, x, miopenBNSpatial), "NULL");
    CALL(miopenDeriveBNTensorDescriptor, (x, NULL, miopenBNSpatial), "tensor NULL");
    miopenDestroyTensorDescriptor(x);
}

void ask_activation(void) {
    for (int mode = -1; mode <= 12; ++mode) {
        miopenActivationDescriptor_t desc = NULL;
        miopenActivationMode_t got_mode = (miopenActivationMode_t)99;
        double alpha = UNTOUCHED, beta = UNTOUCHED, gamma = UNTOUCHED;
        CALL(miopenCreateActivationDescriptor, (&desc), "");
        value("made", desc != NULL);
        CALL(miopenSetActivationDescriptor, (desc, (miopenActivationMode_t)mode, 0.5, -1.25, 3.0), "mode %d", mode);
        CALL(miopenGetActivationDescriptor, (desc, &got_mode, &alpha, &beta, &gamma), "");
        value("mode", (int)got_mode);
        real_value("alpha", alpha);
        real_value("beta", beta);
        real_value("gamma", gamma);
        CALL(miopenDestroyActivationDescriptor, (desc), "");
    }
    CALL(miopenCreateActivationDescriptor, (NULL), "NULL");
    CALL(miopenSetActivationDescriptor, (NULL, miopenActivationRELU, 0, 0, 0), "NULL");
    CALL(miopenDestroyActivationDescriptor, (NULL), "NULL");
}

void ask_softmax(void) {
    for (int algorithm = -1; algorithm <= 3; ++algorithm) {
        for (int mode = -1; mode <= 2; ++mode) {
            miopenSoftmaxDescriptor_t desc = NULL;
            float alpha = UNTOUCHED, beta = UNTOUCHED;
            miopenSoftmaxAlgorithm_t got_algorithm = (miopenSoftmaxAlgorithm_t)99;
            miopenSoftmaxMode_t got_mode = (miopenSoftmaxMode_t)99;
            CALL(miopenCreateSoftmaxDescriptor, (&desc), "");
            value("made", desc != NULL);
            CALL(miopenSetSoftmaxDescriptor,
                 (desc, 0.5f, 2.0f, (miopenSoftmaxAlgorithm_t)algorithm, (miopenSoftmaxMode_t)mode), "%d,%d",
                 algorithm, mode);
            CALL(miopenGetSoftmaxDescriptor, (desc, &alpha, &beta, &got_algorithm, &got_mode), "");
            real_value("alpha", alpha);
            real_value("beta", beta);
            value("algorithm", (int)got_algorithm);
            value("mode", (int)got_mode);
        }
    }
    CALL(miopenCreateSoftmaxDescriptor, (NULL), "NULL");
    CALL(miopenSetSoftmaxDescriptor, (NULL, 1, 0, MIOPEN_SOFTMAX_FAST, MIOPEN_SOFTMAX_MODE_CHANNEL), "NULL");
    for (int i = -2; i <= 2; ++i) {
        miopenMhaDescriptor_t desc = NULL;
        float scale = UNTOUCHED;
        CALL(miopenCreateMhaDescriptor, (&desc), "");
        value("made", desc != NULL);
        CALL(miopenSetMhaDescriptor, (desc, 0.5f * (float)i), "%d/2", i);
        CALL(miopenGetMhaDescriptor, (desc, &scale), "");
        real_value("scale", scale);
    }
    CALL(miopenCreateMhaDescriptor, (NULL), "NULL");
    CALL(miopenSetMhaDescriptor, (NULL, 1.0f), "NULL");
}
