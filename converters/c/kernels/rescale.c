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
