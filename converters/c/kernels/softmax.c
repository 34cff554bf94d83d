/* Numbers above zero with 24 binary digits, rounded to the nearest, halves to even, as the single
 * precision that TensorFlow Lite's kernel computes in: bits * 2^exponent, bits from 2^23. */
struct single {
    uint32_t bits;
    int exponent;
};

/* Rounds bits, plus something above zero and below one if rest, to 24 digits. */
static struct single to_single(uint64_t bits, int exponent, int rest)
{
    struct single result = {0, 0};
    int dropped = 0;
    uint64_t half, tail;
    if (bits == 0) {
        return result;
    }
    while ((bits >> dropped) >= ((uint64_t)1 << 24)) {
        ++dropped;
    }
    if (dropped > 0) {
        half = (uint64_t)1 << (dropped - 1);
        tail = bits & ((half << 1) - 1);
        bits >>= dropped;
        if (tail > half || (tail == half && (rest || (bits & 1)))) {
            ++bits;
        }
        exponent += dropped;
    }
    if (bits == (uint64_t)1 << 24) {
        bits >>= 1;
        ++exponent;
    }
    while (bits < ((uint64_t)1 << 23)) {
        bits <<= 1;
        --exponent;
    }
    result.bits = (uint32_t)bits;
    result.exponent = exponent;
    return result;
}

static struct single single_sum(struct single one, struct single two)
{
    const struct single large = one.exponent > two.exponent ? one : two;
    const struct single small = one.exponent > two.exponent ? two : one;
    const int apart = large.exponent - small.exponent;
    if (one.bits == 0 || two.bits == 0) {
        return one.bits == 0 ? two : one;
    }
    if (apart > 30) {
        return to_single((uint64_t)large.bits << 30, large.exponent - 30, 1);
    }
    return to_single(((uint64_t)large.bits << apart) + small.bits, small.exponent, 0);
}

static struct single single_product(struct single one, struct single two)
{
    return to_single((uint64_t)one.bits * two.bits, one.exponent + two.exponent, 0);
}

static struct single single_reciprocal(struct single one)
{
    const uint64_t whole = (uint64_t)1 << 62;
    return to_single(whole / one.bits, -62 - one.exponent, whole % one.bits != 0);
}

/* Reads a number of the table, which are in IEEE 754's format. */
static struct single single_power(const uint32_t *powers, int distance)
{
    const uint32_t word = powers[distance];
    struct single power = {(word & 0x7fffffu) | 0x800000u, (int)(word >> 23) - 150};
    return word >> 23 ? power : to_single(word, -149, 0);
}

/* The softmax of ten values, in steps of 1/256 from -128. powers has the exponential for each
 * distance from the largest value. */
static void softmax(const uint32_t *powers, const int8_t *in, int8_t *out)
{
    const struct single step = {(uint32_t)1 << 23, -31};
    struct single total = {0, 0}, factor;
    int i, largest = -128;
    for (i = 0; i < 10; ++i) {
        largest = in[i] > largest ? in[i] : largest;
    }
    for (i = 0; i < 10; ++i) {
        total = single_sum(total, single_power(powers, largest - in[i]));
    }
    factor = single_reciprocal(single_product(total, step));
    for (i = 0; i < 10; ++i) {
        const struct single share = single_product(single_power(powers, largest - in[i]), factor);
        const int right = -share.exponent;
        /* The nearest integer, halves up; at most 256, so it has 9 digits before the point. */
        const int32_t rounded =
            share.bits == 0 || right > 32
                ? 0
                : (int32_t)((share.bits + ((uint64_t)1 << (right - 1))) >> right);
        out[i] = clamp(rounded - 128, -128, 127);
    }
}
