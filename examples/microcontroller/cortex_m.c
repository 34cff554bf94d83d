/* Start-up of a Cortex-M: a vector table, memory, semihosting and the SysTick timer. */
#include "board.h"

extern uint32_t stack_top, data_load, data_start, data_end, bss_start, bss_end;

int main(void);

void reset(void);

__attribute__((section(".vectors"), used)) static void *const vectors[] = {
    &stack_top, (void *)reset, (void *)reset, (void *)reset};

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
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
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
    /* ADP_Stopped_ApplicationExit */
    semihost(0x18, (const void *)0x20026);
    for (;;) {
    }
}

#define SYST_CSR (*(volatile uint32_t *)0xe000e010)
#define SYST_RVR (*(volatile uint32_t *)0xe000e014)
#define SYST_CVR (*(volatile uint32_t *)0xe000e018)

void board_start_counter(void)
{
    SYST_CSR = 0;
    SYST_RVR = 0xffffff;
    SYST_CVR = 0;
    SYST_CSR = 5; /* on, by the processor's clock */
}

uint32_t board_counter(void) { return 0xffffff - SYST_CVR; }

void board_million(void)
{
    uint32_t left = 500000;
    __asm__ volatile(".syntax unified\n1: subs %0, %0, #1\nbne 1b" : "+l"(left) : : "cc");
}
