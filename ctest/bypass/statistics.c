/* SPDX-License-Identifier: MIT */
/*
 * Is each convolution counted, once, under the label of the thread that asked for it? And do the
 * reports say what was counted?
 */
#include "check.h"
#include "conv_case.h"

#include <miopen/bypass.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const conv_shape_t shape = {"3x3", 2, 1, 4, 4, 1, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}};

static void convolve(direction_t direction, int times)
{
    static const float one = 1, zero = 0;
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    conv_case_t* layer = conv_case_new(&shape, direction, miopenFloat, CHANNELS_FIRST);
    conv_call_t call = conv_case_call(layer, handle);
    for(int run = 0; run < times; ++run) {
        CHECK_OK(conv_run(&call, &one, miopenConvolutionFwdAlgoGEMM, &zero));
    }
    conv_case_free(layer);
    CHECK_OK(miopenDestroy(handle));
}

static miopenBypassTotals_t totals_of(const char* label)
{
    miopenBypassTotals_t totals;
    memset(&totals, 0x5a, sizeof totals);
    totals.struct_size = sizeof totals;
    CHECK_OK(miopenBypassGetTotals(label, &totals));
    return totals;
}

static void* in_a_thread(void* unused)
{
    (void)unused;
    convolve(FORWARD, 1);
    CHECK_OK(miopenBypassPushLabel("thread"));
    convolve(BACKWARD_DATA, 2);
    return NULL;
}

static void labels(void)
{
    check_context("labels");
    CHECK_STATUS(miopenBypassPopLabel(), BadParm);
    CHECK_STATUS(miopenBypassPushLabel(NULL), BadParm);
    CHECK_STATUS(miopenBypassPushLabel("\xff"), BadParm);
    convolve(FORWARD, 1);
    CHECK_OK(miopenBypassPushLabel("block"));
    convolve(FORWARD, 2);
    CHECK_OK(miopenBypassPushLabel("block.conv \"1\" <a&b>"));
    convolve(BACKWARD_DATA, 3);
    convolve(BACKWARD_WEIGHTS, 4);
    pthread_t thread;
    CHECK_EQUAL(pthread_create(&thread, NULL, in_a_thread, NULL), 0);
    pthread_join(thread, NULL);
    CHECK_OK(miopenBypassPopLabel());
    convolve(FORWARD, 5);
    CHECK_OK(miopenBypassPushLabel(""));
    convolve(FORWARD, 6);
    CHECK_OK(miopenBypassPopLabel());
    CHECK_OK(miopenBypassPopLabel());
    CHECK_STATUS(miopenBypassPopLabel(), BadParm);

    CHECK_EQUAL(totals_of("block").calls, 2 + 5);
    CHECK_EQUAL(totals_of("block.conv \"1\" <a&b>").calls, 3 + 4);
    CHECK_EQUAL(totals_of("thread").calls, 2);
    CHECK_EQUAL(totals_of("").calls, 1 + 6 + 1);
    CHECK_EQUAL(totals_of("never").calls, 0);
    miopenBypassTotals_t all = totals_of(NULL);
    CHECK_EQUAL(all.calls, 24);
    CHECK_EQUAL(all.bypassed, 24);
    CHECK_EQUAL(all.forwarded, 0);
    CHECK_EQUAL(all.timed_calls, 24);
    CHECK(all.time_us > 0);
}

static void versions(void)
{
    check_context("versions of the struct");
    miopenBypassTotals_t totals;
    CHECK_STATUS(miopenBypassGetTotals(NULL, NULL), BadParm);
    totals.struct_size = sizeof(size_t);
    CHECK_STATUS(miopenBypassGetTotals(NULL, &totals), BadParm);
    /* An older client's, which ends before `forwarded`. */
    memset(&totals, 0x5a, sizeof totals);
    totals.struct_size = offsetof(miopenBypassTotals_t, forwarded);
    CHECK_OK(miopenBypassGetTotals(NULL, &totals));
    CHECK_EQUAL(totals.calls, 24);
    CHECK_EQUAL(totals.struct_size, offsetof(miopenBypassTotals_t, forwarded));
    CHECK_EQUAL(totals.forwarded, 0x5a5a5a5a5a5a5a5a);
    /* A newer client's: what this version does not know stays as it is. */
    struct {
        miopenBypassTotals_t known;
        uint64_t later;
    } newer;
    newer.later = 77;
    newer.known.struct_size = sizeof newer;
    CHECK_OK(miopenBypassGetTotals(NULL, &newer.known));
    CHECK_EQUAL(newer.known.calls, 24);
    CHECK_EQUAL(newer.later, 77);
}

static char* report_in(miopenBypassReportFormat_t format)
{
    size_t length = 0, again = 0;
    CHECK_OK(miopenBypassGetReport(format, NULL, 0, &length));
    CHECK(length > 100);
    char* text = malloc(length + 64);
    CHECK_OK(miopenBypassGetReport(format, text, length + 64, &again));
    CHECK_EQUAL(strlen(text), again);
    char cut[10];
    memset(cut, 'x', sizeof cut);
    CHECK_OK(miopenBypassGetReport(format, cut, sizeof cut - 1, NULL));
    CHECK_EQUAL(strlen(cut), 8);
    CHECK(strncmp(cut, text, 8) == 0);
    CHECK_EQUAL(cut[9], 'x');
    return text;
}

static void check_file(const char* name, const char* begin)
{
    char line[64] = "";
    CHECK_OK(miopenBypassWriteReport(name));
    FILE* file = fopen(name, "r");
    CHECK(file && fgets(line, sizeof line, file));
    CHECK_THAT(strncmp(line, begin, strlen(begin)) == 0, "%s begins with '%s'", name, line);
    if(file) {
        fclose(file);
    }
    remove(name);
}

static void reports(void)
{
    check_context("reports");
    char* text = report_in(miopenBypassReportText);
    CHECK(strstr(text, "24 convolutions") && strstr(text, "24 bypassed (100.0 %)"));
    CHECK(strstr(text, "block.conv \"1\" <a&b>"));
    CHECK(strstr(text, "conv -n 1 -c 4 -H 8 -W 8 -k 4 -y 3 -x 3"));
    char* json = report_in(miopenBypassReportJson);
    CHECK(strstr(json, "\"block.conv \\\"1\\\" <a&b>\""));
    char* html = report_in(miopenBypassReportHtml);
    CHECK(strstr(html, "block.conv &quot;1&quot; &lt;a&amp;b&gt;"));
    CHECK_STATUS(miopenBypassGetReport(7, NULL, 0, NULL), BadParm);
    CHECK_STATUS(miopenBypassGetReport(miopenBypassReportText, NULL, 5, NULL), BadParm);
    free(text);
    free(json);
    free(html);

    char folder[] = "/tmp/report-XXXXXX", path[64];
    CHECK(mkdtemp(folder) != NULL);
    static const char* const begin[][2] = {
        {"a.txt", "miopen-bypass "}, {"a", "miopen-bypass "}, {"a.json", "{"},
        {"a.HTML", "<!DOCTYPE html>"}};
    for(int at = 0; at < 4; ++at) {
        snprintf(path, sizeof path, "%s/%s", folder, begin[at][0]);
        check_file(path, begin[at][1]);
    }
    CHECK_EQUAL(rmdir(folder), 0);
    CHECK_STATUS(miopenBypassWriteReport("/no/such/folder/a.txt"), UnknownError);
    CHECK(strstr(miopenBypassLastError(), "/no/such/folder/a.txt") != NULL);
    CHECK_STATUS(miopenBypassWriteReport(NULL), BadParm);
}

int main(void)
{
    check_context("before the first call");
    CHECK_EQUAL(totals_of(NULL).calls, 0);
    labels();
    versions();
    reports();
    check_context("reset");
    CHECK_OK(miopenBypassResetStatistics());
    CHECK_EQUAL(totals_of(NULL).calls, 0);
    CHECK_EQUAL(totals_of(NULL).workspace_bytes, 0);
    convolve(FORWARD, 1);
    CHECK_EQUAL(totals_of(NULL).calls, 1);
    return check_finish();
}
