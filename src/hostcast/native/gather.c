/* Windows out of the series, in one pass each: copied, scaled, and what is known ahead. */

#include <math.h>
#include <stdint.h>

/* a scaled value is (value - center) / spread, rounded as everywhere else, not multiplied by a reciprocal */
#if defined(__clang__)
#pragma clang fp reciprocal(off) reassociate(off)
#elif defined(__GNUC__)
#pragma GCC optimize("no-reciprocal-math")
#endif

enum { WINDOW, ENCODER, GROUP };

static void copy(float *to, const float *from, int64_t count)
{
    for (; count >= 4; count -= 4, to += 4, from += 4)
        for (int i = 0; i < 4; i++)
            to[i] = from[i];
    for (; count > 0; count--)
        *to++ = *from++;
}

static void scale(float *to, const float *from, const float *center, const float *spread, int64_t count)
{
    for (; count >= 4; count -= 4, to += 4, from += 4, center += 4, spread += 4)
        for (int i = 0; i < 4; i++)
            to[i] = (from[i] - center[i]) / spread[i];
    for (; count > 0; count--)
        *to++ = (*from++ - *center++) / *spread++;
}

/* mean of a column and the sum of squares around it; pytorch-forecasting's epsilon is float32's */
static void scale_of(const float *values, int64_t stride, int64_t length, int64_t normalizer, double floor,
                     float *center, float *spread)
{
    double sum = 0.0, squares = 0.0;
    for (int64_t step = 0; step < length; step++)
        sum += values[step * stride];
    const double mean = sum / (double)length;
    for (int64_t step = 0; step < length; step++) {
        const double deviation = values[step * stride] - mean;
        squares += deviation * deviation;
    }
    if (normalizer == ENCODER) {
        *center = (float)mean;
        *spread = (float)sqrt(squares / (double)(length - 1)) + 1.1920928955078125e-7f;
    } else {
        *center = values[(length - 1) * stride];
        *spread = (float)sqrt(squares / (double)length + floor * floor);
    }
}

/* Tensors as in hostcast.engines.fused.gather; with GROUP, center and spread are given. */
void gather_windows(int64_t first, int64_t last, const int64_t *shape, const float *matrix,
                    const uint8_t *seen, const float *relative, const double *floors, const int64_t *starts,
                    const int64_t *lengths, float *history, float *ahead, float *target, float *observed,
                    float *center, float *spread)
{
    const int64_t known = shape[0], targets = shape[1], others = shape[2];
    const int64_t encoder = shape[3], horizon = shape[4], normalizer = shape[5];
    const int64_t columns = known + targets + others, width = columns + 1;
    for (int64_t window = first; window < last; window++) {
        const int64_t length = lengths[window];
        const float *row = matrix + starts[window] * columns;
        float *own_center = center + window * targets, *own_spread = spread + window * targets;
        if (normalizer != GROUP)
            for (int64_t column = 0; column < targets; column++)
                scale_of(row + known + column, columns, length, normalizer, floors[column],
                         own_center + column, own_spread + column);

        float *out = history + window * encoder * width;
        const float *elapsed = relative + encoder - length;
        for (int64_t step = 0; step < length; step++, row += columns, out += width) {
            copy(out, row, known);
            out[known] = elapsed[step];
            scale(out + known + 1, row + known, own_center, own_spread, targets);
            copy(out + known + 1 + targets, row + known + targets, others);
        }
        for (int64_t place = 0; place < (encoder - length) * width; place++)
            out[place] = 0.0f;

        const uint8_t *flags = seen + (starts[window] + length) * targets;
        float *to_come = ahead + window * horizon * (known + 1);
        float *true_value = target + window * horizon * targets;
        float *is_true = observed + window * horizon * targets;
        for (int64_t step = 0; step < horizon; step++, row += columns) {
            copy(to_come, row, known);
            to_come[known] = relative[encoder + step];
            to_come += known + 1;
            scale(true_value, row + known, own_center, own_spread, targets);
            true_value += targets;
        }
        for (int64_t place = 0; place < horizon * targets; place++)
            is_true[place] = (float)flags[place];
    }
}
