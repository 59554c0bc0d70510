/* Does the real library still work when its functions call each other?
 *
 * usage: self_call STAND_IN itself|us
 *
 * In the stand-in, miopenCreateWithStream calls miopenCreate. Opened by us, the stand-in must find
 * its own (`itself`). Loaded by the loader after us, it finds ours (`us`), which must send the call
 * on to it. */
#include "stand_in.h"

#include <miopen/miopen.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int expect(int holds, const char* claim)
{
    printf("%s: %s\n", holds ? "holds" : "WRONG", claim);
    return !holds;
}

static int same_file(const char* a, const char* b)
{
    char real_a[PATH_MAX], real_b[PATH_MAX];
    return realpath(a, real_a) != NULL && realpath(b, real_b) != NULL
        && strcmp(real_a, real_b) == 0;
}

int main(int count, char** words)
{
    if (count != 3)
        return 2;
    const char* stand_in_path = words[1];
    int bound_to_itself = strcmp(words[2], "itself") == 0;
    int wrong = 0;

    miopenHandle_t handle;
    miopenStatus_t status = miopenCreateWithStream(&handle, NULL);
    struct stand_in stand_in = stand_in_loaded_from(stand_in_path);
    const struct stub_call* last = stand_in.last_call();
    unsigned long before = stand_in.load()->ran ? 1 : 0;

    wrong += expect(status >= STUB_FIRST_STATUS, "miopenCreateWithStream came from the stand-in");
    wrong += expect(stand_in.calls_of("miopenCreateWithStream") == 1, "it was called once");
    wrong += expect(stand_in.calls_of("miopenCreate") == before + 1, "it called miopenCreate once");
    wrong += expect(last->function != NULL && strcmp(last->function, "miopenCreate") == 0
            && last->arguments[0].bits == (uintptr_t)&handle, "with its own argument");
    wrong += expect(same_file(stand_in.bound_file(), stand_in_path) == bound_to_itself,
        "the stand-in's reference to miopenCreate was bound as expected");
    return wrong != 0;
}
