/* The gated residual network of Lim et al. (2021) on a block of rows, forward and backward.
 *
 *   e = ELU(U x + t + context)       d = dropout(W e + b)       g = G d + c
 *   y = g[:o] * sigmoid(g[o:]) + skip                           out = norm(y)
 *
 * where skip is x itself, an affine map A x + a of it, or the norm of that map. Nothing is kept between the passes:
 * the backward pass computes the forward pass again, which is cheaper than to write it to memory and read it back. */
#ifndef HOSTCAST_GRN_H
#define HOSTCAST_GRN_H

#include "lanes.h"

enum { SKIP_INPUT = 0, SKIP_AFFINE = 1, SKIP_NORMED = 2 };
/* added to one of these where W and b are folded into G and c, as nothing is dropped between them */
enum { DIRECT = 4 };
#define EPSILON 1e-5f

typedef struct {
    int n, m, o, skip, direct;
    /* of a single input's normed map: means of A and a, and the variance over the outputs, which for an input x
     * is least + curve * (x - flattest)^2; so written, it is exact where it is small, which the norm magnifies */
    float mean_A, mean_a, least, curve, flattest;
    const float *U, *t, *W, *b, *G, *c, *A, *a, *skip_gain, *skip_bias, *gain, *bias;
    float *Ut, *Wt, *Gt, *At;
} Grn;

/* gradients: matrices as [rows][padded columns], vectors as [feature][WIDTH], one sum per lane */
typedef struct {
    float *U, *t, *W, *b, *G, *c, *A, *a, *skip_gain, *skip_bias, *gain, *bias;
} GrnGrad;

typedef struct {
    float *e, *d, *g, *y, *q, *dg, *dy, *dm, *de, *dq, *xt, *et, *dt;
    vec rstd[VECTORS], q_rstd[VECTORS];
} GrnWork;

INLINE int64_t grn_size(int n, int m, int o, int skip)
{
    int64_t size = (int64_t)m * n + m + 2 * (int64_t)o * m + 2 * o + 2 * o;
    if (!(skip & DIRECT)) size += (int64_t)m * m + m;
    skip &= ~DIRECT;
    if (skip >= SKIP_AFFINE) size += (int64_t)o * n + o;
    if (skip == SKIP_NORMED) size += 2 * o;
    return size;
}

/* what the norm of A x + a needs to know of A and a, as x is a single number */
static void note_moments(Grn *net)
{
    double mean_A = 0.0, mean_a = 0.0, var_A = 0.0, cov = 0.0, var_a = 0.0;
    for (int f = 0; f < net->o; f++) mean_A += net->A[f], mean_a += net->a[f];
    mean_A /= net->o, mean_a /= net->o;
    for (int f = 0; f < net->o; f++) {
        double A = net->A[f] - mean_A, a = net->a[f] - mean_a;
        var_A += A * A, cov += A * a, var_a += a * a;
    }
    net->mean_A = (float)mean_A, net->mean_a = (float)mean_a;
    double flattest = var_A > 1e-20 * var_a ? -cov / var_A : 0.0, least = (var_a + cov * flattest) / net->o;
    net->curve = (float)(var_A / net->o), net->flattest = (float)flattest, net->least = least > 0.0 ? (float)least : 0.0f;
}

/* the parameters lie one behind the other in the order of the struct */
static Grn grn_of(const float *p, int n, int m, int o, int skip)
{
    Grn net = {.n = n, .m = m, .o = o, .skip = skip & ~DIRECT, .direct = skip & DIRECT};
    skip = net.skip;
#define NEXT(name, count) net.name = p, p += (count)
    NEXT(U, (int64_t)m * n);
    NEXT(t, m);
    if (!net.direct) {
        NEXT(W, (int64_t)m * m);
        NEXT(b, m);
    }
    NEXT(G, 2 * (int64_t)o * m);
    NEXT(c, 2 * o);
    if (skip >= SKIP_AFFINE) {
        NEXT(A, (int64_t)o * n);
        NEXT(a, o);
    }
    if (skip == SKIP_NORMED) {
        NEXT(skip_gain, o);
        NEXT(skip_bias, o);
    }
    NEXT(gain, o);
    NEXT(bias, o);
#undef NEXT
    if (n == 1 && skip == SKIP_NORMED) note_moments(&net);
    return net;
}

/* the gated skip connection norm(GLU(x) + skip), as the end of a network */
static Grn gate_of(const float *p, int h)
{
    Grn net = {.n = 1, .m = h, .o = h, .skip = SKIP_INPUT};
    net.G = p;
    net.c = p + 2 * (size_t)h * h;
    net.gain = net.c + 2 * h;
    net.bias = net.gain + h;
    return net;
}

INLINE int64_t gate_size(int h) { return 2 * (int64_t)h * h + 4 * h; }

static void turn(const float *from, int rows, int columns, float *to)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) to[(size_t)c * rows + r] = from[(size_t)r * columns + c];
}

static void carve_turned(Grn *net, Arena *arena)
{
    net->Wt = carve(arena, (size_t)net->m * net->m);
    net->Gt = carve(arena, 2 * (size_t)net->m * net->o);
    net->Ut = carve(arena, (size_t)net->m * net->n);
    net->At = carve(arena, (size_t)net->o * net->n);
}

static void fill_turned(Grn *net)
{
    turn(net->W, net->m, net->m, net->Wt);
    turn(net->G, 2 * net->o, net->m, net->Gt);
    turn(net->U, net->m, net->n, net->Ut);
    if (net->skip >= SKIP_AFFINE) turn(net->A, net->o, net->n, net->At);
}

static void carve_work(GrnWork *work, Arena *arena, int n, int m, int o)
{
    work->e = carve(arena, (size_t)m * ROWS);
    work->d = carve(arena, (size_t)m * ROWS);
    work->g = carve(arena, 2 * (size_t)o * ROWS);
    work->y = carve(arena, (size_t)o * ROWS);
    work->q = carve(arena, (size_t)o * ROWS);
    work->dg = carve(arena, 2 * (size_t)o * ROWS);
    work->dy = carve(arena, (size_t)o * ROWS);
    work->dm = carve(arena, (size_t)m * ROWS);
    work->de = carve(arena, (size_t)m * ROWS);
    work->dq = carve(arena, (size_t)o * ROWS);
    work->xt = carve(arena, (size_t)padded(n) * ROWS);
    work->et = carve(arena, (size_t)padded(m) * ROWS);
    work->dt = carve(arena, (size_t)padded(m) * ROWS);
}

static GrnGrad carve_grad(Arena *arena, int n, int m, int o)
{
    GrnGrad grad;
    int np = padded(n), mp = padded(m);
    grad.U = carve(arena, (size_t)m * np);
    grad.t = carve(arena, (size_t)m * WIDTH);
    grad.W = carve(arena, (size_t)m * mp);
    grad.b = carve(arena, (size_t)m * WIDTH);
    grad.G = carve(arena, 2 * (size_t)o * mp);
    grad.c = carve(arena, 2 * (size_t)o * WIDTH);
    grad.A = carve(arena, (size_t)o * np);
    grad.a = carve(arena, (size_t)o * WIDTH);
    grad.skip_gain = carve(arena, (size_t)o * WIDTH);
    grad.skip_bias = carve(arena, (size_t)o * WIDTH);
    grad.gain = carve(arena, (size_t)o * WIDTH);
    grad.bias = carve(arena, (size_t)o * WIDTH);
    return grad;
}

static float *put_matrix(float *to, const float *from, int rows, int columns)
{
    int ld = padded(columns);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) *to++ += from[(size_t)r * ld + c];
    return to;
}

static float *put_lanes(float *to, const float *from, int features)
{
    for (int f = 0; f < features; f++) {
        float sum = 0.0f;
        for (int lane = 0; lane < WIDTH; lane++) sum += from[(size_t)f * WIDTH + lane];
        *to++ += sum;
    }
    return to;
}

/* add the gradients to a buffer laid out as the parameters are */
static void put_grad(const GrnGrad *grad, const Grn *net, float *to)
{
    /* a single input's column is summed per lane */
    to = net->n == 1 ? put_lanes(to, grad->U, net->m) : put_matrix(to, grad->U, net->m, net->n);
    to = put_lanes(to, grad->t, net->m);
    to = put_matrix(to, grad->W, net->m, net->m);
    to = put_lanes(to, grad->b, net->m);
    to = put_matrix(to, grad->G, 2 * net->o, net->m);
    to = put_lanes(to, grad->c, 2 * net->o);
    if (net->skip >= SKIP_AFFINE) {
        to = net->n == 1 ? put_lanes(to, grad->A, net->o) : put_matrix(to, grad->A, net->o, net->n);
        to = put_lanes(to, grad->a, net->o);
    }
    if (net->skip == SKIP_NORMED) {
        to = put_lanes(to, grad->skip_gain, net->o);
        to = put_lanes(to, grad->skip_bias, net->o);
    }
    to = put_lanes(to, grad->gain, net->o);
    put_lanes(to, grad->bias, net->o);
}

INLINE void add_lanes(float *sums, int feature, const vec *value)
{
    vec sum = value[0];
    for (int i = 1; i < VECTORS; i++) sum += value[i];
    *(vec *)(sums + (size_t)feature * WIDTH) += sum;
}

/* x becomes (x - mean) / sd over its features; returns 1 / sd per row */
INLINE void standardize(float *x, int features, vec *rstd)
{
    vec mean[VECTORS], var[VECTORS];
    EACH(i) mean[i] = var[i] = splat(0.0f);
    for (int f = 0; f < features; f++) EACH(i) mean[i] += of(x, f)[i];
    EACH(i) mean[i] /= (float)features;
    for (int f = 0; f < features; f++)
        EACH(i)
        {
            vec centered = of(x, f)[i] - mean[i];
            at(x, f)[i] = centered;
            var[i] += centered * centered;
        }
    EACH(i) rstd[i] = 1.0f / vec_sqrt(var[i] / (float)features + EPSILON);
    for (int f = 0; f < features; f++) EACH(i) at(x, f)[i] *= rstd[i];
}

/* gradient through gain * standardized + bias: dx from d, sums into the gradients of gain and bias */
INLINE void norm_backward(const float *hat, const vec *rstd, const float *gain, const float *d, int features,
                          float *dx, float *gain_sums, float *bias_sums)
{
    vec first[VECTORS], second[VECTORS];
    EACH(i) first[i] = second[i] = splat(0.0f);
    for (int f = 0; f < features; f++) {
        vec product_[VECTORS];
        EACH(i)
        {
            vec down = of(d, f)[i];
            product_[i] = down * of(hat, f)[i];
            first[i] += down * gain[f];
            second[i] += product_[i] * gain[f];
        }
        add_lanes(gain_sums, f, product_);
        add_lanes(bias_sums, f, of(d, f));
    }
    EACH(i)
    {
        first[i] /= (float)features;
        second[i] /= (float)features;
    }
    for (int f = 0; f < features; f++)
        EACH(i) at(dx, f)[i] = rstd[i] * (of(d, f)[i] * gain[f] - first[i] - of(hat, f)[i] * second[i]);
}

/* from d to the standardized sum y: g = G d + c, gate, add skip */
INLINE void gate_add(const Grn *net, GrnWork *work, const float *skip)
{
    int o = net->o;
    product(net->G, net->m, net->c, 2 * o, net->m, work->d, work->g, 0);
    for (int f = 0; f < o; f++)
        EACH(i)
        {
            vec gate = sigmoid(of(work->g, o + f)[i]);
            at(work->g, o + f)[i] = gate;
            at(work->y, f)[i] = of(work->g, f)[i] * gate + of(skip, f)[i];
        }
    standardize(work->y, o, work->rstd);
}

/* from the gradient of out to that of y (in work->dy), of g (in work->dg) and of d (in work->dm) */
INLINE void gate_add_backward(const Grn *net, GrnWork *work, GrnGrad *grad, const float *dout)
{
    int o = net->o, m = net->m;
    norm_backward(work->y, work->rstd, net->gain, dout, o, work->dy, grad->gain, grad->bias);
    for (int f = 0; f < o; f++) {
        EACH(i)
        {
            vec gate = of(work->g, o + f)[i], dy = of(work->dy, f)[i];
            at(work->dg, f)[i] = dy * gate;
            at(work->dg, o + f)[i] = dy * of(work->g, f)[i] * gate * (1.0f - gate);
        }
        add_lanes(grad->c, f, of(work->dg, f));
        add_lanes(grad->c, o + f, of(work->dg, o + f));
    }
    transpose(work->d, m, work->dt, padded(m));
    outer(work->dg, 2 * o, work->dt, padded(m), grad->G);
    product(net->Gt, 2 * o, 0, m, 2 * o, work->dg, work->dm, 0);
}

/* context: [m][ROWS] or 0; index numbers this network's dropout values; out may be 0 */
static void grn_forward(const Grn *net, GrnWork *work, const float *x, const float *context, const Dropout *drop,
                        const uvec *keys, int index, float *out)
{
    int m = net->m, o = net->o;
    if (net->n == 1)
        for (int f = 0; f < m; f++) EACH(i) at(work->e, f)[i] = net->U[f] * of(x, 0)[i] + net->t[f];
    else
        product(net->U, net->n, net->t, m, net->n, x, work->e, 0);
    for (int f = 0; f < m; f++)
        EACH(i)
        {
            vec h = of(work->e, f)[i];
            if (context) h += of(context, f)[i];
            at(net->direct ? work->d : work->e, f)[i] = pick(h > 0.0f, h, vec_exp(h) - 1.0f);
        }
    if (!net->direct)
        product(net->W, m, net->b, m, m, work->e, work->d, 0);
    if (drop->threshold)
        for (int f = 0; f < m; f++) EACH(i) at(work->d, f)[i] = kept(drop, keys[i], index + f, of(work->d, f)[i]);
    const float *skip = net->skip >= SKIP_AFFINE ? work->dq : x;
    if (net->n == 1 && net->skip == SKIP_NORMED) {
        EACH(i)
        {
            vec in = of(x, 0)[i];
            vec off = in - net->flattest;
            work->q_rstd[i] = 1.0f / vec_sqrt(off * off * net->curve + (net->least + EPSILON));
        }
        for (int f = 0; f < o; f++)
            EACH(i)
            {
                vec hat = ((net->A[f] - net->mean_A) * of(x, 0)[i] + (net->a[f] - net->mean_a)) * work->q_rstd[i];
                at(work->q, f)[i] = hat;
                at(work->dq, f)[i] = hat * net->skip_gain[f] + net->skip_bias[f];
            }
    } else if (net->skip >= SKIP_AFFINE) {
        if (net->n == 1)
            for (int f = 0; f < o; f++) EACH(i) at(work->dq, f)[i] = net->A[f] * of(x, 0)[i] + net->a[f];
        else
            product(net->A, net->n, net->a, o, net->n, x, work->dq, 0);
    }
    if (net->n > 1 && net->skip == SKIP_NORMED) {
        standardize(work->dq, o, work->q_rstd);
        for (int f = 0; f < o; f++)
            EACH(i)
            {
                vec hat = of(work->dq, f)[i];
                at(work->q, f)[i] = hat;
                at(work->dq, f)[i] = hat * net->skip_gain[f] + net->skip_bias[f];
            }
    }
    gate_add(net, work, skip);
    if (out)
        for (int f = 0; f < o; f++) EACH(i) at(out, f)[i] = of(work->y, f)[i] * net->gain[f] + net->bias[f];
}

/* after grn_forward on the same block; dx may be 0, else the gradient is added to it; work->de holds the gradient
 * before the ELU, which is the context's too */
static void grn_backward(const Grn *net, GrnWork *work, GrnGrad *grad, const float *x, const Dropout *drop,
                         const uvec *keys, int index, const float *dout, float *dx)
{
    int n = net->n, m = net->m, o = net->o;
    gate_add_backward(net, work, grad, dout);
    for (int f = 0; f < m; f++) {
        if (drop->threshold) EACH(i) at(work->dm, f)[i] = kept(drop, keys[i], index + f, of(work->dm, f)[i]);
        add_lanes(grad->b, f, of(work->dm, f));
    }
    transpose(work->e, m, work->et, padded(m));
    outer(work->dm, m, work->et, padded(m), grad->W);
    product(net->Wt, m, 0, m, m, work->dm, work->de, 0);
    for (int f = 0; f < m; f++) {
        EACH(i)
        {
            vec e = of(work->e, f)[i];
            at(work->de, f)[i] *= pick(e > 0.0f, splat(1.0f), e + 1.0f);
        }
        add_lanes(grad->t, f, of(work->de, f));
    }
    const float *dskip = work->dy;
    if (net->skip == SKIP_NORMED) {
        norm_backward(work->q, work->q_rstd, net->skip_gain, work->dy, o, work->dq, grad->skip_gain,
                      grad->skip_bias);
        dskip = work->dq;
    }
    if (net->skip >= SKIP_AFFINE)
        for (int f = 0; f < o; f++) add_lanes(grad->a, f, of(dskip, f));
    if (n == 1) {
        vec products[VECTORS];
        for (int f = 0; f < m; f++) {
            EACH(i) products[i] = of(work->de, f)[i] * of(x, 0)[i];
            add_lanes(grad->U, f, products);
        }
        if (net->skip >= SKIP_AFFINE)
            for (int f = 0; f < o; f++) {
                EACH(i) products[i] = of(dskip, f)[i] * of(x, 0)[i];
                add_lanes(grad->A, f, products);
            }
    } else {
        transpose(x, n, work->xt, padded(n));
        outer(work->de, m, work->xt, padded(n), grad->U);
        if (net->skip >= SKIP_AFFINE) outer(dskip, o, work->xt, padded(n), grad->A);
    }
    if (!dx) return;
    product(net->Ut, m, 0, n, m, work->de, dx, 1);
    if (net->skip >= SKIP_AFFINE)
        product(net->At, o, 0, n, o, dskip, dx, 1);
    else
        for (int f = 0; f < o; f++) EACH(i) at(dx, f)[i] += of(dskip, f)[i];
}

#endif
