/* SPDX-License-Identifier: MIT */
/*
 * Does Find 2.0 answer NULL, stale, foreign and mistyped objects with BadParm, and incomplete
 * problems and damaged solutions with a status, without a crash and without an output?
 */
#include "check.h"
#include "world.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static world_t world;

static void wrong(void* object)
{
    size_t bytes = 77;
    float time = 77;
    uint64_t id = 77;
    char data[16];
    miopenSolution_t solution = NULL;
    CHECK_STATUS(
        miopenSetProblemTensorDescriptor(object, miopenTensorConvolutionX, world.x_desc), BadParm);
    CHECK_STATUS(miopenSetFindOptionTuning(object, 1), BadParm);
    CHECK_STATUS(miopenSetFindOptionResultsOrder(object, miopenFindResultsOrderByTime), BadParm);
    CHECK_STATUS(miopenSetFindOptionWorkspaceLimit(object, 1), BadParm);
    CHECK_STATUS(miopenSetFindOptionPreallocatedWorkspace(object, data, 16), BadParm);
    CHECK_STATUS(
        miopenSetFindOptionPreallocatedTensor(object, miopenTensorConvolutionX, data), BadParm);
    CHECK_STATUS(miopenSetFindOptionAttachBinaries(object, 0), BadParm);
    CHECK_STATUS(miopenFindSolutions(world.handle, object, NULL, &solution, &bytes, 1), BadParm);
    CHECK_STATUS(miopenRunSolution(world.handle, object, 0, NULL, NULL, 0), BadParm);
    CHECK_STATUS(miopenSaveSolution(object, data), BadParm);
    CHECK_STATUS(miopenGetSolutionSize(object, &bytes), BadParm);
    CHECK_STATUS(miopenGetSolutionWorkspaceSize(object, &bytes), BadParm);
    CHECK_STATUS(miopenGetSolutionTime(object, &time), BadParm);
    CHECK_STATUS(miopenGetSolutionSolverId(object, &id), BadParm);
    CHECK(bytes == 77 && time == 77 && id == 77 && solution == NULL);
}

int main(void)
{
    world_new(&world);
    miopenProblem_t problem, stale;
    miopenFindOptions_t options;
    miopenSolution_t solution = NULL;
    size_t found = 77;
    CHECK_STATUS(miopenCreateConvProblem(NULL, world.conv, miopenProblemDirectionForward), BadParm);
    CHECK_STATUS(miopenCreateConvProblem(&problem, NULL, miopenProblemDirectionForward), BadParm);
    CHECK_STATUS(miopenCreateFindOptions(NULL), BadParm);
    CHECK_OK(miopenCreateConvProblem(&stale, world.conv, miopenProblemDirectionForward));
    CHECK_OK(miopenDestroyProblem(stale));
    CHECK_STATUS(miopenDestroyProblem(stale), BadParm);
    CHECK_OK(miopenDestroyProblem(NULL));
    CHECK_OK(miopenDestroyFindOptions(NULL));
    CHECK_OK(miopenDestroySolution(NULL));
    wrong(NULL);
    wrong(stale);
    wrong((void*)world.conv);
    wrong(&found);
    wrong((void*)(uintptr_t)0xdeadbeef);

    check_context("an incomplete problem");
    CHECK_OK(miopenCreateConvProblem(&problem, world.conv, miopenProblemDirectionForward));
    CHECK_OK(miopenCreateFindOptions(&options));
    CHECK_STATUS(
        miopenSetProblemTensorDescriptor(problem, miopenTensorConvolutionX, NULL), BadParm);
    CHECK_OK(miopenSetProblemTensorDescriptor(problem, miopenTensorConvolutionX, world.x_desc));
    CHECK_OK(miopenSetProblemTensorDescriptor(problem, miopenTensorConvolutionW, world.w_desc));
    CHECK_STATUS(
        miopenFindSolutions(world.handle, problem, options, &solution, &found, 1), InvalidValue);
    CHECK_OK(miopenSetProblemTensorDescriptor(problem, miopenTensorConvolutionY, world.y_desc));
    CHECK_STATUS(miopenFindSolutions(NULL, problem, options, &solution, &found, 1), BadParm);
    CHECK_STATUS(miopenFindSolutions(world.handle, problem, options, NULL, &found, 1), BadParm);
    CHECK_EQUAL(found, 77);
    CHECK_OK(miopenFindSolutions(world.handle, problem, options, &solution, &found, 1));
    CHECK_EQUAL(found, 1);
    CHECK_STATUS(miopenRunSolution(world.handle, solution, 0, NULL, NULL, 0), InvalidValue);
    CHECK_STATUS(miopenRunSolution(NULL, solution, 0, NULL, NULL, 0), BadParm);
    CHECK_STATUS(miopenSaveSolution(solution, NULL), BadParm);
    CHECK_STATUS(miopenGetSolutionSize(solution, NULL), BadParm);

    check_context("damaged solutions");
    size_t bytes = 0;
    CHECK_OK(miopenGetSolutionSize(solution, &bytes));
    char* data = malloc(bytes);
    CHECK_OK(miopenSaveSolution(solution, data));
    miopenSolution_t loaded = NULL;
    CHECK_STATUS(miopenLoadSolution(NULL, data, bytes), BadParm);
    CHECK_STATUS(miopenLoadSolution(&loaded, NULL, bytes), BadParm);
    for(size_t length = 0; length < bytes / 2; ++length) {
        CHECK_STATUS(miopenLoadSolution(&loaded, data, length), UnknownError);
    }
    CHECK(loaded == NULL);
    CHECK_OK(miopenLoadSolution(&loaded, data, bytes));
    for(size_t at = 0; at < bytes; ++at) {
        data[at] ^= 0x11;
        miopenSolution_t changed = NULL;
        if(miopenLoadSolution(&changed, data, bytes) == miopenStatusSuccess) {
            CHECK_OK(miopenDestroySolution(changed));
        }
        data[at] ^= 0x11;
    }
    free(data);
    CHECK_OK(miopenDestroySolution(loaded));
    CHECK_OK(miopenDestroySolution(solution));
    CHECK_OK(miopenDestroyFindOptions(options));
    CHECK_OK(miopenDestroyProblem(problem));
    world_free(&world);
    return check_finish();
}
