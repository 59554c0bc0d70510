/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Reads the argument texts of the table from left to right.
 */
#ifndef CONFORMANCE_TEXT_H
#define CONFORMANCE_TEXT_H

#include <cctype>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace conformance {

/** A text that has another form than the call's rows. */
struct Unreadable : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

class Text
{
public:
    explicit Text(std::string text) : text_(std::move(text)) {}

    /** Goes past the literal if it comes next. */
    bool take(const std::string& literal)
    {
        if(text_.compare(at_, literal.size(), literal) != 0) {
            return false;
        }
        at_ += literal.size();
        return true;
    }

    /** The literal is all that is left. */
    bool ends_with(const std::string& literal)
    {
        return text_.compare(at_, std::string::npos, literal) == 0 && take(literal);
    }

    void expect(const std::string& literal)
    {
        if(!take(literal)) {
            fail("'" + literal + "'");
        }
    }

    void expect_end()
    {
        if(at_ != text_.size()) {
            fail("the end");
        }
    }

    long long number()
    {
        const char* from = text_.c_str() + at_;
        char* to = nullptr;
        long long value = std::strtoll(from, &to, 10);
        if(to == from || std::isspace(static_cast<unsigned char>(*from))) {
            fail("a number");
        }
        at_ += static_cast<std::size_t>(to - from);
        return value;
    }

    int integer() { return static_cast<int>(number()); }

    double real()
    {
        const char* from = text_.c_str() + at_;
        char* to = nullptr;
        double value = std::strtod(from, &to);
        if(to == from) {
            fail("a number");
        }
        at_ += static_cast<std::size_t>(to - from);
        return value;
    }

    /** Numbers with `separator` between them. */
    std::vector<int> integers(const std::string& separator)
    {
        std::vector<int> values{integer()};
        while(take(separator)) {
            values.push_back(integer());
        }
        return values;
    }

    std::string word()
    {
        std::size_t from = at_;
        while(at_ < text_.size() && std::isalnum(static_cast<unsigned char>(text_[at_]))) {
            ++at_;
        }
        return text_.substr(from, at_ - from);
    }

    [[noreturn]] void fail(const std::string& wanted) const
    {
        throw Unreadable(wanted + " wanted at '" + text_.substr(at_) + "'");
    }

private:
    std::string text_;
    std::size_t at_ = 0;
};

} // namespace conformance

#endif // CONFORMANCE_TEXT_H
