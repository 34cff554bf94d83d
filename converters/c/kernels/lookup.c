/* A function of each value by itself. */
static void lookup(const int8_t *table, const int8_t *in, int8_t *out, int count)
{
    int i;
    for (i = 0; i < count; ++i) {
        out[i] = table[in[i] + 128];
    }
}
