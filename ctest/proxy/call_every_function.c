/* Does every argument and every result of every function arrive unchanged?
 *
 * usage: call_every_function STAND_IN
 *
 * Round 0 is the first call of each function, which goes through the resolver. */
#include "calls.h"
#include "stand_in.h"

#include <stdio.h>

enum { ROUNDS = 4 };

int main(int count, char** words)
{
    struct arguments made;
    unsigned wrong = 0;
    if (count != 2)
        return 2;
    /* The library under test looks for the stand-in at the first call. */
    uint64_t result = call_function(0, 0, &made);
    struct stand_in stand_in = stand_in_loaded_from(words[1]);
    wrong += !arrived(&made, stand_in.last_call(), result);
    for (unsigned round = 0; round < ROUNDS; ++round)
        for (unsigned i = round == 0 ? 1 : 0; i < function_count; ++i) {
            result = call_function(i, round, &made);
            wrong += !arrived(&made, stand_in.last_call(), result);
        }
    for (unsigned i = 0; i < function_count; ++i) {
        unsigned long calls = stand_in.calls_of(functions[i].name);
        if (calls != ROUNDS) {
            printf("%s: %lu calls instead of %d\n", functions[i].name, calls, ROUNDS);
            ++wrong;
        }
    }
    printf("%u functions, %d calls each, %u wrong\n", function_count, ROUNDS, wrong);
    return wrong != 0;
}
