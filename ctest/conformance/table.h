/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The tables: what the real library answered, and where ours answers otherwise on purpose.
 */
#ifndef CONFORMANCE_TABLE_H
#define CONFORMANCE_TABLE_H

#include "answer.h"

#include <string>
#include <vector>

namespace conformance {

/** One call and its answer. `status` is a number, or CRASH. */
struct Row
{
    std::string id, call, arguments, status, outputs, note;

    bool is_answered_by(const Answer& answer) const
    {
        return status == std::to_string(answer.status()) && outputs == answer.outputs();
    }
};

/** Rows whose answer is another one here. Call and arguments are patterns as of file names. */
struct Difference
{
    enum class Occurs
    {
        always, /**< An answer as in the table is an error: this entry is out of date. */
        maybe   /**< Times and sizes may happen to be those of the table. */
    };

    std::string call, arguments;
    Occurs occurs;
    std::string status;  /**< Number; `=`: the table's. */
    std::string outputs; /**< Text; `=`: the table's; `*`: any that has the needed properties. */
    std::string reason;
    int rows = 0; /**< That matched. */

    bool matches(const Row& row) const;
    bool admits(const Row& row, const Answer& answer) const;
};

std::vector<Row> read_rows(const std::string& path);
std::vector<Difference> read_differences(const std::string& path);

} // namespace conformance

#endif // CONFORMANCE_TABLE_H
