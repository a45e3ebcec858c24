#!/usr/bin/env bash
# ggml as of @node-llama-cpp/linux-x64 3.22.1: how well a type of GGUF keeps a matrix depends on the size of its weights, and
# for small ones more bits are worse.
#
# Normal weights, 64 x 1024, with this standard deviation; the error after ggml_quantize_chunk, by which llama-quantize makes files,
# divided by the weights (Frobenius norms). Then for 1e-5 the largest singular value, and the share of negative weights:
#
#   type      0.02    1e-3    1e-4    1e-5    1e-6     largest at 1e-5   negative
#   Q4_0      0.084   0.084   0.084   0.084   0.10      x 1.0             44 %
#   Q4_1      0.077   0.077   0.077   0.078   0.16      x 1.0             50 %
#   Q8_0      0.005   0.005   0.011   0.10    1.00      x 1.0             49 %
#   Q4_K      0.070   0.070   0.079   0.09    3.0       x 1.0             49 %
#   Q5_K      0.036   0.036   0.054   2.2     3.0       x 12.6            97 %
#   Q6_K      0.017   0.020   0.106   1.00    1.00      0                  0
#   IQ4_XS    0.076   0.079   0.202   1.00    1.00      0                  0
#   MXFP4     0.113   0.114   0.117   0.11    0.11      x 1.0             46 %
#
# At 1e-4 Q6_K, from which users expect next to no loss, is worse than Q4_0 with two thirds of the bytes, and at 1e-5 all weights are
# zero. The scale of a super-block is an F16, whose smallest step is 6e-8, and a matrix has no scale. More levels need a smaller
# one: in Q6_K it is the largest weight / (32 x 127), about 1e-7 for weights of 1e-4. Q5_K and Q4_K have a scale and a minimum. The
# scale is the smaller one: it is rounded to zero while the minimum is not, and nearly each weight becomes the minimum of its 32
# neighbours, which is negative. That is close to a matrix of rank one, with a singular value far above the bulk. No function
# returns an error.
#
# Weights of language models are mostly about 1e-2. Smaller are the second factors of LoRA adapters after short training and differences
# between two checkpoints: multiply them by a power of two first. Rows for such a matrix in Q5_K or Q6_K are right for the
# file and say nothing about the original.
#
# Needs npm and gcc.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts @node-llama-cpp/linux-x64@3.22.1
cat > run.c <<'C'
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* As ggml's header has them. */
struct traits {
  const char* name;
  int64_t block, interleaved;
  size_t bytes;
  bool quantised;
  void (*to_float)(const void* from, float* to, int64_t count);
};
const struct traits* ggml_get_type_traits(int type);
size_t ggml_quantize_chunk(int type, const float* from, void* to, int64_t start, int64_t rows, int64_t columns, const float* matrix);

static double normal(void) { /* by twelve uniform numbers */
  static uint64_t state = 1;
  double sum = -6;
  for (int i = 0; i < 12; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    sum += (double)(state >> 40) / (1 << 24);
  }
  return sum;
}

enum { rows = 64, columns = 1024, count = rows * columns };

static double largest(const float* matrix) { /* singular value, by the power method */
  static double right[columns], left[rows];
  double norm = 0;
  for (int j = 0; j < columns; ++j) right[j] = 1 + j % 7;
  for (int step = 0; step < 500; ++step) {
    norm = 0;
    for (int i = 0; i < rows; ++i) {
      left[i] = 0;
      for (int j = 0; j < columns; ++j) left[i] += matrix[i * columns + j] * right[j];
    }
    for (int j = 0; j < columns; ++j) {
      right[j] = 0;
      for (int i = 0; i < rows; ++i) right[j] += matrix[i * columns + j] * left[i];
      norm += right[j] * right[j];
    }
    norm = sqrt(norm);
    for (int j = 0; j < columns && norm > 0; ++j) right[j] /= norm;
  }
  return sqrt(norm);
}

int main(void) {
  static const int types[] = {2, 3, 8, 12, 13, 14, 23, 39};
  static const double deviations[] = {0.02, 1e-3, 1e-4, 1e-5, 1e-6};
  float *unit = malloc(count * sizeof(float)), *weights = malloc(count * sizeof(float)), *back = malloc(count * sizeof(float));
  void* codes = malloc(count * sizeof(float));
  for (int i = 0; i < count; ++i) unit[i] = (float)normal();
  for (size_t t = 0; t < sizeof types / sizeof *types; ++t) {
    const struct traits* traits = ggml_get_type_traits(types[t]);
    printf("%s", traits->name);
    for (int d = 0; d < 5; ++d) {
      double all = 0, error = 0;
      int negative = 0;
      for (int i = 0; i < count; ++i) weights[i] = (float)(unit[i] * deviations[d]);
      ggml_quantize_chunk(types[t], weights, codes, 0, rows, columns, NULL);
      traits->to_float(codes, back, count);
      for (int i = 0; i < count; ++i) {
        all += (double)weights[i] * weights[i];
        error += ((double)back[i] - weights[i]) * ((double)back[i] - weights[i]);
        negative += back[i] < 0;
      }
      printf(" %.3f", sqrt(error / all));
      if (d == 3) printf(" (largest x %.1f, %d %% negative)", largest(back) / largest(weights), 100 * negative / count);
    }
    printf("\n");
  }
  return 0;
}
C
libraries=$work/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64
gcc run.c -o run -L "$libraries" -Wl,-rpath-link,"$libraries" -l:libggml-base.so -lm
LD_LIBRARY_PATH=$libraries ./run | tee seen
diff - seen <<'SEEN'
q4_0 0.084 0.084 0.084 0.084 (largest x 1.0, 44 % negative) 0.104
q4_1 0.077 0.077 0.077 0.078 (largest x 1.0, 50 % negative) 0.162
q8_0 0.005 0.005 0.011 0.097 (largest x 1.0, 49 % negative) 1.000
q4_K 0.070 0.070 0.079 0.091 (largest x 1.0, 49 % negative) 3.026
q5_K 0.036 0.036 0.054 2.227 (largest x 12.6, 97 % negative) 3.028
q6_K 0.017 0.020 0.106 1.000 (largest x 0.0, 0 % negative) 1.000
iq4_xs 0.076 0.079 0.202 1.000 (largest x 0.0, 0 % negative) 1.000
mxfp4 0.113 0.114 0.117 0.114 (largest x 1.0, 46 % negative) 0.114
SEEN
echo "as described"
