/* Tensor descriptors: every way to set one, and what it tells afterwards. */
#include "answers.h"

/* The numbers of miopenDataType_t of every release, and one beyond at either end. */
enum { FIRST_TYPE = -1, LAST_TYPE = 10 };

/* rank says how many entries are worth printing; it is the caller's, not the answer's. */
void dump_tensor(miopenTensorDescriptor_t desc, int rank) {
    int size = UNTOUCHED, lengths[MAX_DIMS], strides[MAX_DIMS];
    miopenDataType_t type = miopenInt64;
    size_t bytes = 77;
    for (int i = 0; i < MAX_DIMS; ++i) {
        lengths[i] = strides[i] = UNTOUCHED;
    }
    CALL(miopenGetTensorDescriptorSize, (desc, &size), "of the last one");
    value("size", size);
    CALL(miopenGetTensorDescriptor, (desc, &type, lengths, strides), "of the last one");
    value("type", (int)type);
    dims_value("lengths", lengths, rank);
    dims_value("strides", strides, rank);
    CALL(miopenGetTensorNumBytes, (desc, &bytes), "of the last one");
    value("bytes", (long long)bytes);
}

static miopenTensorDescriptor_t fresh(void) {
    miopenTensorDescriptor_t desc = NULL;
    miopenCreateTensorDescriptor(&desc);
    return desc;
}

static void dump_4d(miopenTensorDescriptor_t desc) {
    miopenDataType_t type = miopenInt64;
    int lengths[4] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED};
    int strides[4] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED};
    CALL(miopenGet4dTensorDescriptor, (desc, &type, &lengths[0], &lengths[1], &lengths[2], &lengths[3],
                                       &strides[0], &strides[1], &strides[2], &strides[3]),
         "of the last one");
    value("type", (int)type);
    dims_value("lengths", lengths, 4);
    dims_value("strides", strides, 4);
}

static void set_4d(int type, const int *d) {
    miopenTensorDescriptor_t desc = fresh();
    CALL(miopenSet4dTensorDescriptor, (desc, (miopenDataType_t)type, d[0], d[1], d[2], d[3]), "type %d,%s",
         type, list_text(d, 4));
    dump_tensor(desc, 4);
    CALL(miopenDestroyTensorDescriptor, (desc), "the last one");
}

void ask_tensor_4d(void) {
    static const int shapes[][4] = {
        {1, 1, 1, 1}, {1, 3, 32, 32}, {2, 3, 4, 5}, {16, 64, 42, 42}, {7, 1, 1, 9}, {1, 1, 1, 2147483647},
        {65536, 65536, 1, 1}, {2147483647, 1, 1, 1}, {0, 1, 1, 1}, {1, 0, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 0},
        {0, 0, 0, 0}, {-1, 3, 8, 8}, {1, -3, 8, 8}, {1, 3, -8, 8}, {1, 3, 8, -8}, {-2147483647 - 1, 1, 1, 1},
    };
    static const int with_strides[][8] = {
        {1, 3, 4, 4, 48, 16, 4, 1}, {2, 3, 4, 5, 60, 1, 15, 3}, {2, 3, 4, 5, 1, 2, 6, 24},
        {2, 3, 4, 5, 1000, 100, 10, 1}, {1, 3, 4, 4, 1, 1, 1, 1}, {1, 3, 4, 4, 48, 16, 4, 2},
        {1, 3, 4, 4, 48, 16, 1, 4}, {2, 2, 2, 2, 1000000000, 1000000000, 1, 1},
        {1, 3, 4, 4, 0, 0, 0, 0}, {1, 3, 4, 4, 0, 16, 4, 1}, {1, 3, 4, 4, 48, 16, 4, 0},
        {1, 3, 4, 4, -48, 16, 4, 1}, {1, 3, 4, 4, 48, 16, 4, -1}, {0, 3, 4, 4, 48, 16, 4, 1},
    };
    miopenTensorDescriptor_t desc = NULL;
    CALL(miopenCreateTensorDescriptor, (&desc), "");
    value("made", desc != NULL);
    dump_tensor(desc, 4);
    CALL(miopenDestroyTensorDescriptor, (desc), "never set");

    for (int type = FIRST_TYPE; type <= LAST_TYPE; ++type) {
        set_4d(type, shapes[2]);
    }
    for (int s = 0; s < COUNT(shapes); ++s) {
        set_4d(miopenFloat, shapes[s]);
        set_4d(miopenHalf, shapes[s]);
    }
    for (int s = 0; s < COUNT(with_strides); ++s) {
        const int *d = with_strides[s];
        for (int type = FIRST_TYPE; type <= LAST_TYPE; ++type) {
            desc = fresh();
            CALL(miopenSet4dTensorDescriptorEx,
                 (desc, (miopenDataType_t)type, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]),
                 "type %d,%s,strides %s", type, list_text(d, 4), list_text(d + 4, 4));
            dump_tensor(desc, 4);
            CALL(miopenDestroyTensorDescriptor, (desc), "the last one");
        }
    }
    /* Set again: the second one counts. */
    desc = new_tensor_4d(9, 8, 7, 6);
    CALL(miopenSet4dTensorDescriptor, (desc, miopenHalf, 1, 2, 3, 4), "half,1x2x3x4 over 9x8x7x6");
    dump_tensor(desc, 4);
    dump_4d(desc);
    CALL(miopenDestroyTensorDescriptor, (desc), "the last one");
}

static void set_nd(int type, int rank, const int *lengths, const int *strides) {
    miopenTensorDescriptor_t desc = fresh();
    size_t wide_lengths[MAX_DIMS], wide_strides[MAX_DIMS];
    CALL(miopenSetTensorDescriptor, (desc, (miopenDataType_t)type, rank, lengths, strides),
         "type %d,%d dims,%s,strides %s", type, rank, list_text(lengths, rank),
         strides ? list_text(strides, rank) : "NULL");
    dump_tensor(desc, MAX_DIMS);
    CALL(miopenDestroyTensorDescriptor, (desc), "the last one");

    for (int i = 0; i < rank && i < MAX_DIMS; ++i) {
        wide_lengths[i] = (size_t)lengths[i];
        wide_strides[i] = strides ? (size_t)strides[i] : 0;
    }
    desc = fresh();
    CALL(miopenSetTensorDescriptorV2,
         (desc, (miopenDataType_t)type, rank, wide_lengths, strides ? wide_strides : NULL),
         "type %d,%d dims,%s,strides %s", type, rank, list_text(lengths, rank),
         strides ? list_text(strides, rank) : "NULL");
    dump_tensor(desc, MAX_DIMS);
    CALL(miopenDestroyTensorDescriptor, (desc), "the last one");
}

void ask_tensor_nd(void) {
    static const struct {
        int rank;
        int lengths[MAX_DIMS], strides[MAX_DIMS];
    } cases[] = {
        {1, {5}, {1}},
        {1, {5}, {3}},
        {1, {0}, {1}},
        {2, {2, 3}, {3, 1}},
        {2, {2, 3}, {1, 2}},
        {2, {2, 3}, {3, 0}},
        {3, {2, 3, 4}, {12, 4, 1}},
        {3, {2, 3, 4}, {12, 1, 3}},
        {3, {2, 0, 4}, {12, 4, 1}},
        {3, {2, -1, 4}, {12, 4, 1}},
        {4, {2, 3, 4, 5}, {60, 20, 5, 1}},
        {4, {2, 3, 4, 5}, {60, 1, 15, 3}},
        {4, {2, 3, 4, 5}, {480, 80, 10, 2}},
        {4, {2, 3, 4, 5}, {60, 20, 5, -1}},
        {5, {2, 3, 4, 5, 6}, {360, 120, 30, 6, 1}},
        {5, {2, 3, 4, 5, 6}, {360, 1, 90, 18, 3}},
        {5, {2, 3, 4, 5, 6}, {0, 120, 30, 6, 1}},
        {6, {1, 2, 3, 4, 5, 6}, {720, 360, 120, 30, 6, 1}},
        {8, {1, 2, 1, 2, 1, 2, 1, 2}, {16, 8, 8, 4, 4, 2, 2, 1}},
    };
    for (int c = 0; c < COUNT(cases); ++c) {
        set_nd(miopenFloat, cases[c].rank, cases[c].lengths, cases[c].strides);
        set_nd(miopenFloat, cases[c].rank, cases[c].lengths, NULL);
        for (int type = FIRST_TYPE; type <= LAST_TYPE; ++type) {
            set_nd(type, cases[c].rank, cases[c].lengths, cases[c].strides);
        }
    }
    set_nd(miopenFloat, 0, cases[0].lengths, NULL);
    set_nd(miopenFloat, -5, cases[0].lengths, NULL);

    const size_t beyond_int[] = {3000000000u, 2}, strides_beyond_int[] = {5000000000u, 1};
    miopenTensorDescriptor_t desc = fresh();
    CALL(miopenSetTensorDescriptorV2, (desc, miopenFloat, 2, beyond_int, NULL), "3000000000x2");
    dump_tensor(desc, 2);
    CALL(miopenSetTensorDescriptorV2, (desc, miopenFloat, 2, beyond_int, strides_beyond_int),
         "3000000000x2,strides 5000000000x1");
    dump_tensor(desc, 2);
    CALL(miopenDestroyTensorDescriptor, (desc), "the last one");

    static const int lengths[] = {2, 4, 6, 8, 10, 12}, odd[] = {2, 5, 7, 3, 2, 2}, bad[] = {2, 0, 6, 8, 10, 12};
    for (int layout = -1; layout <= 10; ++layout) {
        for (int rank = 3; rank <= 6; ++rank) {
            const int *of[] = {lengths, odd, bad};
            for (int k = 0; k < 3; ++k) {
                for (int type = miopenHalf; type <= miopenInt8; ++type) {
                    desc = fresh();
                    CALL(miopenSetNdTensorDescriptorWithLayout,
                         (desc, (miopenDataType_t)type, (miopenTensorLayout_t)layout, of[k], rank),
                         "type %d,layout %d,%s", type, layout, list_text(of[k], rank));
                    dump_tensor(desc, 6);
                    CALL(miopenDestroyTensorDescriptor, (desc), "the last one");
                }
            }
        }
    }
    for (int type = FIRST_TYPE; type <= LAST_TYPE; ++type) {
        desc = new_tensor_4d(1, 2, 3, 4);
        CALL(miopenSetTensorCastType, (desc, (miopenDataType_t)type), "type %d", type);
        dump_tensor(desc, 4);
        CALL(miopenDestroyTensorDescriptor, (desc), "the last one");
    }
    static const int lengths_5d[] = {2, 3, 4, 5, 6};
    desc = new_tensor(miopenFloat, 5, lengths_5d);
    dump_4d(desc);
    CALL(miopenDestroyTensorDescriptor, (desc), "the last one");
}

void ask_tensor_null(void) {
    const int dims[] = {1, 2, 3, 4};
    const size_t wide[] = {1, 2, 3, 4};
    miopenTensorDescriptor_t desc = new_tensor_4d(2, 3, 4, 5);
    miopenDataType_t type = miopenInt64;
    int size = UNTOUCHED, lengths[MAX_DIMS] = {0}, strides[MAX_DIMS] = {0};
    size_t bytes = 77;

    CALL(miopenCreateTensorDescriptor, (NULL), "NULL");
    CALL(miopenDestroyTensorDescriptor, (NULL), "NULL");
    CALL(miopenSet4dTensorDescriptor, (NULL, miopenFloat, 1, 2, 3, 4), "NULL");
    CALL(miopenSet4dTensorDescriptorEx, (NULL, miopenFloat, 1, 2, 3, 4, 24, 12, 4, 1), "NULL");
    CALL(miopenSetTensorDescriptor, (NULL, miopenFloat, 4, dims, NULL), "NULL");
    CALL(miopenSetTensorDescriptorV2, (NULL, miopenFloat, 4, wide, NULL), "NULL");
    CALL(miopenSetNdTensorDescriptorWithLayout, (NULL, miopenFloat, miopenTensorNCHW, dims, 4), "NULL");
    CALL(miopenSetTensorCastType, (NULL, miopenFloat8_fnuz), "NULL");
    CALL(miopenSetTensorDescriptor, (desc, miopenFloat, 4, NULL, NULL), "lengths NULL");
    CALL(miopenSetTensorDescriptorV2, (desc, miopenFloat, 4, NULL, NULL), "lengths NULL");
    CALL(miopenSetTensorDescriptor, (desc, miopenFloat, 4, NULL, dims), "lengths NULL,strides");

    CALL(miopenGetTensorDescriptorSize, (NULL, &size), "NULL");
    value("size", size);
    CALL(miopenGetTensorDescriptorSize, (desc, NULL), "size NULL");
    CALL(miopenGetTensorNumBytes, (NULL, &bytes), "NULL");
    value("bytes", (long long)bytes);
    CALL(miopenGetTensorNumBytes, (desc, NULL), "bytes NULL");
    CALL(miopenGetTensorDescriptor, (NULL, &type, lengths, strides), "NULL");
    CALL(miopenGetTensorDescriptor, (desc, NULL, NULL, NULL), "outputs NULL");
    CALL(miopenGetTensorDescriptor, (desc, &type, NULL, NULL), "type only");
    value("type", (int)type);
    CALL(miopenGetTensorDescriptor, (desc, NULL, lengths, NULL), "lengths only");
    dims_value("lengths", lengths, 4);
    CALL(miopenGetTensorDescriptor, (desc, NULL, NULL, strides), "strides only");
    dims_value("strides", strides, 4);
    CALL(miopenGet4dTensorDescriptor, (NULL, &type, &size, &size, &size, &size, &size, &size, &size, &size),
         "NULL");
    CALL(miopenGet4dTensorDescriptor, (desc, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
         "outputs NULL");
    CALL(miopenDestroyTensorDescriptor, (desc), "the last one");
}
