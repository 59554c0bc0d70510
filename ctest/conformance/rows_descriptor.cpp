// SPDX-License-Identifier: MIT
// Convolution descriptors. After each setter the getters say what is there.
#include "objects.h"
#include "rows.h"

#include <algorithm>
#include <vector>

namespace conformance {
namespace {

void describe(miopenConvolutionDescriptor_t conv, Answer& answer)
{
    miopenConvolutionMode_t mode = miopenDepthwise;
    int v[6] = {-77, -77, -77, -77, -77, -77}, groups = -77, spatial_dim = -77;
    const char* const names[] = {"pad_h", "pad_w", "u", "v", "dil_h", "dil_w"};
    must(miopenGetConvolutionDescriptor(
        conv, &mode, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]));
    answer.add("mode", static_cast<int>(mode));
    for(int at = 0; at < 6; ++at) {
        answer.add(names[at], v[at]);
    }
    answer.add("gcSt", miopenGetConvolutionGroupCount(conv, &groups));
    answer.add("gc", groups);
    answer.add("sdSt", miopenGetConvolutionSpatialDim(conv, &spatial_dim));
    answer.add("sd", spatial_dim);
}

// "1" for both dimensions, or "3,2"
std::vector<int> pair(Text& text)
{
    std::vector<int> values = text.integers(",");
    if(values.size() == 1) {
        values.push_back(values[0]);
    }
    if(values.size() != 2) {
        text.fail("one number or two");
    }
    return values;
}

// "NULL", "&c"
void create(Text& text, Answer& answer)
{
    if(text.ends_with("NULL")) {
        answer.status(miopenCreateConvolutionDescriptor(nullptr));
        return;
    }
    text.expect("&");
    text.word();
    text.expect_end();
    answer.status(miopenStatusSuccess);
    Convolution conv;
    describe(conv, answer);
}

// "NULL desc", "outputs NULL", "fresh descriptor"
void get(Text& text, Answer& answer)
{
    miopenConvolutionMode_t mode;
    int v[6];
    if(text.ends_with("NULL desc")) {
        answer.status(miopenGetConvolutionDescriptor(
            nullptr, &mode, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]));
        return;
    }
    Convolution conv;
    if(text.ends_with("fresh descriptor")) {
        answer.status(miopenStatusSuccess);
        describe(conv, answer);
        return;
    }
    text.expect("outputs NULL");
    text.expect_end();
    answer.status(miopenGetConvolutionDescriptor(
        conv, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
}

// "mode=0 pad 3,2 stride 2,3 dil 4,5", "NULL desc"
void init(Text& text, Answer& answer)
{
    if(text.ends_with("NULL desc")) {
        answer.status(
            miopenInitConvolutionDescriptor(nullptr, miopenConvolution, 0, 0, 1, 1, 1, 1));
        return;
    }
    text.expect("mode=");
    int mode = text.integer();
    text.expect(" pad ");
    std::vector<int> pads = pair(text);
    text.expect(" stride ");
    std::vector<int> strides = pair(text);
    text.expect(" dil ");
    std::vector<int> dilations = pair(text);
    text.expect_end();
    Convolution conv;
    answer.status(miopenInitConvolutionDescriptor(conv, static_cast<miopenConvolutionMode_t>(mode),
        pads[0], pads[1], strides[0], strides[1], dilations[0], dilations[1]));
    describe(conv, answer);
}

// "spatialDim=3 pad 0 stride 1 dil 1", "pads NULL", "NULL desc"
void init_nd(Text& text, Answer& answer)
{
    const int some[] = {1, 1, 1};
    Convolution conv;
    if(text.ends_with("NULL desc")) {
        answer.status(miopenInitConvolutionNdDescriptor(
            nullptr, 2, some, some, some, miopenConvolution));
        return;
    }
    for(int at = 0; at < 3; ++at) {
        const char* const names[] = {"pads NULL", "strides NULL", "dilations NULL"};
        if(text.ends_with(names[at])) {
            const int* arrays[] = {some, some, some};
            arrays[at] = nullptr;
            answer.status(miopenInitConvolutionNdDescriptor(
                conv, 2, arrays[0], arrays[1], arrays[2], miopenConvolution));
            return;
        }
    }
    text.expect("spatialDim=");
    int spatial_dim = text.integer();
    text.expect(" pad ");
    std::vector<int> pads(16, text.integer());
    text.expect(" stride ");
    std::vector<int> strides(16, text.integer());
    text.expect(" dil ");
    std::vector<int> dilations(16, text.integer());
    text.expect_end();
    if(spatial_dim > 16) {
        text.fail("at most 16 dimensions");
    }
    answer.status(miopenInitConvolutionNdDescriptor(
        conv, spatial_dim, pads.data(), strides.data(), dilations.data(), miopenConvolution));
    if(spatial_dim < 0) {
        return;
    }
    // A descriptor without dimensions is asked for one, which it cannot give.
    int requested = std::max(spatial_dim, 1), got = -77;
    miopenConvolutionMode_t mode = static_cast<miopenConvolutionMode_t>(-77);
    answer.add("getNdSt",
        miopenGetConvolutionNdDescriptor(conv, requested, &got, pads.data(), strides.data(),
            dilations.data(), &mode));
    answer.add("sd", got);
    for(std::size_t dim = 0; got > 0 && dim < static_cast<std::size_t>(got); ++dim) {
        answer.add("p", pads[dim]);
        answer.add("s", strides[dim]);
        answer.add("d", dilations[dim]);
    }
    answer.add("mode", static_cast<unsigned>(mode));
}

// "3d desc requested 2", "NULL desc"
void get_nd(Text& text, Answer& answer)
{
    int got = -77, pads[16], strides[16], dilations[16];
    miopenConvolutionMode_t mode;
    if(text.ends_with("NULL desc")) {
        answer.status(
            miopenGetConvolutionNdDescriptor(nullptr, 2, &got, pads, strides, dilations, &mode));
        return;
    }
    int spatial_dim = text.integer();
    text.expect("d desc requested ");
    int requested = text.integer();
    text.expect_end();
    if(spatial_dim > 16 || requested > 16) {
        text.fail("at most 16 dimensions");
    }
    const std::vector<int> zeros(16, 0), ones(16, 1);
    Convolution conv;
    must(miopenInitConvolutionNdDescriptor(
        conv, spatial_dim, zeros.data(), ones.data(), ones.data(), miopenConvolution));
    answer.status(miopenGetConvolutionNdDescriptor(
        conv, requested, &got, pads, strides, dilations, &mode));
    answer.add("sd", got);
}

// "-1", "NULL" for the descriptor
void set_group_count(Text& text, Answer& answer)
{
    if(text.ends_with("NULL") || text.ends_with("NULL desc")) {
        answer.status(miopenSetConvolutionGroupCount(nullptr, 1));
        return;
    }
    int groups = text.integer(), got = -77;
    text.expect_end();
    Convolution conv;
    answer.status(miopenSetConvolutionGroupCount(conv, groups));
    must(miopenGetConvolutionGroupCount(conv, &got));
    answer.add("gc", got);
}

// "NULL out", "NULL desc"
template <miopenStatus_t (*getter)(miopenConvolutionDescriptor_t, int*)>
void get_number(Text& text, Answer& answer)
{
    int number = -77;
    if(text.ends_with("NULL desc")) {
        answer.status(getter(nullptr, &number));
        return;
    }
    text.expect("NULL out");
    text.expect_end();
    Convolution conv;
    answer.status(getter(conv, nullptr));
}

// "adj 1 mode transpose stride 2", "on non-transpose desc", "on 3d desc", "NULL desc"
void set_output_padding(Text& text, Answer& answer)
{
    const int ones[] = {1, 1, 1}, zeros[] = {0, 0, 0};
    if(text.ends_with("NULL desc") || text.ends_with("NULL")) {
        answer.status(miopenSetTransposeConvOutputPadding(nullptr, 0, 0));
        return;
    }
    Convolution conv;
    if(text.ends_with("on 3d desc")) {
        must(miopenInitConvolutionNdDescriptor(conv, 3, zeros, ones, ones, miopenTranspose));
        answer.status(miopenSetTransposeConvOutputPadding(conv, 0, 0));
        return;
    }
    if(text.ends_with("on non-transpose desc")) {
        answer.status(miopenSetTransposeConvOutputPadding(conv, 1, 1));
        return;
    }
    text.expect("adj ");
    int adjustment = text.integer();
    text.expect(" mode transpose stride ");
    int stride = text.integer();
    text.expect_end();
    must(miopenInitConvolutionDescriptor(conv, miopenTranspose, 0, 0, stride, stride, 1, 1));
    answer.status(miopenSetTransposeConvOutputPadding(conv, adjustment, adjustment));
}

// "attr=0 value=-1", "NULL desc"
void set_attribute(Text& text, Answer& answer)
{
    if(text.ends_with("NULL desc") || text.ends_with("NULL")) {
        answer.status(miopenSetConvolutionAttribute(
            nullptr, MIOPEN_CONVOLUTION_ATTRIB_DETERMINISTIC, 0));
        return;
    }
    text.expect("attr=");
    auto attribute = static_cast<miopenConvolutionAttrib_t>(text.integer());
    text.expect(" value=");
    int value = text.integer(), got = -77;
    text.expect_end();
    Convolution conv;
    answer.status(miopenSetConvolutionAttribute(conv, attribute, value));
    answer.add("getSt", miopenGetConvolutionAttribute(conv, attribute, &got));
    answer.add("val", got);
}

// "5", "NULL desc"
void set_find_mode(Text& text, Answer& answer)
{
    if(text.ends_with("NULL desc") || text.ends_with("NULL")) {
        answer.status(miopenSetConvolutionFindMode(nullptr, miopenConvolutionFindModeNormal));
        return;
    }
    int mode = text.integer();
    text.expect_end();
    Convolution conv;
    auto got = static_cast<miopenConvolutionFindMode_t>(77);
    must(miopenGetConvolutionFindMode(conv, &got));
    answer.add("default", static_cast<int>(got));
    answer.status(
        miopenSetConvolutionFindMode(conv, static_cast<miopenConvolutionFindMode_t>(mode)));
    answer.add("getSt", miopenGetConvolutionFindMode(conv, &got));
    answer.add("mode", static_cast<int>(got));
}

// "NULL", "valid", "twice"
void destroy(Text& text, Answer& answer)
{
    if(text.ends_with("NULL")) {
        answer.status(miopenDestroyConvolutionDescriptor(nullptr));
        return;
    }
    miopenConvolutionDescriptor_t conv = nullptr;
    must(miopenCreateConvolutionDescriptor(&conv));
    if(text.ends_with("twice")) {
        must(miopenDestroyConvolutionDescriptor(conv));
    } else {
        text.expect("valid");
        text.expect_end();
    }
    answer.status(miopenDestroyConvolutionDescriptor(conv));
}

} // namespace

void add_descriptor_rows(RowKinds& kinds)
{
    kinds["miopenCreateConvolutionDescriptor"] = create;
    kinds["miopenGetConvolutionDescriptor"] = get;
    kinds["miopenInitConvolutionDescriptor"] = init;
    kinds["miopenInitConvolutionNdDescriptor"] = init_nd;
    kinds["miopenGetConvolutionNdDescriptor"] = get_nd;
    kinds["miopenSetConvolutionGroupCount"] = set_group_count;
    kinds["miopenGetConvolutionGroupCount"] = get_number<miopenGetConvolutionGroupCount>;
    kinds["miopenGetConvolutionSpatialDim"] = get_number<miopenGetConvolutionSpatialDim>;
    kinds["miopenSetTransposeConvOutputPadding"] = set_output_padding;
    kinds["miopenSetConvolutionAttribute"] = set_attribute;
    kinds["miopenSetConvolutionFindMode"] = set_find_mode;
    kinds["miopenDestroyConvolutionDescriptor"] = destroy;
}

} // namespace conformance
