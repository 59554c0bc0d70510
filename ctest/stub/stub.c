/* The stand-in's own part: records of calls, and what its variants do beyond that. */
#define MIOPEN_BETA_API
#define MIOPEN_BYPASS_RETIRED_API
#define MIOPEN_BYPASS_HIDDEN_API
#include "record.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_FUNCTIONS = 512 };

static _Thread_local struct stub_call last_call;
static _Atomic(const char*) names[MAX_FUNCTIONS];
static atomic_ulong calls[MAX_FUNCTIONS];

void stub_begin(unsigned index, const char* name)
{
    last_call.function = name;
    last_call.count = 0;
    if (index >= MAX_FUNCTIONS)
        abort();
    atomic_store(&names[index], name);
    atomic_fetch_add(&calls[index], 1);
}

void stub_note(const void* value, size_t size_bytes)
{
    if (last_call.count == STUB_MAX_ARGUMENTS || size_bytes > sizeof(uint64_t))
        abort();
    struct stub_argument* argument = &last_call.arguments[last_call.count++];
    argument->size_bytes = (unsigned)size_bytes;
    argument->bits = 0;
    memcpy(&argument->bits, value, size_bytes);
}

#ifdef STUB_OBJECTS
static int ends_with(const char* name, const char* end)
{
    size_t length = strlen(name), end_length = strlen(end);
    return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* Whether the function runs convolutions on the card. */
static int launches(const char* name)
{
    static const char* const runs[] = {"miopenConvolutionForward", "miopenConvolutionBackwardData",
        "miopenConvolutionBackwardWeights", "miopenConvolutionBiasActivationForward",
        "miopenFindSolutions", "miopenRunSolution", "miopenExecuteFusionPlan",
        "miopenExecuteFusionPlan_v2"};
    for (size_t at = 0; at < sizeof runs / sizeof runs[0]; ++at)
        if (strcmp(name, runs[at]) == 0)
            return 1;
    return ends_with(name, "Immediate") || strncmp(name, "miopenFindConvolution", 21) == 0;
}
#endif

miopenStatus_t stub_status(unsigned index)
{
#ifdef STUB_OBJECTS
    if (launches(last_call.function))
        return stub_convolution_status();
    if (strstr(last_call.function, "Convolution") != NULL
        || strstr(last_call.function, "Fusion") != NULL
        || strstr(last_call.function, "Solution") != NULL
        || strstr(last_call.function, "CreateOp") != NULL
        || strstr(last_call.function, "Problem") != NULL
        || strstr(last_call.function, "FindOption") != NULL)
        return miopenStatusSuccess;
#endif
#ifdef STUB_SELF_CALL
    /* Through the PLT, as fifteen functions of the real library do. */
    if (strcmp(last_call.function, "miopenCreateWithStream") == 0)
        miopenCreate((miopenHandle_t*)(uintptr_t)last_call.arguments[0].bits);
#endif
    return (miopenStatus_t)(STUB_FIRST_STATUS + index);
}

const struct stub_call* stub_last_call(void)
{
    return &last_call;
}

unsigned long stub_calls_of(const char* function)
{
    for (unsigned i = 0; i < MAX_FUNCTIONS; ++i) {
        const char* name = atomic_load(&names[i]);
        if (name != NULL && strcmp(name, function) == 0)
            return atomic_load(&calls[i]);
    }
    return 0;
}

const char* stub_bound_file(void)
{
    Dl_info info;
    miopenStatus_t (*create)(miopenHandle_t*) = miopenCreate;
    void* address;
    memcpy(&address, &create, sizeof address);
    return dladdr(address, &info) != 0 ? info.dli_fname : NULL;
}

static struct stub_load load;

const struct stub_load* stub_load(void)
{
    return &load;
}

#ifdef STUB_CONSTRUCTOR
/* Milliseconds that the initialiser takes. */
static void wait_as_told(void)
{
    const char* delay_ms = getenv("STUB_LOAD_DELAY_MS");
    long duration_ms = delay_ms != NULL ? strtol(delay_ms, NULL, 10) : 0;
    struct timespec duration = {duration_ms / 1000, duration_ms % 1000 * 1000000};
    nanosleep(&duration, NULL);
}

__attribute__((weak)) void stub_during_load(void);

__attribute__((constructor)) static void at_load(void)
{
    wait_as_told();
    load.create = miopenCreate(NULL);
    if (stub_during_load != NULL)
        stub_during_load();
    load.ran = 1;
}
#endif
