/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Symbol visibility.
 */
#ifndef GUARD_MIOPEN_EXPORT_H_
#define GUARD_MIOPEN_EXPORT_H_

#ifdef __GNUC__
#define MIOPEN_EXPORT __attribute__((visibility("default")))
#define MIOPEN_NO_EXPORT __attribute__((visibility("hidden")))
#define MIOPEN_DEPRECATED __attribute__((deprecated))
#else
#define MIOPEN_EXPORT
#define MIOPEN_NO_EXPORT
#define MIOPEN_DEPRECATED
#endif

#endif /* GUARD_MIOPEN_EXPORT_H_ */
