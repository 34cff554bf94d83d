/* Runs the network on its golden vectors. */
#include "digit.h"

#include <stdio.h>

static digit_workspace workspace;

void app_main(void) { printf("%d wrong logits\n", digit_self_test(&workspace)); }
