/* SPDX-License-Identifier: MIT */
/*
 * process CALLS HOW: a process that computes, for processes.py to look at.
 *
 *   exit     main returns
 *   threads  main returns while threads compute
 *   fork     a child computes twice as much, without a label, and exits after its parent forked it;
 *            another one only exits
 *   wait     says "ready" and waits for a line; computes once more, says "done", waits to be killed
 *   nothing  loads the library and calls no convolution
 */
#include "check.h"
#include "conv_case.h"

#include <miopen/bypass.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const conv_shape_t shape = {"3x3", 2, 1, 4, 4, 1, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}};

static void convolve(int times)
{
    static const float one = 1, zero = 0;
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_case_t* layer = conv_case_new(&shape, FORWARD, miopenFloat, CHANNELS_FIRST);
    conv_call_t call = conv_case_call(layer, handle);
    for(int run = 0; times < 0 || run < times; ++run) {
        CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoGEMM, &zero));
    }
    conv_case_free(layer);
    CHECK_OK(miopenDestroy(handle));
}

static void* compute_for_ever(void* unused)
{
    convolve(-1);
    return unused;
}

static void child(int calls)
{
    fflush(stdout);
    pid_t pid = fork();
    if(pid == 0) {
        convolve(calls);
        exit(0);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    printf("child %d\n", (int)pid);
}

int main(int argc, char** argv)
{
    int calls = argc == 3 ? atoi(argv[1]) : -1;
    const char* how = argc == 3 ? argv[2] : "";
    if(calls < 0) {
        fprintf(stderr, "process CALLS HOW\n");
        return 2;
    }
    if(strcmp(how, "nothing") == 0) {
        CHECK(miopenGetErrorString(miopenStatusSuccess) != NULL);
        return check_failures() > 0;
    }
    CHECK_OK(miopenBypassPushLabel("a layer"));
    convolve(calls);
    CHECK_OK(miopenBypassPopLabel());
    if(strcmp(how, "threads") == 0) {
        pthread_t thread;
        for(int number = 0; number < 3; ++number) {
            CHECK_EQUAL(pthread_create(&thread, NULL, compute_for_ever, NULL), 0);
        }
        usleep(20 * 1000);
    } else if(strcmp(how, "fork") == 0) {
        child(2 * calls);
        child(0);
    } else if(strcmp(how, "wait") == 0) {
        char line[16];
        printf("ready\n");
        fflush(stdout);
        CHECK(fgets(line, sizeof line, stdin) != NULL);
        convolve(1);
        printf("done\n");
        fflush(stdout);
        pause();
    }
    return check_failures() > 0;
}
