/* SPDX-License-Identifier: MIT */
/*
 * Is every wrong pointer refused? For each function and each of its pointers: NULL, stale, foreign
 * and mistyped objects give miopenStatusBadParm, nothing is written, and a message says why.
 *
 *     bad_pointers src/abi/functions.in
 *
 * The file tells which functions there are; one that is missing here is a failure.
 */
#include "check.h"
#include "world.h"

#include <miopen/bypass.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const int some_ints[] = {1, 1, 1, 1};
static const size_t some_sizes[] = {1, 1, 1, 1};
static const float one = 1, zero = 0;

typedef struct {
    world_t world;
    guarded_t places[MOST_POINTERS];
    void* pointers[MOST_POINTERS];
} attempt_t;

static guarded_t* buffer_of(world_t* world, char kind)
{
    switch(kind) {
    case X: return &world->x;
    case W: return &world->w;
    case Y: return &world->y;
    case BIAS: return &world->bias;
    case WORKSPACE: return &world->workspace;
    default: return NULL;
    }
}

static void* good_pointer(attempt_t* attempt, int at, char kind)
{
    world_t* world = &attempt->world;
    switch((argument_t)kind) {
    case HANDLE: return world->handle;
    case X_DESC: return world->x_desc;
    case W_DESC: return world->w_desc;
    case Y_DESC: return world->y_desc;
    case BIAS_DESC: return world->bias_desc;
    case SPARE_DESC: return world->spare_desc;
    case CONV: return world->conv;
    case SCALAR_ONE: return (void*)&one;
    case SCALAR_ZERO: return (void*)&zero;
    case NUMBERS:
    case OPTIONAL_NUMBERS:
    case LENGTHS: return (void*)some_ints;
    case LENGTHS_64:
    case OPTIONAL_NUMBERS_64: return (void*)some_sizes;
    case PLACE:
    case OPTIONAL_PLACE:
        attempt->places[at] = guarded_new(256);
        return attempt->places[at].data;
    default: return buffer_of(world, kind)->data;
    }
}

static void attempt_new(attempt_t* attempt, const function_t* function)
{
    memset(attempt, 0, sizeof *attempt);
    world_new(&attempt->world);
    for(int at = 0; function->kinds[at]; ++at) {
        attempt->pointers[at] = good_pointer(attempt, at, function->kinds[at]);
    }
    for(const char* kind = function->written; *kind; ++kind) {
        guarded_refill(buffer_of(&attempt->world, *kind));
    }
}

/* What the call has created or destroyed leaves the world accordingly. */
static void note_success(attempt_t* attempt, const function_t* function)
{
    world_t* world = &attempt->world;
    void* made = NULL;
    if(strncmp(function->name, "miopenCreate", 12) == 0) {
        memcpy(&made, attempt->places[0].data, sizeof made);
        CHECK_OK(strstr(function->name, "Tensor")  ? miopenDestroyTensorDescriptor(made)
                : strstr(function->name, "Convol") ? miopenDestroyConvolutionDescriptor(made)
                                                   : miopenDestroy(made));
    } else if(strncmp(function->name, "miopenDestroy", 13) == 0) {
        switch((argument_t)function->kinds[0]) {
        case HANDLE: world->handle = NULL; break;
        case SPARE_DESC: world->spare_desc = NULL; break;
        default: world->conv = NULL; break;
        }
    }
}

static void attempt_free(attempt_t* attempt)
{
    for(int at = 0; at < MOST_POINTERS; ++at) {
        guarded_free(&attempt->places[at]);
    }
    world_free(&attempt->world);
}

static void check_nothing_written(attempt_t* attempt, const function_t* function)
{
    for(int at = 0; at < MOST_POINTERS; ++at) {
        CHECK(guarded_untouched(&attempt->places[at]));
    }
    for(const char* kind = function->written; *kind; ++kind) {
        CHECK(guarded_untouched(buffer_of(&attempt->world, *kind)));
    }
}

/* Calls with one pointer replaced. */
static void attempt_with(
    const function_t* function, int at, void* pointer, const char* what, miopenStatus_t expected)
{
    attempt_t attempt;
    attempt_new(&attempt, function);
    check_context("%s, pointer %d (%c) %s", function->name, at, function->kinds[at], what);
    attempt.pointers[at] = pointer;
    miopenStatus_t status = function->call(attempt.pointers);
    CHECK_EQUAL(status, expected);
    if(status == miopenStatusSuccess) {
        if(strncmp(function->name, "miopenDestroy", 13) != 0) {
            note_success(&attempt, function);
        }
    } else {
        check_nothing_written(&attempt, function);
        const char* message = miopenBypassLastError();
        CHECK_THAT(strncmp(message, function->name, strlen(function->name)) == 0,
            "the message is '%s'", message);
    }
    attempt_free(&attempt);
}

static void* shifted(const void* object, intptr_t bytes)
{
    return (void*)((uintptr_t)object + (uintptr_t)bytes);
}

static void wrong_objects(const function_t* function, int at)
{
    char kind = function->kinds[at];
    world_t other;
    world_new(&other);
    void* live = kind == HANDLE ? (void*)other.handle
        : kind == CONV          ? (void*)other.conv
                                : (void*)other.spare_desc;
    char stack_object[64] = {0};
    miopenHandle_t stale_handle;
    miopenTensorDescriptor_t stale_tensor;
    miopenConvolutionDescriptor_t stale_conv;
    CHECK_OK(miopenCreate(&stale_handle));
    CHECK_OK(miopenDestroy(stale_handle));
    CHECK_OK(miopenCreateTensorDescriptor(&stale_tensor));
    CHECK_OK(miopenDestroyTensorDescriptor(stale_tensor));
    CHECK_OK(miopenCreateConvolutionDescriptor(&stale_conv));
    CHECK_OK(miopenDestroyConvolutionDescriptor(stale_conv));

    const struct {
        const char* what;
        void* pointer;
    } wrong[] = {
        {"0x1234", shifted(NULL, 0x1234)},
        {"on the stack", stack_object},
        {"all ones", shifted(NULL, -1)},
        {"a little beyond an object", shifted(live, 8)},
        {"a byte before an object", shifted(live, -1)},
        {"a handle", kind == HANDLE ? (void*)stale_handle : (void*)other.handle},
        {"a tensor descriptor",
            kind == HANDLE || kind == CONV ? (void*)other.x_desc : (void*)stale_tensor},
        {"a convolution descriptor", kind == CONV ? (void*)stale_conv : (void*)other.conv},
    };
    for(size_t which = 0; which < sizeof wrong / sizeof wrong[0]; ++which) {
        attempt_with(function, at, wrong[which].pointer, wrong[which].what, miopenStatusBadParm);
    }
    bool destroys = strncmp(function->name, "miopenDestroy", 13) == 0;
    attempt_with(
        function, at, NULL, "NULL", destroys ? miopenStatusSuccess : miopenStatusBadParm);
    world_free(&other);
}

static void wrong_pointer(const function_t* function, int at)
{
    switch((argument_t)function->kinds[at]) {
    case HANDLE:
    case X_DESC:
    case W_DESC:
    case Y_DESC:
    case BIAS_DESC:
    case SPARE_DESC:
    case CONV: wrong_objects(function, at); break;
    case OPTIONAL_PLACE:
    case OPTIONAL_NUMBERS:
    case OPTIONAL_NUMBERS_64:
    case WORKSPACE: attempt_with(function, at, NULL, "NULL", miopenStatusSuccess); break;
    case LENGTHS:
    case LENGTHS_64: attempt_with(function, at, NULL, "NULL", miopenStatusInvalidValue); break;
    default: attempt_with(function, at, NULL, "NULL", miopenStatusBadParm); break;
    }
}

/* Find 2.0 has objects of its own, and a test of its own for them: find2_pointers. */
static int is_of_find2(const char* name)
{
    return strstr(name, "Problem") != NULL || strstr(name, "FindOption") != NULL
        || strcmp(name, "miopenGetSolverIdConvAlgorithm") == 0
        || (strstr(name, "Solution") != NULL && strncmp(name, "miopenConvolution", 17) != 0);
}

static void check_all_functions_are_here(const char* path)
{
    char line[256], name[128], policy[32];
    FILE* table = fopen(path, "r");
    int own = 0;
    check_context("%s", path);
    while(CHECK(table != NULL) && fgets(line, sizeof line, table)) {
        if(sscanf(line, "%127[a-zA-Z0-9_] %31s", name, policy) != 2
            || (strcmp(policy, "own") != 0 && strcmp(policy, "guard") != 0)
            || is_of_find2(name)) {
            continue;
        }
        own += 1;
        int here = strcmp(name, "miopenGetErrorString") == 0; /* it takes no pointer */
        for(int at = 0; at < function_count; ++at) {
            here += strcmp(name, functions[at].name) == 0;
        }
        CHECK_THAT(here == 1, "%s stands %d times in the table of this test", name, here);
    }
    CHECK_EQUAL(own, function_count + 1);
    fclose(table);
}

int main(int argc, char** argv)
{
    if(argc != 2) {
        fprintf(stderr, "usage: %s src/abi/functions.in\n", argv[0]);
        return 2;
    }
    check_all_functions_are_here(argv[1]);
    for(int which = 0; which < function_count; ++which) {
        const function_t* function = &functions[which];
        attempt_t attempt;
        attempt_new(&attempt, function);
        check_context("%s with everything in order", function->name);
        if(CHECK_OK(function->call(attempt.pointers))) {
            note_success(&attempt, function);
        }
        attempt_free(&attempt);
        for(int at = 0; function->kinds[at]; ++at) {
            wrong_pointer(function, at);
        }
    }
    return check_finish();
}
