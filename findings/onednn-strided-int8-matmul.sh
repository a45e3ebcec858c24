#!/usr/bin/env bash
# oneDNN 2.6.3: an int8 matmul loses its fast kernel, AMX or VNNI, if source or destination is a part of a wider array.
#
# s8 x s8 -> s32, 192 x 1024 times 1024 x 192, on a processor with AVX-512 VNNI; the implementation that the library names:
#
#   rows of the source, bytes apart   rows of the result, elements apart   implementation
#   1024                              192                                  brg:avx512_core_vnni, or _amx_int8 with AMX
#   1024                              256                                  gemm:jit
#   1088                              192                                  gemm:jit
#   1024, weights as the library likes them (any)   256                    gemm:jit
#
# Leading dimensions are what a blocked algorithm lives on: its results are blocks of a matrix, and the last ones of a row are
# narrower than the others. There is no error and no warning, and the integers are the same. On a Xeon with AMX gemm:jit, which
# does not use the tiles, took 0.08 ms for 192 x 64 times 64 x 192, as long as the kernel for tiles takes for twenty times the depth.
#
# Needs apt-get of Debian 12 (packages are unpacked in a temporary folder, nothing is installed), dpkg-deb and g++.
set -euo pipefail
grep -q avx512_vnni /proc/cpuinfo || { echo "this needs a processor with AVX-512 VNNI" >&2; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
chmod 755 .  # apt-get fetches as another user
for package in libdnnl2=2.6.3-1 libdnnl-dev=2.6.3-1 ocl-icd-libopencl1 libgomp1; do
    apt-get download -qq "$package" >/dev/null
done
for file in *.deb; do dpkg-deb -x "$file" root; done
cat > run.cpp <<'CPP'
#include <cstdio>
#include <oneapi/dnnl/dnnl.hpp>

using dnnl::memory;

void say(const dnnl::engine& engine, long from, long to, bool any) {
  const memory::desc source({192, 1024}, memory::data_type::s8, memory::dims{from, 1});
  const memory::desc weights = any ? memory::desc({1024, 192}, memory::data_type::s8, memory::format_tag::any)
                                   : memory::desc({1024, 192}, memory::data_type::s8, memory::dims{1, 1024});
  const memory::desc result({192, 192}, memory::data_type::s32, memory::dims{to, 1});
  const dnnl::matmul::primitive_desc chosen(dnnl::matmul::desc(source, weights, result), engine);
  std::printf("%ld %ld %s %s\n", from, to, any ? "any" : "plain", chosen.impl_info_str());
}

int main() {
  const dnnl_version_t* version = dnnl_version();
  std::printf("oneDNN %d.%d.%d\n", version->major, version->minor, version->patch);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  say(engine, 1024, 192, false);
  say(engine, 1024, 192, true);
  say(engine, 1024, 256, false);
  say(engine, 1024, 256, true);
  say(engine, 1088, 192, false);
}
CPP
libraries=$work/root/usr/lib/x86_64-linux-gnu
g++ -std=c++17 -I root/usr/include run.cpp -o run -L "$libraries" -Wl,-rpath-link,"$libraries" -l:libdnnl.so.2
# With VNNI as the limit the answer is the same on processors with and without AMX.
ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI LD_LIBRARY_PATH=$libraries ./run | tee seen
diff - seen <<'SEEN'
oneDNN 2.6.3
1024 192 plain brg:avx512_core_vnni
1024 192 any brg:avx512_core_vnni
1024 256 plain gemm:jit
1024 256 any gemm:jit
1088 192 plain gemm:jit
SEEN
echo "as described"
