/* Reads a drawing of a 7 and prints it. */
#include "digit.h"

#include <stdio.h>

enum { SIDE = 48 };

static digit_workspace workspace;
static uint8_t gray[SIDE * SIDE];

static void draw_seven(void)
{
    int row, column;
    for (row = 8; row < 40; ++row) {
        for (column = 12; column < 36; ++column) {
            const int bar = row < 13;
            const int stem = column >= 33 - (row - 8) / 2 - 3 && column < 33 - (row - 8) / 2 + 2;
            if (bar || stem) {
                gray[row * SIDE + column] = 255;
            }
        }
    }
}

int main(void)
{
    digit_reading reading;
    int status;
    draw_seven();
    status = digit_read(&workspace, gray, SIDE, SIDE, &reading);
    printf("%d, with a confidence of %d of 1000\n", reading.digit, reading.confidence);
    return status;
}
