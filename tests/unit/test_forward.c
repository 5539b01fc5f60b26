/* Where the forward pass rounds. That its values are right test_reference says. */
#include <stdlib.h>

#include "check.h"
#include "lightcone/memory.h"
#include "lightcone/passes.h"

enum { D = 16, LENGTH = 3 };

static void fill(const float *at, int64_t count, float value)
{
    for (int64_t i = 0; i < count; i++)
        ((float *)(uintptr_t)at)[i] = value;
}

/* What a block without weights makes of a stream of ones: attention and MLP give `small` each. */
static float one_block(int parallel, float small)
{
    const struct lc_model_shape shape = {.family = "gpt_neox", .layers = 1, .width = D, .heads = 2, .hidden = 4 * D, .vocab = 1,
                                         .context = LENGTH, .rotary = 4, .rotary_base = 10000.0, .norm_eps = 1e-5,
                                         .parallel = parallel};
    const int32_t token[LENGTH] = {0};
    struct lc_err err = LC_ERR_INIT;
    struct lc_model model;
    struct lc_forward forward;
    float *weights = NULL, found;

    check(LC_ALLOC(&weights, lc_model_floats(&shape, 1), "model", &err), &err);
    check(lc_model_bind(&model, &shape, 1, weights, &err), &err);
    fill(model.embedding, D, 1.0f);
    fill(model.block[0].out_b, D, small);
    fill(model.block[0].down_b, D, small);
    check(lc_forward_init(&forward, &model, LENGTH, LENGTH, 0, &err), &err);
    check(lc_forward_run(&forward, token, 1, LENGTH, &err), &err);
    found = lc_forward_site(&forward, 0)[LENGTH * D - 1];
    lc_forward_release(&forward);
    lc_model_release(&model);
    free(weights);
    return found;
}

/* Two times 0.4 units in the last place of the stream: lost where each is added alone, as equations of a sequential block say. */
static void what_is_small_is_added_up_first(void **state)
{
    const float unit = 0x1p-23f, small = 0.4f * unit;

    (void)state;
    assert_true(one_block(1, small) == 1.0f + unit);
    assert_true(one_block(0, small) == 1.0f);
    assert_true(one_block(0, unit) == 1.0f + 2.0f * unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_small_is_added_up_first)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
