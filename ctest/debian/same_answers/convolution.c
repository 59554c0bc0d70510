/* Convolution descriptors: parameters, attributes, find modes. */
#include "answers.h"

void dump_convolution(miopenConvolutionDescriptor_t desc) {
    miopenConvolutionMode_t mode = (miopenConvolutionMode_t)9;
    int p[6] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED};
    int spatial = UNTOUCHED, groups = UNTOUCHED;
    CALL(miopenGetConvolutionDescriptor, (desc, &mode, &p[0], &p[1], &p[2], &p[3], &p[4], &p[5]),
         "of the last one");
    value("mode", (int)mode);
    dims_value("parameters", p, 6);
    CALL(miopenGetConvolutionSpatialDim, (desc, &spatial), "of the last one");
    value("spatial", spatial);
    CALL(miopenGetConvolutionGroupCount, (desc, &groups), "of the last one");
    value("groups", groups);
}

static void dump_nd(miopenConvolutionDescriptor_t desc, int requested) {
    miopenConvolutionMode_t mode = (miopenConvolutionMode_t)9;
    int pads[MAX_DIMS], strides[MAX_DIMS], dilations[MAX_DIMS], spatial = UNTOUCHED;
    for (int i = 0; i < MAX_DIMS; ++i) {
        pads[i] = strides[i] = dilations[i] = UNTOUCHED;
    }
    CALL(miopenGetConvolutionNdDescriptor, (desc, requested, &spatial, pads, strides, dilations, &mode),
         "of the last one,%d requested", requested);
    value("spatial", spatial);
    value("mode", (int)mode);
    dims_value("pads", pads, 5);
    dims_value("strides", strides, 5);
    dims_value("dilations", dilations, 5);
}

static void dump_attributes(miopenConvolutionDescriptor_t desc) {
    for (int attribute = -1; attribute <= 2; ++attribute) {
        int number = UNTOUCHED;
        CALL(miopenGetConvolutionAttribute, (desc, (miopenConvolutionAttrib_t)attribute, &number),
             "of the last one,%d", attribute);
        value("value", number);
    }
    miopenConvolutionFindMode_t find_mode = (miopenConvolutionFindMode_t)99;
    int hidden = UNTOUCHED;
    CALL(miopenGetConvolutionFindMode, (desc, &find_mode), "of the last one");
    value("mode", (int)find_mode);
    CALL(miopenHiddenGetConvolutionFindMode, (desc, &hidden), "of the last one");
    value("mode", hidden);
}

static miopenConvolutionDescriptor_t fresh(void) {
    miopenConvolutionDescriptor_t desc = NULL;
    miopenCreateConvolutionDescriptor(&desc);
    return desc;
}

static void init_2d(int mode, const int *p) {
    miopenConvolutionDescriptor_t desc = fresh();
    CALL(miopenInitConvolutionDescriptor,
         (desc, (miopenConvolutionMode_t)mode, p[0], p[1], p[2], p[3], p[4], p[5]), "mode %d,%s", mode,
         list_text(p, 6));
    dump_convolution(desc);
    CALL(miopenDestroyConvolutionDescriptor, (desc), "the last one");
}

void ask_convolution_init(void) {
    static const int pads[] = {-1, 0, 1, 3}, strides[] = {-2, 0, 1, 2}, dilations[] = {-1, 0, 1, 2};
    static const int uneven[][6] = {
        {3, 2, 2, 3, 4, 5}, {0, -1, 1, 1, 1, 1}, {-1, 0, 1, 1, 1, 1}, {0, 0, 0, 1, 1, 1},
        {0, 0, 1, 0, 1, 1}, {0, 0, 1, 1, 0, 1}, {0, 0, 1, 1, 1, 0}, {1000000, 0, 1000, 1, 77, 1},
    };
    miopenConvolutionDescriptor_t desc = NULL;
    CALL(miopenCreateConvolutionDescriptor, (&desc), "");
    value("made", desc != NULL);
    dump_convolution(desc);
    dump_nd(desc, 2);
    dump_attributes(desc);
    CALL(miopenDestroyConvolutionDescriptor, (desc), "never initialised");

    for (int mode = -1; mode <= 5; ++mode) {
        for (int a = 0; a < COUNT(pads); ++a) {
            for (int b = 0; b < COUNT(strides); ++b) {
                for (int c = 0; c < COUNT(dilations); ++c) {
                    const int p[] = {pads[a], pads[a], strides[b], strides[b], dilations[c], dilations[c]};
                    init_2d(mode, p);
                }
            }
        }
        for (int u = 0; u < COUNT(uneven); ++u) {
            init_2d(mode, uneven[u]);
        }
    }

    static const int good[] = {1, 2, 3, 1, 2, 3}, zero_last[] = {1, 1, 0, 0, 0, 0}, negative[] = {-1, 1, 1, 1, 1, 1};
    for (int spatial = 1; spatial <= 5; ++spatial) {
        const int *of[] = {good, zero_last, negative};
        for (int k = 0; k < 27; ++k) {
            const int *pad = of[k % 3], *stride = of[k / 3 % 3], *dilation = of[k / 9];
            desc = fresh();
            CALL(miopenInitConvolutionNdDescriptor,
                 (desc, spatial, pad, stride, dilation, k % 2 ? miopenTranspose : miopenConvolution),
                 "%d dims,pads %s,strides %s,dilations %s,mode %d", spatial, list_text(pad, spatial),
                 list_text(stride, spatial), list_text(dilation, spatial), k % 2);
            dump_convolution(desc);
            for (int requested = 0; requested <= 5; ++requested) {
                dump_nd(desc, requested);
            }
            CALL(miopenDestroyConvolutionDescriptor, (desc), "the last one");
        }
    }
    desc = new_convolution(miopenConvolution, 3, 1, 1, 1, 1);
    int spatial = UNTOUCHED;
    CALL(miopenGetConvolutionNdDescriptor, (desc, 0, &spatial, NULL, NULL, NULL, NULL),
         "3 dims,0 requested,arrays NULL");
    value("spatial", spatial);
    CALL(miopenDestroyConvolutionDescriptor, (desc), "the last one");
}

void ask_convolution_attributes(void) {
    miopenConvolutionDescriptor_t desc;
    static const int counts[] = {-1, 0, 1, 3, 1000000};
    for (int i = 0; i < COUNT(counts); ++i) {
        desc = fresh();
        CALL(miopenSetConvolutionGroupCount, (desc, counts[i]), "%d", counts[i]);
        dump_convolution(desc);
        CALL(miopenDestroyConvolutionDescriptor, (desc), "the last one");
    }
    for (int attribute = -1; attribute <= 2; ++attribute) {
        for (int number = -3; number <= 3; ++number) {
            desc = fresh();
            CALL(miopenSetConvolutionAttribute, (desc, (miopenConvolutionAttrib_t)attribute, number), "%d,%d",
                 attribute, number);
            dump_attributes(desc);
            CALL(miopenDestroyConvolutionDescriptor, (desc), "the last one");
        }
    }
    for (int mode = -1; mode <= 10; ++mode) {
        desc = fresh();
        CALL(miopenSetConvolutionFindMode, (desc, (miopenConvolutionFindMode_t)mode), "%d", mode);
        dump_attributes(desc);
        CALL(miopenDestroyConvolutionDescriptor, (desc), "the last one");
        desc = fresh();
        CALL(miopenHiddenSetConvolutionFindMode, (desc, mode), "%d", mode);
        dump_attributes(desc);
        CALL(miopenDestroyConvolutionDescriptor, (desc), "the last one");
    }
    for (int mode = 0; mode <= 1; ++mode) {
        for (int spatial = 1; spatial <= 3; ++spatial) {
            for (int adjust = -1; adjust <= 2; ++adjust) {
                const int all[] = {adjust, adjust, adjust, adjust};
                desc = new_convolution((miopenConvolutionMode_t)mode, spatial, 0, 2, 1, 1);
                CALL(miopenSetTransposeConvOutputPadding, (desc, adjust, adjust), "mode %d,%d dims,%d", mode,
                     spatial, adjust);
                for (int given = 1; given <= 4; ++given) {
                    CALL(miopenSetTransposeConvNdOutputPadding, (desc, given, all), "mode %d,%d dims,%d given,%d",
                         mode, spatial, given, adjust);
                }
                dump_convolution(desc);
                CALL(miopenDestroyConvolutionDescriptor, (desc), "the last one");
            }
        }
    }

    /* What a new Init leaves of what was set before it. */
    desc = fresh();
    CALL(miopenSetConvolutionGroupCount, (desc, 5), "before Init");
    CALL(miopenSetConvolutionAttribute, (desc, (miopenConvolutionAttrib_t)1, 1), "before Init");
    CALL(miopenSetConvolutionFindMode, (desc, (miopenConvolutionFindMode_t)2), "before Init");
    CALL(miopenInitConvolutionDescriptor, (desc, miopenConvolution, 1, 1, 1, 1, 1, 1), "after the others");
    dump_convolution(desc);
    dump_attributes(desc);
    CALL(miopenSetConvolutionGroupCount, (desc, 5), "before a refused Init");
    CALL(miopenInitConvolutionDescriptor, (desc, miopenConvolution, -1, 1, 1, 1, 1, 1), "refused");
    dump_convolution(desc);

    const int ones[] = {1, 1, 1};
    int number = UNTOUCHED;
    miopenConvolutionMode_t mode;
    miopenConvolutionFindMode_t find_mode;
    CALL(miopenCreateConvolutionDescriptor, (NULL), "NULL");
    CALL(miopenDestroyConvolutionDescriptor, (NULL), "NULL");
    CALL(miopenInitConvolutionDescriptor, (NULL, miopenConvolution, 0, 0, 1, 1, 1, 1), "NULL");
    CALL(miopenInitConvolutionNdDescriptor, (NULL, 2, ones, ones, ones, miopenConvolution), "NULL");
    CALL(miopenGetConvolutionDescriptor,
         (NULL, &mode, &number, &number, &number, &number, &number, &number), "NULL");
    CALL(miopenGetConvolutionDescriptor, (desc, NULL, NULL, NULL, NULL, NULL, NULL, NULL), "outputs NULL");
    CALL(miopenGetConvolutionNdDescriptor, (NULL, 0, &number, NULL, NULL, NULL, &mode), "NULL");
    CALL(miopenGetConvolutionSpatialDim, (NULL, &number), "NULL");
    CALL(miopenGetConvolutionSpatialDim, (desc, NULL), "output NULL");
    CALL(miopenGetConvolutionGroupCount, (NULL, &number), "NULL");
    CALL(miopenGetConvolutionGroupCount, (desc, NULL), "output NULL");
    CALL(miopenSetConvolutionGroupCount, (NULL, 1), "NULL");
    CALL(miopenSetConvolutionAttribute, (NULL, (miopenConvolutionAttrib_t)1, 1), "NULL");
    CALL(miopenGetConvolutionAttribute, (NULL, (miopenConvolutionAttrib_t)1, &number), "NULL");
    CALL(miopenGetConvolutionAttribute, (desc, (miopenConvolutionAttrib_t)1, NULL), "output NULL");
    CALL(miopenSetConvolutionFindMode, (NULL, (miopenConvolutionFindMode_t)1), "NULL");
    CALL(miopenGetConvolutionFindMode, (NULL, &find_mode), "NULL");
    CALL(miopenGetConvolutionFindMode, (desc, NULL), "output NULL");
    CALL(miopenHiddenSetConvolutionFindMode, (NULL, 1), "NULL");
    CALL(miopenHiddenGetConvolutionFindMode, (NULL, &number), "NULL");
    CALL(miopenSetTransposeConvOutputPadding, (NULL, 1, 1), "NULL");
    CALL(miopenSetTransposeConvNdOutputPadding, (NULL, 2, ones), "NULL");
    CALL(miopenDestroyConvolutionDescriptor, (desc), "the last one");
}
