/* Does a program that opens the library find every symbol, and can it do so time and again?
 *
 * usage: names LIBRARY EXPECTED_SYMBOLS STAND_IN
 *
 * A line of EXPECTED_SYMBOLS is `name@@version`, or a `name` without a version. */
#include "stand_in.h"

#include <dlfcn.h>
#include <miopen/miopen.h>

#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 256, FEWEST_SYMBOLS = 275 /* MIOpen's alone */ };

/* Whether the symbol is there, with its version and no other. */
static int found(void* library, const char* name, const char* version)
{
    void* address = dlsym(library, name);
    if (version == NULL)
        return address != NULL;
    return address != NULL && dlvsym(library, name, version) == address
        && dlvsym(library, name, "MIOPEN_HIP_2") == NULL;
}

static unsigned wrong_symbols(void* library, const char* expected_symbols)
{
    FILE* lines = fopen(expected_symbols, "r");
    char line[LINE_BYTES];
    unsigned count = 0, wrong = 0;
    while (lines != NULL && fgets(line, sizeof line, lines) != NULL) {
        const char* name = strtok(line, "@\n");
        const char* version = strtok(NULL, "@\n");
        ++count;
        if (name == NULL || !found(library, name, version)) {
            printf("%s: missing, or with another version\n", line);
            ++wrong;
        }
    }
    if (lines == NULL || count < FEWEST_SYMBOLS) {
        printf("%s: %u symbols\n", expected_symbols, count);
        ++wrong;
    }
    if (lines != NULL)
        fclose(lines);
    return wrong;
}

int main(int count, char** words)
{
    if (count != 4)
        return 2;
    unsigned wrong = 0;
    for (int round = 0; round < 3; ++round) {
        void* library = dlopen(words[1], RTLD_LAZY | RTLD_LOCAL);
        if (library == NULL) {
            printf("%s\n", dlerror());
            return 1;
        }
        wrong += wrong_symbols(library, words[2]);
        miopenStatus_t (*set_stream)(miopenHandle_t, miopenAcceleratorQueue_t);
        FIND(library, "miopenSetStream", set_stream);
        miopenStatus_t status = set_stream(NULL, NULL);
        struct stand_in stand_in = stand_in_loaded_from(words[3]);
        unsigned long calls = stand_in.calls_of("miopenSetStream");
        if (status < STUB_FIRST_STATUS || calls != (unsigned long)round + 1) {
            printf("round %d: miopenSetStream answered %u after %lu calls\n", round, status, calls);
            ++wrong;
        }
        dlclose(library);
    }
    printf("%u wrong\n", wrong);
    return wrong != 0;
}
