/* Find 2.0: problems, options, solutions, as far as they go without a device. */
#include "answers.h"

#include <string.h>

void ask_problems(void) {
    miopenConvolutionDescriptor_t conv = new_convolution(miopenConvolution, 2, 1, 1, 1, 1);
    miopenTensorDescriptor_t x = new_tensor_4d(2, 4, 6, 6);
    static const int directions[] = {-1, 0, 1, 2, 3, 4, 9};
    static const unsigned ids[] = {0, 1, 2, 3, 4, 36, 37, 43, 61, 62, 99, 0x7fffffffu, 0x80000000u, 0x80000001u};
    miopenProblem_t problem;
    for (int d = 0; d < COUNT(directions); ++d) {
        const miopenProblemDirection_t direction = (miopenProblemDirection_t)directions[d];
        problem = NULL;
        CALL(miopenCreateConvProblem, (&problem, conv, direction), "direction %d", directions[d]);
        value("made", problem != NULL);
        for (int i = 0; i < COUNT(ids); ++i) {
            CALL(miopenSetProblemTensorDescriptor, (problem, (miopenTensorArgumentId_t)ids[i], x),
                 "direction %d,id %u", directions[d], ids[i]);
            CALL(miopenSetProblemTensorDescriptor, (problem, (miopenTensorArgumentId_t)ids[i], x),
                 "direction %d,id %u again", directions[d], ids[i]);
        }
        size_t found = 77;
        miopenSolution_t solutions[4];
        CALL(miopenFindSolutions, (NULL, problem, NULL, solutions, &found, 4), "NULL handle");
        value("found", (long long)found);
        CALL(miopenDestroyProblem, (problem), "the last one");
    }
    miopenActivationDescriptor_t activation = NULL;
    miopenCreateActivationDescriptor(&activation);
    miopenSetActivationDescriptor(activation, miopenActivationRELU, 0, 0, 0);
    miopenProblem_t convolution = NULL, bias = NULL, relu = NULL;
    CALL(miopenCreateConvProblem, (&convolution, conv, miopenProblemDirectionForward), "to be fused");
    CALL(miopenCreateBiasProblem, (&bias, miopenProblemDirectionForward), "to be fused");
    CALL(miopenCreateActivationProblem, (&relu, activation, miopenProblemDirectionForward), "to be fused");
    value("made", convolution != NULL && bias != NULL && relu != NULL);
    CALL(miopenFuseProblems, (convolution, bias), "convolution,bias");
    CALL(miopenFuseProblems, (convolution, relu), "convolution+bias,relu");
    CALL(miopenSetProblemTensorDescriptor, (convolution, miopenTensorConvolutionX, x), "of a fused one");
    CALL(miopenDestroyProblem, (convolution), "fused");
    CALL(miopenDestroyProblem, (bias), "fused into another");
    CALL(miopenDestroyProblem, (relu), "fused into another");
    miopenDestroyActivationDescriptor(activation);

    problem = NULL;
    CALL(miopenCreateConvProblem, (NULL, conv, miopenProblemDirectionForward), "NULL");
    CALL(miopenCreateConvProblem, (&problem, NULL, miopenProblemDirectionForward), "conv NULL");
    value("made", problem != NULL);
    CALL(miopenSetProblemTensorDescriptor, (NULL, miopenTensorConvolutionX, x), "NULL");
    miopenCreateConvProblem(&problem, conv, miopenProblemDirectionForward);
    CALL(miopenSetProblemTensorDescriptor, (problem, miopenTensorConvolutionX, NULL), "tensor NULL");
    CALL(miopenFindSolutions, (NULL, NULL, NULL, NULL, NULL, 0), "all NULL");
    CALL(miopenDestroyProblem, (problem), "the last one");
    CALL(miopenDestroyProblem, (NULL), "NULL");
    miopenDestroyTensorDescriptor(x);
    miopenDestroyConvolutionDescriptor(conv);
}

void ask_find_options(void) {
    miopenFindOptions_t options = NULL;
    static float buffer[4];
    CALL(miopenCreateFindOptions, (&options), "");
    value("made", options != NULL);
    for (int number = -2; number <= 3; ++number) {
        CALL(miopenSetFindOptionTuning, (options, number), "%d", number);
        CALL(miopenSetFindOptionResultsOrder, (options, (miopenFindResultsOrder_t)number), "%d", number);
        CALL(miopenSetFindOptionAttachBinaries, (options, (unsigned)number), "%d", number);
        CALL(miopenSetFindOptionPreallocatedTensor, (options, (miopenTensorArgumentId_t)number, buffer), "%d",
             number);
    }
    CALL(miopenSetFindOptionWorkspaceLimit, (options, 0), "0");
    CALL(miopenSetFindOptionWorkspaceLimit, (options, SIZE_MAX), "no limit");
    CALL(miopenSetFindOptionPreallocatedWorkspace, (options, buffer, sizeof(buffer)), "a buffer");
    CALL(miopenSetFindOptionPreallocatedWorkspace, (options, NULL, 0), "none");
    CALL(miopenSetFindOptionPreallocatedWorkspace, (options, NULL, 16), "NULL,16 bytes");
    CALL(miopenSetFindOptionPreallocatedTensor, (options, miopenTensorConvolutionX, NULL), "NULL");
    CALL(miopenDestroyFindOptions, (options), "the last one");

    CALL(miopenCreateFindOptions, (NULL), "NULL");
    CALL(miopenSetFindOptionTuning, (NULL, 1), "NULL");
    CALL(miopenSetFindOptionResultsOrder, (NULL, miopenFindResultsOrderByTime), "NULL");
    CALL(miopenSetFindOptionWorkspaceLimit, (NULL, 1), "NULL");
    CALL(miopenSetFindOptionPreallocatedWorkspace, (NULL, buffer, sizeof(buffer)), "NULL");
    CALL(miopenSetFindOptionPreallocatedTensor, (NULL, miopenTensorConvolutionX, buffer), "NULL");
    CALL(miopenSetFindOptionAttachBinaries, (NULL, 1), "NULL");
    CALL(miopenDestroyFindOptions, (NULL), "NULL");
}

void ask_solutions(void) {
    static const struct {
        const char *what, *bytes;
        size_t size;
    } blobs[] = {
        {"empty", "", 0},
        {"one zero", "\0", 1},
        {"text", "not a solution", 14},
        {"an empty map", "\x80", 1},
        {"a map of one pair of text", "\x81\xa1q\xa1q", 5},
        {"a list", "\x91\x01", 2},
        {"a map that ends too early", "\x85\xa6header", 8},
        {"an empty header", "\x81\xa6header\x80", 9},
    };
    for (int b = 0; b < COUNT(blobs); ++b) {
        miopenSolution_t solution = NULL;
        CALL(miopenLoadSolution, (&solution, blobs[b].bytes, blobs[b].size), "%s", blobs[b].what);
        value("made", solution != NULL);
    }
    miopenSolution_t solution = NULL;
    size_t size = 77;
    float milliseconds = UNTOUCHED;
    uint64_t id = 77;
    char data[8] = "";
    CALL(miopenLoadSolution, (&solution, NULL, 0), "NULL");
    CALL(miopenLoadSolution, (&solution, NULL, 16), "NULL,16 bytes");
    value("made", solution != NULL);
    CALL(miopenSaveSolution, (NULL, data), "NULL");
    CALL(miopenGetSolutionSize, (NULL, &size), "NULL");
    CALL(miopenGetSolutionWorkspaceSize, (NULL, &size), "NULL");
    value("size", (long long)size);
    CALL(miopenGetSolutionTime, (NULL, &milliseconds), "NULL");
    real_value("time", milliseconds);
    CALL(miopenGetSolutionSolverId, (NULL, &id), "NULL");
    value("id", (long long)id);
    CALL(miopenRunSolution, (NULL, NULL, 0, NULL, NULL, 0), "NULL");
    CALL(miopenDestroySolution, (NULL), "NULL");

    for (id = 0; id <= 200; ++id) {
        miopenConvAlgorithm_t algorithm = (miopenConvAlgorithm_t)99;
        CALL(miopenGetSolverIdConvAlgorithm, (id, &algorithm), "%d", (int)id);
        value("algorithm", (int)algorithm);
    }
    miopenConvAlgorithm_t algorithm = (miopenConvAlgorithm_t)99;
    CALL(miopenGetSolverIdConvAlgorithm, (UINT64_MAX, &algorithm), "the largest");
    value("algorithm", (int)algorithm);
}
