/* Reads a drawing of a digit, and blinks an LED as many times. NAME is the model's. */
#include "board.h"

#define JOINED(name, rest) name##rest
#define OF(name, rest) JOINED(name, rest)
#define TEXT(name) #name
#define HEADER(name) TEXT(name.h)
#include HEADER(NAME)

enum { SIDE = 48 };

/* The first of the LEDs of Arm's MPS2 boards is bit 0 of this register. */
#define LEDS (*(volatile uint32_t *)0x40028000)

static OF(NAME, _workspace) workspace;
static uint8_t gray[SIDE * SIDE];

/* A bar and a stem: what a finger would draw on a touch screen. */
static void draw_seven(void)
{
    int row, column;
    for (row = 8; row < 40; ++row) {
        for (column = 12; column < 36; ++column) {
            const int stem = 30 - (row - 8) / 2;
            if (row < 13 || (column >= stem && column < stem + 5)) {
                gray[row * SIDE + column] = 255;
            }
        }
    }
}

static void blink(void)
{
    LEDS = 1;
    board_print("*");
    LEDS = 0;
}

int main(void)
{
    OF(NAME, _reading) reading;
    int status, count;
    board_print(OF(NAME, _self_test)(&workspace) == 0 ? "every golden logit is right\n"
                                                      : "a golden logit is wrong\n");
    draw_seven();
    status = OF(NAME, _read)(&workspace, gray, SIDE, SIDE, &reading);
    if (status != 0) {
        board_print("no digit\n");
        return status;
    }
    for (count = 0; count < reading.digit; ++count) {
        blink();
    }
    board_print("\n");
    return 0;
}
