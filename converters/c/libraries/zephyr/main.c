/* Runs the network on its golden vectors. */
#include <zephyr/kernel.h>

#include "digit.h"

static digit_workspace workspace;

int main(void)
{
	printk("%d wrong logits\n", digit_self_test(&workspace));
	return 0;
}
