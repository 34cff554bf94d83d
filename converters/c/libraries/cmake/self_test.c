/* Runs the network on its golden vectors; exits with 0 if every logit is right. */
#include "digit.h"

#include <stdio.h>

int main(void)
{
    static digit_workspace workspace;
    const int wrong = digit_self_test(&workspace);
    printf("%d wrong logits\n", wrong);
    return wrong != 0;
}
