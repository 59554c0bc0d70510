// SPDX-License-Identifier: MIT
// Immediate mode.
#include "rows.h"
#include "situation.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

namespace conformance {
namespace {

// Measured times before guesses, which are negative; each fastest first.
bool in_order(const miopenConvSolution_t& a, const miopenConvSolution_t& b)
{
    bool a_measured = a.time >= 0, b_measured = b.time >= 0;
    return a_measured == b_measured ? std::fabs(a.time) <= std::fabs(b.time) : a_measured;
}

bool is_algorithm(int number)
{
    const int known[] = {miopenConvolutionAlgoGEMM, miopenConvolutionAlgoDirect,
        miopenConvolutionAlgoFFT, miopenConvolutionAlgoWinograd, miopenConvolutionAlgoImplicitGEMM};
    return std::count(std::begin(known), std::end(known), number) == 1;
}

// What clients build on, whatever the solutions are.
void report_solutions(
    const conv_call_t& call, const std::vector<miopenConvSolution_t>& solutions, Answer& answer)
{
    std::set<std::uint64_t> ids;
    for(const miopenConvSolution_t& solution : solutions) {
        answer.add("id", static_cast<long long>(solution.solution_id));
        answer.add("algo", static_cast<int>(solution.algorithm));
        answer.add("ws", static_cast<long long>(solution.workspace_size));
        ids.insert(solution.solution_id);
        answer.require(solution.solution_id > 179, "an id that no solver of MIOpen has");
        answer.require(is_algorithm(solution.algorithm), "an algorithm that MIOpen has");
        answer.require(solution.time != 0, "a time");
        std::size_t bytes = 777;
        answer.require(conv_solution_workspace(&call, solution.solution_id, &bytes)
                    == miopenStatusSuccess
                && bytes == solution.workspace_size,
            "an id that the library knows again, with the same workspace");
        answer.require(conv_compile(&call, solution.solution_id) == miopenStatusSuccess,
            "a solution that compiles");
    }
    answer.require(ids.size() == solutions.size(), "each id once");
    answer.require(
        std::is_sorted(solutions.begin(), solutions.end(),
            [](const auto& a, const auto& b) { return in_order(a, b) && !in_order(b, a); }),
        "the fastest first");
}

// "valid handle, x/w swapped", "valid handle, count NULL"
template <direction_t direction>
void solution_count(Text& text, Answer& answer)
{
    Situation situation(direction, text);
    std::size_t count = 777, *out = &count;
    if(text.take("count NULL")) {
        out = nullptr;
    } else if(!situation.take_remark(text)) {
        text.fail("a remark on the arguments");
    }
    text.expect_end();
    answer.status(conv_solution_count(&situation.call(), out));
    answer.add("count", static_cast<long long>(count));
    if(count != 777) {
        answer.require(count >= 1 && count <= 10, "1 to 10 solutions");
    }
}

std::vector<miopenConvSolution_t> all_solutions(
    const conv_call_t& call, std::size_t capacity, std::size_t& count, Answer& answer)
{
    std::vector<miopenConvSolution_t> solutions(capacity);
    answer.status(conv_solutions(&call, capacity, &count, solutions.data()));
    solutions.resize(answer.status() == 0 ? std::min(count, capacity) : 0);
    return solutions;
}

// "x=1,64,56,56 k=64 f=3 p=1 s=1 d=1 g=1 dt=0"
void solutions_of_shape(direction_t direction, Text& text, Answer& answer)
{
    std::vector<int> x = text.integers(",");
    int values[6];
    const char* const names[] = {" k=", " f=", " p=", " s=", " d=", " g="};
    for(int at = 0; at < 6; ++at) {
        text.expect(names[at]);
        values[at] = text.integer();
    }
    text.expect(" dt=");
    auto dtype = static_cast<miopenDataType_t>(text.integer());
    text.expect_end();
    auto [k, f, p, s, d, g] = values;
    if(x.size() != 4 || g < 1 || s < 1) {
        text.fail("a 2-D convolution");
    }
    int ho = (x[2] + 2 * p - d * (f - 1) - 1) / s + 1, wo = (x[3] + 2 * p - d * (f - 1) - 1) / s + 1;
    Tensor x_desc = packed_tensor(x, dtype), w_desc = packed_tensor({k, x[1] / g, f, f}, dtype);
    Tensor y_desc = packed_tensor({x[0], k, ho, wo}, dtype);
    Convolution conv;
    must(miopenInitConvolutionDescriptor(conv, miopenConvolution, p, p, s, s, d, d));
    must(miopenSetConvolutionGroupCount(conv, g));
    Handle handle;
    conv_call_t call = {direction, handle, x_desc, w_desc, y_desc, conv, nullptr, nullptr, nullptr,
        nullptr, 0};

    std::size_t most_bytes = 777, count = 777;
    must(conv_workspace_size(&call, &most_bytes));
    answer.add("getws", static_cast<long long>(most_bytes));
    auto solutions = all_solutions(call, 100, count, answer);
    answer.add("count", static_cast<long long>(count));
    report_solutions(call, solutions, answer);
    bool one_without_workspace = false;
    for(const miopenConvSolution_t& solution : solutions) {
        one_without_workspace |= solution.workspace_size == 0;
        answer.require(solution.workspace_size <= most_bytes,
            "no more workspace than <Direction>GetWorkSpaceSize says");
    }
    answer.require(one_without_workspace, "a solution without workspace");
    answer.require(count >= 1 && count <= 10, "1 to 10 solutions");
    std::size_t counted = 777;
    answer.require(conv_solution_count(&call, &counted) == miopenStatusSuccess && counted == count,
        "the same from <Direction>GetSolutionCount");
}

// "valid handle, max=100", or a shape
template <direction_t direction>
void solutions(Text& text, Answer& answer)
{
    if(text.take("x=")) {
        solutions_of_shape(direction, text, answer);
        return;
    }
    Situation situation(direction, text);
    std::size_t count = 777;
    if(text.ends_with("count NULL")) {
        miopenConvSolution_t solution;
        answer.status(conv_solutions(&situation.call(), 1, nullptr, &solution));
        return;
    }
    if(text.ends_with("solutions NULL") || text.ends_with("array NULL")) {
        answer.status(conv_solutions(&situation.call(), 100, &count, nullptr));
        answer.add("count", static_cast<long long>(count));
        return;
    }
    text.expect("max=");
    std::size_t capacity = static_cast<std::size_t>(text.number());
    text.expect_end();
    auto found = all_solutions(situation.call(), capacity, count, answer);
    answer.add("count", static_cast<long long>(count));
    report_solutions(situation.call(), found, answer);
}

std::uint64_t id_of(Text& text)
{
    text.expect("id=");
    return static_cast<std::uint64_t>(text.number());
}

// "valid handle, id=85"
template <direction_t direction>
void solution_workspace(Text& text, Answer& answer)
{
    Situation situation(direction, text);
    std::uint64_t id = id_of(text);
    bool wants_bytes = !text.take(", ws NULL");
    text.expect_end();
    std::size_t bytes = 777;
    answer.status(
        conv_solution_workspace(&situation.call(), id, wants_bytes ? &bytes : nullptr));
    answer.add("ws", static_cast<long long>(bytes));
}

// "valid handle, id=85"
template <direction_t direction>
void compile(Text& text, Answer& answer)
{
    Situation situation(direction, text);
    std::uint64_t id = id_of(text);
    text.expect_end();
    answer.status(conv_compile(&situation.call(), id));
}

// "valid handle, id=85 valid buffers", "valid handle, id=85 NULL buffers"
template <direction_t direction>
void immediate(Text& text, Answer& answer)
{
    Situation situation(direction, text);
    std::uint64_t id = id_of(text);
    if(text.take(" NULL buffers")) {
        situation.call().x = situation.call().w = situation.call().y = nullptr;
    } else {
        text.expect(" valid buffers");
    }
    text.expect_end();
    answer.status(conv_immediate(&situation.call(), id));
}

template <direction_t direction>
void add_direction(RowKinds& kinds, const std::string& prefix)
{
    kinds[prefix + "GetSolutionCount"] = solution_count<direction>;
    kinds[prefix + "GetSolution"] = solutions<direction>;
    kinds[prefix + "GetSolutionWorkspaceSize"] = solution_workspace<direction>;
    kinds[prefix + "CompileSolution"] = compile<direction>;
    kinds[prefix + "Immediate"] = immediate<direction>;
}

} // namespace

void add_solution_rows(RowKinds& kinds)
{
    add_direction<FORWARD>(kinds, "miopenConvolutionForward");
    add_direction<BACKWARD_DATA>(kinds, "miopenConvolutionBackwardData");
    add_direction<BACKWARD_WEIGHTS>(kinds, "miopenConvolutionBackwardWeights");
}

} // namespace conformance
