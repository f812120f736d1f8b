/* One layer of an LSTM, a window in each lane: no thread ever waits for another between two steps.
 *
 * Gates come in torch's order: input, forget, cell, output. A window whose history has ended keeps its state. */
#include "lanes.h"

typedef struct {
    float *w, *bias, *in, *h, *c;
    /* backward only */
    float *wt, *dgates, *dh, *dc, *din, *rows, *dw, *db;
    Arena arena;
} Recurrence;

static void carve_recurrence(Recurrence *self, int n, int h, int backward)
{
    Arena *arena = &self->arena;
    int k = n + h;
    self->w = carve(arena, 4 * (size_t)h * k);
    self->bias = carve(arena, 4 * (size_t)h);
    self->in = carve(arena, (size_t)k * ROWS);
    self->c = carve(arena, (size_t)h * ROWS);
    if (!backward) return;
    self->wt = carve(arena, 4 * (size_t)h * k);
    self->dgates = carve(arena, 4 * (size_t)h * ROWS);
    self->dh = carve(arena, (size_t)h * ROWS);
    self->dc = carve(arena, (size_t)h * ROWS);
    self->din = carve(arena, (size_t)k * ROWS);
    self->rows = carve(arena, (size_t)padded(k) * ROWS);
    self->dw = carve(arena, 4 * (size_t)h * padded(k));
    self->db = carve(arena, 4 * (size_t)h * WIDTH);
}

static int open_recurrence(Recurrence *self, const float *p, int n, int h, int backward)
{
    int k = n + h;
    carve_recurrence(self, n, h, backward);
    if (!provide(&self->arena)) return 0;
    carve_recurrence(self, n, h, backward);
    const float *w_in = p, *w_h = p + 4 * (size_t)h * n, *b_in = w_h + 4 * (size_t)h * h, *b_h = b_in + 4 * h;
    for (int j = 0; j < 4 * h; j++) {
        memcpy(self->w + (size_t)j * k, w_in + (size_t)j * n, n * sizeof(float));
        memcpy(self->w + (size_t)j * k + n, w_h + (size_t)j * h, h * sizeof(float));
        self->bias[j] = b_in[j] + b_h[j];
    }
    if (backward)
        for (int j = 0; j < 4 * h; j++)
            for (int f = 0; f < k; f++) self->wt[(size_t)f * 4 * h + j] = self->w[(size_t)j * k + f];
    return 1;
}

INLINE vec vec_tanh(vec x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }

static void load_lengths(const int64_t *lengths, int steps, int64_t first, int64_t windows, ivec *out)
{
    EACH(i)
        for (int lane = 0; lane < WIDTH; lane++) {
            int64_t w = first + i * WIDTH + lane;
            out[i][lane] = lengths ? (int)lengths[w < windows ? w : windows - 1] : steps;
        }
}

int hostcast_lanes(void) { return ROWS; }

/* x: (windows, steps, n), h0 and c0: (windows, h), lengths: (windows,) or null, out: (windows, steps, h), zero behind a
 * history's end, h1 and c1: (windows, h), the last states. Blocks of ROWS windows, first_block <= b < last_block, are
 * done. kept: for each block (steps, 5, h, ROWS), the gates and the cell, for the backward pass; or null. */
int hostcast_lstm_forward(const float *x, const float *h0, const float *c0, const float *p, const int64_t *lengths,
                          int64_t windows, int steps, int n, int h, int64_t first_block, int64_t last_block, float *out,
                          float *h1, float *c1, float *kept)
{
    Recurrence self = {0};
    int ok = open_recurrence(&self, p, n, h, 0), k = n + h;
    float *own = 0;
    if (ok && !kept) ok = (own = aligned_alloc(64, 5 * (size_t)h * ROWS * sizeof(float))) != 0;
    for (int64_t b = first_block; ok && b < last_block; b++) {
        int64_t first = b * ROWS;
        ivec length[VECTORS];
        load_lengths(lengths, steps, first, windows, length);
        float *state = self.in + (size_t)n * ROWS;
        load_rows(h0, h, h, first, windows, state);
        load_rows(c0, h, h, first, windows, self.c);
        for (int t = 0; t < steps; t++) {
            float *gates = kept ? kept + ((size_t)b * steps + t) * 5 * h * ROWS : own;
            load_rows(x + (size_t)t * n, (int64_t)steps * n, n, first, windows, self.in);
            product(self.w, k, self.bias, 4 * h, k, self.in, gates, 0);
            for (int f = 0; f < h; f++)
                EACH(i)
                {
                    ivec live = length[i] > t;
                    vec in = sigmoid(of(gates, f)[i]), forget = sigmoid(of(gates, h + f)[i]);
                    vec cell = vec_tanh(of(gates, 2 * h + f)[i]), exit = sigmoid(of(gates, 3 * h + f)[i]);
                    vec before = of(self.c, f)[i], c = forget * before + in * cell;
                    c = pick(live, c, before);
                    at(gates, f)[i] = in;
                    at(gates, h + f)[i] = forget;
                    at(gates, 2 * h + f)[i] = cell;
                    at(gates, 3 * h + f)[i] = exit;
                    at(gates, 4 * h + f)[i] = c;
                    at(self.c, f)[i] = c;
                    at(state, f)[i] = pick(live, exit * vec_tanh(c), of(state, f)[i]);
                }
            store_rows(state, h, first, windows, out + (size_t)t * h, (int64_t)steps * h);
            if (lengths)
                for (int r = 0; r < ROWS && first + r < windows; r++)
                    if (t >= lengths[first + r])
                        memset(out + ((first + r) * steps + t) * h, 0, h * sizeof(float));
        }
        store_rows(state, h, first, windows, h1, h);
        store_rows(self.c, h, first, windows, c1, h);
    }
    free(own);
    free(self.arena.start);
    return ok;
}

static void copy_rows(const float *table, int64_t stride, int columns, int64_t first, int64_t windows, float *rows, int ld)
{
    for (int r = 0; r < ROWS; r++) {
        int64_t w = first + r < windows ? first + r : windows - 1;
        memcpy(rows + (size_t)r * ld, table + w * stride, columns * sizeof(float));
    }
}

/* dout, dh1, dc1 are the gradients of out, h1 and c1; writes dx, dh0 and dc0, adds to dp */
int hostcast_lstm_backward(const float *x, const float *h0, const float *c0, const float *p, const int64_t *lengths,
                           int64_t windows, int steps, int n, int h, int64_t first_block, int64_t last_block,
                           const float *out, const float *kept, const float *dout, const float *dh1, const float *dc1,
                           float *dx, float *dh0, float *dc0, float *dp)
{
    Recurrence self = {0};
    int ok = open_recurrence(&self, p, n, h, 1), k = n + h, ld = padded(k);
    for (int64_t b = first_block; ok && b < last_block; b++) {
        int64_t first = b * ROWS;
        ivec length[VECTORS];
        load_lengths(lengths, steps, first, windows, length);
        load_gradients(dh1, h, h, first, windows, self.dh);
        load_gradients(dc1, h, h, first, windows, self.dc);
        for (int t = steps - 1; t >= 0; t--) {
            const float *gates = kept + ((size_t)b * steps + t) * 5 * h * ROWS;
            const float *before = gates - 5 * (size_t)h * ROWS + 4 * (size_t)h * ROWS;
            if (t == 0) {
                load_rows(c0, h, h, first, windows, self.c);
                before = self.c;
            }
            load_gradients(dout + (size_t)t * h, (int64_t)steps * h, h, first, windows, self.in);
            for (int f = 0; f < h; f++) {
                vec sums[4][VECTORS];
                EACH(i)
                {
                    ivec live = length[i] > t;
                    vec zero = splat(0.0f);
                    vec in = of(gates, f)[i], forget = of(gates, h + f)[i], cell = of(gates, 2 * h + f)[i];
                    vec exit = of(gates, 3 * h + f)[i], out_c = vec_tanh(of(gates, 4 * h + f)[i]);
                    vec dh = of(self.dh, f)[i] + of(self.in, f)[i];
                    vec dc = of(self.dc, f)[i] + dh * exit * (1.0f - out_c * out_c);
                    sums[0][i] = pick(live, dc * cell * in * (1.0f - in), zero);
                    sums[1][i] = pick(live, dc * of(before, f)[i] * forget * (1.0f - forget), zero);
                    sums[2][i] = pick(live, dc * in * (1.0f - cell * cell), zero);
                    sums[3][i] = pick(live, dh * out_c * exit * (1.0f - exit), zero);
                    for (int g = 0; g < 4; g++) at(self.dgates, g * h + f)[i] = sums[g][i];
                    at(self.dc, f)[i] = pick(live, dc * forget, of(self.dc, f)[i]);
                }
                for (int g = 0; g < 4; g++) {
                    vec sum = sums[g][0];
                    for (int i = 1; i < VECTORS; i++) sum += sums[g][i];
                    *(vec *)(self.db + (size_t)(g * h + f) * WIDTH) += sum;
                }
            }
            product(self.wt, 4 * h, 0, k, 4 * h, self.dgates, self.din, 0);
            store_rows(self.din, n, first, windows, dx + (size_t)t * n, (int64_t)steps * n);
            for (int f = 0; f < h; f++)
                EACH(i) at(self.dh, f)[i] = pick(length[i] > t, of(self.din, n + f)[i], of(self.dh, f)[i]);
            copy_rows(x + (size_t)t * n, (int64_t)steps * n, n, first, windows, self.rows, ld);
            if (t == 0)
                copy_rows(h0, h, h, first, windows, self.rows + n, ld);
            else
                copy_rows(out + (size_t)(t - 1) * h, (int64_t)steps * h, h, first, windows, self.rows + n, ld);
            outer(self.dgates, 4 * h, self.rows, ld, self.dw);
        }
        store_rows(self.dh, h, first, windows, dh0, h);
        store_rows(self.dc, h, first, windows, dc0, h);
    }
    if (ok) {
        float *w_in = dp, *w_h = dp + 4 * (size_t)h * n, *b_in = w_h + 4 * (size_t)h * h, *b_h = b_in + 4 * h;
        for (int j = 0; j < 4 * h; j++) {
            for (int f = 0; f < n; f++) w_in[(size_t)j * n + f] += self.dw[(size_t)j * ld + f];
            for (int f = 0; f < h; f++) w_h[(size_t)j * h + f] += self.dw[(size_t)j * ld + n + f];
            float sum = 0.0f;
            for (int lane = 0; lane < WIDTH; lane++) sum += self.db[(size_t)j * WIDTH + lane];
            b_in[j] += sum;
            b_h[j] += sum;
        }
    }
    free(self.arena.start);
    return ok;
}
