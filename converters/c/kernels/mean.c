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
