/* Gated residual networks and gated skip connections over rows of hidden values. */
#include "grn.h"

typedef struct {
    Grn net;
    GrnWork work;
    GrnGrad grad;
    float *x, *skip, *out, *context, *dout, *dx;
    Arena arena;
} Gating;

static void carve_gating(Gating *self, int backward)
{
    Arena *arena = &self->arena;
    int n = self->net.n, m = self->net.m, o = self->net.o;
    self->x = carve(arena, (size_t)n * ROWS);
    self->skip = carve(arena, (size_t)o * ROWS);
    self->out = carve(arena, (size_t)o * ROWS);
    self->context = carve(arena, (size_t)m * ROWS);
    carve_work(&self->work, arena, n, m, o);
    if (!backward) return;
    self->dout = carve(arena, (size_t)o * ROWS);
    self->dx = carve(arena, (size_t)n * ROWS);
    carve_turned(&self->net, arena);
    self->grad = carve_grad(arena, n, m, o);
}

static int open_gating(Gating *self, int backward)
{
    carve_gating(self, backward);
    if (!provide(&self->arena)) return 0;
    carve_gating(self, backward);
    return 1;
}

static void load_context(Gating *self, const float *context, int steps, int64_t first, int64_t end)
{
    int m = self->net.m;
    for (int r = 0; r < ROWS; r++) {
        int64_t row = first + r < end ? first + r : end - 1;
        const float *from = context + row / steps * m;
        for (int f = 0; f < m; f++) self->context[(size_t)f * ROWS + r] = from[f];
    }
}

/* x: (windows, steps, h), context: (windows, h) or null, out: (windows, steps, h); hidden and output widths are h */
int hostcast_grn_forward(const float *x, const float *context, const float *p, int h, int steps, int64_t first_window,
                         int64_t last_window, float rate, int64_t seed, float *out)
{
    Gating self = {.net = grn_of(p, h, h, h, SKIP_INPUT)};
    Dropout drop = make_dropout(rate, seed);
    int ok = open_gating(&self, 0);
    int64_t end = last_window * steps;
    for (int64_t row = first_window * steps; ok && row < end; row += ROWS) {
        uvec keys[VECTORS];
        row_keys(&drop, row, keys);
        load_rows(x, h, h, row, end, self.x);
        if (context) load_context(&self, context, steps, row, end);
        grn_forward(&self.net, &self.work, self.x, context ? self.context : 0, &drop, keys, 0, self.out);
        store_rows(self.out, h, row, end, out, h);
    }
    free(self.arena.start);
    return ok;
}

/* writes dx, adds to dp and dcontext */
int hostcast_grn_backward(const float *x, const float *context, const float *p, int h, int steps, int64_t first_window,
                          int64_t last_window, float rate, int64_t seed, const float *dout, float *dx, float *dp,
                          float *dcontext)
{
    Gating self = {.net = grn_of(p, h, h, h, SKIP_INPUT)};
    Dropout drop = make_dropout(rate, seed);
    int ok = open_gating(&self, 1);
    int64_t end = last_window * steps;
    if (ok) fill_turned(&self.net);
    for (int64_t row = first_window * steps; ok && row < end; row += ROWS) {
        uvec keys[VECTORS];
        row_keys(&drop, row, keys);
        load_rows(x, h, h, row, end, self.x);
        load_gradients(dout, h, h, row, end, self.dout);
        if (context) load_context(&self, context, steps, row, end);
        grn_forward(&self.net, &self.work, self.x, context ? self.context : 0, &drop, keys, 0, 0);
        memset(self.dx, 0, (size_t)h * ROWS * sizeof(float));
        grn_backward(&self.net, &self.work, &self.grad, self.x, &drop, keys, 0, self.dout, self.dx);
        store_rows(self.dx, h, row, end, dx, h);
        if (context)
            for (int r = 0; r < ROWS && row + r < end; r++) {
                float *to = dcontext + (row + r) / steps * h;
                for (int f = 0; f < h; f++) to[f] += self.work.de[(size_t)f * ROWS + r];
            }
    }
    if (ok) put_grad(&self.grad, &self.net, dp);
    free(self.arena.start);
    return ok;
}

INLINE void gate_block(Gating *self, const float *x, const float *skip, int64_t row, int64_t end, const Dropout *drop,
                       uvec *keys)
{
    int h = self->net.o;
    row_keys(drop, row, keys);
    load_rows(x, h, h, row, end, self->work.d);
    load_rows(skip, h, h, row, end, self->skip);
    if (drop->threshold)
        for (int f = 0; f < h; f++)
            EACH(i) at(self->work.d, f)[i] = kept(drop, keys[i], f, of(self->work.d, f)[i]);
    gate_add(&self->net, &self->work, self->skip);
}

/* out = norm(GLU(dropout(x)) + skip) over rows first <= r < end; x, skip and out are (rows, h) */
int hostcast_gate_forward(const float *x, const float *skip, const float *p, int h, int64_t first, int64_t end,
                          float rate, int64_t seed, float *out)
{
    Gating self = {.net = gate_of(p, h)};
    Dropout drop = make_dropout(rate, seed);
    int ok = open_gating(&self, 0);
    for (int64_t row = first; ok && row < end; row += ROWS) {
        uvec keys[VECTORS];
        gate_block(&self, x, skip, row, end, &drop, keys);
        for (int f = 0; f < h; f++)
            EACH(i) at(self.out, f)[i] = of(self.work.y, f)[i] * self.net.gain[f] + self.net.bias[f];
        store_rows(self.out, h, row, end, out, h);
    }
    free(self.arena.start);
    return ok;
}

/* writes dx and dskip, adds to dp */
int hostcast_gate_backward(const float *x, const float *skip, const float *p, int h, int64_t first, int64_t end,
                           float rate, int64_t seed, const float *dout, float *dx, float *dskip, float *dp)
{
    Gating self = {.net = gate_of(p, h)};
    Dropout drop = make_dropout(rate, seed);
    int ok = open_gating(&self, 1);
    if (ok) turn(self.net.G, 2 * h, h, self.net.Gt);
    for (int64_t row = first; ok && row < end; row += ROWS) {
        uvec keys[VECTORS];
        gate_block(&self, x, skip, row, end, &drop, keys);
        load_gradients(dout, h, h, row, end, self.dout);
        gate_add_backward(&self.net, &self.work, &self.grad, self.dout);
        if (drop.threshold)
            for (int f = 0; f < h; f++)
                EACH(i) at(self.work.dm, f)[i] = kept(&drop, keys[i], f, of(self.work.dm, f)[i]);
        store_rows(self.work.dm, h, row, end, dx, h);
        store_rows(self.work.dy, h, row, end, dskip, h);
    }
    if (ok) {
        dp = put_matrix(dp, self.grad.G, 2 * h, h);
        dp = put_lanes(dp, self.grad.c, 2 * h);
        dp = put_lanes(dp, self.grad.gain, h);
        put_lanes(dp, self.grad.bias, h);
    }
    free(self.arena.start);
    return ok;
}
