/* What if the real library calls MIOpen's functions while it is being loaded?
 *
 * usage: constructor STAND_IN by-us|by-loader
 *
 * `by-us`: the stand-in is opened at our first call. What its initialiser calls must be its own.
 * What another library calls on its behalf is ours, which has nothing to forward to yet.
 * `by-loader`: the stand-in is loaded with the program, and its initialiser's calls reach us
 * before main. They must be sent on to it. */
#include "stand_in.h"

#include <miopen/miopen.h>

#include <stdio.h>
#include <string.h>

static int expect(int holds, const char* claim)
{
    printf("%s: %s\n", holds ? "holds" : "WRONG", claim);
    return !holds;
}

static struct {
    miopenStatus_t create;
    const char* error_string;
} from_outside;

/* The stand-in's initialiser calls this; what it calls is ours. */
void stub_during_load(void)
{
    from_outside.create = miopenCreate(NULL);
    from_outside.error_string = miopenGetErrorString(miopenStatusSuccess);
}

static int is(const char* string, const char* expected)
{
    /* A status in place of the string would be a small number. */
    return (uintptr_t)string >= 4096 && strcmp(string, expected) == 0;
}

int main(int count, char** words)
{
    if (count != 3)
        return 2;
    int by_us = strcmp(words[2], "by-us") == 0;
    int wrong = 0;

    miopenStatus_t first = miopenDestroy(NULL);
    struct stand_in stand_in = stand_in_loaded_from(words[1]);
    miopenStatus_t create = miopenCreate(NULL);

    wrong += expect(stand_in.load()->ran, "the initialiser came to its end");
    wrong += expect(stand_in.load()->create == create, "its call reached itself");
    if (by_us) {
        wrong += expect(from_outside.create == miopenStatusNotImplemented,
            "our miopenCreate had nothing to forward to");
        wrong += expect(is(from_outside.error_string, "miopenStatusSuccess"),
            "our miopenGetErrorString answered all the same");
    } else {
        wrong += expect(from_outside.create == create, "our miopenCreate was sent on to it");
        wrong += expect(is(from_outside.error_string, STUB_ERROR_STRING),
            "our miopenGetErrorString was sent on to it");
    }
    wrong += expect(first >= STUB_FIRST_STATUS && create >= STUB_FIRST_STATUS,
        "calls after it came from the stand-in");
    wrong += expect(is(miopenGetErrorString(miopenStatusSuccess), STUB_ERROR_STRING),
        "miopenGetErrorString too");
    return wrong != 0;
}
