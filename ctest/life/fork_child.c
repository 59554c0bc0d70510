/* SPDX-License-Identifier: MIT */
/*
 * Can a process fork and both go on? The child uses and destroys objects of its own and its
 * parent's; the parent's live on. Children of children too, as data loaders start them.
 */
#include "check.h"
#include "children.h"
#include "layers.h"

typedef struct {
    miopenHandle_t handle;
    conv_case_t* layer;
    int generation;
} family_t;

static void use_own_objects(int number)
{
    conv_case_t* layer = layer_new(number);
    miopenHandle_t handle;
    CHECK_OK(miopenCreate(&handle));
    layer_compute(layer, handle);
    CHECK_OK(miopenDestroy(handle));
    conv_case_free(layer);
}

static void use_own_objects_only(void* unused)
{
    (void)unused;
    use_own_objects(0);
}

static void child(void* argument)
{
    family_t* family = argument;
    check_context("generation %d", family->generation);
    layer_compute(family->layer, family->handle);
    use_own_objects(family->generation);
    if(++family->generation < 12) {
        in_a_child(child, family);
    }
    layer_compute(family->layer, family->handle);
    CHECK_OK(miopenDestroy(family->handle));
    CHECK_STATUS(miopenDestroy(family->handle), BadParm);
    conv_case_free(family->layer);
    use_own_objects(family->generation);
}

int main(void)
{
    /* Nothing has been called yet: the child is the first to use the library. */
    family_t family = {NULL, NULL, 0};
    in_a_child(use_own_objects_only, NULL);

    family.layer = layer_new(0);
    CHECK_OK(miopenCreate(&family.handle));
    layer_compute(family.layer, family.handle);
    for(int round = 0; round < 3; ++round) {
        in_a_child(child, &family);
        check_context("parent, round %d", round);
        layer_compute(family.layer, family.handle);
        use_own_objects(round);
    }
    CHECK_OK(miopenDestroy(family.handle));
    conv_case_free(family.layer);
    return check_finish();
}
