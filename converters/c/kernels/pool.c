/* The windows of a pooling. */
struct pool {
    int16_t in_height, in_width, channels;
    int16_t out_height, out_width;
    int16_t height, width, stride_down, stride_right, top, left;
    int16_t low, high;
};
