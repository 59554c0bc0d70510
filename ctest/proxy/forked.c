/* Does a forked child get its answers, whatever the parent was at when it forked?
 *
 * usage: forked STAND_IN before|during|after
 *
 * The fork comes `before` any call, `during` the first call of another thread, or `after` a first
 * call. For `during` the stand-in must take long to load: STUB_LOAD_DELAY_MS=500. */
#include "calls.h"
#include "stand_in.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_LIMIT_S = 20, INTO_THE_LOAD_US = 150000 };

static const char* stand_in_path;

static void* first_call(void* status)
{
    *(miopenStatus_t*)status = miopenSetStream(NULL, NULL);
    return NULL;
}

static int calls_arrive(void)
{
    unsigned wrong = 0;
    struct stand_in stand_in;
    for (unsigned i = 0; i < function_count; ++i) {
        struct arguments made;
        uint64_t result = call_function(i, 0, &made);
        if (i == 0)
            stand_in = stand_in_loaded_from(stand_in_path);
        wrong += !arrived(&made, stand_in.last_call(), result);
    }
    return wrong == 0;
}

int main(int count, char** words)
{
    if (count != 3)
        return 2;
    stand_in_path = words[1];
    int during = strcmp(words[2], "during") == 0;
    miopenStatus_t status = STUB_FIRST_STATUS;
    pthread_t thread;

    if (strcmp(words[2], "after") == 0)
        first_call(&status);
    if (during) {
        if (pthread_create(&thread, NULL, first_call, &status) != 0)
            return 2;
        usleep(INTO_THE_LOAD_US);
    }
    pid_t child = fork();
    if (child < 0)
        return 2;
    if (child == 0) {
        /* A lock that nobody releases must end the test, not hold it up. */
        alarm(CHILD_LIMIT_S);
        exit(!calls_arrive());
    }
    int ended, wrong = 0;
    waitpid(child, &ended, 0);
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0) {
        printf("the child ended with wait status %#x\n", (unsigned)ended);
        wrong = 1;
    }
    if (during)
        pthread_join(thread, NULL);
    if (status < STUB_FIRST_STATUS || !calls_arrive())
        wrong = 1;
    return wrong;
}
