/* SPDX-License-Identifier: MIT */
/*
 * Is what the library remembers of problems bounded? A detector that sees a new image size with
 * every picture asks for thousands of different convolutions in its life.
 */
#include "check.h"
#include "memory.h"
#include "world.h"

/*
 * After as many problems as fill whatever there is, more must find room in it. Images grow with
 * the number, and their plans with them: it takes four to five rounds until the heap has the
 * length that it keeps, after which rounds add nothing (seen: 4 kB at most).
 */
enum { PROBLEMS = 4000, WARMING_UP = 6 * PROBLEMS, GROWTH_BYTES = 256 * 1024 };

static const float one = 1, zero = 0;

static void problem(world_t* world, int number)
{
    int h = 1 + number % 89, w = 1 + number / 89;
    CHECK_OK(miopenSet4dTensorDescriptor(world->x_desc, miopenFloat, 1, 3, h, w));
    CHECK_OK(miopenSet4dTensorDescriptor(world->y_desc, miopenFloat, 1, 4, h, w));
    conv_call_t call = world_call(world, FORWARD);
    size_t count;
    CHECK_OK(conv_solution_count(&call, &count));
    if(h * w <= 64) {
        int found;
        miopenConvAlgoPerf_t perf;
        CHECK_OK(conv_find(&call, 1, &found, &perf, false));
        CHECK_OK(conv_run(&call, &one, (int)perf.fwd_algo, &zero));
    }
}

int main(void)
{
    world_t world;
    world_new(&world);
    for(int number = 0; number < WARMING_UP; ++number) {
        problem(&world, number);
    }
    long before = resident_bytes();
    for(int number = WARMING_UP; number < WARMING_UP + PROBLEMS; ++number) {
        problem(&world, number);
    }
    long growth = resident_bytes() - before;
    CHECK(before > 0);
    CHECK_THAT(growth <= GROWTH_BYTES, "%d new problems took %ld bytes", PROBLEMS, growth);
    world_free(&world);
    return check_finish();
}
