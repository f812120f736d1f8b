/* What lies between the LSTM and attention, in one pass over the rows: the gated skip connection, static enrichment and
 * attention's keys and values. Forecasts only: nothing is dropped, and nothing is kept for a backward pass. */
#include "grn.h"

typedef struct {
    Grn gate, grn;
    GrnWork work;
    float *skip, *context, *local, *enriched, *product;
    Arena arena;
} Enrichment;

static void carve_enrichment(Enrichment *self, int h, int outputs)
{
    Arena *arena = &self->arena;
    self->skip = carve(arena, (size_t)h * ROWS);
    self->context = carve(arena, (size_t)h * ROWS);
    self->local = carve(arena, (size_t)h * ROWS);
    self->enriched = carve(arena, (size_t)h * ROWS);
    self->product = carve(arena, (size_t)outputs * ROWS);
    carve_work(&self->work, arena, h, h, h);
}

/* Steps of windows first_window <= w < last_window.
 *
 * x, what comes out of the LSTM, and skip, what went in: (windows, steps, h); context: (windows, h);
 * p: the gate's parameters, the enrichment's (kind `code`), the projection's weights (keys + values + queries, h) and
 * biases; the last three are the widths. Step i of a window is written to place + i of its `total` steps in key:
 * (windows, total, keys) and value: (windows, total, values). local and enriched, what is in between: (windows, steps, h),
 * or null; query: (windows, steps, queries), or null where none are wanted.
 * Returns 0 if there is no memory. */
int hostcast_enrich(const float *x, const float *skip, const float *context, const float *p, int h, int code, int steps,
                    int64_t first_window, int64_t last_window, int keys, int values, int queries, int place, int total,
                    float *local, float *enriched, float *key, float *value, float *query)
{
    const Dropout none = make_dropout(0.0f, 0);
    const uvec seeds[VECTORS] = {0};
    int all = keys + values + queries, outputs = query ? all : keys + values;
    const float *project = p + gate_size(h) + grn_size(h, h, h, code);
    Enrichment self = {.gate = gate_of(p, h), .grn = grn_of(p + gate_size(h), h, h, h, code)};
    carve_enrichment(&self, h, outputs);
    if (!provide(&self.arena)) return 0;
    carve_enrichment(&self, h, outputs);
    for (int64_t w = first_window; w < last_window; w++) {
        for (int f = 0; f < h; f++) EACH(i) at(self.context, f)[i] = splat(context[w * h + f]);
        const float *from = x + w * steps * h, *beside = skip + w * steps * h;
        float *keys_to = key + (w * total + place) * keys, *values_to = value + (w * total + place) * values;
        for (int64_t row = 0; row < steps; row += ROWS) {
            load_rows(from, h, h, row, steps, self.work.d);
            load_rows(beside, h, h, row, steps, self.skip);
            gate_add(&self.gate, &self.work, self.skip);
            for (int f = 0; f < h; f++)
                EACH(i) at(self.local, f)[i] = of(self.work.y, f)[i] * self.gate.gain[f] + self.gate.bias[f];
            if (local) store_rows(self.local, h, row, steps, local + w * steps * h, h);
            grn_forward(&self.grn, &self.work, self.local, self.context, &none, seeds, 0, self.enriched);
            if (enriched) store_rows(self.enriched, h, row, steps, enriched + w * steps * h, h);
            product(project, h, project + (size_t)all * h, outputs, h, self.enriched, self.product, 0);
            const float *out = self.product;
            store_rows(out, keys, row, steps, keys_to, keys);
            store_rows(out + (size_t)keys * ROWS, values, row, steps, values_to, values);
            if (query) store_rows(out + (size_t)(keys + values) * ROWS, queries, row, steps, query + w * steps * queries, queries);
        }
    }
    free(self.arena.start);
    return 1;
}
