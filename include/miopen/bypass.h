/* SPDX-License-Identifier: MIT */
/**
 * @file
 * What miopen-bypass adds to MIOpen's interface. A program finds out whether it runs on this
 * library by looking one of these names up (dlsym); no program needs them to work.
 */
#ifndef GUARD_MIOPEN_BYPASS_H_
#define GUARD_MIOPEN_BYPASS_H_

#include <miopen/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Version of miopen-bypass, such as "0.1.0". The string lives as long as the process. */
MIOPEN_EXPORT const char* miopenBypassVersion(void);

/**
 * Path of the real libMIOpen that calls are forwarded to; NULL where the library stands alone.
 * Decides which of the two holds, if no other call has done so before. The string lives as long
 * as the process.
 */
MIOPEN_EXPORT const char* miopenBypassRealLibrary(void);

/**
 * Why the last failing call in this thread failed: the function, what was wrong, and the status.
 * Empty if none failed. Calls that were forwarded to the real library leave it as it is. The
 * string is valid until the next failing call of this thread.
 */
MIOPEN_EXPORT const char* miopenBypassLastError(void);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_BYPASS_H_ */
