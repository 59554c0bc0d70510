/* SPDX-License-Identifier: MIT */
/**
 * @file
 * How much memory this process has in RAM.
 */
#ifndef LIFE_MEMORY_H
#define LIFE_MEMORY_H

#include <stdio.h>
#include <unistd.h>

/** Resident bytes; -1 if the kernel does not say. */
static inline long resident_bytes(void)
{
    long total_pages, resident_pages = -1;
    FILE* file = fopen("/proc/self/statm", "r");
    if(file == NULL || fscanf(file, "%ld %ld", &total_pages, &resident_pages) != 2) {
        resident_pages = -1;
    }
    if(file != NULL) {
        fclose(file);
    }
    return resident_pages < 0 ? -1 : resident_pages * sysconf(_SC_PAGESIZE);
}

#endif /* LIFE_MEMORY_H */
