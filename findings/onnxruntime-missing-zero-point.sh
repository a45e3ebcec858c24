#!/usr/bin/env bash
# onnxruntime 1.30.0: what a 4-bit code means without zero points depends on operator and storage type, not on the bits.
#
# Every model here is valid, has scale 1, no zero points, and holds the code 11 (binary 1011) in each place:
#
#   operator                              type of the codes      the weight is
#   MatMulNBits          bits 4           UINT8, two a byte        3   = code - 8
#   GatherBlockQuantized bits 4           UINT8, two a byte        3   = code - 8
#   GatherBlockQuantized                  UINT4                   11   = code
#   GatherBlockQuantized                  INT4                    -5   = code as a signed number
#   DequantizeLinear     opset 21         UINT4                   11   = code
#   DequantizeLinear     opset 21         INT4                    -5   = code as a signed number
#
# So one rule for "absent zero point" shifts every weight of a matrix by 8 scales under half of these operators, and
# the shift is of rank one: it appears as one huge singular value. Needs node and npm.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts onnxruntime-node@1.30.0  # scripts would fetch CUDA
cat > run.js <<'JS'
const ort = require('onnxruntime-node');

// As much of protobuf as a model needs: fields that are numbers, texts, bytes or messages.
const varint = n => { const out = []; do { out.push(n % 128 + (n >= 128 ? 128 : 0)); n = Math.floor(n / 128); } while (n); return out; };
const number = (field, value) => Buffer.from([...varint(field * 8), ...varint(value)]);
const bytes = (field, value) => Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(value.length)]), value]);
const text = (field, value) => bytes(field, Buffer.from(value));
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

const FLOAT = 1, UINT8 = 2, INT64 = 7, UINT4 = 21, INT4 = 22;
const tensor = (name, type, dims, raw) =>
  message(5, ...dims.map(d => number(1, d)), number(2, type), text(8, name), bytes(9, raw));
const value = (field, name, type, dims) =>
  message(field, text(1, name), message(2, message(1, number(1, type),
    message(2, ...dims.map(d => message(1, number(1, d)))))));
const integer = (name, i) => message(5, text(1, name), number(3, i), number(20, 2));
const ones = n => Buffer.from(Float32Array.from({ length: n }, () => 1).buffer);

function model(operator, domain, attributes, inputs, initializers, graphInputs, outputShape) {
  const node = message(1, ...inputs.map(name => text(1, name)), text(2, 'out'), text(4, operator),
    ...Object.entries(attributes).map(([name, i]) => integer(name, i)), text(7, domain));
  const graph = message(7, node, text(2, 'g'), ...initializers, ...graphInputs, value(12, 'out', FLOAT, outputShape));
  return Buffer.concat([number(1, 10), graph, message(8, text(1, ''), number(2, 21)),
    message(8, text(1, 'com.microsoft'), number(2, 1))]);
}

const codes = count => Buffer.alloc(count / 2, 0xbb);
const size = 16;
const identity = new ort.Tensor('float32', Float32Array.from({ length: size * size }, (_, i) => i % (size + 1) ? 0 : 1), [size, size]);
const first = new ort.Tensor('int64', BigInt64Array.from([0n]), [1]);
const gather = (type, dims, attributes) => [model('GatherBlockQuantized', 'com.microsoft',
  { gather_axis: 0, quantize_axis: 1, block_size: size, ...attributes }, ['w', 'rows', 's'],
  [tensor('w', type, dims, codes(size)), tensor('s', FLOAT, [1, 1], ones(1))],
  [value(11, 'rows', INT64, [1])], [1, size]), { rows: first }];
const linear = type => [model('DequantizeLinear', '', { axis: 1, block_size: size }, ['w', 's'],
  [tensor('w', type, [1, size], codes(size)), tensor('s', FLOAT, [1, 1], ones(1))], [], [1, size]), {}];

const cases = {
  'MatMulNBits UINT8': [model('MatMulNBits', 'com.microsoft', { K: size, N: 1, bits: 4, block_size: size }, ['a', 'w', 's'],
    [tensor('w', UINT8, [1, 1, size / 2], codes(size)), tensor('s', FLOAT, [1], ones(1))],
    [value(11, 'a', FLOAT, [size, size])], [size, 1]), { a: identity }],
  'GatherBlockQuantized UINT8': gather(UINT8, [1, size / 2], { bits: 4 }),
  'GatherBlockQuantized UINT4': gather(UINT4, [1, size], {}),
  'GatherBlockQuantized INT4': gather(INT4, [1, size], {}),
  'DequantizeLinear UINT4': linear(UINT4),
  'DequantizeLinear INT4': linear(INT4),
};
(async () => {
  for (const [name, [bytes, feeds]] of Object.entries(cases)) {
    const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled' });
    const out = (await session.run(feeds)).out.data;
    console.log(`${name}: ${[...new Set(out)].join(' ')}`);
  }
})();
JS
node run.js | tee seen
diff seen - <<'TEXT'
MatMulNBits UINT8: 3
GatherBlockQuantized UINT8: 3
GatherBlockQuantized UINT4: 11
GatherBlockQuantized INT4: -5
DequantizeLinear UINT4: 11
DequantizeLinear INT4: -5
TEXT
