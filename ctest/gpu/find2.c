/* SPDX-License-Identifier: MIT */
/*
 * Does Find 2.0 work as MIGraphX uses it? Problems with preallocated buffers, the best solution
 * saved, and loaded and run in another process; and as ZLUDA uses it, without options.
 *
 * usage: find2 FOLDER search|load|passed
 *
 *   search  find, run and save the solution of each layer in FOLDER
 *   load    load what was saved, and run it
 *   passed  in front of a real library: what need not be bypassed is not
 */
#include "check.h"
#include "device_case.h"
#include "shapes.h"

#include <miopen/bypass.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 5 };

static hipStream_t stream;

/* A stand-in for a real library makes no objects: what it would have made has these addresses. */
static miopenProblem_t problem_of_real = (miopenProblem_t)(uintptr_t)0x10000;
static miopenFindOptions_t options_of_real = (miopenFindOptions_t)(uintptr_t)0x20000;

static void file_name(char* name, size_t length, const char* folder, int shape, int direction)
{
    snprintf(name, length, "%s/solution_%d_%d", folder, shape, direction);
}

static miopenProblem_t problem_new(const device_case_t* test)
{
    static const miopenProblemDirection_t directions[] = {miopenProblemDirectionForward,
        miopenProblemDirectionBackward, miopenProblemDirectionBackwardWeights};
    conv_case_t* host = test->host;
    miopenProblem_t problem = problem_of_real;
    CHECK_OK(miopenCreateConvProblem(&problem, host->conv, directions[host->direction]));
    CHECK_OK(miopenSetProblemTensorDescriptor(problem, miopenTensorConvolutionX, host->x.desc));
    CHECK_OK(miopenSetProblemTensorDescriptor(problem, miopenTensorConvolutionW, host->w.desc));
    CHECK_OK(miopenSetProblemTensorDescriptor(problem, miopenTensorConvolutionY, host->y.desc));
    return problem;
}

static void run(device_case_t* test, miopenHandle_t handle, miopenSolution_t solution, int described)
{
    size_t bytes = 1;
    void* workspace = NULL;
    conv_case_t* host = test->host;
    miopenTensorArgument_t tensors[] = {
        {miopenTensorConvolutionY, described ? &host->y.desc : NULL, test->y},
        {miopenTensorConvolutionX, described ? &host->x.desc : NULL, test->x},
        {miopenTensorConvolutionW, described ? &host->w.desc : NULL, test->w},
    };
    CHECK_OK(miopenGetSolutionWorkspaceSize(solution, &bytes));
    if(bytes > 0) {
        CHECK_HIP(hipMalloc(&workspace, bytes));
    }
    CHECK_STATUS(
        miopenRunSolution(handle, solution, 2, tensors, workspace, bytes), InvalidValue);
    CHECK_OK(miopenRunSolution(handle, solution, 3, tensors, workspace, bytes));
    device_case_check_output(test, stream);
    if(workspace != NULL) {
        CHECK_HIP(hipFree(workspace));
    }
}

static void save(miopenSolution_t solution, const char* name)
{
    size_t bytes = 0;
    CHECK_OK(miopenGetSolutionSize(solution, &bytes));
    char* data = malloc(bytes);
    CHECK_OK(miopenSaveSolution(solution, data));
    FILE* file = fopen(name, "wb");
    CHECK(file != NULL && fwrite(data, 1, bytes, file) == bytes);
    fclose(file);
    free(data);
}

static void search(device_case_t* test, miopenHandle_t handle, const char* name)
{
    miopenProblem_t problem = problem_new(test);
    miopenFindOptions_t options = options_of_real;
    miopenSolution_t solutions[MOST];
    size_t found = 0, bytes = 0;
    void* workspace = NULL;
    conv_call_t call = device_case_call(test, handle);
    CHECK_OK(conv_workspace_size(&call, &bytes));
    if(bytes > 0) {
        CHECK_HIP(hipMalloc(&workspace, bytes));
    }
    CHECK_OK(miopenCreateFindOptions(&options));
    CHECK_OK(miopenSetFindOptionTuning(options, 0));
    CHECK_OK(miopenSetFindOptionPreallocatedTensor(options, miopenTensorConvolutionX, test->x));
    CHECK_OK(miopenSetFindOptionPreallocatedTensor(options, miopenTensorConvolutionW, test->w));
    CHECK_OK(miopenSetFindOptionPreallocatedTensor(options, miopenTensorConvolutionY, test->y));
    CHECK_OK(miopenSetFindOptionPreallocatedWorkspace(options, workspace, bytes));
    CHECK_OK(miopenFindSolutions(handle, problem, options, solutions, &found, 1));
    CHECK_EQUAL(found, 1);
    device_case_check_output(test, stream);
    if(workspace != NULL) {
        CHECK_HIP(hipFree(workspace));
    }
    run(test, handle, solutions[0], 0);
    save(solutions[0], name);
    CHECK_OK(miopenDestroySolution(solutions[0]));
    CHECK_STATUS(miopenDestroySolution(solutions[0]), BadParm);

    /* No options, more solutions, what is told of each. */
    CHECK_OK(miopenFindSolutions(handle, problem, NULL, solutions, &found, MOST));
    CHECK(found >= 1 && found <= MOST);
    float last_time = 0;
    for(size_t at = 0; at < found; ++at) {
        float time = 0;
        uint64_t id = 0;
        miopenConvAlgorithm_t algorithm = (miopenConvAlgorithm_t)99;
        CHECK_OK(miopenGetSolutionTime(solutions[at], &time));
        CHECK(time >= last_time);
        last_time = time;
        CHECK_OK(miopenGetSolutionSolverId(solutions[at], &id));
        CHECK(id > 1000000);
        CHECK_OK(miopenGetSolverIdConvAlgorithm(id, &algorithm));
        CHECK(algorithm != 99);
        run(test, handle, solutions[at], 1);
        CHECK_OK(miopenDestroySolution(solutions[at]));
    }
    CHECK_OK(miopenSetFindOptionWorkspaceLimit(options, 0));
    CHECK_OK(miopenSetFindOptionResultsOrder(options, miopenFindResultsOrderByWorkspaceSize));
    CHECK_OK(miopenFindSolutions(handle, problem, options, solutions, NULL, 1));
    CHECK_OK(miopenGetSolutionWorkspaceSize(solutions[0], &bytes));
    CHECK_EQUAL(bytes, 0);
    CHECK_OK(miopenDestroySolution(solutions[0]));
    CHECK_OK(miopenDestroyFindOptions(options));
    CHECK_OK(miopenDestroyProblem(problem));
}

static void load(device_case_t* test, miopenHandle_t handle, const char* name)
{
    char data[4096];
    FILE* file = fopen(name, "rb");
    size_t bytes = file != NULL ? fread(data, 1, sizeof data, file) : 0;
    CHECK(bytes > 0);
    fclose(file);
    miopenSolution_t solution;
    CHECK_OK(miopenLoadSolution(&solution, data, bytes));
    run(test, handle, solution, 0);
    save(solution, name);
    CHECK_OK(miopenDestroySolution(solution));
}

/* Calls that the stand-in answers, and that nobody else computes. */
static void passed(device_case_t* test, miopenHandle_t handle)
{
    miopenProblem_t problem = problem_new(test);
    miopenSolution_t solutions[1] = {(miopenSolution_t)(uintptr_t)0x30000};
    size_t found = 1, bytes = 77;
    CHECK_OK(miopenFindSolutions(handle, problem, NULL, solutions, &found, 1));
    CHECK(solutions[0] == (miopenSolution_t)(uintptr_t)0x30000);
    CHECK_OK(miopenRunSolution(handle, solutions[0], 0, NULL, NULL, 0));
    CHECK_OK(miopenGetSolutionWorkspaceSize(solutions[0], &bytes));
    CHECK_EQUAL(bytes, 77);
    CHECK_OK(miopenDestroySolution(solutions[0]));
    CHECK_OK(miopenDestroyProblem(problem));
}

/* A plan of a convolution compiles where the convolution may run, and nowhere else. */
static void fused(device_case_t* test, miopenHandle_t handle, miopenStatus_t compiled,
    miopenStatus_t executed)
{
    miopenFusionPlanDescriptor_t plan = (miopenFusionPlanDescriptor_t)(uintptr_t)0x40000;
    miopenFusionOpDescriptor_t op = NULL;
    conv_case_t* host = test->host;
    CHECK_OK(miopenCreateFusionPlan(&plan, miopenVerticalFusion, host->x.desc));
    CHECK_OK(miopenCreateOpConvForward(plan, &op, host->conv, host->w.desc));
    CHECK_EQUAL(miopenCompileFusionPlan(handle, plan), compiled);
    CHECK_EQUAL(miopenExecuteFusionPlan(
                    handle, plan, host->x.desc, test->x, host->y.desc, test->y, NULL),
        executed);
    CHECK_OK(miopenDestroyFusionPlan(plan));
    float one = 1;
    CHECK_EQUAL(miopenConvolutionBiasActivationForward(handle, &one, host->x.desc, test->x,
                    host->w.desc, test->w, host->conv, miopenConvolutionFwdAlgoDirect, NULL, 0,
                    &one, host->y.desc, test->y, host->y.desc, test->y, NULL, host->y.desc, test->y),
        compiled);
}

int main(int count, char** words)
{
    if(count != 3) {
        return 2;
    }
    int is_passed = strcmp(words[2], "passed") == 0;
    CHECK_HIP(hipStreamCreate(&stream));
    for(int shape = 0; shape < SHAPES; ++shape) {
        for(int direction = FORWARD; direction <= (is_passed ? FORWARD : BACKWARD_WEIGHTS);
            ++direction) {
            char name[4096];
            file_name(name, sizeof name, words[1], shape, direction);
            check_context("%s %s", shapes[shape].name, direction_name((direction_t)direction));
            miopenDataType_t dtype = is_passed ? miopenFloat : miopenHalf;
            device_case_t test = device_case_new(
                &shapes[shape], (direction_t)direction, dtype, CHANNELS_FIRST);
            miopenHandle_t handle;
            CHECK_OK(miopenCreateWithStream(&handle, stream));
            if(is_passed) {
                passed(&test, handle);
                fused(&test, handle, miopenStatusSuccess, miopenStatusSuccess);
            } else if(strcmp(words[2], "load") == 0) {
                load(&test, handle, name);
            } else {
                search(&test, handle, name);
                if(direction == FORWARD && miopenBypassRealLibrary() != NULL) {
                    fused(&test, handle, miopenStatusUnsupportedOp, miopenStatusBadParm);
                }
            }
            CHECK_OK(miopenDestroy(handle));
            device_case_free(&test);
        }
    }
    return check_finish();
}
