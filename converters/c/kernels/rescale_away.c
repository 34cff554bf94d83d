/* The same, but rounds halves away from zero. */
static int32_t rescale_away(int32_t value, int32_t multiplier, int shift)
{
    const int right = shift < 0 ? -shift : 0;
    const int32_t high = high_product(value, multiplier, shift);
    const int32_t half = (int32_t)(((uint32_t)1 << right) >> 1);
    return (high + half - (high < 0 && right > 0)) >> right;
}
