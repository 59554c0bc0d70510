/* SPDX-License-Identifier: MIT */
/**
 * @file
 * What miopen-bypass adds to MIOpen's interface. A program finds out whether it runs on this
 * library by looking one of these names up (dlsym); no program needs them to work.
 */
#ifndef GUARD_MIOPEN_BYPASS_H_
#define GUARD_MIOPEN_BYPASS_H_

#include <miopen/export.h>
#include <miopen/miopen.h>

#include <stddef.h>
#include <stdint.h>

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

/**
 * Settings by name, as the environment knows them, with or without the prefix MIOPEN_BYPASS_, in
 * any case: "strategy" is MIOPEN_BYPASS_STRATEGY. `miopen-bypass config` lists them. Calls that
 * begin afterwards see a change, in all threads.
 *
 * Returns miopenStatusBadParm where there is no such setting or it does not take the value, and
 * miopenStatusNotImplemented where it is decided when the library starts.
 */
MIOPEN_EXPORT miopenStatus_t miopenBypassSetSetting(const char* name, const char* value);

/**
 * The value in force, as text. Texts come back like this from all functions here: `length`, unless
 * NULL, receives the bytes without the terminating NUL; `buffer`, unless `capacity` is 0, receives
 * as much of them as fits, and always a NUL. So a call with a capacity of 0 tells how much room is
 * needed, and a text was cut where `length >= capacity`.
 *
 * Returns miopenStatusBadParm where there is no such setting.
 */
MIOPEN_EXPORT miopenStatus_t
miopenBypassGetSetting(const char* name, char* buffer, size_t capacity, size_t* length);

/**
 * From here on the convolutions that this thread asks for belong to the layer `label`, a UTF-8
 * text of at most 255 bytes (what is longer is cut), until the next miopenBypassPopLabel in this
 * thread. Labels nest to a depth of 32, and the innermost one counts; an empty one means none.
 * NULL, and what is not UTF-8, is miopenStatusBadParm.
 */
MIOPEN_EXPORT miopenStatus_t miopenBypassPushLabel(const char* label);

/** Takes back the latest miopenBypassPushLabel of this thread; miopenStatusBadParm if none is left. */
MIOPEN_EXPORT miopenStatus_t miopenBypassPopLabel(void);

/**
 * Sums over the convolutions that ran in this process since it started, was forked, or called
 * miopenBypassResetStatistics. Searches (Find) and questions do not count.
 *
 * The caller sets struct_size to sizeof(miopenBypassTotals_t) as it was compiled; only members that
 * lie within it are written. Later versions add members at the end.
 */
typedef struct miopenBypassTotals_t {
    size_t struct_size;
    uint64_t calls;
    /** Computed by the real library. */
    uint64_t forwarded;
    /** Computed by miopen-bypass. */
    uint64_t bypassed;
    /** Calls whose time is known: work that was only enqueued in a stream may have none. */
    uint64_t timed_calls;
    /** The sum of the known times. */
    double time_us;
    /** The largest workspace that was given to a call. */
    uint64_t workspace_bytes;
} miopenBypassTotals_t;

/**
 * The sums of a layer, or of all where `label` is NULL; an empty label means calls without one. A
 * label that no call had has sums of 0. miopenStatusBadParm where struct_size is too small to be one.
 */
MIOPEN_EXPORT miopenStatus_t miopenBypassGetTotals(const char* label, miopenBypassTotals_t* totals);

/** Counts from 0 again. Calls that run meanwhile in other threads may survive in part. */
MIOPEN_EXPORT miopenStatus_t miopenBypassResetStatistics(void);

/** Forms of a report: tables for people, a document for programs, a page with bars. */
typedef enum miopenBypassReportFormat_t {
    miopenBypassReportText = 0,
    miopenBypassReportJson = 1,
    miopenBypassReportHtml = 2
} miopenBypassReportFormat_t;

/** A report of what was counted so far; see miopenBypassGetSetting about the buffer. */
MIOPEN_EXPORT miopenStatus_t miopenBypassGetReport(
    miopenBypassReportFormat_t format, char* buffer, size_t capacity, size_t* length);

/**
 * The same into a file, which is replaced in one step. The name decides the form: .json, .html,
 * else text. Returns miopenStatusUnknownError where the file cannot be written.
 */
MIOPEN_EXPORT miopenStatus_t miopenBypassWriteReport(const char* path);

#ifdef __cplusplus
}
#endif

#endif /* GUARD_MIOPEN_BYPASS_H_ */
