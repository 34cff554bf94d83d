/* @title@: from a gray picture to a digit. */
#include "digit.h"

#include <stddef.h>

/* MNIST's format, as its makers describe it (Y. LeCun, C. Cortes, C. Burges, "The MNIST
 * database"): white ink on black, scaled to fit into 20 x 20 pixels, its center of mass at row and
 * column 14. */
enum { SIDE = DIGIT_SIDE, BOX = 20, CENTER = 14 };
/* Difference of the strongest ink from the paper, in gray levels, below which a picture is blank;
 * side of the smallest digit; width over height of the widest. */
enum { MIN_CONTRAST = 24, MIN_SIDE = 4, MAX_ASPECT = 3 };
/* Shapes of a picture that are told apart; more are not one digit. */
enum { MAX_SHAPES = 24 };

/* A gray picture, with what its gray levels mean. */
struct picture {
    const uint8_t *gray;
    int width, height;
    int paper;     /* twice the gray level of the paper */
    int direction; /* 1 for light ink on dark paper, -1 for dark on light */
    int strongest; /* twice the difference of the strongest ink from the paper */
};

/* Columns and rows, without the ends. */
struct box {
    int left, top, right, bottom;
};

static int smaller(int one, int two) { return one < two ? one : two; }

static int larger(int one, int two) { return one > two ? one : two; }

static int within(int value, int low, int high) { return smaller(larger(value, low), high); }

/* The quotient, rounded to the nearest integer; the divisor is above 0. */
static int rounded(int value, int divisor)
{
    return (value < 0 ? value - divisor / 2 : value + divisor / 2) / divisor;
}

/* A pixel of the picture's border, each once, by number. */
static int border_pixel(const struct picture *picture, int number)
{
    const int width = picture->width, height = picture->height;
    const uint8_t *gray = picture->gray;
    if (number < width) {
        return gray[number];
    }
    number -= width;
    if (number < width && height > 1) {
        return gray[(height - 1) * width + number];
    }
    number -= height > 1 ? width : 0;
    return gray[(1 + number / 2) * width + (number % 2 ? width - 1 : 0)];
}

static int border_size(const struct picture *picture)
{
    const int rows = picture->height > 1 ? 2 : 1, inner = larger(picture->height - 2, 0);
    /* A picture that is one pixel wide has its sides in one column, which then counts twice. */
    return rows * picture->width + 2 * inner;
}

/* The gray level below which there are no more than rank pixels of the border. */
static int border_rank(const struct picture *picture, int rank)
{
    const int size = border_size(picture);
    int low = 0, high = 255;
    while (low < high) {
        const int middle = (low + high) / 2;
        int count = 0, i;
        for (i = 0; i < size; ++i) {
            count += border_pixel(picture, i) <= middle;
        }
        if (count > rank) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* Twice the contrast of a pixel with the paper, 0 to strongest. */
static int contrast(const struct picture *picture, int row, int column)
{
    const int gray = picture->gray[row * picture->width + column];
    const int found = picture->direction * (2 * gray - picture->paper);
    return found > 0 ? found : 0;
}

static void find_paper(struct picture *picture)
{
    const int size = border_size(picture);
    int row, column;
    picture->paper = border_rank(picture, (size - 1) / 2) + border_rank(picture, size / 2);
    picture->direction = picture->paper < 2 * 128 ? 1 : -1;
    picture->strongest = 0;
    for (row = 0; row < picture->height; ++row) {
        for (column = 0; column < picture->width; ++column) {
            picture->strongest = larger(picture->strongest, contrast(picture, row, column));
        }
    }
}

/* The box of all pixels with more than a quarter of the strongest ink. */
static struct box find_ink(const struct picture *picture)
{
    struct box box = {picture->width, picture->height, 0, 0};
    int row, column;
    for (row = 0; row < picture->height; ++row) {
        for (column = 0; column < picture->width; ++column) {
            if (4 * contrast(picture, row, column) > picture->strongest) {
                box.left = smaller(box.left, column);
                box.right = larger(box.right, column + 1);
                box.top = smaller(box.top, row);
                box.bottom = row + 1;
            }
        }
    }
    return box;
}

/* One dimension of a scaling from in pixels to out. */
struct scaling {
    int in, out;
    int reciprocal; /* 2^27 / (2 * the larger of in and out), rounded */
};

static struct scaling make_scaling(int in, int out)
{
    struct scaling scaling = {in, out, 0};
    scaling.reciprocal = rounded(1 << 27, 2 * larger(in, out));
    return scaling;
}

/* The weight of an input pixel in an output pixel, in 1/4096: R. Keys's cubic with a of -1/2,
 * widened by the factor of reduction against aliasing, as in Pillow. */
static int cubic_weight(const struct scaling *scaling, int input, int output)
{
    const int apart = (2 * input + 1) * scaling->out - (2 * output + 1) * scaling->in;
    const int distance = apart < 0 ? -apart : apart;
    int t, square;
    if (distance >= 4 * larger(scaling->in, scaling->out)) {
        return 0;
    }
    /* 0 to 2 in 1/4096. */
    t = (int)(((int64_t)distance * scaling->reciprocal) >> 15);
    square = (t * t) >> 12;
    if (t < 4096) {
        return ((((3 * t) / 2 - 10240) * square) >> 12) + 4096;
    }
    return (((10240 - t / 2) * square) >> 12) - 4 * t + 8192;
}

/* The first input pixel that an output pixel depends on, and the one after the last. */
static int first_input(const struct scaling *scaling, int output)
{
    const int support = 2 * larger(scaling->in, scaling->out);
    const int left = (2 * output + 1) * scaling->in - 2 * support;
    return left <= 0 ? 0 : left / (2 * scaling->out);
}

static int end_input(const struct scaling *scaling, int output)
{
    const int support = 2 * larger(scaling->in, scaling->out);
    const int right = (2 * output + 1) * scaling->in + 2 * support;
    return smaller(scaling->in, right / (2 * scaling->out) + 1);
}

/* The sum of the weights of an output pixel. */
static int weight_sum(const struct scaling *scaling, int output)
{
    const int end = end_input(scaling, output);
    int sum = 0, input;
    for (input = first_input(scaling, output); input < end; ++input) {
        sum += cubic_weight(scaling, input, output);
    }
    return larger(sum, 1);
}

/* Scales the box to width x height, at most BOX each, in 1/64 of twice a gray level. */
static void scale(const struct picture *picture, struct box box, int width, int height,
                  int32_t *scaled)
{
    const struct scaling across = make_scaling(box.right - box.left, width);
    const struct scaling down = make_scaling(box.bottom - box.top, height);
    int32_t sums[BOX];
    int row, x, y, i;
    for (i = 0; i < width * height; ++i) {
        scaled[i] = 0;
    }
    for (y = 0; y < height; ++y) {
        sums[y] = weight_sum(&down, y);
    }
    for (row = 0; row < down.in; ++row) {
        for (x = 0; x < width; ++x) {
            const int end = end_input(&across, x);
            int sum = 0, weights = 0, column;
            for (column = first_input(&across, x); column < end; ++column) {
                const int weight = cubic_weight(&across, column, x);
                sum += weight * contrast(picture, box.top + row, box.left + column);
                weights += weight;
            }
            weights = larger(weights, 1);
            sum = 64 * (sum / weights) + 64 * (sum % weights) / weights;
            for (y = 0; y < height; ++y) {
                /* In 2^-15 of the weights of an output pixel. */
                scaled[y * width + x] += cubic_weight(&down, row, y) * 32768 / sums[y] * sum;
            }
        }
    }
    for (i = 0; i < width * height; ++i) {
        scaled[i] = within(scaled[i] >> 15, 0, 64 * picture->strongest);
    }
}

/* Puts scaled ink into the middle of a digit's pixels. */
static void center(const int32_t *scaled, int width, int height, uint8_t *pixels)
{
    int32_t total = 0, down = 0, across = 0, largest = 1;
    int x, y, i, top, left;
    for (i = 0; i < DIGIT_PIXELS; ++i) {
        pixels[i] = 0;
    }
    for (y = 0; y < height; ++y) {
        for (x = 0; x < width; ++x) {
            /* 64 * 510 * 400 * 20 would overflow. */
            const int32_t ink = scaled[y * width + x];
            total += ink >> 2;
            down += y * (ink >> 2);
            across += x * (ink >> 2);
            largest = larger(largest, ink);
        }
    }
    total = larger(total, 1);
    top = within(rounded(CENTER * total - down, total), 0, SIDE - height);
    left = within(rounded(CENTER * total - across, total), 0, SIDE - width);
    for (y = 0; y < height; ++y) {
        for (x = 0; x < width; ++x) {
            pixels[(top + y) * SIDE + left + x] =
                (uint8_t)rounded(scaled[y * width + x] * 255, largest);
        }
    }
}

/* Whether 28 x 28 pixels, or their negative, are in MNIST's format: black around, 19 or 20 pixels
 * long, and centered. */
static int is_ready(const uint8_t *gray, int mask)
{
    int32_t total = 0, down = 0, across = 0;
    int border = 0, left = SIDE, top = SIDE, right = 0, bottom = 0, row, column, longest;
    for (row = 0; row < SIDE; ++row) {
        for (column = 0; column < SIDE; ++column) {
            const int ink = gray[row * SIDE + column] ^ mask;
            if (ink != 0) {
                border += row == 0 || column == 0 || row == SIDE - 1 || column == SIDE - 1;
                left = smaller(left, column);
                right = larger(right, column);
                top = smaller(top, row);
                bottom = row;
                total += ink;
                down += ink * (row - CENTER);
                across += ink * (column - CENTER);
            }
        }
    }
    longest = larger(right - left, bottom - top) + 1;
    /* MNIST's digits were moved by whole pixels, and miss the center by up to 0.52. */
    return total > 0 && 2 * border < 4 * (SIDE - 1) && (longest == BOX || longest == BOX - 1) &&
           100 * larger(down, -down) <= 52 * total && 100 * larger(across, -across) <= 52 * total;
}

/* A connected shape, or several that form one digit. */
struct shape {
    struct box box;
    int area;
};

static int shape_height(const struct shape *shape) { return shape->box.bottom - shape->box.top; }

static int shape_width(const struct shape *shape) { return shape->box.right - shape->box.left; }

static struct shape merged(const struct shape *one, const struct shape *two)
{
    struct shape both;
    both.box.left = smaller(one->box.left, two->box.left);
    both.box.top = smaller(one->box.top, two->box.top);
    both.box.right = larger(one->box.right, two->box.right);
    both.box.bottom = larger(one->box.bottom, two->box.bottom);
    both.area = one->area + two->area;
    return both;
}

/* Whether two shapes are strokes of one digit, such as the bar of a 5. */
static int are_one_digit(const struct shape *one, const struct shape *two)
{
    const struct shape *tall = shape_height(one) >= shape_height(two) ? one : two;
    const struct shape *small = tall == one ? two : one;
    const struct shape both = merged(one, two);
    const int across = smaller(tall->box.right, small->box.right) -
                       larger(tall->box.left, small->box.left);
    const int down = smaller(tall->box.bottom, small->box.bottom) -
                     larger(tall->box.top, small->box.top);
    const int longest = larger(shape_height(tall), shape_width(tall));
    if (10 * across >= 3 * smaller(shape_width(tall), shape_width(small))) {
        if (-100 * down <= 15 * shape_height(tall) &&
            10 * shape_height(&both) <= 22 * shape_width(&both)) {
            return 1;
        }
        return -4 * down <= longest && 10 * shape_height(small) <= 8 * shape_height(tall);
    }
    return -4 * across <= longest && 2 * down >= shape_height(small) &&
           100 * shape_height(small) <= 62 * shape_height(tall);
}

/* Removes the shape that is connected with a pixel, and measures it. marks has 1 for ink. */
static struct shape take_shape(uint8_t *marks, int start)
{
    struct shape shape = {{SIDE, SIDE, 0, 0}, 0};
    int changed = 1, row, column, y, x;
    marks[start] = 2;
    /* Marks spread to the eight neighbors until no more do. */
    while (changed) {
        changed = 0;
        for (row = 0; row < SIDE; ++row) {
            for (column = 0; column < SIDE; ++column) {
                if (marks[row * SIDE + column] != 1) {
                    continue;
                }
                for (y = larger(row - 1, 0); y <= smaller(row + 1, SIDE - 1); ++y) {
                    for (x = larger(column - 1, 0); x <= smaller(column + 1, SIDE - 1); ++x) {
                        if (marks[y * SIDE + x] == 2) {
                            marks[row * SIDE + column] = 2;
                            changed = 1;
                        }
                    }
                }
            }
        }
    }
    for (row = 0; row < SIDE; ++row) {
        for (column = 0; column < SIDE; ++column) {
            if (marks[row * SIDE + column] == 2) {
                marks[row * SIDE + column] = 0;
                shape.box.left = smaller(shape.box.left, column);
                shape.box.right = larger(shape.box.right, column + 1);
                shape.box.top = smaller(shape.box.top, row);
                shape.box.bottom = row + 1;
                ++shape.area;
            }
        }
    }
    return shape;
}

/* Whether pixels show one digit: no other shape is nearly as large as the largest. */
static int is_one_digit(const uint8_t *pixels)
{
    uint8_t marks[DIGIT_PIXELS];
    struct shape shapes[MAX_SHAPES];
    int count = 0, chosen = 0, i, j, joined = 1;
    for (i = 0; i < DIGIT_PIXELS; ++i) {
        marks[i] = pixels[i] > 64;
    }
    for (i = 0; i < DIGIT_PIXELS; ++i) {
        if (marks[i]) {
            if (count == MAX_SHAPES) {
                return 0;
            }
            shapes[count++] = take_shape(marks, i);
        }
    }
    while (joined) {
        joined = 0;
        for (i = 0; i < count && !joined; ++i) {
            for (j = i + 1; j < count && !joined; ++j) {
                if (are_one_digit(&shapes[i], &shapes[j])) {
                    shapes[i] = merged(&shapes[i], &shapes[j]);
                    shapes[j] = shapes[--count];
                    joined = 1;
                }
            }
        }
    }
    for (i = 1; i < count; ++i) {
        chosen = shapes[i].area > shapes[chosen].area ? i : chosen;
    }
    for (i = 0; i < count; ++i) {
        if (i != chosen && 100 * shape_height(&shapes[i]) >= 55 * shape_height(&shapes[chosen]) &&
            5 * shapes[i].area >= shapes[chosen].area) {
            return 0;
        }
    }
    return 1;
}

int digit_normalize(const uint8_t *gray, int width, int height, uint8_t *pixels)
{
    struct picture picture;
    struct box box;
    int i, mask, ink_width, ink_height, longest, scaled_width, scaled_height;
    int32_t scaled[BOX * BOX];
    if (gray == NULL || pixels == NULL) {
        return DIGIT_NULL_POINTER;
    }
    if (width < 1 || height < 1 || width > DIGIT_MAX_SIDE || height > DIGIT_MAX_SIDE) {
        return DIGIT_BAD_SIZE;
    }
    for (mask = 0; mask < 256 && width == SIDE && height == SIDE; mask += 255) {
        if (is_ready(gray, mask)) {
            for (i = 0; i < DIGIT_PIXELS; ++i) {
                pixels[i] = (uint8_t)(gray[i] ^ mask);
            }
            return DIGIT_OK;
        }
    }
    picture.gray = gray;
    picture.width = width;
    picture.height = height;
    find_paper(&picture);
    box = find_ink(&picture);
    ink_width = box.right - box.left;
    ink_height = box.bottom - box.top;
    if (picture.strongest < 2 * MIN_CONTRAST || larger(ink_width, ink_height) < MIN_SIDE) {
        for (i = 0; i < DIGIT_PIXELS; ++i) {
            pixels[i] = 0;
        }
        return DIGIT_BLANK;
    }
    longest = larger(ink_width, ink_height);
    scaled_width = larger(1, rounded(ink_width * BOX, longest));
    scaled_height = larger(1, rounded(ink_height * BOX, longest));
    scale(&picture, box, scaled_width, scaled_height, scaled);
    center(scaled, scaled_width, scaled_height, pixels);
    return ink_width <= MAX_ASPECT * ink_height && is_one_digit(pixels) ? DIGIT_OK
                                                                        : DIGIT_NOT_ONE_DIGIT;
}

/* @likelihood_comment@, in 2^-27. */
static const uint32_t likelihoods[@likelihoods@] =
@likelihood_table@;

int digit_decide(const @logit@ *logits, digit_reading *reading)
{
    uint32_t total = 0, best;
    int i, chosen = 0;
    if (logits == NULL || reading == NULL) {
        return DIGIT_NULL_POINTER;
    }
    for (i = 1; i < DIGIT_CLASSES; ++i) {
        chosen = logits[i] > logits[chosen] ? i : chosen;
    }
    for (i = 0; i < DIGIT_CLASSES; ++i) {
        const int place = @place@;
        total += place < @likelihoods@ ? likelihoods[place] : 0;
    }
    best = likelihoods[@best@];
    total = total > 0 ? total : 1;
    reading->digit = (int8_t)chosen;
    reading->confidence = (int16_t)((best >> 8) * 1000 / ((total >> 8) + 1));
    /* The threshold, @threshold@, in 2^-16. */
    return (uint64_t)best << 16 < (uint64_t)total * @threshold_bits@u ? DIGIT_UNSURE : DIGIT_OK;
}

int digit_read(digit_workspace *workspace, const uint8_t *gray, int width, int height,
               digit_reading *reading)
{
    @logit@ logits[DIGIT_CLASSES];
    int shown, status;
    if (workspace == NULL || reading == NULL) {
        return DIGIT_NULL_POINTER;
    }
    reading->digit = -1;
    reading->confidence = 0;
    shown = digit_normalize(gray, width, height, digit_input(workspace));
    if (shown != DIGIT_OK && shown != DIGIT_NOT_ONE_DIGIT) {
        return shown;
    }
    status = digit_run(workspace, digit_input(workspace), logits);
    if (status == DIGIT_OK) {
        status = digit_decide(logits, reading);
    }
    return shown != DIGIT_OK ? shown : status;
}
