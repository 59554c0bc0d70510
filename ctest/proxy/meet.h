/* Lets threads go on at the same moment, time and again. */
#ifndef MEET_H
#define MEET_H

#include <sched.h>
#include <stdatomic.h>

/* Returns when `threads` threads have called this `round` + 1 times each. They spin, since threads
 * that sleep until they are woken come one by one. */
static inline void meet(atomic_uint* arrivals, unsigned threads, unsigned round)
{
    enum { SPINS_BEFORE_YIELD = 2000 };
    atomic_fetch_add(arrivals, 1);
    for (unsigned spins = 0; atomic_load(arrivals) < threads * (round + 1); ++spins)
        if (spins >= SPINS_BEFORE_YIELD)
            sched_yield();
}

#endif
