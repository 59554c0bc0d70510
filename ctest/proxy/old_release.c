/* What becomes of functions that the real library is too old to have?
 *
 * usage: old_release STAND_IN PROCESSES
 *
 * Four threads call every function three times, the first time at the same moment. Each missing
 * function must answer miopenStatusNotImplemented each time, and say so on stderr once. */
#include "calls.h"
#include "meet.h"
#include "processes.h"
#include "stand_in.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 3, LINE_BYTES = 4096 };

static const char* stand_in_path;
static atomic_uint arrivals;

static unsigned long wrong_results(void)
{
    unsigned long wrong = 0;
    struct stand_in stand_in = {0};
    for (unsigned round = 0; round < ROUNDS; ++round)
        for (unsigned i = 0; i < function_count; ++i) {
            struct arguments made;
            if (round == 0)
                meet(&arrivals, THREADS, i);
            uint64_t result = call_function(i, round, &made);
            if (functions[i].in_old_release) {
                if (stand_in.last_call == NULL)
                    stand_in = stand_in_loaded_from(stand_in_path);
                wrong += !arrived(&made, stand_in.last_call(), result);
            } else if (result != miopenStatusNotImplemented) {
                printf("%s: answered %llu\n", functions[i].name, (unsigned long long)result);
                ++wrong;
            }
        }
    return wrong;
}

static void* thread(void* wrong)
{
    *(unsigned long*)wrong = wrong_results();
    return NULL;
}

/* Whether the line reports the function. */
static int reports(const char* line, const char* function)
{
    static const char start[] = "miopen-bypass: ";
    size_t length = strlen(function);
    return strncmp(line, start, sizeof start - 1) == 0
        && strncmp(line + sizeof start - 1, function, length) == 0
        && line[sizeof start - 1 + length] == ' '
        && strstr(line, "miopenStatusNotImplemented") != NULL;
}

static unsigned long wrong_lines(FILE* lines)
{
    unsigned long wrong = 0;
    unsigned seen[512] = {0};
    char line[LINE_BYTES];
    rewind(lines);
    while (fgets(line, sizeof line, lines) != NULL) {
        unsigned i = 0;
        while (i < function_count && !reports(line, functions[i].name))
            ++i;
        if (i < function_count) {
            ++seen[i];
        } else {
            printf("not expected on stderr: %s", line);
            ++wrong;
        }
    }
    for (unsigned i = 0; i < function_count; ++i)
        if (seen[i] != (functions[i].in_old_release ? 0u : 1u)) {
            printf("%s: %u lines on stderr\n", functions[i].name, seen[i]);
            ++wrong;
        }
    return wrong;
}

static int one_process(void)
{
    FILE* lines = tmpfile();
    if (lines == NULL || dup2(fileno(lines), STDERR_FILENO) < 0)
        return 2;
    pthread_t threads[THREADS];
    unsigned long wrong_by_thread[THREADS], wrong = 0;
    for (int i = 0; i < THREADS; ++i)
        if (pthread_create(&threads[i], NULL, thread, &wrong_by_thread[i]) != 0)
            return 2;
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(threads[i], NULL);
        wrong += wrong_by_thread[i];
    }
    wrong += wrong_lines(lines);
    return wrong != 0;
}

int main(int count, char** words)
{
    if (count != 3)
        return 2;
    stand_in_path = words[1];
    return in_processes(words[2], one_process);
}
