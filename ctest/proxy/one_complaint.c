/* Is an unusable setting reported once, though threads meet it at the same moment?
 *
 * usage: one_complaint PROCESSES
 *
 * To be run with a MIOPEN_BYPASS_REAL_LIB that names no library. */
#include "meet.h"
#include "processes.h"

#include <miopen/miopen.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, LINE_BYTES = 4096 };

static atomic_uint arrivals;

static void* first_call(void* unused)
{
    meet(&arrivals, THREADS, 0);
    miopenGetErrorString(miopenStatusSuccess);
    return unused;
}

static int one_process(void)
{
    FILE* lines = tmpfile();
    pthread_t threads[THREADS];
    if (lines == NULL || dup2(fileno(lines), STDERR_FILENO) < 0)
        return 2;
    for (int i = 0; i < THREADS; ++i)
        if (pthread_create(&threads[i], NULL, first_call, NULL) != 0)
            return 2;
    for (int i = 0; i < THREADS; ++i)
        pthread_join(threads[i], NULL);

    const char* named = getenv("MIOPEN_BYPASS_REAL_LIB");
    char line[LINE_BYTES];
    int seen = 0;
    rewind(lines);
    while (fgets(line, sizeof line, lines) != NULL)
        seen += named != NULL && strstr(line, named) != NULL;
    if (seen != 1)
        printf("%d lines about %s\n", seen, named);
    return seen != 1;
}

int main(int count, char** words)
{
    return count == 2 ? in_processes(words[1], one_process) : 2;
}
