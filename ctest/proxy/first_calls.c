/* What if sixteen threads make the first calls of all functions at once?
 *
 * usage: first_calls STAND_IN PROCESSES */
#include "calls.h"
#include "meet.h"
#include "processes.h"
#include "stand_in.h"

#include <pthread.h>
#include <stdio.h>

enum { THREADS = 16, IN_STEP = THREADS / 2 };

static const char* stand_in_path;
static atomic_uint arrivals;

struct thread {
    pthread_t id;
    unsigned number;
    unsigned wrong;
};

/* Half of the threads keep step, the others each have an order of their own. */
static void* call_all(void* argument)
{
    struct thread* thread = argument;
    int in_step = thread->number < IN_STEP;
    unsigned offset = in_step ? 0 : thread->number * function_count / THREADS;
    struct stand_in stand_in;
    for (unsigned i = 0; i < function_count; ++i) {
        struct arguments made;
        if (in_step)
            meet(&arrivals, IN_STEP, i);
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
    return in_processes(words[2], one_process);
}
