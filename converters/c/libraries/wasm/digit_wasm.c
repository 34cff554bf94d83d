/* What JavaScript calls; memory is shared, so pictures and logits are passed in buffers. */
#include "digit.h"

enum { MAX_PIXELS = 1024 * 1024 };

static digit_workspace workspace;
static uint8_t picture[MAX_PIXELS];
static @logit@ logits[DIGIT_CLASSES];
static digit_reading reading;

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

uint8_t *picture_buffer(void) { return picture; }

int picture_size(void) { return MAX_PIXELS; }

@logit@ *logits_buffer(void) { return logits; }

int read_picture(int width, int height)
{
    if (width > 0 && height > MAX_PIXELS / width) {
        return DIGIT_BAD_SIZE;
    }
    return digit_read(&workspace, picture, width, height, &reading);
}

int found_digit(void) { return reading.digit; }

int found_confidence(void) { return reading.confidence; }

int normalize_picture(int width, int height)
{
    static uint8_t pixels[DIGIT_PIXELS];
    int status, i;
    if (width > 0 && height > MAX_PIXELS / width) {
        return DIGIT_BAD_SIZE;
    }
    status = digit_normalize(picture, width, height, pixels);
    for (i = 0; i < DIGIT_PIXELS; ++i) {
        picture[i] = pixels[i];
    }
    return status;
}

int run_pixels(void) { return digit_run(&workspace, picture, logits); }
