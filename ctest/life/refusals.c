/* SPDX-License-Identifier: MIT */
#include "refusals.h"

#include "check.h"

#include <miopen/bypass.h>
#include <string.h>

enum { UNTOUCHED = 777, SOME_ID = 85 };

static const float one = 1, zero = 0;

static void all_refuse(const conv_call_t* call, miopenStatus_t expected, guarded_t* output)
{
    size_t bytes = UNTOUCHED, count = UNTOUCHED;
    int found = UNTOUCHED;
    miopenConvSolution_t solution, solution_before;
    miopenConvAlgoPerf_t perf, perf_before;
    memset(&solution, 0xFF, sizeof solution);
    memset(&perf, 0xFF, sizeof perf);
    solution_before = solution;
    perf_before = perf;
    guarded_refill(output);

    CHECK_EQUAL(conv_workspace_size(call, &bytes), expected);
    CHECK_EQUAL(conv_solution_count(call, &count), expected);
    CHECK_EQUAL(conv_solutions(call, 1, &count, &solution), expected);
    CHECK_EQUAL(conv_solution_workspace(call, SOME_ID, &bytes), expected);
    CHECK_EQUAL(conv_compile(call, SOME_ID), expected);
    CHECK_EQUAL(conv_find(call, 1, &found, &perf, false), expected);
    CHECK_EQUAL(conv_run(call, &one, miopenConvolutionAlgoDirect, &zero), expected);
    CHECK_EQUAL(conv_immediate(call, SOME_ID), expected);

    CHECK_EQUAL(bytes, UNTOUCHED);
    CHECK_EQUAL(count, UNTOUCHED);
    CHECK_EQUAL(found, UNTOUCHED);
    CHECK(memcmp(&solution, &solution_before, sizeof solution) == 0);
    CHECK(memcmp(&perf, &perf_before, sizeof perf) == 0);
    CHECK(guarded_untouched(output));
    CHECK(guarded_intact(output));
    CHECK(strlen(miopenBypassLastError()) > 0);
}

void all_calls_refuse(const world_t* world, direction_t direction, miopenStatus_t expected)
{
    const guarded_t* outputs[] = {&world->y, &world->x, &world->w};
    guarded_t output = *outputs[direction];
    conv_call_t call = world_call(world, direction);
    all_refuse(&call, expected, &output);
}

void all_directions_refuse(const world_t* world, miopenStatus_t expected)
{
    for(int direction = FORWARD; direction <= BACKWARD_WEIGHTS; ++direction) {
        all_calls_refuse(world, (direction_t)direction, expected);
    }
}
