/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "check.h"

static void fill_with_ones(guarded_t* buffer)
{
    for(size_t at = 0; at < buffer->size_bytes / sizeof(float); ++at) {
        ((float*)(void*)buffer->data)[at] = 1;
    }
}

static miopenTensorDescriptor_t tensor(int n, int c, int h, int w)
{
    miopenTensorDescriptor_t desc;
    CHECK_OK(miopenCreateTensorDescriptor(&desc));
    CHECK_OK(miopenSet4dTensorDescriptor(desc, miopenFloat, n, c, h, w));
    return desc;
}

void world_objects_new(world_t* world)
{
    CHECK_OK(miopenCreate(&world->handle));
    world->x_desc = tensor(1, 3, 8, 8);
    world->w_desc = tensor(4, 3, 3, 3);
    world->y_desc = tensor(1, 4, 8, 8);
    world->bias_desc = tensor(1, 4, 1, 1);
    world->spare_desc = tensor(2, 3, 4, 5);
    CHECK_OK(miopenCreateConvolutionDescriptor(&world->conv));
    CHECK_OK(miopenInitConvolutionDescriptor(world->conv, miopenConvolution, 1, 1, 1, 1, 1, 1));
}

void world_new(world_t* world)
{
    world_objects_new(world);
    world->x = guarded_new(1 * 3 * 8 * 8 * sizeof(float));
    world->w = guarded_new(4 * 3 * 3 * 3 * sizeof(float));
    world->y = guarded_new(1 * 4 * 8 * 8 * sizeof(float));
    world->bias = guarded_new(4 * sizeof(float));
    world->workspace = guarded_new(1 << 16);
    fill_with_ones(&world->x);
    fill_with_ones(&world->w);
    fill_with_ones(&world->y);
    fill_with_ones(&world->bias);
}

void world_objects_free(world_t* world)
{
    /* Destroying NULL succeeds. */
    CHECK_OK(miopenDestroy(world->handle));
    CHECK_OK(miopenDestroyTensorDescriptor(world->x_desc));
    CHECK_OK(miopenDestroyTensorDescriptor(world->w_desc));
    CHECK_OK(miopenDestroyTensorDescriptor(world->y_desc));
    CHECK_OK(miopenDestroyTensorDescriptor(world->bias_desc));
    CHECK_OK(miopenDestroyTensorDescriptor(world->spare_desc));
    CHECK_OK(miopenDestroyConvolutionDescriptor(world->conv));
}

void world_free(world_t* world)
{
    world_objects_free(world);
    guarded_free(&world->x);
    guarded_free(&world->w);
    guarded_free(&world->y);
    guarded_free(&world->bias);
    guarded_free(&world->workspace);
}

conv_call_t world_call(const world_t* world, direction_t direction)
{
    conv_call_t call = {direction, world->handle, world->x_desc, world->w_desc, world->y_desc,
        world->conv, world->x.data, world->w.data, world->y.data, world->workspace.data,
        world->workspace.size_bytes};
    return call;
}
