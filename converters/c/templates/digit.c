/* @title@ */
#include "digit.h"

typedef char int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];
typedef uint8_t side; /* a height, width, stride or padding */

@model@
