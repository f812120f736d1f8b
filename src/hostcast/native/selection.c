/* Variable selection over scalar inputs: a GRN of each variable, weighted by the softmax of a GRN of them all.
 *
 * A window has `steps` rows of `variables` numbers. Weights that the network applies one after the other to a single
 * number come folded into one (see hostcast.engines.fused.folding). Blocks are taken SUPER at a time, so that one
 * variable's weights are read for many rows. In forecasts for many servers at once, what is known ahead is the same
 * for all of them: such a variable is computed for one window only. */
#include "grn.h"

#define SUPER 8

typedef struct {
    int variables, m, o, flat_m, skip, flat_skip, steps;
    int64_t stride;
    Dropout drop;
    Grn flat, *single;
    GrnWork work;
    float *x, *s, *sum, *out, *context;
    const int32_t *shared;
    float *tables;
    /* backward only */
    float *dout, *ds, *dscratch;
    GrnGrad flat_grad, *grad;
    Arena arena;
} Selection;

static void carve_selection(Selection *self, int backward)
{
    Arena *arena = &self->arena;
    int v = self->variables, widest = v > self->o ? v : self->o, middle = self->flat_m > self->m ? self->flat_m : self->m;
    self->x = carve(arena, (size_t)SUPER * v * ROWS);
    self->s = carve(arena, (size_t)SUPER * v * ROWS);
    self->sum = carve(arena, (size_t)SUPER * self->o * ROWS);
    self->out = carve(arena, (size_t)widest * ROWS);
    self->context = carve(arena, (size_t)(self->flat_m + 1) * ROWS);
    carve_work(&self->work, arena, v, middle, widest);
    if (self->shared) self->tables = carve(arena, (size_t)v * (self->steps + ROWS) * self->o);
    if (!backward) return;
    self->dout = carve(arena, (size_t)SUPER * self->o * ROWS);
    self->ds = carve(arena, (size_t)SUPER * v * ROWS);
    self->dscratch = carve(arena, (size_t)widest * ROWS);
    for (int i = 0; i < v; i++) {
        carve_turned(&self->single[i], arena);
        self->grad[i] = carve_grad(arena, 1, self->m, self->o);
    }
    if (v > 1) {
        carve_turned(&self->flat, arena);
        self->flat_grad = carve_grad(arena, v, self->flat_m, v);
    }
}

static int open_selection(Selection *self, const float *p, int backward)
{
    int v = self->variables;
    self->single = calloc(v, sizeof(Grn));
    self->grad = calloc(v, sizeof(GrnGrad));
    if (!self->single || !self->grad) return 0;
    if (v > 1) {
        self->flat = grn_of(p, v, self->flat_m, v, self->flat_skip);
        p += grn_size(v, self->flat_m, v, self->flat_skip);
    }
    for (int i = 0; i < v; i++, p += grn_size(1, self->m, self->o, self->skip))
        self->single[i] = grn_of(p, 1, self->m, self->o, self->skip);
    carve_selection(self, backward);
    if (!provide(&self->arena)) return 0;
    carve_selection(self, backward);
    if (backward) {
        for (int i = 0; i < v; i++) fill_turned(&self->single[i]);
        if (v > 1) fill_turned(&self->flat);
    }
    return 1;
}

static void close_selection(Selection *self)
{
    free(self->arena.start);
    free(self->single);
    free(self->grad);
}

static void load_context(Selection *self, const float *context, int64_t first, int64_t end)
{
    for (int r = 0; r < ROWS; r++) {
        int64_t row = first + r < end ? first + r : end - 1;
        const float *from = context + row / self->steps * self->flat_m;
        for (int f = 0; f < self->flat_m; f++) self->context[(size_t)f * ROWS + r] = from[f];
    }
}

/* selection weights of one block, from its inputs; leaves the GRN's values in work */
static void weigh(Selection *self, const float *x, const float *context, int64_t first, int64_t end, const uvec *keys,
                  float *s)
{
    int v = self->variables;
    if (v == 1) {
        EACH(i) at(s, 0)[i] = splat(1.0f);
        return;
    }
    if (context) load_context(self, context, first, end);
    grn_forward(&self->flat, &self->work, x, context ? self->context : 0, &self->drop, keys, 0, s);
    EACH(i)
    {
        vec top = of(s, 0)[i], total = splat(0.0f);
        for (int f = 1; f < v; f++) top = pick(of(s, f)[i] > top, of(s, f)[i], top);
        for (int f = 0; f < v; f++) {
            at(s, f)[i] = vec_exp(of(s, f)[i] - top);
            total += of(s, f)[i];
        }
        for (int f = 0; f < v; f++) at(s, f)[i] /= total;
    }
}

/* outputs of the shared variables at each step of a window, with the first ROWS steps once more behind the last */
static void fill_tables(Selection *self, const float *x)
{
    int o = self->o, steps = self->steps;
    uvec keys[VECTORS] = {0};
    for (int v = 0; v < self->variables; v++) {
        if (!self->shared[v]) continue;
        const Grn *net = &self->single[v];
        float *table = self->tables + (size_t)v * (steps + ROWS) * o;
        for (int first = 0; first < steps; first += ROWS) {
            load_rows(x + v, self->stride, 1, first, steps, self->x);
            grn_forward(net, &self->work, self->x, 0, &self->drop, keys, 0, self->out);
            store_rows(self->out, o, first, steps, table, o);
        }
        for (int t = steps; t < steps + ROWS; t++)
            memcpy(table + (size_t)t * o, table + (size_t)(t % steps) * o, o * sizeof(float));
    }
}

/* x: (windows, steps, stride), of which the first `variables` columns count; context: (windows, flat_m) or null;
 * shared: for each variable, whether all windows have the same numbers, or null; only where nothing is dropped;
 * out: (windows, steps, o); weights: (windows, steps, variables). Windows first_window <= w < last_window are done.
 * Returns 0 if there is no memory. */
int hostcast_selection_forward(const float *x, int64_t stride, const float *context, const float *p, int variables,
                               int m, int o, int flat_m, int skip, int flat_skip, int steps, int64_t first_window,
                               int64_t last_window, float rate, int64_t seed, const int32_t *shared, float *out,
                               float *weights)
{
    Selection self = {.variables = variables, .m = m, .o = o, .flat_m = flat_m, .skip = skip, .shared = shared,
                      .flat_skip = flat_skip, .steps = steps, .stride = stride, .drop = make_dropout(rate, seed)};
    int ok = open_selection(&self, p, 0);
    int64_t end = last_window * steps;
    if (ok && shared) fill_tables(&self, x);
    for (int64_t first = first_window * steps; ok && first < end; first += SUPER * ROWS) {
        int blocks = (int)((end - first + ROWS - 1) / ROWS);
        if (blocks > SUPER) blocks = SUPER;
        uvec keys[SUPER][VECTORS];
        for (int b = 0; b < blocks; b++) {
            int64_t row = first + b * ROWS;
            float *xb = self.x + (size_t)b * variables * ROWS, *sb = self.s + (size_t)b * variables * ROWS;
            row_keys(&self.drop, row, keys[b]);
            load_rows(x, stride, variables, row, end, xb);
            weigh(&self, xb, context, row, end, keys[b], sb);
            store_rows(sb, variables, row, end, weights, variables);
            memset(self.sum + (size_t)b * o * ROWS, 0, (size_t)o * ROWS * sizeof(float));
        }
        for (int v = 0; v < variables; v++)
            for (int b = 0; b < blocks; b++) {
                float *xb = self.x + ((size_t)b * variables + v) * ROWS;
                const float *sb = self.s + ((size_t)b * variables + v) * ROWS;
                float *sum = self.sum + (size_t)b * o * ROWS;
                const Grn *net = &self.single[v];
                if (shared && shared[v]) {
                    const float *table = self.tables + (size_t)v * (steps + ROWS) * o;
                    load_rows(table, o, o, (first + b * ROWS) % steps, steps + ROWS, self.out);
                    for (int f = 0; f < o; f++) EACH(i) at(sum, f)[i] += of(sb, 0)[i] * of(self.out, f)[i];
                    continue;
                }
                grn_forward(net, &self.work, xb, 0, &self.drop, keys[b], flat_m + v * m, 0);
                for (int f = 0; f < o; f++)
                    EACH(i) at(sum, f)[i] +=
                        of(sb, 0)[i] * (of(self.work.y, f)[i] * net->gain[f] + net->bias[f]);
            }
        for (int b = 0; b < blocks; b++)
            store_rows(self.sum + (size_t)b * o * ROWS, o, first + b * ROWS, end, out, o);
    }
    close_selection(&self);
    return ok;
}

/* Adds to dp (laid out as p) and to dcontext what dout, the gradient of out, makes of them. */
int hostcast_selection_backward(const float *x, int64_t stride, const float *context, const float *p, int variables,
                                int m, int o, int flat_m, int skip, int flat_skip, int steps, int64_t first_window,
                                int64_t last_window, float rate, int64_t seed, const float *dout, float *dp,
                                float *dcontext)
{
    Selection self = {.variables = variables, .m = m, .o = o, .flat_m = flat_m, .skip = skip,
                      .flat_skip = flat_skip, .steps = steps, .stride = stride, .drop = make_dropout(rate, seed)};
    int ok = open_selection(&self, p, 1);
    int64_t end = last_window * steps;
    for (int64_t first = first_window * steps; ok && first < end; first += SUPER * ROWS) {
        int blocks = (int)((end - first + ROWS - 1) / ROWS);
        if (blocks > SUPER) blocks = SUPER;
        uvec keys[SUPER][VECTORS];
        for (int b = 0; b < blocks; b++) {
            int64_t row = first + b * ROWS;
            float *xb = self.x + (size_t)b * variables * ROWS, *sb = self.s + (size_t)b * variables * ROWS;
            row_keys(&self.drop, row, keys[b]);
            load_rows(x, stride, variables, row, end, xb);
            weigh(&self, xb, context, row, end, keys[b], sb);
            load_gradients(dout, o, o, row, end, self.dout + (size_t)b * o * ROWS);
        }
        for (int v = 0; v < variables; v++)
            for (int b = 0; b < blocks; b++) {
                float *xb = self.x + ((size_t)b * variables + v) * ROWS;
                const float *sb = self.s + ((size_t)b * variables + v) * ROWS;
                const float *down = self.dout + (size_t)b * o * ROWS;
                const Grn *net = &self.single[v];
                grn_forward(net, &self.work, xb, 0, &self.drop, keys[b], flat_m + v * m, 0);
                vec ds[VECTORS];
                EACH(i) ds[i] = splat(0.0f);
                for (int f = 0; f < o; f++)
                    EACH(i)
                    {
                        ds[i] += of(down, f)[i] * (of(self.work.y, f)[i] * net->gain[f] + net->bias[f]);
                        at(self.dscratch, f)[i] = of(down, f)[i] * of(sb, 0)[i];
                    }
                EACH(i) at(self.ds + ((size_t)b * variables + v) * ROWS, 0)[i] = ds[i];
                grn_backward(net, &self.work, &self.grad[v], xb, &self.drop, keys[b], flat_m + v * m, self.dscratch,
                             0);
            }
        if (variables == 1) continue;
        for (int b = 0; b < blocks; b++) {
            int64_t row = first + b * ROWS;
            float *xb = self.x + (size_t)b * variables * ROWS, *sb = self.s + (size_t)b * variables * ROWS;
            float *ds = self.ds + (size_t)b * variables * ROWS;
            weigh(&self, xb, context, row, end, keys[b], sb);
            EACH(i)
            {
                vec mean = splat(0.0f);
                for (int f = 0; f < variables; f++) mean += of(sb, f)[i] * of(ds, f)[i];
                for (int f = 0; f < variables; f++) at(ds, f)[i] = of(sb, f)[i] * (of(ds, f)[i] - mean);
            }
            grn_backward(&self.flat, &self.work, &self.flat_grad, xb, &self.drop, keys[b], 0, ds, 0);
            if (context)
                for (int r = 0; r < ROWS && row + r < end; r++) {
                    float *to = dcontext + (row + r) / steps * flat_m;
                    for (int f = 0; f < flat_m; f++) to[f] += self.work.de[(size_t)f * ROWS + r];
                }
        }
    }
    if (ok) {
        if (variables > 1) {
            put_grad(&self.flat_grad, &self.flat, dp);
            dp += grn_size(variables, flat_m, variables, flat_skip);
        }
        for (int v = 0; v < variables; v++, dp += grn_size(1, m, o, skip)) put_grad(&self.grad[v], &self.single[v], dp);
    }
    close_selection(&self);
    return ok;
}
