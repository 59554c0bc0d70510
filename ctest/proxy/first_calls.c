/* What if sixteen threads make the first calls of all functions at once?
 *
 * usage: first_calls STAND_IN PROCESSES
 *
 * Each process has its first calls once; so the program forks that many children. */
#include "calls.h"
#include "stand_in.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 16 };

static const char* stand_in_path;
static pthread_barrier_t start;

struct thread {
    pthread_t id;
    unsigned number;
    unsigned wrong;
};

/* Half of the threads in the same order, half each in another. */
static void* call_all(void* argument)
{
    struct thread* thread = argument;
    unsigned offset = thread->number % 2 == 0 ? 0 : thread->number * function_count / THREADS;
    struct stand_in stand_in;
    pthread_barrier_wait(&start);
    for (unsigned i = 0; i < function_count; ++i) {
        struct arguments made;
        uint64_t result = call_function((i + offset) % function_count, thread->number, &made);
        if (i == 0)
            stand_in = stand_in_loaded_from(stand_in_path);
        thread->wrong += !arrived(&made, stand_in.last_call(), result);
    }
    return NULL;
}

static int one_process(void)
{
    struct thread threads[THREADS] = {0};
    unsigned wrong = 0;
    if (pthread_barrier_init(&start, NULL, THREADS) != 0)
        return 1;
    for (unsigned i = 0; i < THREADS; ++i) {
        threads[i].number = i;
        if (pthread_create(&threads[i].id, NULL, call_all, &threads[i]) != 0)
            return 1;
    }
    for (unsigned i = 0; i < THREADS; ++i) {
        pthread_join(threads[i].id, NULL);
        wrong += threads[i].wrong;
    }
    struct stand_in stand_in = stand_in_loaded_from(stand_in_path);
    for (unsigned i = 0; i < function_count; ++i)
        wrong += stand_in.calls_of(functions[i].name) != THREADS;
    return wrong != 0;
}

int main(int count, char** words)
{
    if (count != 3)
        return 2;
    stand_in_path = words[1];
    long processes = strtol(words[2], NULL, 10);
    long failed = 0;
    for (long i = 0; i < processes; ++i) {
        pid_t child = fork();
        if (child < 0)
            return 2;
        if (child == 0)
            exit(one_process());
        int status;
        waitpid(child, &status, 0);
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    printf("%ld processes, %ld failed\n", processes, failed);
    return processes < 1 || failed != 0;
}
