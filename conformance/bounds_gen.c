/* SPDX-License-Identifier: Apache-2.0
   bounds_gen BOUNDS > bounds.h: the formulas of bounds.txt as C functions in long double, rounded up.

     file     = { "# comment" | name "(" names ")" "=" { "let" name "=" expr } expr }
     expr     = term { "+" term }       term = factor { ("*" | "/") factor }       factor = atom [ "^2" ]
     atom     = number | name | name "(" expr { "," expr } ")" | "(" expr ")"

   u, the unit roundoff, is an argument of every formula and is not written. Primitives: P(k) = (1+u)^k - 1, sqrt, ln (of at
   least 1), log2, min, max, and below(a) = max(0, 1-a), which alone falls where its argument rises. There is no minus sign.

   Why the result is an upper bound although it is computed in floating point: every operand is nonnegative, so each + * / sqrt
   adds at most 2^-64 to the relative error and none amplifies it; P(k) = expm1(k log1p(u)) amplifies the library's error of
   a few 2^-64 by at most 11356, the largest exponent of a finite result, hence 2^-47. In below(a), a is rounded up by 2^-40
   before it is used, more than it can be wrong, and the subtraction is rounded once. A formula of fewer than 4096 operations,
   those of the formulas it calls included (checked here), of which at most 16 are P, is off by less than 2^-42. Every result
   is multiplied by 1 + 2^-40. An operand may be larger than what it stands for: all formulas grow with their arguments,
   but for below's, which is documented where it is used. Long double reaches down to 2^-16445: nothing underflows. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 32, FORMULAS = 128, NAME = 64, OPERATIONS = 4096, ROUNDINGS_OF_P = 16 };

struct formula { char name[NAME]; int arity, operations, powers; };
static struct formula formulas[FORMULAS];
static int formula_count;

static const char *path, *at;
static int line = 1;
static char known[NAMES][NAME]; /* arguments and lets of the formula being read */
static int known_count;
static struct formula *current;

static void stop(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fprintf(stderr, "%s:%d: ", path, line);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(1);
}

/* ---- output that is held back until its formula is complete ---- */

static char body[1 << 16];
static size_t body_length;

static void emit(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  body_length += (size_t)vsnprintf(body + body_length, sizeof body - body_length, format, args);
  va_end(args);
  if (body_length >= sizeof body) stop("a formula is too long");
}

/* ---- characters and names ---- */

static void blanks(void)
{
  for (; isspace((unsigned char)*at); ++at) line += *at == '\n';
}

static int take(char c)
{
  blanks();
  if (*at != c) return 0;
  ++at;
  return 1;
}

static void expect(char c)
{
  if (!take(c)) stop("expected '%c' before '%.12s'", c, at);
}

static void name(char out[NAME])
{
  blanks();
  int n = 0;
  while (isalnum((unsigned char)*at) || *at == '_') {
    if (n == NAME - 1) stop("a name of more than %d letters", NAME - 1);
    out[n++] = *at++;
  }
  out[n] = 0;
  if (!n || isdigit((unsigned char)out[0])) stop("expected a name before '%.12s'", at);
}

static int is_known(const char *s)
{
  for (int i = 0; i < known_count; ++i)
    if (!strcmp(known[i], s)) return 1;
  return !strcmp(s, "u");
}

static void learn(const char *s)
{
  if (is_known(s)) stop("'%s' is defined twice", s);
  if (known_count == NAMES) stop("more than %d names", NAMES);
  strcpy(known[known_count++], s);
}

/* ---- expressions ---- */

static void expression(void);

static int arguments(void)
{
  int n = 0;
  expect('(');
  do {
    if (n++) emit(", ");
    expression();
  } while (take(','));
  expect(')');
  emit(")");
  return n;
}

/* min and max of any number of operands fold to the left. */
static void fold(const char *function)
{
  size_t start = body_length;
  int n = 0;
  expect('(');
  do {
    if (n++) {
      char before[sizeof body];
      strcpy(before, body + start);
      body_length = start;
      emit("%s(%s, ", function, before);
      expression();
      emit(")");
    } else {
      expression();
    }
    ++current->operations;
  } while (take(','));
  expect(')');
}

static void call(const char *f)
{
  static const char *const primitives[][2] = {
    {"sqrt", "sqrtl("}, {"ln", "logl("}, {"log2", "log2l("}, {"below", "bound_below("}, {"P", "bound_P(u, "}};
  if (!strcmp(f, "min") || !strcmp(f, "max")) {
    fold(f[1] == 'i' ? "bound_min" : "bound_max");
    return;
  }
  for (size_t i = 0; i < sizeof primitives / sizeof *primitives; ++i) {
    if (strcmp(f, primitives[i][0])) continue;
    emit("%s", primitives[i][1]);
    if (arguments() != 1) stop("%s takes one argument", f);
    current->operations += 4;
    current->powers += f[0] == 'P';
    return;
  }
  for (int i = 0; i < formula_count - 1; ++i) {
    if (strcmp(f, formulas[i].name)) continue;
    emit("bound_%s(u, ", f);
    int n = arguments();
    if (n != formulas[i].arity) stop("%s takes %d arguments, not %d", f, formulas[i].arity, n);
    current->operations += formulas[i].operations;
    current->powers += formulas[i].powers;
    return;
  }
  stop("'%s' is no formula above, nor a primitive", f);
}

static void atom(void)
{
  char s[NAME];
  blanks();
  if (take('(')) {
    emit("(");
    expression();
    expect(')');
    emit(")");
  } else if (isdigit((unsigned char)*at)) {
    int n = (int)strspn(at, "0123456789.");
    emit("%.*s%s", n, at, memchr(at, '.', (size_t)n) ? "L" : ".L");
    at += n;
  } else {
    name(s);
    if (*at == '(') call(s);
    else if (is_known(s)) emit("%s", s);
    else stop("'%s' is no argument", s);
  }
}

static void factor(void)
{
  size_t start = body_length;
  atom();
  if (!take('^')) return;
  char before[sizeof body];
  strcpy(before, body + start);
  body_length = start;
  expect('2');
  emit("bound_square(%s)", before);
  ++current->operations;
}

static void term(void)
{
  factor();
  for (char c; blanks(), c = *at, c == '*' || c == '/';) {
    ++at;
    emit("%c", c);
    factor();
    ++current->operations;
  }
}

static void expression(void)
{
  term();
  while (take('+')) {
    emit(" + ");
    term();
    ++current->operations;
  }
  if (*at == '-') stop("no minus sign: write a positive form");
}

/* ---- formulas ---- */

static void head(void)
{
  char s[NAME];
  name(s);
  for (int i = 0; i < formula_count; ++i)
    if (!strcmp(formulas[i].name, s)) stop("'%s' is defined twice", s);
  if (formula_count == FORMULAS) stop("more than %d formulas", FORMULAS);
  current = &formulas[formula_count++];
  strcpy(current->name, s);
  known_count = 0;
  emit("static inline long double bound_%s(long double u", s);
  expect('(');
  do {
    name(s);
    learn(s);
    emit(", long double %s", s);
  } while (take(','));
  expect(')');
  expect('=');
  current->arity = known_count;
  emit(")\n{\n  (void)u;\n");
}

static void formula(void)
{
  head();
  for (blanks(); !strncmp(at, "let ", 4); blanks()) {
    char s[NAME];
    at += 4;
    name(s);
    expect('=');
    emit("  const long double %s = ", s);
    expression();
    emit(";\n");
    learn(s);
  }
  emit("  return BOUND_UP*(");
  expression();
  emit(");\n}\n\n");
  if (current->operations >= OPERATIONS || current->powers > ROUNDINGS_OF_P)
    stop("'%s' has %d operations, %d of them P: too many to be covered by 1 + 2^-40", current->name, current->operations,
         current->powers);
  fputs(body, stdout);
  body_length = 0;
}

static void comment(void)
{
  size_t n = strcspn(at, "\n");
  printf("//%.*s\n", (int)n - 1, at + 1);
  at += n;
}

static const char prologue[] =
  "/* Generated from bounds.txt: do not edit. Every result is an upper bound; why, is said in bounds_gen.c. */\n"
  "#ifndef BOUNDS_H\n#define BOUNDS_H\n#include <math.h>\n\n"
  "#define BOUND_UP (1 + 0x1p-40L)\n\n"
  "/* (1+u)^k - 1. The last few are kept: a preset asks for the same ones in every group. */\n"
  "static inline long double bound_P(long double u, long double k)\n{\n"
  "  static _Thread_local struct { long double u, k, p; } kept[1024];\n"
  "  unsigned slot = ((unsigned)(2*k) + (u < 0x1p-40L))*2654435761u >> 22;\n"
  "  if (kept[slot].u != u || kept[slot].k != k) {\n"
  "    kept[slot].u = u;\n    kept[slot].k = k;\n    kept[slot].p = expm1l(k*log1pl(u));\n  }\n"
  "  return kept[slot].p;\n}\n"
  "static inline long double bound_below(long double a) { return a*BOUND_UP < 1 ? 1 - a*BOUND_UP : 0; }\n"
  "static inline long double bound_max(long double a, long double b) { return a > b || a != a ? a : b; }\n"
  "static inline long double bound_min(long double a, long double b) { return a < b || a != a ? a : b; }\n"
  "static inline long double bound_square(long double a) { return a*a; }\n\n";

static char *read_all(const char *file)
{
  static char text[1 << 18];
  FILE *f = fopen(file, "r");
  if (!f) {
    perror(file);
    exit(1);
  }
  if (fread(text, 1, sizeof text - 1, f) == sizeof text - 1) stop("longer than %zu bytes", sizeof text - 1);
  fclose(f);
  return text;
}

int main(int argc, char **argv)
{
  if (argc != 2) {
    fputs("usage: bounds_gen BOUNDS > bounds.h\n", stderr);
    return 2;
  }
  path = argv[1];
  at = read_all(path);
  fputs(prologue, stdout);
  for (blanks(); *at; blanks()) {
    if (*at == '#') comment();
    else formula();
  }
  fputs("#endif\n", stdout);
  return fflush(stdout) || ferror(stdout);
}
