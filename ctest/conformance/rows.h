/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Makes the calls of the table: for each call a function that reads the row's argument text.
 */
#ifndef CONFORMANCE_ROWS_H
#define CONFORMANCE_ROWS_H

#include "answer.h"
#include "text.h"

#include <map>
#include <string>

namespace conformance {

/** Makes the call that the text describes; throws Unreadable for a text of another form. */
using RowKind = void (*)(Text&, Answer&);

using RowKinds = std::map<std::string, RowKind>;

void add_handle_rows(RowKinds&);
void add_tensor_rows(RowKinds&);
void add_tensor_getter_rows(RowKinds&);
void add_descriptor_rows(RowKinds&);
void add_output_dim_rows(RowKinds&);
void add_convolution_rows(RowKinds&);
void add_solution_rows(RowKinds&);
void add_find2_rows(RowKinds&);

} // namespace conformance

#endif // CONFORMANCE_ROWS_H
