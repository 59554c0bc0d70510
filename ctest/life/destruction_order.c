/* SPDX-License-Identifier: MIT */
/*
 * May objects be destroyed in any order? In each of the 120 orders of a handle, three tensor
 * descriptors and a convolution descriptor: a convolution works while all are alive, is refused as
 * soon as one is gone, each object can be destroyed once, and destroying it again is refused.
 */
#include "check.h"
#include "world.h"

enum { OBJECTS = 5 };

static const float one = 1, zero = 0;

static miopenStatus_t destroy(const world_t* world, int object)
{
    switch(object) {
    case 0: return miopenDestroy(world->handle);
    case 1: return miopenDestroyTensorDescriptor(world->x_desc);
    case 2: return miopenDestroyTensorDescriptor(world->w_desc);
    case 3: return miopenDestroyTensorDescriptor(world->y_desc);
    default: return miopenDestroyConvolutionDescriptor(world->conv);
    }
}

static miopenStatus_t compute(const world_t* world)
{
    conv_call_t call = world_call(world, FORWARD);
    return conv_run(&call, &one, miopenConvolutionFwdAlgoDirect, &zero);
}

static void in_order(const int* order)
{
    check_context("order %d%d%d%d%d", order[0], order[1], order[2], order[3], order[4]);
    world_t world;
    world_new(&world);
    CHECK_OK(compute(&world));
    guarded_refill(&world.y);
    for(int at = 0; at < OBJECTS; ++at) {
        CHECK_OK(destroy(&world, order[at]));
        CHECK_STATUS(compute(&world), BadParm);
        CHECK(guarded_untouched(&world.y));
        for(int gone = 0; gone <= at; ++gone) {
            CHECK_STATUS(destroy(&world, order[gone]), BadParm);
        }
    }
    world.handle = NULL;
    world.x_desc = world.w_desc = world.y_desc = NULL;
    world.conv = NULL;
    world_free(&world);
}

static void all_orders(int* order, int fixed)
{
    if(fixed == OBJECTS) {
        in_order(order);
        return;
    }
    for(int at = fixed; at < OBJECTS; ++at) {
        int first = order[fixed];
        order[fixed] = order[at];
        order[at] = first;
        all_orders(order, fixed + 1);
        order[at] = order[fixed];
        order[fixed] = first;
    }
}

int main(void)
{
    int order[OBJECTS] = {0, 1, 2, 3, 4};
    all_orders(order, 0);
    return check_finish();
}
