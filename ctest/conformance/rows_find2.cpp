// SPDX-License-Identifier: MIT
// Find 2.0.
#include "rows.h"
#include "situation.h"

#include <cstdint>

namespace conformance {
namespace {

const miopenTensorArgumentId_t ids[] = {
    miopenTensorConvolutionX, miopenTensorConvolutionW, miopenTensorConvolutionY};

// A problem of the situation's descriptors.
class Problem
{
public:
    explicit Problem(const conv_call_t& call, bool is_complete)
    {
        must(miopenCreateConvProblem(&problem_, call.conv, miopenProblemDirectionForward));
        miopenTensorDescriptor_t tensors[] = {call.x_desc, call.w_desc, call.y_desc};
        for(int at = 0; is_complete && at < 3; ++at) {
            must(miopenSetProblemTensorDescriptor(problem_, ids[at], tensors[at]));
        }
    }
    Problem(const Problem&) = delete;
    Problem& operator=(const Problem&) = delete;
    ~Problem() { miopenDestroyProblem(problem_); }
    operator miopenProblem_t() const { return problem_; }

private:
    miopenProblem_t problem_ = nullptr;
};

// "dir=0", "conv NULL", "out NULL"
void create_problem(Text& text, Answer& answer)
{
    Text about("NULL handle, ");
    Situation situation(FORWARD, about);
    miopenProblem_t problem = nullptr, *out = &problem;
    miopenConvolutionDescriptor_t conv = situation.call().conv;
    int direction = 0;
    bool is_given = text.take("dir=");
    if(is_given) {
        direction = text.integer();
    } else if(text.take("conv NULL")) {
        conv = nullptr;
    } else {
        text.expect("out NULL");
        out = nullptr;
    }
    text.expect_end();
    answer.status(
        miopenCreateConvProblem(out, conv, static_cast<miopenProblemDirection_t>(direction)));
    if(is_given) {
        answer.add("nonnull", problem != nullptr);
    }
    miopenDestroyProblem(problem);
}

// "conv fwd, id=2", "problem NULL", "desc NULL"
void set_tensor(Text& text, Answer& answer)
{
    Text about("NULL handle, ");
    Situation situation(FORWARD, about);
    Problem owned(situation.call(), false);
    miopenProblem_t problem = owned;
    miopenTensorDescriptor_t desc = situation.call().x_desc;
    int id = miopenTensorConvolutionX;
    if(text.take("problem NULL")) {
        problem = nullptr;
    } else if(text.take("desc NULL")) {
        desc = nullptr;
    } else {
        text.expect("conv fwd, id=");
        id = text.integer();
    }
    text.expect_end();
    answer.status(miopenSetProblemTensorDescriptor(
        problem, static_cast<miopenTensorArgumentId_t>(id), desc));
}

// "&o": each option is set
void options(Text& text, Answer& answer)
{
    miopenFindOptions_t o = nullptr;
    float buffer = 0;
    text.expect("&o");
    text.expect_end();
    answer.status(miopenCreateFindOptions(&o));
    answer.add("tuning", miopenSetFindOptionTuning(o, 1));
    answer.add("order", miopenSetFindOptionResultsOrder(o, miopenFindResultsOrderByTime));
    answer.add("order9",
        miopenSetFindOptionResultsOrder(o, static_cast<miopenFindResultsOrder_t>(9)));
    answer.add("ws", miopenSetFindOptionWorkspaceLimit(o, 1024));
    answer.add("attach", miopenSetFindOptionAttachBinaries(o, 1));
    answer.add("attach2", miopenSetFindOptionAttachBinaries(o, 2));
    answer.add("prealloc", miopenSetFindOptionPreallocatedWorkspace(o, &buffer, sizeof buffer));
    answer.add("pt", miopenSetFindOptionPreallocatedTensor(o, miopenTensorConvolutionX, &buffer));
    answer.add("destroy", miopenDestroyFindOptions(o));
}

template <typename Call>
void of_null(Text& text, Answer& answer, Call call)
{
    text.expect("NULL");
    text.take(" data");
    text.expect_end();
    answer.status(call());
}

void tuning(Text& text, Answer& answer)
{
    of_null(text, answer, [] { return miopenSetFindOptionTuning(nullptr, 1); });
}

void destroy_options(Text& text, Answer& answer)
{
    of_null(text, answer, [] { return miopenDestroyFindOptions(nullptr); });
}

void load(Text& text, Answer& answer)
{
    of_null(text, answer, [] {
        miopenSolution_t solution = nullptr;
        return miopenLoadSolution(&solution, nullptr, 10);
    });
}

void size(Text& text, Answer& answer)
{
    of_null(text, answer, [] {
        std::size_t bytes = 0;
        return miopenGetSolutionSize(nullptr, &bytes);
    });
}

void destroy(Text& text, Answer& answer)
{
    of_null(text, answer, [] { return miopenDestroySolution(nullptr); });
}

// "valid handle, conv fwd complete problem"
void find(Text& text, Answer& answer)
{
    enum { MOST = 8 };
    Situation situation(FORWARD, text);
    text.expect("conv fwd complete problem");
    text.expect_end();
    Problem problem(situation.call(), true);
    miopenSolution_t solutions[MOST] = {};
    std::size_t found = 777;
    answer.status(miopenFindSolutions(
        situation.call().handle, problem, nullptr, solutions, &found, MOST));
    answer.add("n", static_cast<long long>(found));
    for(std::size_t at = 0; found <= MOST && at < found; ++at) {
        std::uint64_t id = 0;
        std::size_t workspace = 777, bytes = 0;
        must(miopenGetSolutionSolverId(solutions[at], &id));
        must(miopenGetSolutionWorkspaceSize(solutions[at], &workspace));
        must(miopenGetSolutionSize(solutions[at], &bytes));
        answer.add("solver", static_cast<long long>(id));
        answer.add("ws", static_cast<long long>(workspace));
        answer.add("size>0", bytes > 0);
        answer.require(id > 179, "an id that no solver of MIOpen has");
        must(miopenDestroySolution(solutions[at]));
    }
}

} // namespace

void add_find2_rows(RowKinds& kinds)
{
    kinds["miopenCreateConvProblem"] = create_problem;
    kinds["miopenSetProblemTensorDescriptor"] = set_tensor;
    kinds["miopenCreateFindOptions"] = options;
    kinds["miopenSetFindOptionTuning"] = tuning;
    kinds["miopenDestroyFindOptions"] = destroy_options;
    kinds["miopenLoadSolution"] = load;
    kinds["miopenGetSolutionSize"] = size;
    kinds["miopenDestroySolution"] = destroy;
    kinds["miopenFindSolutions"] = find;
}

} // namespace conformance
