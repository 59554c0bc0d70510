/* SPDX-License-Identifier: MIT */
/*
 * Does memory stay where it is over ten thousand rounds of creating, using and destroying
 * everything? Failing calls count too: each leaves a message behind.
 *
 *     rounds [number]
 *
 * With a number, growth is not looked at: a leak checker sees a leak without it.
 */
#include "check.h"
#include "memory.h"
#include "world.h"

#include <stdlib.h>

/* What the allocator may take to itself; 32 bytes lost in each round would come to 320 kB. */
enum { ROUNDS = 10000, GROWTH_BYTES = 256 * 1024 };

static const float one = 1, zero = 0;

static world_t buffers;

static void round_of_everything(void)
{
    world_t world = buffers;
    world_objects_new(&world);
    for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
        conv_call_t call = world_call(&world, (direction_t)direction);
        size_t count;
        miopenConvSolution_t solution;
        CHECK_OK(conv_solutions(&call, 1, &count, &solution));
        CHECK_OK(conv_compile(&call, solution.solution_id));
        CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoGEMM, &zero));
        call.x = NULL;
        CHECK_STATUS(conv_run(&call, &one, miopenConvolutionFwdAlgoGEMM, &zero), BadParm);
        call.x_desc = NULL;
        CHECK_STATUS(conv_solutions(&call, 1, &count, &solution), BadParm);
    }
    CHECK_STATUS(miopenSet4dTensorDescriptor(world.x_desc, miopenFloat, -1, 1, 1, 1), BadParm);
    CHECK_OK(miopenSetConvolutionGroupCount(world.conv, 2));
    world_objects_free(&world);
}

int main(int argc, char** argv)
{
    world_new(&buffers);
    int first_rounds = argc > 1 ? atoi(argv[1]) : ROUNDS / 10;
    for(int at = 0; at < first_rounds; ++at) {
        round_of_everything();
    }
    if(argc == 1) {
        long before = resident_bytes();
        for(int at = 0; at < ROUNDS; ++at) {
            round_of_everything();
        }
        long growth = resident_bytes() - before;
        CHECK(before > 0);
        CHECK_THAT(growth <= GROWTH_BYTES, "%d rounds took %ld bytes", (int)ROUNDS, growth);
    }
    world_free(&buffers);
    return check_finish();
}
