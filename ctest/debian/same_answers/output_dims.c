/* The shape of a convolution's output over a grid, and what is refused. */
#include "answers.h"

static void ask_2d(miopenConvolutionDescriptor_t conv, const char *what, miopenTensorDescriptor_t x,
                   const int *x_dims, miopenTensorDescriptor_t w, const int *w_dims) {
    int out[4] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED};
    CALL(miopenGetConvolutionForwardOutputDim, (conv, x, w, &out[0], &out[1], &out[2], &out[3]), "%s,x %s,w %s",
         what, list_text(x_dims, 4), list_text(w_dims, 4));
    dims_value("y", out, 4);
}

static void ask_nd(miopenConvolutionDescriptor_t conv, const char *what, int rank,
                   miopenTensorDescriptor_t x, const int *x_dims, miopenTensorDescriptor_t w, const int *w_dims) {
    int out[MAX_DIMS], count = UNTOUCHED;
    for (int i = 0; i < MAX_DIMS; ++i) {
        out[i] = UNTOUCHED;
    }
    CALL(miopenGetConvolutionNdForwardOutputDim, (conv, x, w, &count, out), "%s,x %s,w %s", what,
         list_text(x_dims, rank), list_text(w_dims, rank));
    value("dims", count);
    dims_value("y", out, 6);
}

static const struct {
    int mode, pad, stride, dilation, groups;
    const char *text;
} convolutions[] = {
    {0, 0, 1, 1, 1, "plain"},        {0, 1, 1, 1, 1, "pad 1"},         {0, 3, 2, 1, 1, "pad 3 stride 2"},
    {0, 0, 3, 1, 1, "stride 3"},     {0, 2, 1, 2, 1, "pad 2 dilation 2"}, {0, 0, 1, 5, 1, "dilation 5"},
    {0, 1, 1, 1, 2, "pad 1 groups 2"}, {0, 1, 2, 2, 4, "pad 1 stride 2 dilation 2 groups 4"},
    {0, 1, 1, 1, 3, "pad 1 groups 3"}, {0, 1, 1, 1, 0, "pad 1 groups 0"}, {0, 1, 1, 1, -2, "pad 1 groups -2"},
    {1, 0, 1, 1, 1, "transpose"},    {1, 1, 2, 1, 1, "transpose pad 1 stride 2"},
    {1, 2, 3, 2, 1, "transpose pad 2 stride 3 dilation 2"}, {1, 1, 2, 1, 2, "transpose pad 1 stride 2 groups 2"},
    {1, 0, 1, 1, 4, "transpose groups 4"}, {1, 9, 1, 1, 1, "transpose pad 9"},
};

void ask_convolution_output_2d(void) {
    static const int inputs[][4] = {{1, 4, 1, 1}, {2, 4, 7, 5}, {1, 8, 42, 42}, {3, 12, 224, 17}, {1, 3, 3, 300}};
    static const int filters[][4] = {{8, 4, 1, 1}, {8, 4, 3, 3}, {6, 2, 5, 1}, {4, 8, 7, 7}, {12, 1, 2, 3},
                                     {16, 12, 3, 3}, {4, 3, 1, 9}, {5, 4, 3, 3}};
    for (int c = 0; c < COUNT(convolutions); ++c) {
        miopenConvolutionDescriptor_t conv =
            new_convolution((miopenConvolutionMode_t)convolutions[c].mode, 2, convolutions[c].pad,
                            convolutions[c].stride, convolutions[c].dilation, convolutions[c].groups);
        for (int i = 0; i < COUNT(inputs); ++i) {
            miopenTensorDescriptor_t x = new_tensor(miopenFloat, 4, inputs[i]);
            for (int f = 0; f < COUNT(filters); ++f) {
                miopenTensorDescriptor_t w = new_tensor(miopenFloat, 4, filters[f]);
                ask_2d(conv, convolutions[c].text, x, inputs[i], w, filters[f]);
                ask_nd(conv, convolutions[c].text, 4, x, inputs[i], w, filters[f]);
                miopenDestroyTensorDescriptor(w);
            }
            miopenDestroyTensorDescriptor(x);
        }
        miopenDestroyConvolutionDescriptor(conv);
    }

    /* Output padding of transposed convolutions; it has to be smaller than the stride. */
    static const int x_dims[] = {1, 4, 7, 5}, w_dims[] = {4, 6, 3, 3};
    miopenTensorDescriptor_t x = new_tensor(miopenFloat, 4, x_dims), w = new_tensor(miopenFloat, 4, w_dims);
    for (int stride = 1; stride <= 3; ++stride) {
        for (int adjust = -1; adjust <= 3; ++adjust) {
            miopenConvolutionDescriptor_t conv = new_convolution(miopenTranspose, 2, 1, stride, 1, 1);
            CALL(miopenSetTransposeConvOutputPadding, (conv, adjust, adjust), "stride %d,%d", stride, adjust);
            ask_2d(conv, "output padding", x, x_dims, w, w_dims);
            ask_nd(conv, "output padding", 4, x, x_dims, w, w_dims);
            miopenDestroyConvolutionDescriptor(conv);
        }
    }

    /* Each type with each: which pairs are refused. */
    miopenConvolutionDescriptor_t conv = new_convolution(miopenConvolution, 2, 1, 1, 1, 1);
    for (int xt = miopenHalf; xt <= miopenInt64; ++xt) {
        for (int wt = miopenHalf; wt <= miopenInt64; ++wt) {
            miopenTensorDescriptor_t tx = NULL, tw = NULL;
            int out[4] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED};
            if (xt == 4 || wt == 4) {
                continue; /* int8x4, gone since 6.0: the descriptor would stay empty, and empty ones crash */
            }
            tx = new_tensor((miopenDataType_t)xt, 4, x_dims);
            tw = new_tensor((miopenDataType_t)wt, 4, w_dims);
            CALL(miopenGetConvolutionForwardOutputDim, (conv, tx, tw, &out[0], &out[1], &out[2], &out[3]),
                 "x type %d,w type %d", xt, wt);
            dims_value("y", out, 4);
            miopenDestroyTensorDescriptor(tx);
            miopenDestroyTensorDescriptor(tw);
        }
    }
    int out[4] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED}, count = UNTOUCHED;
    CALL(miopenGetConvolutionForwardOutputDim, (NULL, x, w, &out[0], &out[1], &out[2], &out[3]), "conv NULL");
    CALL(miopenGetConvolutionForwardOutputDim, (conv, NULL, w, &out[0], &out[1], &out[2], &out[3]), "x NULL");
    CALL(miopenGetConvolutionForwardOutputDim, (conv, x, NULL, &out[0], &out[1], &out[2], &out[3]), "w NULL");
    CALL(miopenGetConvolutionForwardOutputDim, (conv, x, w, NULL, NULL, NULL, NULL), "outputs NULL");
    CALL(miopenGetConvolutionNdForwardOutputDim, (NULL, x, w, &count, out), "conv NULL");
    CALL(miopenGetConvolutionNdForwardOutputDim, (conv, NULL, w, &count, out), "x NULL");
    CALL(miopenGetConvolutionNdForwardOutputDim, (conv, x, NULL, &count, out), "w NULL");
    CALL(miopenGetConvolutionNdForwardOutputDim, (conv, x, w, NULL, NULL), "outputs NULL");
    dims_value("y", out, 4);
    value("dims", count);
    miopenDestroyTensorDescriptor(x);
    miopenDestroyTensorDescriptor(w);
    miopenDestroyConvolutionDescriptor(conv);
}

void ask_convolution_output_nd(void) {
    static const int inputs_1d[][3] = {{1, 4, 9}, {2, 4, 100}}, filters_1d[][3] = {{8, 4, 3}, {4, 2, 5}};
    static const int inputs_3d[][5] = {{1, 4, 3, 5, 7}, {2, 8, 16, 4, 9}, {1, 4, 1, 1, 1}};
    static const int filters_3d[][5] = {{8, 4, 3, 3, 3}, {4, 8, 1, 2, 3}, {6, 2, 3, 1, 1}};
    for (int c = 0; c < COUNT(convolutions); ++c) {
        const int groups = convolutions[c].groups, pad = convolutions[c].pad, stride = convolutions[c].stride;
        const miopenConvolutionMode_t mode = (miopenConvolutionMode_t)convolutions[c].mode;
        miopenConvolutionDescriptor_t conv = new_convolution(mode, 1, pad, stride, convolutions[c].dilation, groups);
        for (int i = 0; i < COUNT(inputs_1d); ++i) {
            for (int f = 0; f < COUNT(filters_1d); ++f) {
                miopenTensorDescriptor_t x = new_tensor(miopenHalf, 3, inputs_1d[i]);
                miopenTensorDescriptor_t w = new_tensor(miopenHalf, 3, filters_1d[f]);
                ask_nd(conv, convolutions[c].text, 3, x, inputs_1d[i], w, filters_1d[f]);
                miopenDestroyTensorDescriptor(x);
                miopenDestroyTensorDescriptor(w);
            }
        }
        miopenDestroyConvolutionDescriptor(conv);
        conv = new_convolution(mode, 3, pad, stride, convolutions[c].dilation, groups);
        for (int i = 0; i < COUNT(inputs_3d); ++i) {
            for (int f = 0; f < COUNT(filters_3d); ++f) {
                miopenTensorDescriptor_t x = new_tensor(miopenBFloat16, 5, inputs_3d[i]);
                miopenTensorDescriptor_t w = new_tensor(miopenBFloat16, 5, filters_3d[f]);
                int out[4] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED};
                ask_nd(conv, convolutions[c].text, 5, x, inputs_3d[i], w, filters_3d[f]);
                CALL(miopenGetConvolutionForwardOutputDim, (conv, x, w, &out[0], &out[1], &out[2], &out[3]),
                     "of a 3-D one,%s", convolutions[c].text);
                dims_value("y", out, 4);
                miopenDestroyTensorDescriptor(x);
                miopenDestroyTensorDescriptor(w);
            }
        }
        miopenDestroyConvolutionDescriptor(conv);
    }

    /* Ranks that do not fit the descriptor's. A filter of too few dimensions is left
     * out where nothing else is wrong: there the real library reads past its end. */
    static const int x_dims[] = {1, 4, 5, 6, 7}, w_dims[] = {8, 4, 3, 3, 3};
    for (int spatial = 1; spatial <= 3; ++spatial) {
        miopenConvolutionDescriptor_t conv = new_convolution(miopenConvolution, spatial, 1, 1, 1, 1);
        for (int rank = 3; rank <= 5; ++rank) {
            for (int w_rank = 3; w_rank <= 5; ++w_rank) {
                if (rank != spatial + 2 || w_rank > rank) {
                    miopenTensorDescriptor_t x = new_tensor(miopenFloat, rank, x_dims);
                    miopenTensorDescriptor_t w = new_tensor(miopenFloat, w_rank, w_dims);
                    int out[MAX_DIMS], count = UNTOUCHED;
                    for (int i = 0; i < MAX_DIMS; ++i) {
                        out[i] = UNTOUCHED;
                    }
                    CALL(miopenGetConvolutionNdForwardOutputDim, (conv, x, w, &count, out),
                         "%d spatial dims,x of rank %d,w of rank %d", spatial, rank, w_rank);
                    value("dims", count);
                    dims_value("y", out, 6);
                    miopenDestroyTensorDescriptor(x);
                    miopenDestroyTensorDescriptor(w);
                }
            }
        }
        miopenDestroyConvolutionDescriptor(conv);
    }
}
