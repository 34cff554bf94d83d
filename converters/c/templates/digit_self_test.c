/* @title@: golden vectors. */
#include "digit.h"

static const uint8_t inputs[@golden@][DIGIT_PIXELS] =
@golden_inputs@;

static const @logit@ outputs[@golden@][DIGIT_CLASSES] =
@golden_outputs@;

int digit_self_test(digit_workspace *workspace)
{
    @logit@ logits[DIGIT_CLASSES];
    int wrong = 0, i, j;
    for (i = 0; i < @golden@; ++i) {
        const int status = digit_run(workspace, inputs[i], logits);
        if (status != DIGIT_OK) {
            return status;
        }
        for (j = 0; j < DIGIT_CLASSES; ++j) {
            wrong += logits[j] != outputs[i][j];
        }
    }
    return wrong;
}
