/* SPDX-License-Identifier: MIT */
#include "guarded.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, ALIGN = 256, FILL = 0xFF, CANARY = 0xA5 };

/* No access page, canary up to the data, data, canary to the end of the page, no access page. */
guarded_t guarded_new(size_t size_bytes)
{
    guarded_t buffer = {NULL, size_bytes, NULL, 0};
    if(size_bytes == 0) {
        return buffer;
    }
    size_t used = ALIGN + size_bytes + ALIGN;
    size_t pages = (used + PAGE - 1) / PAGE;
    buffer.mapping_bytes = (pages + 2) * PAGE;
    void* mapping = mmap(NULL, buffer.mapping_bytes, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if(mapping == MAP_FAILED || mprotect(mapping, PAGE, PROT_NONE) != 0
        || mprotect((unsigned char*)mapping + (pages + 1) * PAGE, PAGE, PROT_NONE) != 0) {
        abort();
    }
    buffer.mapping = mapping;
    memset(buffer.mapping + PAGE, CANARY, pages * PAGE);
    /* As far back as alignment allows, so that the far page is near. */
    size_t offset = (pages * PAGE - ALIGN - size_bytes) / ALIGN * ALIGN;
    buffer.data = buffer.mapping + PAGE + offset;
    guarded_refill(&buffer);
    return buffer;
}

static int all_are(const unsigned char* from, const unsigned char* to, unsigned char value)
{
    while(from < to && *from == value) {
        ++from;
    }
    return from == to;
}

int guarded_intact(const guarded_t* buffer)
{
    if(buffer->data == NULL) {
        return 1;
    }
    const unsigned char* end = buffer->mapping + buffer->mapping_bytes - PAGE;
    return all_are(buffer->mapping + PAGE, buffer->data, CANARY)
        && all_are(buffer->data + buffer->size_bytes, end, CANARY);
}

int guarded_untouched(const guarded_t* buffer)
{
    return all_are(buffer->data, buffer->data + buffer->size_bytes, FILL);
}

void guarded_refill(guarded_t* buffer)
{
    memset(buffer->data, FILL, buffer->size_bytes);
}

void guarded_free(guarded_t* buffer)
{
    CHECK_THAT(guarded_intact(buffer), "something was written outside a buffer of %zu bytes",
        buffer->size_bytes);
    if(buffer->mapping != NULL) {
        munmap(buffer->mapping, buffer->mapping_bytes);
    }
    buffer->mapping = buffer->data = NULL;
    buffer->size_bytes = buffer->mapping_bytes = 0;
}
