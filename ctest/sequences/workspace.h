/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Workspaces of exactly the size that a call asked for, watched on both sides.
 */
#ifndef SEQUENCES_WORKSPACE_H
#define SEQUENCES_WORKSPACE_H

#include "conv_call.h"
#include "guarded.h"

/** Gives the call a workspace of that size; NULL for 0, as allocators do. */
static inline guarded_t workspace_give(conv_call_t* call, size_t bytes)
{
    guarded_t workspace = guarded_new(bytes);
    call->workspace = workspace.data;
    call->workspace_bytes = bytes;
    return workspace;
}

/** Takes it away again. */
static inline void workspace_take(conv_call_t* call, guarded_t* workspace)
{
    guarded_free(workspace);
    call->workspace = NULL;
    call->workspace_bytes = 0;
}

#endif /* SEQUENCES_WORKSPACE_H */
