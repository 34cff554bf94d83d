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
