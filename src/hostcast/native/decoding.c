/* What lies behind attention, in one pass over the horizon's rows: its output map, the two gated skip connections around
 * the feed-forward network, and the quantiles. Forecasts only: nothing is dropped, and nothing is kept for a backward
 * pass. */
#include "grn.h"

typedef struct {
    Grn first, forward, last;
    GrnWork work;
    float *heads, *skip, *mid, *wide, *quantiles;
    Arena arena;
} Decoding;

static void carve_decoding(Decoding *self, int d, int h, int outputs)
{
    Arena *arena = &self->arena;
    self->heads = carve(arena, (size_t)d * ROWS);
    self->skip = carve(arena, (size_t)h * ROWS);
    self->mid = carve(arena, (size_t)h * ROWS);
    self->wide = carve(arena, (size_t)h * ROWS);
    self->quantiles = carve(arena, (size_t)outputs * ROWS);
    carve_work(&self->work, arena, h, h, h);
}

INLINE void gated(const Grn *gate, GrnWork *work, const float *skip, float *out)
{
    gate_add(gate, work, skip);
    for (int f = 0; f < gate->o; f++) EACH(i) at(out, f)[i] = of(work->y, f)[i] * gate->gain[f] + gate->bias[f];
}

/* Rows first <= r < end of heads (rows, d), the mean of attention's heads, and of enriched and local (rows, h).
 * p: the heads' map (h, d), the gate behind attention, the feed-forward network (kind `code`), the gate before the
 * output, the output's weights (outputs, h) and biases. out: (rows, outputs). Returns 0 if there is no memory. */
int hostcast_decode(const float *heads, const float *enriched, const float *local, const float *p, int d, int h, int code,
                    int outputs, int64_t first, int64_t end, float *out)
{
    const Dropout none = make_dropout(0.0f, 0);
    const uvec seeds[VECTORS] = {0};
    const float *map = p, *gate = map + (size_t)h * d, *network = gate + gate_size(h);
    const float *last = network + grn_size(h, h, h, code), *output = last + gate_size(h);
    Decoding self = {.first = gate_of(gate, h), .forward = grn_of(network, h, h, h, code), .last = gate_of(last, h)};
    carve_decoding(&self, d, h, outputs);
    if (!provide(&self.arena)) return 0;
    carve_decoding(&self, d, h, outputs);
    for (int64_t row = first; row < end; row += ROWS) {
        load_rows(heads, d, d, row, end, self.heads);
        load_rows(enriched, h, h, row, end, self.skip);
        product(map, d, 0, h, d, self.heads, self.work.d, 0);
        gated(&self.first, &self.work, self.skip, self.mid);
        grn_forward(&self.forward, &self.work, self.mid, 0, &none, seeds, 0, self.wide);
        memcpy(self.work.d, self.wide, (size_t)h * ROWS * sizeof(float));
        load_rows(local, h, h, row, end, self.skip);
        gated(&self.last, &self.work, self.skip, self.mid);
        product(output, h, output + (size_t)outputs * h, outputs, h, self.mid, self.quantiles, 0);
        store_rows(self.quantiles, outputs, row, end, out, outputs);
    }
    free(self.arena.start);
    return 1;
}
