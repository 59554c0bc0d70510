// SPDX-License-Identifier: MIT
// Workspace sizes, Find, runs, bias.
#include "rows.h"
#include "situation.h"

#include <string>

namespace conformance {
namespace {

// "valid handle, good descs", "destroyed handle"
template <direction_t direction>
void workspace_size(Text& text, Answer& answer)
{
    Situation situation(direction, text);
    std::size_t bytes = 777, *out = &bytes;
    bool destroyed = text.ends_with("");
    if(text.take("ws NULL") || text.take("out NULL")) {
        out = nullptr;
    } else if(!destroyed && !situation.take_remark(text)) {
        text.fail("a remark on the arguments");
    }
    text.expect_end();
    answer.status(conv_workspace_size(&situation.call(), out));
    if(!destroyed) {
        answer.add("ws", static_cast<long long>(bytes));
    }
}

// "valid handle, good, request 1", "NULL handle, perfResults NULL"
template <direction_t direction>
void find(Text& text, Answer& answer)
{
    Situation situation(direction, text);
    constexpr int most = 8;
    miopenConvAlgoPerf_t results[most] = {};
    int request = 1, returned = -77;
    bool wants_count = true, wants_results = true;
    do {
        if(text.take("request ")) {
            request = text.integer();
        } else if(text.take("perfResults NULL")) {
            wants_results = false;
        } else if(text.take("returnedAlgoCount NULL")) {
            wants_count = false;
        } else if(text.take("workspace NULL") || text.take("no workspace")) {
            situation.call().workspace = nullptr;
            situation.call().workspace_bytes = 0;
        } else if(!situation.take_remark(text)) {
            text.fail("a remark on the arguments");
        }
    } while(text.take(", "));
    text.expect_end();
    if(request > most) {
        text.fail("at most " + std::to_string(most) + " results");
    }
    answer.status(conv_find(&situation.call(), request, wants_count ? &returned : nullptr,
        wants_results ? results : nullptr, false));
    answer.add("n", returned);
    for(int at = 0; at < returned; ++at) {
        answer.add("algo", static_cast<int>(results[at].fwd_algo));
        answer.add("mem", static_cast<long long>(results[at].memory));
        answer.require(results[at].time > 0, "a time above 0");
        answer.require(at == 0 || results[at - 1].time <= results[at].time, "the fastest first");
        answer.require(results[at].memory <= situation.call().workspace_bytes,
            "no more workspace than there is");
        for(int other = 0; other < at; ++other) {
            answer.require(
                results[other].fwd_algo != results[at].fwd_algo, "one result an algorithm");
        }
    }
}

int algorithm(Text& text)
{
    const struct
    {
        const char* name;
        int number;
    } names[] = {{"gemm", 0}, {"direct", 1}, {"fft", 2}, {"winograd", 3}, {"implicit gemm", 5}};
    for(const auto& known : names) {
        if(text.take(known.name)) {
            return known.number;
        }
    }
    return text.integer();
}

// "valid handle, without find, algo direct", "valid handle, alpha 2", "valid handle, beta NULL"
template <direction_t direction>
void run(Text& text, Answer& answer)
{
    Situation situation(direction, text);
    float alpha = 1, beta = 0;
    const void *alpha_at = &alpha, *beta_at = &beta;
    int algo = miopenConvolutionAlgoDirect;
    do {
        if(text.take("without find")) {
            continue;
        }
        if(text.take("alpha NULL")) {
            alpha_at = nullptr;
        } else if(text.take("beta NULL")) {
            beta_at = nullptr;
        } else if(text.take("alpha ")) {
            alpha = static_cast<float>(text.real());
        } else if(text.take("beta ")) {
            beta = static_cast<float>(text.real());
        } else if(text.take("algo ")) {
            algo = algorithm(text);
        } else if(text.take("no workspace")) {
            situation.call().workspace = nullptr;
            situation.call().workspace_bytes = 0;
        } else if(!situation.take_remark(text)) {
            text.fail("a remark on the arguments");
        }
    } while(text.take(", "));
    text.expect_end();
    answer.status(conv_run(&situation.call(), alpha_at, algo, beta_at));
}

// "valid handle, good", and faults of the bias: "alpha 2", "beta 1", "b NULL"
template <bool forward>
void bias(Text& text, Answer& answer)
{
    Situation situation(forward ? FORWARD : BACKWARD_WEIGHTS, text);
    const conv_call_t& call = situation.call();
    float alpha = 1, beta = 0;
    void* bias_at = situation.bias();
    do {
        if(text.take("alpha ")) {
            alpha = static_cast<float>(text.real());
        } else if(text.take("beta ")) {
            beta = static_cast<float>(text.real());
        } else if(text.take("b NULL") || text.take("db NULL")) {
            bias_at = nullptr;
        } else if(!situation.take_remark(text)) {
            text.fail("a remark on the arguments");
        }
    } while(text.take(", "));
    text.expect_end();
    if(forward) {
        answer.status(miopenConvolutionForwardBias(call.handle, &alpha, situation.bias_desc(),
            bias_at, &beta, call.y_desc, call.y));
    } else {
        answer.status(miopenConvolutionBackwardBias(call.handle, &alpha, call.y_desc, call.y,
            &beta, situation.bias_desc(), bias_at));
    }
}

} // namespace

void add_convolution_rows(RowKinds& kinds)
{
    kinds["miopenConvolutionForwardGetWorkSpaceSize"] = workspace_size<FORWARD>;
    kinds["miopenConvolutionBackwardDataGetWorkSpaceSize"] = workspace_size<BACKWARD_DATA>;
    kinds["miopenConvolutionBackwardWeightsGetWorkSpaceSize"] = workspace_size<BACKWARD_WEIGHTS>;
    kinds["miopenFindConvolutionForwardAlgorithm"] = find<FORWARD>;
    kinds["miopenFindConvolutionBackwardDataAlgorithm"] = find<BACKWARD_DATA>;
    kinds["miopenFindConvolutionBackwardWeightsAlgorithm"] = find<BACKWARD_WEIGHTS>;
    kinds["miopenConvolutionForward"] = run<FORWARD>;
    kinds["miopenConvolutionBackwardData"] = run<BACKWARD_DATA>;
    kinds["miopenConvolutionBackwardWeights"] = run<BACKWARD_WEIGHTS>;
    kinds["miopenConvolutionForwardBias"] = bias<true>;
    kinds["miopenConvolutionBackwardBias"] = bias<false>;
}

} // namespace conformance
