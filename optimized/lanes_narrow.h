/* SPDX-License-Identifier: Apache-2.0
   Parts from and to binary16 and bfloat16 (lanes.h).

   A store first rounds the double to the format's own values, kept as a double; what converts it then, through float,
   is exact, or overflows to infinity as it must. With P significant bits, L the least normal value and U the least of
   all: from L on, the bits as an integer are rounded at bit 53 - P, to even, and a carry goes into the exponent; below
   L, adding and subtracting 2^52 U rounds to multiples of U. */

typedef unsigned long long part_bits __attribute__((vector_size(8 * PART_LANES)));

INLINE part part_narrow(part v, int drop, double least, double units)
{
  const part_bits u = (part_bits)v, sign = u & 0x8000000000000000, even = (u >> drop) & 1;
  const part_bits rounded = (u + even + ((1ULL << (drop - 1)) - 1)) & ~((1ULL << drop) - 1);
  const part a = (part)(u ^ sign), shifted = (a + units) - units;
  const part_bits small = (part_bits)(a < least), number = (part_bits)(v == v);
  const part_bits wanted = (small & ((part_bits)shifted | sign)) | (~small & rounded);
  return (part)((number & wanted) | (~number & u));
}

INLINE part part_to_f16(part v) { return part_narrow(v, 53 - 11, 0x1p-14, 0x1p28); }
INLINE part part_to_bf16(part v) { return part_narrow(v, 53 - 8, 0x1p-126, 0x1p-81); }

#if PART_LANES == 2 /* SSE2 converts none of them */

/* Calls: inlined everywhere they would take the compiler a minute. */
#define CALLED __attribute__((noinline, unused)) static
CALLED part load_f16(const uint16_t *x) { return (part){f16_load(x[0]), f16_load(x[1])}; }

CALLED void store_f16(uint16_t *y, part v)
{
  y[0] = f16_store(v[0]);
  y[1] = f16_store(v[1]);
}

INLINE part load_bf16(const uint16_t *x)
{
  __m128i two = _mm_cvtsi32_si128((int)((uint32_t)x[1] << 16 | x[0]));
  return _mm_cvtps_pd(_mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), two)));
}

INLINE void store_bf16(uint16_t *y, part v)
{
  __m128i f = _mm_castps_si128(_mm_cvtpd_ps(part_to_bf16(v)));
  y[0] = (uint16_t)_mm_extract_epi16(f, 1);
  y[1] = (uint16_t)_mm_extract_epi16(f, 3);
}

#elif PART_LANES == 4

INLINE part load_f16(const uint16_t *x) { return _mm256_cvtps_pd(_mm_cvtph_ps(_mm_loadl_epi64((const __m128i_u *)x))); }

INLINE void store_f16(uint16_t *y, part v)
{
  _mm_storel_epi64((__m128i_u *)y, _mm_cvtps_ph(_mm256_cvtpd_ps(part_to_f16(v)), _MM_FROUND_TO_NEAREST_INT));
}

INLINE part load_bf16(const uint16_t *x)
{
  __m128i f = _mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64((const __m128i_u *)x));
  return _mm256_cvtps_pd(_mm_castsi128_ps(f));
}

INLINE void store_bf16(uint16_t *y, part v)
{
  __m128i f = _mm_srli_epi32(_mm_castps_si128(_mm256_cvtpd_ps(part_to_bf16(v))), 16);
  _mm_storel_epi64((__m128i_u *)y, _mm_packus_epi32(f, f));
}

#else

INLINE part load_f16(const uint16_t *x)
{
  return _mm512_cvtps_pd(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)x)));
}

INLINE void store_f16(uint16_t *y, part v)
{
  _mm_storeu_si128((__m128i_u *)y, _mm256_cvtps_ph(_mm512_cvtpd_ps(part_to_f16(v)), _MM_FROUND_TO_NEAREST_INT));
}

INLINE part load_bf16(const uint16_t *x)
{
  __m256i f = _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i_u *)x)), 16);
  return _mm512_cvtps_pd(_mm256_castsi256_ps(f));
}

INLINE void store_bf16(uint16_t *y, part v)
{
  __m256i f = _mm256_srli_epi32(_mm256_castps_si256(_mm512_cvtpd_ps(part_to_bf16(v))), 16);
  _mm_storeu_si128((__m128i_u *)y, _mm_packus_epi32(_mm256_castsi256_si128(f), _mm256_extracti128_si256(f, 1)));
}

#endif
