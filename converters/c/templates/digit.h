/*
 * @title@
 *
 * A reader of handwritten digits, without an interpreter, a library, allocation or floats: gives
 * the integers that TensorFlow Lite's runtime gives (tflite-runtime 2.14.0). C99 or C++.
 *
 *   digit.c             the network: digit_run, from 28 x 28 pixels to ten logits
 *   digit_read.c        digit_read, from a small gray picture to a digit
 *   digit_self_test.c   digit_self_test, on @golden@ inputs with known logits
 *
 * Memory is the caller's: a digit_workspace of @workspace@ bytes, which holds the pixels too, and
 * the stack. Calls with different workspaces may run at the same time.
 */
#ifndef DIGIT_H
#define DIGIT_H

#include <stdint.h>

#define DIGIT_SIDE 28
#define DIGIT_PIXELS 784
#define DIGIT_CLASSES 10
#define DIGIT_WORKSPACE_BYTES @workspace@
/* A logit is (value - DIGIT_LOGIT_ZERO_POINT) * DIGIT_LOGIT_SCALE. */
#define DIGIT_LOGIT_SCALE @scale@
#define DIGIT_LOGIT_ZERO_POINT (@zero_point@)
/* Largest width and height of a picture. */
#define DIGIT_MAX_SIDE 4096

#ifdef __cplusplus
extern "C" {
#endif

/* What the functions return. */
enum {
    DIGIT_OK = 0,
    DIGIT_BLANK = 1,         /* no ink */
    DIGIT_NOT_ONE_DIGIT = 2, /* several large shapes, or a line */
    DIGIT_UNSURE = 3,        /* confidence below the model's threshold */
    DIGIT_NULL_POINTER = -1,
    DIGIT_BAD_SIZE = -2      /* a side is below 1 or above DIGIT_MAX_SIDE */
};

typedef struct {
    uint8_t bytes[DIGIT_WORKSPACE_BYTES];
} digit_workspace;

typedef struct {
    int8_t digit;       /* the most probable digit, 0..9; -1 if there is none */
    int16_t confidence; /* its probability in thousandths, 0..1000 */
} digit_reading;

/* Where a workspace holds the pixels: written there, they need no memory of their own. */
uint8_t *digit_input(digit_workspace *workspace);

/* Computes ten logits of 28 x 28 pixels, 0 background to 255 ink, in MNIST's format. The pixels
 * are either digit_input(workspace), and are then overwritten, or outside the workspace. */
int digit_run(digit_workspace *workspace, const uint8_t *pixels, @logit@ *logits);

/* Chooses the digit of ten logits, with its confidence. DIGIT_OK or DIGIT_UNSURE. */
int digit_decide(const @logit@ *logits, digit_reading *reading);

/* Reads the digit in a gray picture of width x height bytes, row by row: a drawing or a clean scan
 * on a plain background, dark on light or light on dark. Returns DIGIT_OK, or why there is no
 * digit; reading then has the most probable one all the same, unless the picture is blank. */
int digit_read(digit_workspace *workspace, const uint8_t *gray, int width, int height,
               digit_reading *reading);

/* Brings the digit of a gray picture into MNIST's format: 28 x 28 pixels. DIGIT_OK, DIGIT_BLANK or
 * DIGIT_NOT_ONE_DIGIT. */
int digit_normalize(const uint8_t *gray, int width, int height, uint8_t *pixels);

/* Runs the network on its golden vectors, and returns how many of the logits are wrong. */
int digit_self_test(digit_workspace *workspace);

#ifdef __cplusplus
}
#endif

#endif
