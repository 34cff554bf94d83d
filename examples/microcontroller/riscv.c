/* Start-up of a RISC-V: memory, semihosting and the counter of instructions. */
#include "board.h"

extern uint32_t stack_top, data_load, data_start, data_end, bss_start, bss_end;

int main(void);

void reset(void);

__attribute__((section(".vectors"), naked, used)) void start(void)
{
    __asm__ volatile(".option push\n.option norelax\nla sp, stack_top\n.option pop\nj reset");
}

/* Compilers call these for copies of structures, library or not. */
void *memcpy(void *to, const void *from, __SIZE_TYPE__ count)
{
    char *target = (char *)to;
    const char *source = (const char *)from;
    while (count-- > 0) {
        *target++ = *source++;
    }
    return to;
}

void *memset(void *to, int value, __SIZE_TYPE__ count)
{
    char *target = (char *)to;
    while (count-- > 0) {
        *target++ = (char)value;
    }
    return to;
}

static int semihost(int operation, const void *argument)
{
    register int a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = argument;
    __asm__ volatile(".option push\n.option norvc\n.balign 16\n"
                     "slli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

void board_print(const char *text) { semihost(4, text); }

void reset(void)
{
    const uint32_t *from = &data_load;
    uint32_t *to;
    for (to = &data_start; to < &data_end; ++to) {
        *to = *from++;
    }
    for (to = &bss_start; to < &bss_end; ++to) {
        *to = 0;
    }
    main();
    semihost(0x18, (const void *)0x20026);
    for (;;) {
    }
}

static uint32_t started;

static uint32_t instructions(void)
{
    uint32_t count;
    __asm__ volatile("csrr %0, minstret" : "=r"(count));
    return count;
}

void board_start_counter(void) { started = instructions(); }

uint32_t board_counter(void) { return instructions() - started; }

void board_million(void)
{
    uint32_t left = 500000;
    __asm__ volatile("1: addi %0, %0, -1\nbnez %0, 1b" : "+r"(left));
}
