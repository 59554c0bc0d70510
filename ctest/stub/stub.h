/* What the stand-in for a real libMIOpen adds to MIOpen's functions: each call leaves a record. */
#ifndef STUB_H
#define STUB_H

#include <stddef.h>
#include <stdint.h>

/* Of miopenFusedAdamWithOutput, the longest list. */
enum { STUB_MAX_ARGUMENTS = 38 };

/* The function of row `index` of the table answers this plus the index: no real status. */
#define STUB_FIRST_STATUS 1000u

/* What miopenGetErrorString answers. */
#define STUB_ERROR_STRING "the stand-in's error string"

struct stub_argument {
    unsigned size_bytes;
    uint64_t bits; /* of the value in memory, the bytes beyond its size 0 */
};

struct stub_call {
    const char* function; /* NULL: none yet */
    unsigned count;
    struct stub_argument arguments[STUB_MAX_ARGUMENTS];
};

/* The last call of this thread. */
const struct stub_call* stub_last_call(void);

/* Calls of the function by all threads. */
unsigned long stub_calls_of(const char* function);

/* The file that the stand-in's own references to MIOpen's functions were bound to. */
const char* stub_bound_file(void);

/* What the initialiser of the variant with one saw (STUB_CONSTRUCTOR). */
struct stub_load {
    int ran;
    uint64_t create; /* status of miopenCreate, called by name */
};
const struct stub_load* stub_load(void);

/* A program may define and export this; then the initialiser calls it. */
void stub_during_load(void);

#endif
