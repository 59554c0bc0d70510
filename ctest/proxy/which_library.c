/* Which library answers? Prints `calls go to PATH` or `stands alone`, and what miopenCreate
 * answers. */
#include <miopen/bypass.h>
#include <miopen/miopen.h>

#include <stdio.h>

int main(void)
{
    miopenHandle_t handle = NULL;
    miopenStatus_t status = miopenCreate(&handle);
    const char* path = miopenBypassRealLibrary();
    if (path != NULL)
        printf("calls go to %s\n", path);
    else
        printf("stands alone\n");
    printf("miopenCreate answers %u\n", status);
    if (handle != NULL && miopenDestroy(handle) != miopenStatusSuccess)
        return 1;
    return 0;
}
