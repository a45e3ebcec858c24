#!/usr/bin/env bash
# @huggingface/hub 2.17.5: the number of parameters of one matrix of 64 x 128 depends on the program that quantised it.
#
# parseSafetensorsMetadata, which counts the parameters of a model on the Hub from headers and config.json, knows how many
# weights a byte or word holds for some programs, and counts bytes or words for the others. Each file here is valid and
# holds the same 8192 weights:
#
#   config.json                                       the count is     of 8192
#   compressed-tensors, nvfp4-pack-quantized             8192           1
#   compressed-tensors, pack-quantized, 3 bits           8192           1
#   bitsandbytes, load_in_4bit                           8192           1
#   gptq, 4 bits                                         8192           1
#   gptq, 3 bits                                         7680           0.94   ten codes a word, where 32 words hold 32 of 3 bits
#   gptq, 4 bits, 8 for this layer by `dynamic`         16384           2
#   modelopt, NVFP4                                      4096           0.5
#   quark, MXFP4                                         4096           0.5
#   bitnet                                               2048           0.25
#   auto-round, packed as by GPTQ, 4 bits                1096           0.13   words, and the scales and zero points too
#
# So a table of models by "parameters" that is made this way has copies of one model at a half or a quarter of its size,
# and ratios such as a metric for each parameter are off by as much. All of these layouts are those of published models.
# Needs node and npm; files are served on the loopback interface only.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts @huggingface/hub@2.17.5
cat > run.mjs <<'JS'
import http from 'node:http';
import { parseSafetensorsMetadata } from '@huggingface/hub';

const bytes = { U8: 1, I32: 4, I64: 8, F16: 2, BF16: 2, F32: 4, F8_E4M3: 1 };
function safetensors(tensors) {
  const header = {};
  let end = 0;
  for (const [name, [dtype, ...shape]] of Object.entries(tensors)) {
    const begin = end;
    end += shape.reduce((product, size) => product * size, bytes[dtype]);
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(end)]);
}

const gptq = bits => ({ 'm.qweight': ['I32', 4 * bits, 64], 'm.qzeros': ['I32', 1, 2 * bits], 'm.scales': ['F16', 1, 64] });
const grouped = (format, num_bits) => ({ quant_method: 'compressed-tensors', format,
  config_groups: { group_0: { targets: ['Linear'], weights: { num_bits } } } });
const cases = [
  ['compressed-tensors, NVFP4', 8192, grouped('nvfp4-pack-quantized', 4),
    { 'm.weight_packed': ['U8', 64, 64], 'm.weight_scale': ['F8_E4M3', 64, 8], 'm.weight_global_scale': ['F32', 1] }],
  ['compressed-tensors, 3 bits', 8192, grouped('pack-quantized', 3),
    { 'm.weight_packed': ['I32', 64, 12], 'm.weight_scale': ['BF16', 64, 1], 'm.weight_shape': ['I64', 2] }],
  ['bitsandbytes, 4 bits', 8192, { quant_method: 'bitsandbytes', load_in_4bit: true },
    { 'm.weight': ['U8', 4096, 1], 'm.weight.absmax': ['F32', 128], 'm.weight.quant_map': ['F32', 16] }],
  ['gptq, 4 bits', 8192, { quant_method: 'gptq', bits: 4, group_size: 128 }, gptq(4)],
  ['gptq, 3 bits', 7680, { quant_method: 'gptq', bits: 3, group_size: 128 }, gptq(3)],
  ['gptq, dynamic', 16384, { quant_method: 'gptq', bits: 4, group_size: 128, dynamic: { '+:m': { bits: 8 } } }, gptq(8)],
  ['modelopt, NVFP4', 4096, { quant_method: 'modelopt', quant_algo: 'NVFP4' },
    { 'm.weight': ['U8', 64, 64], 'm.weight_scale': ['F8_E4M3', 64, 8], 'm.weight_scale_2': ['F32'] }],
  ['quark, MXFP4', 4096, { quant_method: 'quark', global_quant_config: { weight: { dtype: 'fp4' } } },
    { 'm.weight': ['U8', 64, 64], 'm.weight_scale': ['U8', 64, 4] }],
  ['bitnet', 2048, { quant_method: 'bitnet', linear_class: 'autobitlinear' },
    { 'm.weight': ['U8', 16, 128], 'm.weight_scale': ['BF16', 1] }],
  ['auto-round, 4 bits', 1096, { quant_method: 'auto-round', bits: 4, group_size: 128, packing_format: 'auto_round:auto_gptq' },
    gptq(4)],
];

const files = {};
const server = http.createServer((request, response) => {
  const body = files[request.url.split('/').pop()];
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (!body) return response.writeHead(404).end();
  if (!range) return response.writeHead(200, { etag: '"1"', 'content-length': body.length }).end(request.method === 'HEAD' ? '' : body);
  const part = body.subarray(Number(range[1]), Math.min(Number(range[2]) + 1, body.length));
  response.writeHead(206, { etag: '"1"', 'content-length': part.length,
    'content-range': `bytes ${range[1]}-${Number(range[1]) + part.length - 1}/${body.length}` }).end(part);
}).listen(0, '127.0.0.1', async () => {
  for (const [name, expected, quantization_config, tensors] of cases) {
    files['model.safetensors'] = safetensors(tensors);
    files['config.json'] = Buffer.from(JSON.stringify({ quantization_config }));
    const found = await parseSafetensorsMetadata({ repo: 'local/model', computeParametersCount: true,
      hubUrl: `http://127.0.0.1:${server.address().port}` });
    const count = Object.values(found.parameterCount).reduce((sum, one) => sum + one, 0);
    console.log(`${name.padEnd(28)} ${String(count).padStart(6)}  ${(count / 8192).toFixed(4)}`);
    if (count !== expected) { console.error(`expected ${expected}`); process.exitCode = 1; }
  }
  server.close();
});
JS
node run.mjs
