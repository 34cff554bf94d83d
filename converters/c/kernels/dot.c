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
