/* SPDX-License-Identifier: MIT */
/**
 * @file
 * What a call answered: its status, and the places that it wrote.
 */
#ifndef CONFORMANCE_ANSWER_H
#define CONFORMANCE_ANSWER_H

#include <miopen/miopen.h>
#include <string>
#include <vector>

namespace conformance {

/** Outputs have the form of the table: `key=value key=value`, keys may repeat. */
class Answer
{
public:
    void status(miopenStatus_t status) { status_ = static_cast<int>(status); }
    int status() const { return status_; }

    void add(const std::string& key, long long value) { add(key, std::to_string(value)); }
    void add(const std::string& key, const std::string& value)
    {
        outputs_ += (outputs_.empty() ? "" : " ") + key + "=" + value;
    }
    const std::string& outputs() const { return outputs_; }

    /** Something that the answer must satisfy besides being what it is. */
    void require(bool holds, const std::string& what)
    {
        if(!holds) {
            broken_.push_back(what);
        }
    }
    const std::vector<std::string>& broken() const { return broken_; }

private:
    int status_ = -1;
    std::string outputs_;
    std::vector<std::string> broken_;
};

} // namespace conformance

#endif // CONFORMANCE_ANSWER_H
