/* Calls of every function with arguments whose bits a proxy must not touch. */
#ifndef CALLS_H
#define CALLS_H

#include "stub.h"

#include <miopen/miopen.h>

/* Arguments of one call: what was passed, as the stand-in should have seen it. */
struct arguments {
    unsigned function;
    unsigned round; /* another round, other bits, and the other value of each bool */
    int zeros;      /* no bits at all */
    unsigned count;
    struct stub_argument passed[STUB_MAX_ARGUMENTS];
};

struct function {
    const char* name;
    int in_old_release; /* the variant old_release has it */
    int returns_string; /* else a status */
    uint64_t (*call)(struct arguments*);
};

/* Generated: the rows of ctest/abi/functions.tsv, in order. */
extern const struct function functions[];
extern const unsigned function_count;

/* Calls functions[function] with zeros: what a library that stands alone can be called with. */
void call_with_zeros(unsigned function);

/* Calls functions[function] and says in `made` with what. Returns its result. */
uint64_t call_function(unsigned function, unsigned round, struct arguments* made);

/* Whether `seen` is the call that `made` describes, and `result` what the stand-in answered. Says
 * on stdout what differs. */
int arrived(const struct arguments* made, const struct stub_call* seen, uint64_t result);

enum argument_kind { WORD, BOOL, FLOAT, DOUBLE };

/* Fills the argument at `at` and notes it; for the generated calls, through MAKE. */
void make_argument(
    struct arguments* arguments, void* at, size_t size_bytes, enum argument_kind kind);

#define MAKE(name) \
    make_argument(made_arguments, &(name), sizeof(name), \
        _Generic((name), _Bool: BOOL, float: FLOAT, double: DOUBLE, default: WORD))

#endif
