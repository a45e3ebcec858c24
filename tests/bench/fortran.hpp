#pragma once

/// @file
/// The routines of other libraries that the benchmarks call: BLAS, LAPACK, ScaLAPACK, ELPA.

#include <array>
#include <cstddef>

/// A ScaLAPACK array descriptor.
using Descriptor = std::array<int, 9>;

extern "C" {
void dgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
            const double* alpha, const double* a, const int* lda, const double* b, const int* ldb,
            const double* beta, double* c, const int* ldc, std::size_t, std::size_t);
void dsterf_(const int* n, double* d, double* e, int* info);
void descinit_(int* desc, const int* m, const int* n, const int* mb, const int* nb, const int* rsrc,
               const int* csrc, const int* context, const int* lld, int* info);
void pdgesvd_(const char* jobu, const char* jobvt, const int* m, const int* n, double* a,
              const int* ia, const int* ja, const int* desca, double* s, double* u, const int* iu,
              const int* ju, const int* descu, double* vt, const int* ivt, const int* jvt,
              const int* descvt, double* work, const int* lwork, int* info, std::size_t,
              std::size_t);
void pdsyevr_(const char* jobz, const char* range, const char* uplo, const int* n, double* a,
              const int* ia, const int* ja, const int* desca, const double* vl, const double* vu,
              const int* il, const int* iu, int* m, int* nz, double* w, double* z, const int* iz,
              const int* jz, const int* descz, double* work, const int* lwork, int* iwork,
              const int* liwork, int* info, std::size_t, std::size_t, std::size_t);
void pdsyntrd_(const char* uplo, const int* n, double* a, const int* ia, const int* ja,
               const int* desca, double* d, double* e, double* tau, double* work, const int* lwork,
               int* info, std::size_t);

// ELPA's own header is C with complex numbers and cannot be included from C++.
using ElpaHandle = void*;
int elpa_init(int api_version);
ElpaHandle elpa_allocate(int* error);
void elpa_set_integer(ElpaHandle handle, const char* name, int value, int* error);
int elpa_setup(ElpaHandle handle);
void elpa_eigenvalues_double(ElpaHandle handle, double* a, double* ev, int* error);
void elpa_deallocate(ElpaHandle handle, int* error);
void elpa_uninit(int* error);
}

/// The oldest interface with the functions above. Newer libraries support it too.
inline constexpr int kElpaApi = 20170403;
