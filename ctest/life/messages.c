/* SPDX-License-Identifier: MIT */
/*
 * Is a failing call explained, once, and only where somebody wants to know? With
 * MIOPEN_BYPASS_VERBOSE=0 stderr stays empty but for the one line at the first convolution; with 1
 * each failing call adds one line. The message itself can be asked for either way, in each thread.
 *
 *     messages lines-per-failing-call
 */
#include "check.h"
#include "world.h"

#include <miopen/bypass.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE* captured;
static int stderr_before;

static void capture(void)
{
    fflush(stderr);
    captured = tmpfile();
    stderr_before = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

/* Lines since capture(), each of which must be one of ours. */
static int lines(const char* wanted)
{
    char line[1024];
    int count = 0;
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    rewind(captured);
    while(fgets(line, sizeof line, captured)) {
        count += 1;
        CHECK_THAT(strncmp(line, "miopen-bypass: ", 15) == 0 && strstr(line, wanted)
                && line[strlen(line) - 1] == '\n',
            "the line is '%s'", line);
    }
    fclose(captured);
    return count;
}

static void* fail_in_a_thread(void* unused)
{
    (void)unused;
    CHECK_EQUAL(strlen(miopenBypassLastError()), 0);
    CHECK_STATUS(miopenGetTensorNumBytes(NULL, NULL), BadParm);
    CHECK(strncmp(miopenBypassLastError(), "miopenGetTensorNumBytes: ", 25) == 0);
    return NULL;
}

int main(int argc, char** argv)
{
    int lines_a_failure = argc == 2 ? atoi(argv[1]) : -1;
    static const float one = 1, zero = 0;
    world_t world;
    CHECK_EQUAL(strlen(miopenBypassLastError()), 0);

    check_context("calls that succeed");
    capture();
    world_new(&world);
    CHECK_EQUAL(lines(""), 0);
    CHECK_EQUAL(strlen(miopenBypassLastError()), 0);

    check_context("calls that fail");
    for(int round = 0; round < 3; ++round) {
        capture();
        miopenStatus_t status = miopenSet4dTensorDescriptor(world.x_desc, miopenFloat, 1, -2, 3, 4);
        CHECK_EQUAL(lines("miopenSet4dTensorDescriptor: "), lines_a_failure);
        CHECK_EQUAL(status, miopenStatusBadParm);
        const char* message = miopenBypassLastError();
        CHECK(strncmp(message, "miopenSet4dTensorDescriptor: ", 29) == 0);
        CHECK(strstr(message, "miopenStatusBadParm") != NULL);
        CHECK(strchr(message, '\n') == NULL);
    }

    check_context("a success after a failure leaves the message");
    CHECK_OK(miopenSetConvolutionGroupCount(world.conv, 1));
    CHECK(strncmp(miopenBypassLastError(), "miopenSet4dTensorDescriptor: ", 29) == 0);

    check_context("another thread");
    pthread_t thread;
    pthread_create(&thread, NULL, fail_in_a_thread, NULL);
    pthread_join(thread, NULL);
    CHECK(strncmp(miopenBypassLastError(), "miopenSet4dTensorDescriptor: ", 29) == 0);

    check_context("convolutions");
    for(int round = 0; round < 3; ++round) {
        capture();
        conv_call_t call = world_call(&world, FORWARD);
        miopenStatus_t status = conv_run(&call, &one, miopenConvolutionFwdAlgoDirect, &zero);
        int expected = round == 0 ? 1 : 0;
        CHECK_EQUAL(lines("computed on the CPU by miopen-bypass"), expected);
        CHECK_OK(status);
    }

    check_context("a function that is not served");
    for(int round = 0; round < 2; ++round) {
        capture();
        miopenStatus_t status = miopenSetTensor(world.handle, world.x_desc, world.x.data, &one);
        CHECK_EQUAL(lines("needs a real libMIOpen"), round == 0 ? 1 : lines_a_failure);
        CHECK_STATUS(status, NotImplemented);
        CHECK(strncmp(miopenBypassLastError(), "miopenSetTensor: needs a real", 29) == 0);
        CHECK_STATUS(miopenGetTensorNumBytes(NULL, NULL), BadParm);
    }
    world_free(&world);
    return check_finish();
}
