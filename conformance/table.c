/* SPDX-License-Identifier: Apache-2.0
   Records for people: the table that is read in ten seconds, and failures in full. */
#include "record.h"
#include "presets.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The named presets as bits. A variant, folded or flushing to zero, covers what its row covers without. */
static uint64_t bits_of(const char *const name[], uint32_t type)
{
  const struct preset *offered[PRESETS_MAX], *covering;
  struct error e;
  uint64_t bits = 0;
  size_t count = presets_offered(type, offered);
  for (int i = 0; i < COVERED_MAX && name[i]; ++i) {
    covering = preset_find(name[i], &e);
    for (size_t k = 0; covering && k < count; ++k)
      if (offered[k]->row == covering->row && offered[k]->folded >= covering->folded && offered[k]->ftz >= covering->ftz)
        bits |= (uint64_t)1 << k;
  }
  return bits;
}

static bool same_line(const struct record *a, const struct record *b)
{
  return a->implementation == b->implementation && a->p.norm == b->p.norm && a->p.mode == b->p.mode &&
         a->p.direction == b->p.direction && a->p.type == b->p.type && a->p.layout == b->p.layout;
}

static bool failed(const struct record *r) { return r->verdict == FAIL || r->verdict == CRASH || r->verdict == TIMEOUT; }

bool record_worse(const struct record *a, const struct record *b)
{
  double x = a->judged && !isnan(a->j.worst_nulp) ? a->j.worst_nulp : INFINITY;
  double y = b->judged && !isnan(b->j.worst_nulp) ? b->j.worst_nulp : INFINITY;
  bool bad = failed(a) && !a->known;
  if (bad != (failed(b) && !b->known)) return bad;
  return x != y ? x > y : strcmp(a->name, b->name) < 0;
}

static void line_add(struct records_line *l, const struct record *r)
{
  ++l->count[r->verdict];
  l->known += r->known;
  bool measured = r->judged && r->j.elements;
  l->unexplained |= failed(r) && !measured;
  if ((failed(r) || (r->verdict == PASS && measured)) && (!l->worst || record_worse(r, l->worst))) l->worst = r;
  if (!measured || (r->verdict != PASS && r->verdict != FAIL)) return; /* empty tensors, and what decides nothing */
  if (!(r->j.worst_nulp <= l->nulp)) l->nulp = r->j.worst_nulp;
  const uint64_t covering = bits_of(r->j.covered, r->p.type);
  l->covering |= covering;
  l->refuted |= ~(covering | bits_of(r->j.beyond, r->p.type)); /* RANGE does not count for one that is not required either */
}

struct skipped { size_t line; const char *reason; };

static int by_line_and_reason(const void *a, const void *b)
{
  const struct skipped *x = a, *y = b;
  return x->line != y->line ? (x->line < y->line ? -1 : 1) : strcmp(x->reason, y->reason);
}

static void find_reasons(struct records_line *lines, struct skipped *skipped, size_t count)
{
  qsort(skipped, count, sizeof *skipped, by_line_and_reason);
  for (size_t first = 0, next; first < count; first = next) {
    struct records_line *l = &lines[skipped[first].line];
    for (next = first + 1; next < count && !by_line_and_reason(&skipped[first], &skipped[next]); ++next) continue;
    if (next - first <= l->skipped_so) continue;
    l->skipped_so = next - first;
    l->skip_reason = skipped[first].reason;
  }
}

struct records_line *records_lines(const struct records *all, size_t *count)
{
  struct records_line *lines = NULL;
  struct skipped *skipped = malloc((all->count + 1) * sizeof *skipped);
  size_t skips = 0;
  if (!skipped) abort();
  *count = 0;
  for (size_t i = 0; i < all->count; ++i) {
    size_t k = 0;
    while (k < *count && !same_line(lines[k].first, &all->r[i])) ++k;
    if (k == *count) {
      lines = realloc(lines, ++*count * sizeof *lines);
      if (!lines) abort();
      lines[k] = (struct records_line){.first = &all->r[i], .nulp = -1};
    }
    line_add(&lines[k], &all->r[i]);
    if (all->r[i].verdict == SKIP) skipped[skips++] = (struct skipped){k, all->r[i].reason};
  }
  find_reasons(lines, skipped, skips);
  free(skipped);
  return lines;
}

size_t records_line_failed(const struct records_line *l)
{
  return l->count[FAIL] + l->count[CRASH] + l->count[TIMEOUT] - l->known;
}

enum verdict records_line_verdict(const struct records_line *l)
{
  static const enum verdict order[] = {CRASH, TIMEOUT, FAIL, PASS, RANGE, MISTRUSTED, UNDECIDED, SKIP};
  for (size_t i = 0; i < sizeof order / sizeof *order; ++i)
    if (l->count[order[i]] && (i > 2 || records_line_failed(l))) return order[i];
  return PASS;
}

const char *records_line_cover(const struct records_line *l)
{
  if (l->unexplained) return "none";
  if (l->nulp < 0) return "-";
  const struct preset *offered[PRESETS_MAX];
  size_t count = presets_offered(l->first->p.type, offered);
  for (size_t k = 0; k < count; ++k) {
    bool wider = offered[k]->row->sums == NORMATIVE_F64 && l->first->p.type != NORMATIVE_F64;
    if ((l->covering & ~l->refuted) >> k & 1 && !(wider && l->count[FAIL])) return offered[k]->name;
  }
  return "none";
}

static const char *colour(FILE *out, enum verdict v)
{
  if (!isatty(fileno(out)) || getenv("NO_COLOR")) return "";
  return v == PASS ? "\033[32m" : v == FAIL || v == CRASH || v == TIMEOUT ? "\033[31m" : "\033[33m";
}

void nulp_text(char text[32], double nulp)
{
  if (nulp < 0) snprintf(text, 32, "-");
  else if (isnan(nulp)) snprintf(text, 32, "nan");
  else if (isinf(nulp)) snprintf(text, 32, "inf");
  else snprintf(text, 32, nulp < 1e5 ? "%.3g" : "%.1e", nulp);
}

/* ": REASON", cut to `room`; " (COUNT: REASON)" where others were skipped for other reasons. */
static size_t skip_text(const struct records_line *l, int room, char *out, size_t size)
{
  bool all = l->skipped_so == l->count[SKIP];
  char count[32] = ": ";
  if (!all) snprintf(count, sizeof count, " (%zu: ", l->skipped_so);
  return (size_t)snprintf(out, size, "%s%.*s%s%s", count, room, l->skip_reason,
                          strlen(l->skip_reason) > (size_t)room ? "..." : "", all ? "" : ")");
}

static void line_print(const struct records_line *l, const char *who, FILE *out)
{
  char norm[64], nulp[32], rest[256] = "";
  const struct record *r = l->first;
  const struct norm_row *row = norm_find(r->p.norm);
  snprintf(norm, sizeof norm, "%s %s%s%s%s%s", row->name, type_name(r->p.type), row->axes == 3 ? " " : "",
           row->axes == 3 ? layout_name(r->p.layout) : "", r->p.direction == NORMATIVE_BACKWARD ? " backward" : "",
           r->p.mode == NORMATIVE_EVALUATION ? " evaluation" : "");
  size_t failed = records_line_failed(l), judged = l->count[PASS] + failed + l->known;
  enum verdict v = records_line_verdict(l);
  size_t used = 0;
  for (int k = RANGE; k < VERDICT_COUNT; ++k) {
    if (!l->count[k]) continue;
    used += (size_t)snprintf(rest + used, sizeof rest - used, "%s%zu %s", used ? ", " : "", l->count[k], verdict_name[k]);
    if (k == SKIP && *l->skip_reason) used += skip_text(l, judged ? 40 : 120, rest + used, sizeof rest - used);
  }
  if (l->known)
    used += (size_t)snprintf(rest + used, sizeof rest - used, "%s%zu accepted failure%s", used ? ", " : "", l->known,
                             l->known == 1 ? "" : "s");
  if (judged && r->documented)
    snprintf(rest + used, sizeof rest - used, "%sdocumented: %.120s", used ? ", " : "", r->documented);
  nulp_text(nulp, l->nulp);
  const char *start = colour(out, v);
  fprintf(out, "%-20s  %-42s  %s%-10s%s  %6zu  %6zu  %10s  %-22s  %s\n", who, norm, start, verdict_name[v],
          *start ? "\033[0m" : "", judged, failed, nulp, records_line_cover(l), rest);
}

static bool only_skips(const struct records_line *l) { return records_line_verdict(l) == SKIP && l->skip_reason; }

/* Does an earlier line of the same implementation skip all its cases for the same reason? */
static bool skipped_before(const struct records_line *lines, size_t i)
{
  for (size_t k = 0; only_skips(&lines[i]) && k < i; ++k)
    if (lines[k].first->implementation == lines[i].first->implementation && only_skips(&lines[k]) &&
        !strcmp(lines[k].skip_reason, lines[i].skip_reason))
      return true;
  return false;
}

/* Norms, types, modes or layouts that are skipped for the reason of an earlier line are only counted. */
void records_table(const struct records *all, FILE *out)
{
  size_t folded = 0;
  size_t count;
  struct records_line *lines = records_lines(all, &count);
  if (count)
    fprintf(out, "%-20s  %-42s  %-10s  %6s  %6s  %10s  %-22s  %s\n", "implementation", "norm", "verdict", "judged",
            "failed", "worst nULP", "smallest cover", "remarks");
  for (size_t i = 0; i < count; ++i) {
    bool first = true;
    for (size_t k = 0; k < i; ++k) first &= lines[k].first->implementation != lines[i].first->implementation;
    if (!first) continue;
    for (size_t k = i; k < count; ++k) {
      if (lines[k].first->implementation != lines[i].first->implementation) continue;
      if (skipped_before(lines, k)) ++folded;
      else line_print(&lines[k], k == i ? lines[k].first->implementation : "", out);
    }
  }
  if (folded) fprintf(out, "%zu more lines of an implementation that skips all their cases for a reason shown above\n", folded);
  free(lines);
}

/* The first covering preset with sums narrower than double, where the first of all has wider ones; else NULL. */
static const struct preset *narrower_cover(const struct record *r)
{
  const struct preset *preset;
  struct error e;
  for (int i = 0; i < COVERED_MAX && r->j.covered[i]; ++i) {
    if (!(preset = preset_find(r->j.covered[i], &e))) continue;
    if (preset->row->sums != NORMATIVE_F64) return i ? preset : NULL;
  }
  return NULL;
}

static void print_finding(const struct record *r, FILE *out)
{
  const struct finding *f = &r->j.finding[r->member];
  char nulp[32], bound[32];
  nulp_text(nulp, f->nulp);
  nulp_text(bound, f->bound);
  fprintf(out, "      %s[%zu]  expected %a  got %a  (%.9g, %.9g)\n", slot_name[f->slot], f->index, f->expected, f->got,
          f->expected, f->got);
  fprintf(out, "      error %s nULP, bound %s nULP of %s\n", nulp, bound, r->j.member[r->member]);
  fprintf(out, "      smallest preset that covers it:");
  if (!r->j.explained[0]) fputs(" none", out);
  for (int k = 0; k < COVERED_MAX && !r->j.explained[0] && r->j.beyond[k]; ++k)
    fprintf(out, "%s %s", k ? "," : "; out of the range of", r->j.beyond[k]);
  for (int k = 0; k < EXPLAINED_MAX && r->j.explained[k]; ++k) fprintf(out, "%s %s", k ? "," : "", r->j.explained[k]);
  const struct preset *own = narrower_cover(r);
  if (own && r->j.explained[0] && strcmp(r->j.explained[0], own->name))
    fprintf(out, "; of those with sums in %s: %s", type_name(own->row->sums), own->name);
  fputc('\n', out);
}

static void print_failure(const struct record *r, const char *command, FILE *out)
{
  fprintf(out, "%s  %s  %s\n", verdict_name[r->verdict], r->implementation, r->input ? r->input : r->name);
  if (r->reason[0]) fprintf(out, "      %s\n", r->reason);
  if (r->judged && !r->reason[0]) print_finding(r, out);
  if (!command) fprintf(out, "      reproduce: build/bin/normative judge '%s' '%s'\n", r->input, r->results);
  else if (r->input) fprintf(out, "      reproduce: %s '%s' --input '%s'\n", command, r->spec, r->input);
  else fprintf(out, "      reproduce: %s '%s' --case '%s'\n", command, r->spec, r->name);
}

/* How many failures of an implementation were met so far: its counter, made when it is first asked for. */
struct tally { const char *implementation; size_t met; };
static size_t *tally_of(struct tally **all, size_t *count, const char *implementation)
{
  for (size_t i = 0; i < *count; ++i)
    if ((*all)[i].implementation == implementation) return &(*all)[i].met;
  *all = realloc(*all, (*count + 1) * sizeof **all);
  if (!*all) abort();
  (*all)[*count] = (struct tally){implementation, 0};
  return &(*all)[(*count)++].met;
}

void records_failures(const struct records *all, const char *command, size_t limit, FILE *out)
{
  struct tally *tallies = NULL;
  size_t count = 0, hidden = 0;
  for (size_t i = 0; i < all->count; ++i) {
    const struct record *r = &all->r[i];
    if ((r->verdict != FAIL && r->verdict != CRASH && r->verdict != TIMEOUT) || r->known) continue;
    if (++*tally_of(&tallies, &count, r->implementation) <= limit) print_failure(r, command, out);
    else ++hidden;
  }
  if (hidden) fprintf(out, "... and %zu more failures; --json FILE writes all of them\n", hidden);
  free(tallies);
}
