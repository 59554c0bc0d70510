/* Is an unusable setting reported once, though many threads meet it at once?
 *
 * To be run with a MIOPEN_BYPASS_REAL_LIB that names no library. */
#include <miopen/miopen.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 16, LINE_BYTES = 4096 };

static pthread_barrier_t start;

static void* first_call(void* unused)
{
    pthread_barrier_wait(&start);
    miopenGetErrorString(miopenStatusSuccess);
    return unused;
}

int main(void)
{
    const char* named = getenv("MIOPEN_BYPASS_REAL_LIB");
    FILE* lines = tmpfile();
    pthread_t threads[THREADS];
    if (named == NULL || lines == NULL || dup2(fileno(lines), STDERR_FILENO) < 0
        || pthread_barrier_init(&start, NULL, THREADS) != 0)
        return 2;
    for (int i = 0; i < THREADS; ++i)
        if (pthread_create(&threads[i], NULL, first_call, NULL) != 0)
            return 2;
    for (int i = 0; i < THREADS; ++i)
        pthread_join(threads[i], NULL);

    char line[LINE_BYTES];
    int seen = 0;
    rewind(lines);
    while (fgets(line, sizeof line, lines) != NULL) {
        printf("%s", line);
        seen += strstr(line, named) != NULL;
    }
    printf("%d lines about %s\n", seen, named);
    return seen != 1;
}
