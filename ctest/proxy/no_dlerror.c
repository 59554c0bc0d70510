/* Does a first call leave an error of the loader behind?
 *
 * A client that loads a library of its own after a call of ours, and then asks dlerror(), must not
 * get an answer that was meant for us. MIGraphX asks so for its GPU target. */
#include "calls.h"

#include <dlfcn.h>
#include <stdio.h>

int main(void)
{
    unsigned wrong = 0;
    dlerror();
    for (unsigned i = 0; i < function_count; ++i) {
        call_with_zeros(i);
        const char* error = dlerror();
        if (error != NULL) {
            printf("%s left: %s\n", functions[i].name, error);
            ++wrong;
        }
    }
    printf("%u functions, %u wrong\n", function_count, wrong);
    return wrong != 0;
}
