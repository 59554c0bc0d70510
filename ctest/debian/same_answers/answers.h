/* One line of text for each call: function(arguments) -> status name=value ...
 * The flow of the program never depends on an answer, so two libraries give
 * the same number of lines, and line i of one belongs to line i of the other. */
#ifndef ANSWERS_H
#define ANSWERS_H

#define MIOPEN_BETA_API 1
#define MIOPEN_BYPASS_HIDDEN_API 1
#include <miopen/miopen.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an output holds before a call, to see what the call left alone. */
enum { UNTOUCHED = -77 };
#define MAX_DIMS 8
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Starts the line of a call that was made; the format describes its arguments. */
void answer(const char *function, int status, const char *arguments, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds outputs to the line. */
void value(const char *name, long long number);
void real_value(const char *name, double number);
void text_value(const char *name, const char *text);
void dims_value(const char *name, const int *dims, int count);

#define CALL(function, arguments, ...) answer(#function, (int)function arguments, __VA_ARGS__)

/* Lists of integers as text, for the description of arguments; valid until the fourth next use. */
const char *list_text(const int *numbers, int count);

/* Reads everything a descriptor tells, a line for each getter. */
void dump_tensor(miopenTensorDescriptor_t desc, int rank);
void dump_convolution(miopenConvolutionDescriptor_t desc);

/* Descriptors for use as arguments; these print nothing. */
miopenTensorDescriptor_t new_tensor(miopenDataType_t type, int rank, const int *lengths);
miopenTensorDescriptor_t new_tensor_4d(int d0, int d1, int d2, int d3);
miopenConvolutionDescriptor_t new_convolution(miopenConvolutionMode_t mode, int spatial_dims, int pad,
                                              int stride, int dilation, int groups);

void ask_handle(void);
void ask_tensor_4d(void);
void ask_tensor_nd(void);
void ask_tensor_null(void);
void ask_convolution_init(void);
void ask_convolution_attributes(void);
void ask_convolution_output_2d(void);
void ask_convolution_output_nd(void);
void ask_convolution_without_handle(void);
void ask_problems(void);
void ask_find_options(void);
void ask_solutions(void);
void ask_fusion_plans(void);
void ask_fusion_arguments(void);
void ask_pooling(void);
void ask_normalisation(void);
void ask_activation(void);
void ask_softmax(void);
void ask_reduction(void);
void ask_recurrent(void);
void ask_other_descriptors(void);
void ask_other_without_handle(void);

#endif
