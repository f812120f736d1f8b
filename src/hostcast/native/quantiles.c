/* Quantiles put in order and brought to the targets' units. */
#include "lanes.h"

/* q, out: (windows, horizon, targets, levels); center, spread: (windows, targets). Windows first_window <= w < last_window.
 * Returns 0 if there is no memory. */
int hostcast_quantiles(const float *q, const float *center, const float *spread, int horizon, int targets, int levels,
                       int64_t first_window, int64_t last_window, float *out)
{
    float *block = aligned_alloc(64, (size_t)levels * ROWS * sizeof(float));
    if (!block) return 0;
    int64_t end = last_window * horizon * targets;
    for (int64_t row = first_window * horizon * targets; row < end; row += ROWS) {
        load_rows(q, levels, levels, row, end, block);
        /* odd-even transposition */
        for (int turn = 0; turn < levels; turn++)
            for (int f = turn % 2; f + 1 < levels; f += 2)
                EACH(i)
                {
                    vec low = of(block, f)[i], high = of(block, f + 1)[i];
                    ivec swap = low > high;
                    at(block, f)[i] = pick(swap, high, low);
                    at(block, f + 1)[i] = pick(swap, low, high);
                }
        vec scale[VECTORS], shift[VECTORS];
        EACH(i)
        for (int lane = 0; lane < WIDTH; lane++) {
            int64_t own = row + i * WIDTH + lane < end ? row + i * WIDTH + lane : end - 1;
            int64_t place = own / ((int64_t)horizon * targets) * targets + own % targets;
            scale[i][lane] = spread[place];
            shift[i][lane] = center[place];
        }
        for (int f = 0; f < levels; f++) EACH(i) at(block, f)[i] = of(block, f)[i] * scale[i] + shift[i];
        store_rows(block, levels, row, end, out, levels);
    }
    free(block);
    return 1;
}
