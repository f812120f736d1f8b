/* Attention of the horizon's steps on the whole window, with one value head for all heads.
 *
 * The scores never leave the cache: they are computed for ROWS queries at a time, and again in the backward pass.
 * Query i sees the keys of the history that are real, and those of the horizon before its own. */
#include "lanes.h"

#define LOG2_E 1.44269504088896341f

typedef struct {
    float *q, *scores, *mean, *out, *values_t, *down, *dscores, *dq, *keys_t, *q_t, *down_t, *dkeys, *dvalues;
    Arena arena;
} Attention;

static void carve_attention(Attention *self, int steps, int d, int backward)
{
    Arena *arena = &self->arena;
    self->q = carve(arena, (size_t)d * ROWS);
    self->scores = carve(arena, (size_t)steps * ROWS);
    self->mean = carve(arena, (size_t)steps * ROWS);
    self->out = carve(arena, (size_t)d * ROWS);
    self->values_t = carve(arena, (size_t)steps * d);
    if (!backward) return;
    self->down = carve(arena, (size_t)d * ROWS);
    self->dscores = carve(arena, (size_t)steps * ROWS);
    self->dq = carve(arena, (size_t)d * ROWS);
    self->keys_t = carve(arena, (size_t)steps * d);
    self->q_t = carve(arena, (size_t)padded(d) * ROWS);
    self->down_t = carve(arena, (size_t)padded(d) * ROWS);
    self->dkeys = carve(arena, (size_t)steps * padded(d));
    self->dvalues = carve(arena, (size_t)steps * padded(d));
}

static int open_attention(Attention *self, int steps, int d, int backward)
{
    carve_attention(self, steps, d, backward);
    if (!provide(&self->arena)) return 0;
    carve_attention(self, steps, d, backward);
    return 1;
}

/* softmax weights of the queries first <= i < first + ROWS, in self->scores: [steps][ROWS], but for a factor of each
 * query, which `share` takes. Keys are (steps, ld), scores powers of two. */
static void weigh(Attention *self, const float *keys, int64_t ld, int history, int length, int horizon, int d, int first,
                  vec *share)
{
    float *s = self->scores;
    int last = first + ROWS < horizon ? first + ROWS : horizon;
    product(keys, (int)ld, 0, length, d, self->q, s, 0);
    memset(s + (size_t)length * ROWS, 0, (size_t)(history - length) * ROWS * sizeof(float));
    product(keys + history * ld, (int)ld, 0, last, d, self->q, s + (size_t)history * ROWS, 0);
    memset(s + (size_t)(history + last) * ROWS, 0, (size_t)(horizon - last) * ROWS * sizeof(float));
    EACH(i)
    {
        ivec query;
        for (int lane = 0; lane < WIDTH; lane++) query[lane] = first + i * WIDTH + lane;
        vec top = of(s, 0)[i], total = splat(0.0f);
        for (int j = 1; j < length; j++) top = pick(of(s, j)[i] > top, of(s, j)[i], top);
        for (int j = 0; j < last; j++) {
            vec score = pick(query > j, of(s, history + j)[i], splat(-INFINITY));
            at(s, history + j)[i] = score;
            top = pick(score > top, score, top);
        }
        for (int j = 0; j < length; j++) total += at(s, j)[i] = vec_exp2_bounded(of(s, j)[i] - top);
        for (int j = 0; j < last; j++)
            /* a power never comes to zero */
            total += at(s, history + j)[i] = pick(query > j, vec_exp2_bounded(of(s, history + j)[i] - top), splat(0.0f));
        share[i] = 1.0f / total;
    }
}

/* mean (+)= share * scores */
static void blend(const float *scores, const vec *share, int steps, int first, float *mean)
{
    for (int j = 0; j < steps; j++)
        EACH(i) at(mean, j)[i] = of(scores, j)[i] * share[i] + (first ? splat(0.0f) : of(mean, j)[i]);
}

static void load_query(Attention *self, const float *q, int64_t ld, int first, int horizon, int d)
{
    float scale = LOG2_E / sqrtf((float)d);
    load_rows(q, ld, d, first, horizon, self->q);
    for (int f = 0; f < d; f++) EACH(i) at(self->q, f)[i] *= scale;
}

/* q: (windows, horizon, heads, d), keys: (windows, history + horizon, heads, d), values: (windows, history + horizon, d),
 * lengths: (windows,) or null where every history is full, out: (windows, horizon, heads, d), or, where `together`, the
 * mean over the heads, (windows, horizon, d): the mean of the weights is taken then, before the values */
int hostcast_attention_forward(const float *q, const float *keys, const float *values, const int64_t *lengths,
                               int history, int horizon, int heads, int d, int64_t first_window, int64_t last_window,
                               int together, float *out)
{
    int steps = history + horizon;
    int64_t ld = (int64_t)heads * d, out_ld = together ? d : ld;
    Attention self = {0};
    int ok = open_attention(&self, steps, d, 0);
    for (int64_t w = first_window; ok && w < last_window; w++) {
        const float *v = values + w * steps * d;
        float *to = out + w * horizon * out_ld;
        int length = lengths ? (int)lengths[w] : history;
        for (int j = 0; j < steps; j++)
            for (int f = 0; f < d; f++) self.values_t[(size_t)f * steps + j] = v[(size_t)j * d + f];
        for (int first = 0; first < horizon; first += ROWS) {
            for (int head = 0; head < heads; head++) {
                vec share[VECTORS];
                load_query(&self, q + w * horizon * ld + head * d, ld, first, horizon, d);
                weigh(&self, keys + w * steps * ld + head * d, ld, history, length, horizon, d, first, share);
                if (together) {
                    EACH(i) share[i] /= (float)heads;
                    blend(self.scores, share, steps, head == 0, self.mean);
                    continue;
                }
                product(self.values_t, steps, 0, d, steps, self.scores, self.out, 0);
                for (int f = 0; f < d; f++) EACH(i) at(self.out, f)[i] *= share[i];
                store_rows(self.out, d, first, horizon, to + head * d, ld);
            }
            if (!together) continue;
            product(self.values_t, steps, 0, d, steps, self.mean, self.out, 0);
            store_rows(self.out, d, first, horizon, to, d);
        }
    }
    free(self.arena.start);
    return ok;
}

/* writes dq, dkeys and dvalues */
int hostcast_attention_backward(const float *q, const float *keys, const float *values, const int64_t *lengths,
                                int history, int horizon, int heads, int d, int64_t first_window, int64_t last_window,
                                const float *dout, float *dq, float *dkeys, float *dvalues)
{
    int steps = history + horizon, dp = padded(d);
    int64_t ld = (int64_t)heads * d;
    float scale = 1.0f / sqrtf((float)d);
    Attention self = {0};
    int ok = open_attention(&self, steps, d, 1);
    for (int64_t w = first_window; ok && w < last_window; w++) {
        const float *v = values + w * steps * d;
        int length = lengths ? (int)lengths[w] : history;
        memset(self.dvalues, 0, (size_t)steps * dp * sizeof(float));
        for (int head = 0; head < heads; head++) {
            const float *k = keys + w * steps * ld + head * d;
            memset(self.dkeys, 0, (size_t)steps * dp * sizeof(float));
            for (int j = 0; j < steps; j++)
                for (int f = 0; f < d; f++) self.keys_t[(size_t)f * steps + j] = k[j * ld + f];
            for (int first = 0; first < horizon; first += ROWS) {
                int64_t place = w * horizon * ld + head * d;
                load_query(&self, q + place, ld, first, horizon, d);
                vec share[VECTORS];
                weigh(&self, k, ld, history, length, horizon, d, first, share);
                for (int j = 0; j < steps; j++) EACH(i) at(self.scores, j)[i] *= share[i];
                load_gradients(dout + place, ld, d, first, horizon, self.down);
                transpose(self.down, d, self.down_t, dp);
                outer(self.scores, steps, self.down_t, dp, self.dvalues);
                product(v, d, 0, steps, d, self.down, self.dscores, 0);
                EACH(i)
                {
                    vec mean = splat(0.0f);
                    for (int j = 0; j < steps; j++) mean += of(self.scores, j)[i] * of(self.dscores, j)[i];
                    for (int j = 0; j < steps; j++)
                        at(self.dscores, j)[i] = of(self.scores, j)[i] * (of(self.dscores, j)[i] - mean);
                }
                for (int f = 0; f < d; f++) EACH(i) at(self.q, f)[i] /= LOG2_E;
                transpose(self.q, d, self.q_t, dp);
                outer(self.dscores, steps, self.q_t, dp, self.dkeys);
                product(self.keys_t, steps, 0, d, steps, self.dscores, self.dq, 0);
                for (int f = 0; f < d; f++) EACH(i) at(self.dq, f)[i] *= scale;
                store_rows(self.dq, d, first, horizon, dq + place, ld);
            }
            for (int j = 0; j < steps; j++)
                for (int f = 0; f < d; f++)
                    dkeys[(w * steps + j) * ld + head * d + f] = self.dkeys[(size_t)j * dp + f];
        }
        for (int j = 0; j < steps; j++)
            for (int f = 0; f < d; f++) dvalues[(w * steps + j) * d + f] = self.dvalues[(size_t)j * dp + f];
    }
    free(self.arena.start);
    return ok;
}
