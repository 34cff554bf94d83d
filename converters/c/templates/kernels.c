/* @clamp */
static int8_t clamp(int32_t value, int32_t low, int32_t high)
{
    return (int8_t)(value < low ? low : value > high ? high : value);
}

/* @rescale */
/* Multiplies by multiplier / 2^31 * 2^shift and rounds, halves up: B. Jacob and others, 2017,
 * https://arxiv.org/abs/1712.05877. Right shifts of negative numbers keep their sign on every
 * compiler that is known. */
static int32_t high_product(int32_t value, int32_t multiplier, int shift)
{
    if (shift > 0) {
        value *= (int32_t)1 << shift;
    }
    return (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << 30)) >> 31);
}

/* @rescale_up */
static int32_t rescale_up(int32_t value, int32_t multiplier, int shift)
{
    const int right = shift < 0 ? -shift : 0;
    const int32_t half = (int32_t)(((uint32_t)1 << right) >> 1);
    return (high_product(value, multiplier, shift) + half) >> right;
}

/* @rescale_away */
/* The same, but rounds halves away from zero. */
static int32_t rescale_away(int32_t value, int32_t multiplier, int shift)
{
    const int right = shift < 0 ? -shift : 0;
    const int32_t high = high_product(value, multiplier, shift);
    const int32_t half = (int32_t)(((uint32_t)1 << right) >> 1);
    return (high + half - (high < 0 && right > 0)) >> right;
}

/* @dot */
/* Adds (input - zero) * weight over count bytes. Cores with the DSP extension (Cortex-M4, M7, M33)
 * do two multiplications in an instruction; the sum is the same. */
#if defined(__GNUC__)
#define APART __attribute__((noinline)) /* within its caller, it would lack registers */
#else
#define APART
#endif
#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>

static uint32_t four_bytes(const int8_t *bytes)
{
    uint32_t word;
    __builtin_memcpy(&word, bytes, sizeof word);
    return word;
}

APART static int32_t dot(const int8_t *input, const int8_t *weights, int count, int zero,
                         int32_t sum)
{
    const uint32_t offset = ((uint32_t)-zero & 0xffffu) | ((uint32_t)-zero << 16);
    for (; count >= 4; count -= 4, input += 4, weights += 4) {
        const uint32_t x = four_bytes(input), w = four_bytes(weights);
        const int16x2_t even = __sxtab16((int16x2_t)offset, (int8x4_t)x);
        const int16x2_t odd = __sxtab16((int16x2_t)offset, (int8x4_t)(x >> 8 | x << 24));
        sum = __smlad(even, __sxtb16((int8x4_t)w), sum);
        sum = __smlad(odd, __sxtb16((int8x4_t)(w >> 8 | w << 24)), sum);
    }
    for (; count > 0; --count) {
        sum += (*input++ - zero) * *weights++;
    }
    return sum;
}
#else
APART static int32_t dot(const int8_t *input, const int8_t *weights, int count, int zero,
                         int32_t sum)
{
    for (; count >= 4; count -= 4, input += 4, weights += 4) {
        sum += (input[0] - zero) * weights[0];
        sum += (input[1] - zero) * weights[1];
        sum += (input[2] - zero) * weights[2];
        sum += (input[3] - zero) * weights[3];
    }
    for (; count > 0; --count) {
        sum += (*input++ - zero) * *weights++;
    }
    return sum;
}
#endif

/* @conv */
/* A convolution, or a dense layer as the convolution of one pixel. Where a max pooling follows,
 * its windows of pool_height x pool_width outputs are reduced as they are computed. */
struct conv {
    const int8_t *weights; /* channels x height x width x depth */
    const int32_t *bias, *multiplier;
    const int8_t *shift;
    int16_t depth, channels, in_zero, out_zero, low, high;
    side in_height, in_width, out_height, out_width;
    side height, width, stride_down, stride_right, top, left;
    side rows, columns; /* outputs before the pooling */
    side pool_height, pool_width, pool_down, pool_right, pool_top, pool_left;
};

/* Raises the outputs of one pixel to those of the window at a row and a column. */
static void conv_window(const struct conv *layer, const int8_t *in, int row, int column,
                        int8_t *out)
{
    const int first_row = row * layer->stride_down - layer->top;
    const int first_column = column * layer->stride_right - layer->left;
    const int skipped = first_column < 0 ? -first_column : 0;
    const int room = layer->in_width - first_column;
    const int count = ((room < layer->width ? room : layer->width) - skipped) * layer->depth;
    const int below = layer->in_height - first_row;
    const int begin = first_row < 0 ? -first_row : 0;
    const int end = below < layer->height ? below : layer->height;
    const int in_stride = layer->in_width * layer->depth;
    const int stride = layer->width * layer->depth;
    const int8_t *first = in + (first_row + begin) * in_stride +
                          (first_column + skipped) * layer->depth;
    const int8_t *weights = layer->weights + begin * stride + skipped * layer->depth;
    int channel, y;
    for (channel = 0; channel < layer->channels; ++channel) {
        int32_t sum = layer->bias[channel];
        for (y = 0; y < end - begin; ++y) {
            sum = dot(first + y * in_stride, weights + y * stride, count, layer->in_zero, sum);
        }
        sum = rescale_up(sum, layer->multiplier[channel], layer->shift[channel]);
        sum += layer->out_zero;
        if (sum > out[channel]) {
            out[channel] = clamp(sum, layer->low, layer->high);
        }
        weights += layer->height * stride;
    }
}

static void conv(const struct conv *layer, const int8_t *in, int8_t *out)
{
    int row, column, channel, y, x;
    for (row = 0; row < layer->out_height; ++row) {
        for (column = 0; column < layer->out_width; ++column) {
            const int top = row * layer->pool_down - layer->pool_top;
            const int left = column * layer->pool_right - layer->pool_left;
            for (channel = 0; channel < layer->channels; ++channel) {
                out[channel] = (int8_t)layer->low;
            }
            for (y = top; y < top + layer->pool_height; ++y) {
                for (x = left; x < left + layer->pool_width; ++x) {
                    if (y >= 0 && y < layer->rows && x >= 0 && x < layer->columns) {
                        conv_window(layer, in, y, x, out);
                    }
                }
            }
            out += layer->channels;
        }
    }
}

/* @depthwise */
/* A depthwise convolution: each channel has filters of its own. */
struct depthwise {
    const int8_t *weights; /* height x width x channels */
    const int32_t *bias, *multiplier;
    const int8_t *shift;
    int16_t depth, channels, in_zero, out_zero, low, high;
    side in_height, in_width, out_height, out_width;
    side height, width, stride_down, stride_right, top, left;
};

static void depthwise(const struct depthwise *layer, const int8_t *in, int8_t *out)
{
    const int multiplier = layer->channels / layer->depth;
    int row, column, channel, y, x;
    for (row = 0; row < layer->out_height; ++row) {
        for (column = 0; column < layer->out_width; ++column) {
            const int top = row * layer->stride_down - layer->top;
            const int left = column * layer->stride_right - layer->left;
            for (channel = 0; channel < layer->channels; ++channel) {
                int32_t sum = layer->bias[channel];
                for (y = 0; y < layer->height; ++y) {
                    for (x = 0; x < layer->width; ++x) {
                        const int in_row = top + y, in_column = left + x;
                        if (in_row >= 0 && in_row < layer->in_height && in_column >= 0 &&
                            in_column < layer->in_width) {
                            const int pixel = in_row * layer->in_width + in_column;
                            sum += (in[pixel * layer->depth + channel / multiplier] -
                                    layer->in_zero) *
                                   layer->weights[(y * layer->width + x) * layer->channels +
                                                  channel];
                        }
                    }
                }
                sum = rescale_away(sum, layer->multiplier[channel], layer->shift[channel]);
                *out++ = clamp(sum + layer->out_zero, layer->low, layer->high);
            }
        }
    }
}

/* @pool */
/* The windows of a pooling. */
struct pool {
    int16_t channels, low, high;
    side in_height, in_width, out_height, out_width;
    side height, width, stride_down, stride_right, top, left;
};

/* @max_pool */
static void max_pool(const struct pool *layer, const int8_t *in, int8_t *out)
{
    int row, column, channel, y, x;
    for (row = 0; row < layer->out_height; ++row) {
        for (column = 0; column < layer->out_width; ++column) {
            const int top = row * layer->stride_down - layer->top;
            const int left = column * layer->stride_right - layer->left;
            for (channel = 0; channel < layer->channels; ++channel) {
                int largest = -128;
                for (y = top; y < top + layer->height; ++y) {
                    for (x = left; x < left + layer->width; ++x) {
                        if (y >= 0 && y < layer->in_height && x >= 0 && x < layer->in_width) {
                            const int value = in[(y * layer->in_width + x) * layer->channels +
                                                 channel];
                            largest = value > largest ? value : largest;
                        }
                    }
                }
                *out++ = clamp(largest, layer->low, layer->high);
            }
        }
    }
}

/* @average_pool */
/* The mean of each window without its padding; rounds halves away from zero. */
static void average_pool(const struct pool *layer, const int8_t *in, int8_t *out)
{
    int row, column, channel, y, x;
    for (row = 0; row < layer->out_height; ++row) {
        for (column = 0; column < layer->out_width; ++column) {
            const int top = row * layer->stride_down - layer->top;
            const int left = column * layer->stride_right - layer->left;
            for (channel = 0; channel < layer->channels; ++channel) {
                int sum = 0, count = 0;
                for (y = top; y < top + layer->height; ++y) {
                    for (x = left; x < left + layer->width; ++x) {
                        if (y >= 0 && y < layer->in_height && x >= 0 && x < layer->in_width) {
                            sum += in[(y * layer->in_width + x) * layer->channels + channel];
                            ++count;
                        }
                    }
                }
                sum = (sum < 0 ? sum - count / 2 : sum + count / 2) / count;
                *out++ = clamp(sum, layer->low, layer->high);
            }
        }
    }
}

/* @mean */
/* The mean of each channel over the whole image. */
static void mean(const int8_t *in, int8_t *out, int count, int channels, int32_t multiplier,
                 int shift, int32_t subtracted, int32_t added)
{
    int channel, pixel;
    for (channel = 0; channel < channels; ++channel) {
        int32_t sum = 0;
        for (pixel = 0; pixel < count; ++pixel) {
            sum += in[pixel * channels + channel];
        }
        *out++ = clamp(rescale_away(sum - subtracted, multiplier, shift) + added, -128, 127);
    }
}

/* @pad */
/* An image of height x width pixels within a larger one. */
static void pad(const int8_t *in, int8_t *out, int height, int width, int channels, int top,
                int left, int out_height, int out_width, int8_t fill)
{
    int row, column, channel;
    for (row = -top; row < out_height - top; ++row) {
        for (column = -left; column < out_width - left; ++column) {
            const int inside = row >= 0 && row < height && column >= 0 && column < width;
            for (channel = 0; channel < channels; ++channel) {
                *out++ = inside ? in[(row * width + column) * channels + channel] : fill;
            }
        }
    }
}

/* @add */
/* The sum of two images: both are widened, brought to one scale, added, and brought to another. */
struct add {
    int32_t multipliers[3];
    int8_t shifts[3];
    int16_t zeros[3];
    int16_t low, high;
};

static void add(const struct add *layer, const int8_t *first, const int8_t *second, int8_t *out,
                int count)
{
    int i;
    for (i = 0; i < count; ++i) {
        const int32_t one = (first[i] - layer->zeros[0]) * ((int32_t)1 << 20);
        const int32_t two = (second[i] - layer->zeros[1]) * ((int32_t)1 << 20);
        const int32_t sum = rescale_away(one, layer->multipliers[0], layer->shifts[0]) +
                            rescale_away(two, layer->multipliers[1], layer->shifts[1]);
        out[i] = clamp(rescale_away(sum, layer->multipliers[2], layer->shifts[2]) +
                           layer->zeros[2],
                       layer->low, layer->high);
    }
}

/* @lookup */
/* A function of each value by itself. */
static void lookup(const int8_t *table, const int8_t *in, int8_t *out, int count)
{
    int i;
    for (i = 0; i < count; ++i) {
        out[i] = table[in[i] + 128];
    }
}

/* @softmax */
/* Numbers above zero with 24 binary digits, rounded to the nearest, halves to even, as the single
 * precision that TensorFlow Lite's kernel computes in: bits * 2^exponent, bits from 2^23. */
struct single {
    uint32_t bits;
    int exponent;
};

/* Rounds bits, plus something above zero and below one if rest, to 24 digits. */
static struct single to_single(uint64_t bits, int exponent, int rest)
{
    struct single result = {0, 0};
    int dropped = 0;
    uint64_t half, tail;
    if (bits == 0) {
        return result;
    }
    while ((bits >> dropped) >= ((uint64_t)1 << 24)) {
        ++dropped;
    }
    if (dropped > 0) {
        half = (uint64_t)1 << (dropped - 1);
        tail = bits & ((half << 1) - 1);
        bits >>= dropped;
        if (tail > half || (tail == half && (rest || (bits & 1)))) {
            ++bits;
        }
        exponent += dropped;
    }
    if (bits == (uint64_t)1 << 24) {
        bits >>= 1;
        ++exponent;
    }
    while (bits < ((uint64_t)1 << 23)) {
        bits <<= 1;
        --exponent;
    }
    result.bits = (uint32_t)bits;
    result.exponent = exponent;
    return result;
}

static struct single single_sum(struct single one, struct single two)
{
    const struct single large = one.exponent > two.exponent ? one : two;
    const struct single small = one.exponent > two.exponent ? two : one;
    const int apart = large.exponent - small.exponent;
    if (one.bits == 0 || two.bits == 0) {
        return one.bits == 0 ? two : one;
    }
    if (apart > 30) {
        return to_single((uint64_t)large.bits << 30, large.exponent - 30, 1);
    }
    return to_single(((uint64_t)large.bits << apart) + small.bits, small.exponent, 0);
}

static struct single single_product(struct single one, struct single two)
{
    return to_single((uint64_t)one.bits * two.bits, one.exponent + two.exponent, 0);
}

static struct single single_reciprocal(struct single one)
{
    const uint64_t whole = (uint64_t)1 << 62;
    return to_single(whole / one.bits, -62 - one.exponent, whole % one.bits != 0);
}

/* Reads a number of the table, which are in IEEE 754's format. */
static struct single single_power(const uint32_t *powers, int distance)
{
    const uint32_t word = powers[distance];
    struct single power = {(word & 0x7fffffu) | 0x800000u, (int)(word >> 23) - 150};
    return word >> 23 ? power : to_single(word, -149, 0);
}

/* The softmax of ten values, in steps of 1/256 from -128. powers has the exponential for each
 * distance from the largest value. */
static void softmax(const uint32_t *powers, const int8_t *in, int8_t *out)
{
    const struct single step = {(uint32_t)1 << 23, -31};
    struct single total = {0, 0}, factor;
    int i, largest = -128;
    for (i = 0; i < 10; ++i) {
        largest = in[i] > largest ? in[i] : largest;
    }
    for (i = 0; i < 10; ++i) {
        total = single_sum(total, single_power(powers, largest - in[i]));
    }
    factor = single_reciprocal(single_product(total, step));
    for (i = 0; i < 10; ++i) {
        const struct single share = single_product(single_power(powers, largest - in[i]), factor);
        const int right = -share.exponent;
        /* The nearest integer, halves up; at most 256, so it has 9 digits before the point. */
        const int32_t rounded =
            share.bits == 0 || right > 32
                ? 0
                : (int32_t)((share.bits + ((uint64_t)1 << (right - 1))) >> right);
        out[i] = clamp(rounded - 128, -128, 127);
    }
}
