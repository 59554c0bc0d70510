// SPDX-License-Identifier: MIT
#include "table.h"

#include <fnmatch.h>
#include <fstream>
#include <stdexcept>

namespace conformance {
namespace {

// Fields of the lines that are no comments; missing ones at the end are empty.
std::vector<std::vector<std::string>> read_fields(const std::string& path, std::size_t count)
{
    std::ifstream file(path);
    if(!file) {
        throw std::runtime_error("cannot read " + path);
    }
    std::vector<std::vector<std::string>> lines;
    for(std::string line; std::getline(file, line);) {
        if(line.empty() || line[0] == '#') {
            continue;
        }
        std::vector<std::string> fields;
        for(std::size_t from = 0, to; from <= line.size(); from = to + 1) {
            to = std::min(line.find('\t', from), line.size());
            fields.push_back(line.substr(from, to - from));
        }
        if(fields.size() > count) {
            throw std::runtime_error(path + ": too many fields: " + line);
        }
        fields.resize(count);
        lines.push_back(fields);
    }
    if(lines.empty()) {
        throw std::runtime_error(path + " has no rows");
    }
    return lines;
}

bool glob(const std::string& pattern, const std::string& text)
{
    return fnmatch(pattern.c_str(), text.c_str(), FNM_NOESCAPE) == 0;
}

} // namespace

bool Difference::matches(const Row& row) const
{
    return glob(call, row.call) && glob(arguments, row.arguments);
}

bool Difference::admits(const Row& row, const Answer& answer) const
{
    const std::string& wanted_status = status == "=" ? row.status : status;
    const std::string& wanted_outputs = outputs == "=" ? row.outputs : outputs;
    return wanted_status == std::to_string(answer.status())
        && (wanted_outputs == "*" || wanted_outputs == answer.outputs());
}

std::vector<Row> read_rows(const std::string& path)
{
    std::vector<Row> rows;
    for(const auto& f : read_fields(path, 6)) {
        rows.push_back({f[0], f[1], f[2], f[3], f[4], f[5]});
    }
    return rows;
}

std::vector<Difference> read_differences(const std::string& path)
{
    std::vector<Difference> differences;
    for(const auto& f : read_fields(path, 6)) {
        if(f[2] != "always" && f[2] != "maybe") {
            throw std::runtime_error(path + ": a difference occurs always or maybe, not " + f[2]);
        }
        if(f[5].empty()) {
            throw std::runtime_error(path + ": no reason for " + f[0] + " " + f[1]);
        }
        differences.push_back({f[0], f[1],
            f[2] == "always" ? Difference::Occurs::always : Difference::Occurs::maybe, f[3], f[4],
            f[5]});
    }
    return differences;
}

} // namespace conformance
