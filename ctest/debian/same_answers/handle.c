/* Version, error strings, handles on a machine without a device. */
#include "answers.h"

void ask_handle(void) {
    size_t major = 77, minor = 77, patch = 77;
    CALL(miopenGetVersion, (&major, &minor, &patch), "");
    value("major", (long long)major);
    value("minor", (long long)minor);
    value("patch", (long long)patch);
    minor = 77;
    CALL(miopenGetVersion, (NULL, &minor, NULL), "NULL,minor,NULL");
    value("minor", (long long)minor);
    CALL(miopenGetVersion, (NULL, NULL, NULL), "NULL,NULL,NULL");

    for (int status = -3; status <= 20; ++status) {
        answer("miopenGetErrorString", 0, "%d", status);
        text_value("text", miopenGetErrorString((miopenStatus_t)status));
    }

    /* Whether there is a handle without a device is a matter of taste, so
     * the calls below never use this one. */
    miopenHandle_t handle = NULL;
    CALL(miopenCreate, (&handle), "");
    if (handle != NULL) {
        miopenDestroy(handle);
    }
    handle = NULL;
    CALL(miopenCreateWithStream, (&handle, NULL), "default stream");
    if (handle != NULL) {
        miopenDestroy(handle);
    }
    CALL(miopenCreate, (NULL), "NULL");
    CALL(miopenCreateWithStream, (NULL, NULL), "NULL");
    CALL(miopenDestroy, (NULL), "NULL");

    miopenAcceleratorQueue_t stream = NULL;
    float milliseconds = UNTOUCHED;
    CALL(miopenSetStream, (NULL, NULL), "NULL handle");
    CALL(miopenGetStream, (NULL, &stream), "NULL handle");
    value("null", stream == NULL);
    CALL(miopenSetAllocator, (NULL, NULL, NULL, NULL), "NULL handle");
    CALL(miopenGetKernelTime, (NULL, &milliseconds), "NULL handle");
    real_value("time", milliseconds);
    CALL(miopenEnableProfiling, (NULL, true), "NULL handle,true");
    CALL(miopenEnableProfiling, (NULL, false), "NULL handle,false");
}
