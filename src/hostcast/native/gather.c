/* Windows out of the series, in one pass each: copied, scaled, and what is known ahead. */

#include <math.h>
#include <stdint.h>

/* values are rounded as torch rounds them: no reciprocals, no sums in another order */
#if defined(__clang__)
#pragma clang fp reciprocal(off) reassociate(off)
#elif defined(__GNUC__)
#pragma GCC optimize("no-fast-math")
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

/* Sums of neighbouring columns' distances from `center`, or of their squares. `columns` and `squared` are
 * constants where this is called; PARTS chains of additions run side by side. */
#define GROUP_COLUMNS 4
#define PARTS 4
static inline __attribute__((always_inline)) void sums(const float *values, int64_t stride, int64_t length,
                                                       int columns, const double *center, int squared,
                                                       double *out)
{
    double part[PARTS][GROUP_COLUMNS] = {{0.0}};
    int64_t step = 0;
    for (; step + PARTS <= length; step += PARTS)
        for (int p = 0; p < PARTS; p++)
            for (int column = 0; column < columns; column++) {
                const double off = values[(step + p) * stride + column] - center[column];
                part[p][column] += squared ? off * off : off;
            }
    for (; step < length; step++)
        for (int column = 0; column < columns; column++) {
            const double off = values[step * stride + column] - center[column];
            part[0][column] += squared ? off * off : off;
        }
    for (int column = 0; column < columns; column++)
        out[column] = part[0][column] + part[1][column] + (part[2][column] + part[3][column]);
}

/* center and spread of neighbouring targets over a history; pytorch-forecasting adds float32's epsilon */
static inline __attribute__((always_inline)) void scales(const float *values, int64_t stride, int64_t length,
                                                         int columns, int64_t normalizer,
                                                         const double *floors, float *center, float *spread)
{
    double zero[GROUP_COLUMNS] = {0.0}, mean[GROUP_COLUMNS], squares[GROUP_COLUMNS];
    sums(values, stride, length, columns, zero, 0, mean);
    for (int column = 0; column < columns; column++)
        mean[column] /= (double)length;
    sums(values, stride, length, columns, mean, 1, squares);
    for (int column = 0; column < columns; column++)
        if (normalizer == ENCODER) {
            center[column] = (float)mean[column];
            spread[column] = (float)sqrt(squares[column] / (double)(length - 1)) + 1.1920928955078125e-7f;
        } else {
            center[column] = values[(length - 1) * stride + column];
            spread[column] = (float)sqrt(squares[column] / (double)length + floors[column] * floors[column]);
        }
}

/* stands for a time before a server's first row, see hostcast.windows.spec */
#define ABSENT (-3.0e38f)

/* Inputs that are a target at another time, in a window's scale; pairs of column and target. */
static void scale_lags(float *to, const float *from, const int64_t *lags, int64_t count, int64_t known,
                       int64_t columns, const float *center, const float *spread)
{
    for (int64_t lag = 0; lag < count; lag++, lags += 2) {
        const int64_t column = lags[0], target = lags[1];
        if (column >= columns)
            continue;
        const float value = from[column];
        /* behind the known inputs comes the elapsed time */
        to[column < known ? column : column + 1] =
            value == ABSENT ? 0.0f : (value - center[target]) / spread[target];
    }
}

/* Tensors as in hostcast.engines.fused.gather; with GROUP, center and spread are given. Behind the first
 * seven numbers of `shape` come the pairs of `scale_lags`. */
void gather_windows(int64_t first, int64_t last, const int64_t *shape, const float *matrix,
                    const uint8_t *seen, const float *relative, const double *floors, const int64_t *starts,
                    const int64_t *lengths, float *history, float *ahead, float *target, float *observed,
                    float *center, float *spread)
{
    const int64_t known = shape[0], targets = shape[1], others = shape[2];
    const int64_t encoder = shape[3], horizon = shape[4], normalizer = shape[5];
    const int64_t lags = shape[6], *lag = shape + 7;
    const int64_t columns = known + targets + others, width = columns + 1;
    for (int64_t window = first; window < last; window++) {
        const int64_t length = lengths[window];
        const float *row = matrix + starts[window] * columns;
        float *own_center = center + window * targets, *own_spread = spread + window * targets;
        if (normalizer != GROUP) {
            int64_t column = 0;
            for (; column + GROUP_COLUMNS <= targets; column += GROUP_COLUMNS)
                scales(row + known + column, columns, length, GROUP_COLUMNS, normalizer, floors + column,
                       own_center + column, own_spread + column);
            for (; column < targets; column++)
                scales(row + known + column, columns, length, 1, normalizer, floors + column,
                       own_center + column, own_spread + column);
        }

        float *out = history + window * encoder * width;
        const float *elapsed = relative + encoder - length;
        for (int64_t step = 0; step < length; step++, row += columns, out += width) {
            copy(out, row, known);
            out[known] = elapsed[step];
            scale(out + known + 1, row + known, own_center, own_spread, targets);
            copy(out + known + 1 + targets, row + known + targets, others);
            scale_lags(out, row, lag, lags, known, columns, own_center, own_spread);
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
            scale_lags(to_come, row, lag, lags, known, known, own_center, own_spread);
            to_come += known + 1;
            scale(true_value, row + known, own_center, own_spread, targets);
            true_value += targets;
        }
        for (int64_t place = 0; place < horizon * targets; place++)
            is_true[place] = (float)flags[place];
    }
}
