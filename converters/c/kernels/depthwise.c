/* A depthwise convolution: each channel has filters of its own. */
struct depthwise {
    const int8_t *weights; /* height x width x channels */
    const int32_t *bias, *multiplier;
    const int8_t *shift;
    int16_t in_height, in_width, depth;
    int16_t out_height, out_width, channels;
    int16_t height, width, stride_down, stride_right, top, left;
    int16_t in_zero, out_zero, low, high;
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
