/* Makes many calls of the C interface that need no device and prints every
 * answer. Which libMIOpen.so.1 answers is up to whoever starts the program. */
#define _GNU_SOURCE
#include "answers.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool line_open;

void answer(const char *function, int status, const char *arguments, ...) {
    va_list list;
    printf("%s%s(", line_open ? "\n" : "", function);
    va_start(list, arguments);
    vprintf(arguments, list);
    va_end(list);
    printf(") -> %d", status);
    /* A crash in the next call must not take this line with it. */
    fflush(stdout);
    line_open = true;
}

void value(const char *name, long long number) { printf(" %s=%lld", name, number); }

void real_value(const char *name, double number) { printf(" %s=%.17g", name, number); }

void text_value(const char *name, const char *text) { printf(" %s='%s'", name, text); }

void dims_value(const char *name, const int *dims, int count) {
    printf(" %s=%s", name, list_text(dims, count));
}

const char *list_text(const int *numbers, int count) {
    static char texts[4][160];
    static int turn;
    char *text = texts[turn++ % 4];
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < count && used < sizeof(texts[0]) - 16; ++i) {
        used += (size_t)snprintf(text + used, sizeof(texts[0]) - used, "%s%d", i ? "x" : "", numbers[i]);
    }
    return text;
}

miopenTensorDescriptor_t new_tensor(miopenDataType_t type, int rank, const int *lengths) {
    miopenTensorDescriptor_t desc = NULL;
    miopenCreateTensorDescriptor(&desc);
    miopenSetTensorDescriptor(desc, type, rank, lengths, NULL);
    return desc;
}

miopenTensorDescriptor_t new_tensor_4d(int d0, int d1, int d2, int d3) {
    const int lengths[] = {d0, d1, d2, d3};
    return new_tensor(miopenFloat, 4, lengths);
}

miopenConvolutionDescriptor_t new_convolution(miopenConvolutionMode_t mode, int spatial_dims, int pad,
                                              int stride, int dilation, int groups) {
    miopenConvolutionDescriptor_t desc = NULL;
    int pads[MAX_DIMS], strides[MAX_DIMS], dilations[MAX_DIMS];
    for (int i = 0; i < MAX_DIMS; ++i) {
        pads[i] = pad;
        strides[i] = stride;
        dilations[i] = dilation;
    }
    miopenCreateConvolutionDescriptor(&desc);
    miopenInitConvolutionNdDescriptor(desc, spatial_dims, pads, strides, dilations, mode);
    miopenSetConvolutionGroupCount(desc, groups);
    return desc;
}

static const struct {
    const char *name;
    void (*ask)(void);
} sections[] = {
    {"handle", ask_handle},
    {"tensor_4d", ask_tensor_4d},
    {"tensor_nd", ask_tensor_nd},
    {"tensor_null", ask_tensor_null},
    {"convolution_init", ask_convolution_init},
    {"convolution_attributes", ask_convolution_attributes},
    {"convolution_output_2d", ask_convolution_output_2d},
    {"convolution_output_nd", ask_convolution_output_nd},
    {"convolution_without_handle", ask_convolution_without_handle},
    {"problems", ask_problems},
    {"find_options", ask_find_options},
    {"solutions", ask_solutions},
    {"fusion_plans", ask_fusion_plans},
    {"fusion_arguments", ask_fusion_arguments},
    {"pooling", ask_pooling},
    {"normalisation", ask_normalisation},
    {"activation", ask_activation},
    {"softmax", ask_softmax},
    {"reduction", ask_reduction},
    {"recurrent", ask_recurrent},
    {"other_descriptors", ask_other_descriptors},
    {"other_without_handle", ask_other_without_handle},
};

/* Which file answers, and which files of that name are in the process once it has. */
static int print_libraries(void) {
    Dl_info info;
    void *function = dlsym(RTLD_DEFAULT, "miopenCreateTensorDescriptor");
    char line[4096], last[4096] = "";
    /* The real library is opened at the first call, not before. */
    miopenDestroyTensorDescriptor(new_tensor_4d(1, 1, 1, 1));
    FILE *maps = fopen("/proc/self/maps", "r");
    if (function == NULL || dladdr(function, &info) == 0 || maps == NULL) {
        return 1;
    }
    printf("answers: %s\n", info.dli_fname);
    while (fgets(line, sizeof(line), maps) != NULL) {
        const char *path = strchr(line, '/');
        if (path != NULL && strstr(path, "libMIOpen") != NULL && strcmp(path, last) != 0) {
            printf("loaded: %s", path);
            strcpy(last, path);
        }
    }
    fclose(maps);
    return 0;
}

/* Without arguments every section; else the named ones. --libraries says who answers. */
int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--libraries") == 0) {
        return print_libraries();
    }
    for (int i = 0; i < COUNT(sections); ++i) {
        bool wanted = argc == 1;
        for (int k = 1; k < argc; ++k) {
            wanted = wanted || strcmp(argv[k], sections[i].name) == 0;
        }
        if (wanted) {
            printf("%s# %s\n", line_open ? "\n" : "", sections[i].name);
            line_open = false;
            sections[i].ask();
        }
    }
    puts("");
    return 0;
}
