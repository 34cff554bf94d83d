/* Counts the wrong golden logits, the instructions of a digit, and the bytes of stack. */
#include "board.h"
#include "MODEL.h"

extern uint32_t bss_end;

enum { PAINT = 0x5a, SIDE = 64 };

static MODEL_workspace workspace;
static int8_t logits[10];

static void print_number(const char *name, uint32_t number)
{
    char text[12];
    int place = 11;
    text[place] = 0;
    do {
        text[--place] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    board_print(name);
    board_print(text + place);
    board_print("\n");
}

/* Paints the free memory up to here, and the caller's frame is above. */
static __attribute__((noinline)) uint8_t *paint(void)
{
    uint8_t *volatile here = (uint8_t *)__builtin_frame_address(0) - 64;
    uint8_t *byte;
    for (byte = (uint8_t *)&bss_end; byte < here; ++byte) {
        *(volatile uint8_t *)byte = PAINT;
    }
    return here;
}

static __attribute__((noinline)) uint32_t used(const uint8_t *top)
{
    const uint8_t *byte = (const uint8_t *)&bss_end;
    while (byte < top && *byte == PAINT) {
        ++byte;
    }
    return (uint32_t)(top - byte) + 64;
}

static __attribute__((noinline)) void run(void)
{
    MODEL_run(&workspace, MODEL_input(&workspace), logits);
}

#if defined(WITH_READ)
/* A picture of a 1. */
static uint8_t gray[SIDE * SIDE];

static __attribute__((noinline)) int read(MODEL_reading *reading)
{
    int row, column;
    for (row = 16; row < 48; ++row) {
        for (column = 30; column < 35; ++column) {
            gray[row * SIDE + column] = 255;
        }
    }
    return MODEL_read(&workspace, gray, SIDE, SIDE, reading);
}
#endif

int main(void)
{
    uint8_t *top;
    print_number("wrong ", (uint32_t)MODEL_self_test(&workspace));
    board_start_counter();
    board_million();
    print_number("million ", board_counter());
    top = paint();
    run();
    print_number("stack ", used(top));
    board_start_counter();
    run();
    print_number("count ", board_counter());
#if defined(WITH_READ)
    {
        MODEL_reading reading;
        int status;
        top = paint();
        status = read(&reading);
        print_number("read stack ", used(top));
        print_number("read status ", (uint32_t)status);
        print_number("read digit ", (uint32_t)reading.digit);
        board_start_counter();
        read(&reading);
        print_number("read count ", board_counter());
    }
#endif
    return 0;
}
