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
