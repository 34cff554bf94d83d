/* A convolution, or a dense layer as the convolution of one pixel. Where a max pooling follows,
 * its windows of pool_height x pool_width outputs are reduced as they are computed. */
struct conv {
    const int8_t *weights; /* channels x height x width x depth */
    const int32_t *bias, *multiplier;
    const int8_t *shift;
    int16_t in_height, in_width, depth;
    int16_t out_height, out_width, channels;
    int16_t height, width, stride_down, stride_right, top, left;
    int16_t rows, columns; /* outputs before the pooling */
    int16_t pool_height, pool_width, pool_down, pool_right, pool_top, pool_left;
    int16_t in_zero, out_zero, low, high;
};

static int32_t conv_at(const struct conv *layer, const int8_t *in, int row, int column,
                       int channel)
{
    const int size = layer->width * layer->depth;
    const int8_t *weights = layer->weights + channel * layer->height * size;
    const int first_row = row * layer->stride_down - layer->top;
    const int first_column = column * layer->stride_right - layer->left;
    const int skipped = first_column < 0 ? -first_column : 0;
    const int room = layer->in_width - first_column;
    const int count = ((room < layer->width ? room : layer->width) - skipped) * layer->depth;
    int32_t sum = layer->bias[channel];
    int y;
    for (y = 0; y < layer->height; ++y) {
        const int in_row = first_row + y;
        if (in_row >= 0 && in_row < layer->in_height) {
            sum = dot(in + (in_row * layer->in_width + first_column + skipped) * layer->depth,
                      weights + y * size + skipped * layer->depth, count, layer->in_zero, sum);
        }
    }
    return rescale_up(sum, layer->multiplier[channel], layer->shift[channel]) + layer->out_zero;
}

static void conv(const struct conv *layer, const int8_t *in, int8_t *out)
{
    int row, column, channel, y, x;
    for (row = 0; row < layer->out_height; ++row) {
        for (column = 0; column < layer->out_width; ++column) {
            const int top = row * layer->pool_down - layer->pool_top;
            const int left = column * layer->pool_right - layer->pool_left;
            for (channel = 0; channel < layer->channels; ++channel) {
                int32_t largest = layer->low;
                for (y = top; y < top + layer->pool_height; ++y) {
                    for (x = left; x < left + layer->pool_width; ++x) {
                        if (y >= 0 && y < layer->rows && x >= 0 && x < layer->columns) {
                            const int32_t value = conv_at(layer, in, y, x, channel);
                            largest = value > largest ? value : largest;
                        }
                    }
                }
                *out++ = clamp(largest, layer->low, layer->high);
            }
        }
    }
}
