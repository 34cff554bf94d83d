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
