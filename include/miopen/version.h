/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The MIOpen release whose interface these headers describe: 3.5.1, part of ROCm 7.2.4.
 * The version of the library that is loaded comes from miopenGetVersion().
 */
#ifndef GUARD_MIOPEN_VERSION_H_
#define GUARD_MIOPEN_VERSION_H_

#define MIOPEN_VERSION_MAJOR 3
#define MIOPEN_VERSION_MINOR 5
#define MIOPEN_VERSION_PATCH 1
#define MIOPEN_VERSION_TWEAK 0

#endif /* GUARD_MIOPEN_VERSION_H_ */
