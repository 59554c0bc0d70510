/* SPDX-License-Identifier: MIT */
/*
 * Settings by name: values come back as text, wrong ones are refused, and a change is in force at
 * once. Run with MIOPEN_BYPASS_SIZE_THRESHOLD=77.
 */
#include "check.h"

#include <miopen/bypass.h>
#include <string.h>

static void check_setting(const char* name, const char* expected)
{
    char value[64] = "";
    size_t length = 0;
    CHECK_OK(miopenBypassGetSetting(name, value, sizeof value, &length));
    CHECK_THAT(strcmp(value, expected) == 0, "%s is '%s', not '%s'", name, value, expected);
    CHECK_EQUAL(length, strlen(expected));
}

int main(void)
{
    check_context("reading");
    check_setting("SIZE_THRESHOLD", "77");
    check_setting("MIOPEN_BYPASS_SIZE_THRESHOLD", "77");
    check_setting("size_threshold", "77");
    check_setting("strategy", "auto");
    check_setting("real_lib", "none");
    CHECK_STATUS(miopenBypassGetSetting("no_such_setting", NULL, 0, NULL), BadParm);
    CHECK(strstr(miopenBypassLastError(), "no_such_setting") != NULL);
    CHECK_STATUS(miopenBypassGetSetting(NULL, NULL, 0, NULL), BadParm);
    char small[4];
    size_t length = 0;
    CHECK_OK(miopenBypassGetSetting("strategy", small, sizeof small, &length));
    CHECK(strcmp(small, "aut") == 0);
    CHECK_EQUAL(length, 4);

    check_context("changing");
    CHECK_OK(miopenBypassSetSetting("strategy", "off"));
    check_setting("STRATEGY", "off");
    CHECK_OK(miopenBypassSetSetting("MIOPEN_BYPASS_SIZE_THRESHOLD", "12"));
    check_setting("size_threshold", "12");

    check_context("what cannot be");
    CHECK_STATUS(miopenBypassSetSetting("strategy", "sideways"), BadParm);
    CHECK_STATUS(miopenBypassSetSetting("size_threshold", "large"), BadParm);
    CHECK_STATUS(miopenBypassSetSetting("no_such_setting", "1"), BadParm);
    CHECK_STATUS(miopenBypassSetSetting("real_lib", "/elsewhere"), NotImplemented);
    CHECK_STATUS(miopenBypassSetSetting("strategy", NULL), BadParm);
    CHECK_STATUS(miopenBypassSetSetting(NULL, "off"), BadParm);
    check_setting("STRATEGY", "off");
    check_setting("size_threshold", "12");
    return check_finish();
}
