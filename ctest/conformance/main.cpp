// SPDX-License-Identifier: MIT
// Makes every call of the tables and compares what the library answers.
//
//     conformance deliberate_differences.tsv table.tsv...
//
// A row that cannot be read is a failure, and so is a difference that does not occur any more.
#include "rows.h"
#include "table.h"

#include <cstdio>
#include <dlfcn.h>
#include <exception>

namespace conformance {
namespace {

class Comparison
{
public:
    explicit Comparison(std::vector<Difference> differences) : differences_(std::move(differences))
    {
        add_handle_rows(kinds_);
        add_tensor_rows(kinds_);
        add_tensor_getter_rows(kinds_);
        add_descriptor_rows(kinds_);
        add_output_dim_rows(kinds_);
        add_convolution_rows(kinds_);
        add_solution_rows(kinds_);
        add_find2_rows(kinds_);
    }

    void compare(const Row& row)
    {
        ++rows_;
        Answer answer;
        try {
            ask(row, answer);
        } catch(const std::exception& error) {
            fail(row, error.what());
            return;
        }
        for(const std::string& what : answer.broken()) {
            fail(row, "the answer lacks " + what + ": " + shown(answer));
        }
        bool same = row.is_answered_by(answer);
        Difference* difference = difference_of(row);
        if(difference == nullptr) {
            if(!same) {
                fail(row, "wanted " + row.status + " " + row.outputs + "\n    got    "
                        + shown(answer));
            }
        } else if(same && difference->occurs == Difference::Occurs::always) {
            fail(row, "is answered as in the table: the difference is out of date ("
                    + difference->reason + ")");
        } else if(!difference->admits(row, answer)) {
            fail(row, "wanted " + difference->status + " " + difference->outputs + ", since "
                    + difference->reason + "\n    got    " + shown(answer));
        } else if(!same) {
            ++different_;
        }
    }

    int finish()
    {
        for(const Difference& difference : differences_) {
            if(difference.rows == 0) {
                ++failures_;
                std::printf("no row is like %s %s: the difference is out of date\n",
                    difference.call.c_str(), difference.arguments.c_str());
            }
        }
        std::printf("%d rows, %d of them different on purpose, %d failures\n", rows_, different_,
            failures_);
        return rows_ > 0 && failures_ == 0 ? 0 : 1;
    }

private:
    void ask(const Row& row, Answer& answer)
    {
        auto kind = kinds_.find(row.call);
        if(kind == kinds_.end()) {
            ask_for_nothing(row, answer);
            return;
        }
        Text text(row.arguments);
        kind->second(text, answer);
    }

    // What the library does not serve by itself reads no argument.
    static void ask_for_nothing(const Row& row, Answer& answer)
    {
        std::string name = row.call.substr(0, row.call.find_first_of("+*"));
        using Function = miopenStatus_t (*)();
        auto function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name.c_str()));
        if(function == nullptr) {
            throw Unreadable("there is no function " + name);
        }
        answer.status(function());
        if(answer.status() != miopenStatusNotImplemented) {
            throw Unreadable(name + " is served; its rows must be read");
        }
    }

    Difference* difference_of(const Row& row)
    {
        for(Difference& difference : differences_) {
            if(difference.matches(row)) {
                ++difference.rows;
                return &difference;
            }
        }
        return nullptr;
    }

    void fail(const Row& row, const std::string& what)
    {
        ++failures_;
        std::printf("%s %s(%s): %s\n", row.id.c_str(), row.call.c_str(), row.arguments.c_str(),
            what.c_str());
    }

    static std::string shown(const Answer& answer)
    {
        return std::to_string(answer.status()) + " " + answer.outputs();
    }

    RowKinds kinds_;
    std::vector<Difference> differences_;
    int rows_ = 0, different_ = 0, failures_ = 0;
};

} // namespace
} // namespace conformance

int main(int argc, char** argv)
{
    using namespace conformance;
    if(argc < 3) {
        std::fprintf(stderr, "usage: %s deliberate_differences.tsv table.tsv...\n", argv[0]);
        return 2;
    }
    try {
        Comparison comparison(read_differences(argv[1]));
        for(int at = 2; at < argc; ++at) {
            for(const Row& row : read_rows(argv[at])) {
                comparison.compare(row);
            }
        }
        return comparison.finish();
    } catch(const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}
