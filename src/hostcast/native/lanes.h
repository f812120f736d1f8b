/* Rows side by side in vector lanes.
 *
 * A block holds ROWS rows of some features as [feature][ROWS], so every operation on a feature is the same for all
 * lanes and nothing is ever summed across a vector. The vector types are GCC's and clang's own: they become AVX-512,
 * AVX2, NEON or plain SSE, whatever the machine has. */
#ifndef HOSTCAST_LANES_H
#define HOSTCAST_LANES_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define WIDTH 16
#define VECTORS 2
#define TILE 6
#elif defined(__AVX__)
#define WIDTH 8
#define VECTORS 2
#define TILE 4
#else
#define WIDTH 4
#define VECTORS 4
#define TILE 4
#endif
#define ROWS (WIDTH * VECTORS)

typedef float vec __attribute__((vector_size(4 * WIDTH), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * WIDTH), may_alias));
typedef uint32_t uvec __attribute__((vector_size(4 * WIDTH), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define EACH(i) for (int i = 0; i < VECTORS; i++)

INLINE vec *at(float *block, int feature) { return (vec *)(block + (size_t)feature * ROWS); }
INLINE const vec *of(const float *block, int feature) { return (const vec *)(block + (size_t)feature * ROWS); }

INLINE vec splat(float value) { return value - (vec){0}; }
INLINE vec pick(ivec mask, vec yes, vec no) { return (vec)(((ivec)yes & mask) | ((ivec)no & ~mask)); }
INLINE int padded(int count) { return (count + WIDTH - 1) / WIDTH * WIDTH; }

INLINE vec vec_sqrt(vec x)
{
    vec y;
    for (int i = 0; i < WIDTH; i++) y[i] = sqrtf(x[i]);
    return y;
}

/* adding it rounds to a whole number, in the low bits */
#define ROUNDING 12582912.0f
#define LOG2_E 1.44269504088896341f
/* what is left of log2(e) behind its float */
#define LOG2_E_REST 1.92596302e-8f

/* 2^(r + n), with r in [-1/2, 1/2] and n as ROUNDING left it: a minimax polynomial, to two units in the last place */
INLINE vec power_of_two(vec r, vec shifted)
{
    vec p = r * 1.3264727e-3f + 9.6715127e-3f;
    p = p * r + 5.5507337e-2f;
    p = p * r + 2.4022242e-1f;
    p = p * r + 6.9314698e-1f;
    p = p * r + 1.0f;
    return (vec)((ivec)p + ((ivec)shifted << 23));
}

/* of numbers up to 127 */
INLINE vec vec_exp2_bounded(vec x)
{
    x = pick(x < -126.0f, splat(-126.0f), x);
    vec shifted = x + ROUNDING;
    return power_of_two(x - (shifted - ROUNDING), shifted);
}

INLINE vec vec_exp(vec x)
{
    x = pick(x > 88.0f, splat(88.0f), x);
    x = pick(x < -87.0f, splat(-87.0f), x);
    vec shifted = x * LOG2_E + ROUNDING;
    vec r = x * LOG2_E - (shifted - ROUNDING);
    return power_of_two(r + x * LOG2_E_REST, shifted);
}

INLINE vec sigmoid(vec x) { return 1.0f / (1.0f + vec_exp(-x)); }

INLINE uvec mix(uvec h)
{
    h ^= h >> 16;
    h *= 0x21f0aaadu;
    h ^= h >> 15;
    h *= 0xd35a2d97u;
    h ^= h >> 15;
    return h;
}

/* Dropout: whether a value is kept is a hash of (seed, row, index), so the backward pass draws it anew. */
typedef struct {
    uint32_t seed;
    uint32_t threshold;
    float scale;
} Dropout;

INLINE Dropout make_dropout(float rate, int64_t seed)
{
    Dropout drop = {(uint32_t)seed, (uint32_t)(rate * 4294967296.0), 1.0f / (1.0f - rate)};
    return drop;
}

INLINE void row_keys(const Dropout *drop, int64_t row, uvec *keys)
{
    if (drop->threshold == 0) return;
    EACH(i)
    {
        uvec rows;
        for (int lane = 0; lane < WIDTH; lane++) rows[lane] = (uint32_t)(row + i * WIDTH + lane);
        keys[i] = mix(rows ^ drop->seed);
    }
}

INLINE vec kept(const Dropout *drop, uvec key, int index, vec value)
{
    uvec hash = mix(key + (uint32_t)index * 0x9e3779b1u);
    ivec keep = (ivec)(hash >= drop->threshold);
    return (vec)((ivec)(value * drop->scale) & keep);
}

/* y[j] (+)= bias[j] + sum_k w[j][k] x[k] for j < tile */
INLINE void product_tile(const int tile, const float *w, int ld, const float *bias, int k, const float *x, float *y,
                         int add)
{
    vec sum[TILE][VECTORS];
    for (int j = 0; j < tile; j++) EACH(i) sum[j][i] = splat(bias ? bias[j] : 0.0f);
    for (int q = 0; q < k; q++) {
        vec in[VECTORS];
        EACH(i) in[i] = of(x, q)[i];
        for (int j = 0; j < tile; j++) EACH(i) sum[j][i] += w[(size_t)j * ld + q] * in[i];
    }
    for (int j = 0; j < tile; j++)
        EACH(i)
        {
            if (add) sum[j][i] += at(y, j)[i];
            at(y, j)[i] = sum[j][i];
        }
}

/* y (+)= w x + bias, with w [n][ld] of which k columns count, x [k][ROWS], y [n][ROWS] */
static void product(const float *w, int ld, const float *bias, int n, int k, const float *x, float *y, int add)
{
    int j = 0;
    for (; j + TILE <= n; j += TILE)
        product_tile(TILE, w + (size_t)j * ld, ld, bias ? bias + j : 0, k, x, y + (size_t)j * ROWS, add);
    for (; j + 2 <= n; j += 2)
        product_tile(2, w + (size_t)j * ld, ld, bias ? bias + j : 0, k, x, y + (size_t)j * ROWS, add);
    for (; j < n; j++) product_tile(1, w + (size_t)j * ld, ld, bias ? bias + j : 0, k, x, y + (size_t)j * ROWS, add);
}

INLINE void outer_tile(const int rows, const int columns, const float *dy, const float *xt, int ld, float *g)
{
    vec sum[8][2];
    for (int j = 0; j < rows; j++)
        for (int c = 0; c < columns; c++) sum[j][c] = ((vec *)(g + (size_t)j * ld))[c];
    for (int r = 0; r < ROWS; r++) {
        vec in[2];
        for (int c = 0; c < columns; c++) in[c] = ((const vec *)(xt + (size_t)r * ld))[c];
        for (int j = 0; j < rows; j++)
            for (int c = 0; c < columns; c++) sum[j][c] += dy[(size_t)j * ROWS + r] * in[c];
    }
    for (int j = 0; j < rows; j++)
        for (int c = 0; c < columns; c++) ((vec *)(g + (size_t)j * ld))[c] = sum[j][c];
}

/* g[j][k] += sum over rows of dy[j] x[k], with x given as [ROWS][ld]; ld is a multiple of WIDTH */
static void outer(const float *dy, int n, const float *xt, int ld, float *g)
{
    int c = 0;
    for (; c + 2 * WIDTH <= ld; c += 2 * WIDTH) {
        int j = 0;
        for (; j + TILE <= n; j += TILE)
            outer_tile(TILE, 2, dy + (size_t)j * ROWS, xt + c, ld, g + (size_t)j * ld + c);
        for (; j < n; j++) outer_tile(1, 2, dy + (size_t)j * ROWS, xt + c, ld, g + (size_t)j * ld + c);
    }
    if (c < ld) {
        int j = 0;
        for (; j + 8 <= n; j += 8) outer_tile(8, 1, dy + (size_t)j * ROWS, xt + c, ld, g + (size_t)j * ld + c);
        for (; j < n; j++) outer_tile(1, 1, dy + (size_t)j * ROWS, xt + c, ld, g + (size_t)j * ld + c);
    }
}

/* Exchange the blocks off the diagonal of every 2 s x 2 s square, for two rows that lie s apart. */
#define LOW(s, j) (((j) & (s)) ? WIDTH + ((j) ^ (s)) : (j))
#define HIGH(s, j) (((j) & (s)) ? WIDTH + (j) : ((j) ^ (s)))
#define FOUR(PICK, s, j) PICK(s, j), PICK(s, j + 1), PICK(s, j + 2), PICK(s, j + 3)
#if WIDTH == 16
#define LANES(PICK, s) FOUR(PICK, s, 0), FOUR(PICK, s, 4), FOUR(PICK, s, 8), FOUR(PICK, s, 12)
#elif WIDTH == 8
#define LANES(PICK, s) FOUR(PICK, s, 0), FOUR(PICK, s, 4)
#else
#define LANES(PICK, s) FOUR(PICK, s, 0)
#endif
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (ivec){__VA_ARGS__})
#endif
#define EXCHANGE(s)                                                     \
    for (int i = 0; i < WIDTH; i++)                                     \
        if (!(i & (s))) {                                               \
            vec upper = square[i], lower = square[i + (s)];             \
            square[i] = SHUFFLE(upper, lower, LANES(LOW, s));           \
            square[i + (s)] = SHUFFLE(upper, lower, LANES(HIGH, s));    \
        }

/* transpose WIDTH vectors in registers */
INLINE void transpose_square(vec *square)
{
    EXCHANGE(1)
    EXCHANGE(2)
#if WIDTH >= 8
    EXCHANGE(4)
#endif
#if WIDTH >= 16
    EXCHANGE(8)
#endif
}

/* from may be unaligned */
INLINE vec load_vec(const float *from)
{
    vec value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* [features][ROWS] to [ROWS][ld], the columns behind the features zero */
static void transpose(const float *x, int features, float *xt, int ld)
{
    int f = 0;
    for (; f + WIDTH <= features; f += WIDTH)
        EACH(i)
        {
            vec square[WIDTH];
            for (int k = 0; k < WIDTH; k++) square[k] = of(x, f + k)[i];
            transpose_square(square);
            for (int k = 0; k < WIDTH; k++) *(vec *)(xt + (size_t)(i * WIDTH + k) * ld + f) = square[k];
        }
    if (f == ld) return;
    for (int r = 0; r < ROWS; r++) {
        for (int k = f; k < features; k++) xt[(size_t)r * ld + k] = x[(size_t)k * ROWS + r];
        for (int k = features; k < ld; k++) xt[(size_t)r * ld + k] = 0.0f;
    }
}

/* rows first .. first + ROWS of a row-major table, those from end on repeated, as a block */
static void load_rows(const float *table, int64_t stride, int features, int64_t first, int64_t end, float *block)
{
    int f = 0;
    if (first + ROWS <= end)
        for (; f + WIDTH <= features; f += WIDTH)
            EACH(i)
            {
                vec square[WIDTH];
                for (int k = 0; k < WIDTH; k++) square[k] = load_vec(table + (first + i * WIDTH + k) * stride + f);
                transpose_square(square);
                for (int k = 0; k < WIDTH; k++) at(block, f + k)[i] = square[k];
            }
    for (int r = 0; r < ROWS && f < features; r++) {
        int64_t row = first + r < end ? first + r : end - 1;
        const float *from = table + row * stride;
        for (int k = f; k < features; k++) block[(size_t)k * ROWS + r] = from[k];
    }
}

/* as load_rows, with zeros from end on: gradients of rows that do not exist */
static void load_gradients(const float *table, int64_t stride, int features, int64_t first, int64_t end, float *block)
{
    load_rows(table, stride, features, first, end, block);
    for (int r = 0; r < ROWS; r++)
        if (first + r >= end)
            for (int f = 0; f < features; f++) block[(size_t)f * ROWS + r] = 0.0f;
}

static void store_rows(const float *block, int features, int64_t first, int64_t end, float *table, int64_t stride)
{
    int f = 0;
    if (first + ROWS <= end)
        for (; f + WIDTH <= features; f += WIDTH)
            EACH(i)
            {
                vec square[WIDTH];
                for (int k = 0; k < WIDTH; k++) square[k] = of(block, f + k)[i];
                transpose_square(square);
                for (int k = 0; k < WIDTH; k++)
                    memcpy(table + (first + i * WIDTH + k) * stride + f, &square[k], sizeof(vec));
            }
    for (int r = 0; r < ROWS && first + r < end && f < features; r++)
        for (int k = f; k < features; k++) table[(first + r) * stride + k] = block[(size_t)k * ROWS + r];
}

/* one piece of zeroed memory, cut into aligned arrays */
typedef struct {
    char *start;
    size_t used, size;
} Arena;

INLINE float *carve(Arena *arena, size_t floats)
{
    size_t bytes = (floats * sizeof(float) + 63) / 64 * 64;
    float *piece = arena->start ? (float *)(arena->start + arena->used) : 0;
    arena->used += bytes;
    return piece;
}

/* after a first round of carving that only counted */
INLINE int provide(Arena *arena)
{
    arena->size = arena->used + 64;
    arena->start = aligned_alloc(64, (arena->size + 63) / 64 * 64);
    arena->used = 0;
    if (!arena->start) return 0;
    memset(arena->start, 0, arena->size);
    return 1;
}

#endif
