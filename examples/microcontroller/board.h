/* What the measured program asks of a board. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

void board_print(const char *text);
/* Starts a counter, and gives what it has counted since: something proportional to instructions. */
void board_start_counter(void);
uint32_t board_counter(void);
/* Runs a million instructions. */
void board_million(void);

#endif
