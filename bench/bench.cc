/* SPDX-License-Identifier: Apache-2.0
   normative bench: how fast kernels are beside each other and beside a plain copy, on the layers of real networks.

   A *cell* is a line of a shape file at a number of threads. All implementations of a cell are opened together, on the
   same x and y, and Google Benchmark runs their repetitions interleaved in random order, so that what the machine does
   meanwhile hits all alike; compared are medians. Python peers and programs time themselves, each in a process of its own: a
   repetition is a request, and its time the median of some runs on resident buffers (PROTOCOL.md). GB/s counts every tensor
   shaped like x once (forward: x and y; backward: x, dy and dx), also where a kernel must read it again. Backward with given
   statistics is what training does; who cannot take them takes those of its own forward pass. Nothing is judged here:
   `normative check` does that. */
#include <benchmark/benchmark.h>
#include <jansson.h>
#include <mpfr.h>
#include <omp.h>

#include <fnmatch.h>
#include <getopt.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

extern "C" {
#include "builtin.h"
#include "host.h"
#include "implementation.h"
#include "inputs.h"
#include "problem.h"
#include "record.h"
#include "scratch.h"
#include "tensors.h"
}

namespace {

/* The reference is there to be right: beyond this it would only take time. */
constexpr size_t reference_limit = size_t{1} << 22;

struct Options {
  std::string shapes = "default", filter, json, python;
  std::vector<std::string> impl; /* empty: the default */
  bool list = false;
  std::vector<int> threads;
  double min_time = 0.02; /* seconds of a repetition */
  int repetitions = 9;
};

const char usage[] =
  "Usage: normative bench [OPTION]... [IMPLEMENTATION]...\n"
  "Times kernels beside each other and beside a plain copy, on the layers of a shape file.\n"
  "IMPLEMENTATION is what normative check takes: optimized, reference, a specimen, specimens, onednn, jax, peers,\n"
  "PATH.so, PATH.py, ... (default: optimized, onednn, reference; the copy is always there). Python peers and programs\n"
  "time themselves in their own process, with a third of the repetitions.\n"
  "\n"
  "  --shapes FILE        shape file, or the name of one of bench/shapes (default: default)\n"
  "  --filter GLOB        only cases whose name matches, as in 'layernorm/*'\n"
  "  --impl LIST          more implementations, joined by commas\n"
  "  --threads LIST       numbers joined by commas; all is every core (default: all,1)\n"
  "  --min-time SECONDS   of one repetition (default: 0.02)\n"
  "  --repetitions N      of which the median counts (default: 9)\n"
  "  --json FILE          result records as JSON lines; - is standard output, without the table\n"
  "  --python PROGRAM     interpreter for Python modules and peers (python3; for peers that of make peers)\n"
  "  --list               names of the cases, nothing is timed\n"
  "  --help               this text\n"
  "\n"
  "Exit status: 0 timed; 1 a kernel returned an error; 2 misuse; 3 nothing was timed. 1 wins over 2 over 3.\n";

[[noreturn]] void misuse(const std::string &what)
{
  fprintf(stderr, "normative bench: %s\n", what.c_str());
  exit(EXIT_MISUSE);
}

/* The share of the cores' time that other processes take while every core is wanted: what threads that only look at the
   clock miss of a tenth of a second. A spinning barrier among threads of which one is off its core takes a whole time slice:
   this is what makes timings of several threads on a busy machine worthless. */
double lost_to_others()
{
  double lost = 0, length = 0.1;
  int cores = omp_get_num_procs();
#pragma omp parallel num_threads(cores) reduction(+ : lost)
  for (double start = omp_get_wtime(), last = start, now = start; last - start < length; last = now) {
    now = omp_get_wtime();
    if (now - last > 1e-4) lost += now - last;
  }
  return std::min(lost / (length * cores), 1.0); /* a slice may end after the look */
}

/* ---- where things are ---- */

/* The directory of this program, build/bin, from which the adapters and the shape files are found. */
std::string program_directory()
{
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  std::string program(path, length > 0 ? size_t(length) : 0);
  return program.substr(0, program.rfind('/') + 1);
}

std::string shape_path(const std::string &name)
{
  if (name.find('/') != name.npos || !access(name.c_str(), F_OK)) return name;
  std::string shipped = program_directory() + "../../bench/shapes/" + name + ".txt";
  return access(shipped.c_str(), F_OK) ? name : shipped;
}

/* ---- cases ---- */

/* A case of a benchmark needs no family and no seed in its name: the data are ordinary. */
const char recipe[] = "/normal/seed1";

struct Case {
  struct testcase tc;
  std::string name;    /* layernorm/forward/f32/256x768 */
  std::string section; /* what tables are divided by: all of it but the shape and the keys, and the mode */
  std::string shape;   /* the rest */
};

std::string without_recipe(std::string text)
{
  size_t at = text.find(recipe);
  return at == text.npos ? text : text.erase(at, strlen(recipe));
}

/* Does every family that the keys name exist? Else the one that does not. */
std::string unknown_family(const struct recipe &r)
{
  const char *const named[][2] = {{"gamma", r.gamma}, {"beta", r.beta}, {"running", r.running}, {"dy", r.dy}};
  for (auto [kind, name] : named)
    if (*name && strcmp(name, "absent") && !family_find(kind, name))
      return std::string("unknown family '") + name + "' of " + kind;
  return "";
}

/* Moves a key that many cases share from the shape into the section. */
void move_key(Case &c, const std::string &key, const char *words)
{
  size_t at = c.shape.find(key);
  if (at == c.shape.npos) return;
  c.shape.erase(at, key.size());
  c.section += words;
}

void divide_name(Case &c)
{
  size_t slash = c.name.rfind('/');
  c.section = c.name.substr(0, slash);
  std::replace(c.section.begin(), c.section.end(), '/', ' ');
  c.shape = c.name.substr(slash + 1);
  move_key(c, ",mode=evaluation", " evaluation");
  move_key(c, ",given=yes", ", statistics given");
}

/* The text of one case, without family and seed; else why it is none. */
bool parse_case(Case &c, const std::string &text, std::string &why)
{
  struct error e;
  char full[CASE_NAME_MAX];
  size_t comma = std::min(text.find(','), text.size());
  if (std::count(text.begin(), text.begin() + long(comma), '/') != 3) {
    why = "'" + text + "' is not norm/direction/type/shape[,key=value...]";
    return false;
  }
  if (case_parse(&c.tc, (text.substr(0, comma) + recipe + text.substr(comma)).c_str(), &e)) {
    why = without_recipe(e.text);
    return false;
  }
  why = unknown_family(c.tc.r);
  if (!why.empty()) return false;
  case_name(full, &c.tc);
  c.name = without_recipe(full);
  divide_name(c);
  return true;
}

/* A shape file: one case a line, norm/direction/type/shape[,key=value...]; # starts a comment. */
std::vector<Case> read_shapes(const Options &options)
{
  std::string path = shape_path(options.shapes);
  std::ifstream file(path);
  std::string line;
  std::vector<Case> cases;
  if (!file) misuse(path + ": " + strerror(errno));
  for (int number = 1; std::getline(file, line); ++number) {
    line.erase(std::min(line.find('#'), line.size()));
    line.erase(line.find_last_not_of(" \t\r") + 1);
    line.erase(0, line.find_first_not_of(" \t"));
    if (line.empty()) continue;
    Case c;
    std::string why;
    if (!parse_case(c, line, why)) misuse(path + ":" + std::to_string(number) + ": " + why);
    if (options.filter.empty() || !fnmatch(options.filter.c_str(), c.name.c_str(), 0)) cases.push_back(c);
  }
  if (file.bad()) misuse(path + ": " + strerror(errno));
  if (cases.empty()) misuse(path + ": no case" + (options.filter.empty() ? "" : " matches '" + options.filter + "'"));
  return cases;
}

/* ---- data ---- */

double bytes_of_x(const struct normative_problem &p)
{
  return double(problem_elements(&p)) * double(type_size(normative_type(p.type)));
}

bool like_x(slot s)
{
  return s == SLOT_X || s == SLOT_RESIDUAL || s == SLOT_DY || s == SLOT_Y || s == SLOT_SUM || s == SLOT_DX;
}

/* Bytes that a kernel must move at least: every tensor shaped like x once. */
double bytes_of(const struct normative_problem &p)
{
  double bytes = 0;
  for (int s = 0; s < SLOT_COUNT; ++s)
    if (like_x(slot(s)) && (slot_is_input(&p, slot(s)) || slot_is_output(&p, slot(s)))) bytes += bytes_of_x(p);
  return bytes;
}
double copied_bytes(const struct normative_problem &p) { return 2 * bytes_of_x(p); }

/* The data of a case. Tensors shaped like x are shared by all implementations. */
struct Data {
  struct tensors t = {};
  ~Data() { tensors_free(&t); }
};

bool make_data(Data &data, const struct testcase &tc, struct error &e)
{
  if (inputs_make(&tc, &data.t, &e)) return false;
  for (int i = 0; i < SLOT_COUNT; ++i) {
    slot s = slot(i);
    if (like_x(s) && slot_is_output(&tc.p, s) && tensor_alloc(&data.t.t[s], &tc.p, s, &e)) return false;
  }
  return true;
}

/* ---- the copy, a kernel like the others ---- */

struct Copy { size_t bytes; int threads; };

int copy_open(const struct normative_problem *p, int threads, void **state, uint64_t *workspace)
{
  *state = new Copy{problem_elements(p) * type_size(normative_type(p->type)), threads};
  *workspace = 0;
  return 0;
}

/* y or dx <- x, every thread one block of whole cache lines */
int copy_run(void *state, const struct normative_tensors *t, void *)
{
  const Copy &c = *static_cast<Copy *>(state);
  size_t block = (c.bytes / size_t(c.threads) / 64 + 1) * 64;
  char *to = static_cast<char *>(t->y ? t->y : t->dx);
  const char *from = static_cast<const char *>(t->x);
#pragma omp parallel for schedule(static, 1) num_threads(c.threads)
  for (int i = 0; i < c.threads; ++i) {
    size_t first = std::min(size_t(i) * block, c.bytes), end = std::min(first + block, c.bytes);
    memcpy(to + first, from + first, end - first);
  }
  return 0;
}

struct normative_plugin copy_plugin()
{
  struct normative_plugin p = {};
  p.abi = NORMATIVE_ABI;
  p.size = sizeof p;
  p.name = "copy";
  p.version = "memcpy";
  p.supports = [](const struct normative_problem *) -> const char * { return nullptr; };
  p.open = copy_open;
  p.run = copy_run;
  p.close = [](void *state) { delete static_cast<Copy *>(state); };
  return p;
}
const struct normative_plugin copy = copy_plugin();

/* ---- implementations ---- */

struct Implementation {
  std::string name, version;
  const struct normative_plugin *plugin; /* NULL: a worker */
  std::string spec;                      /* of a worker */
};

/* Worker processes: one for each implementation and number of threads, which many peers want to know when they start. */
class Workers {
public:
  explicit Workers(std::string interpreter) : python(std::move(interpreter)) {}
  Workers(const Workers &) = delete;
  ~Workers()
  {
    for (auto &entry : open) implementation_close(entry.second);
  }
  /* NULL and the reason in e, once; after that NULL. */
  struct implementation *find(const std::string &spec, int threads, struct error &e)
  {
    auto [place, is_new] = open.insert({{spec, threads}, nullptr});
    struct implementation_options o = {};
    o.threads = threads;
    o.timeout_s = 300;
    o.memory_bytes = size_t{16} << 30;
    o.python = python.empty() ? nullptr : python.c_str();
    if (is_new && implementation_open(spec.c_str(), &o, &place->second, &e)) place->second = nullptr;
    return place->second;
  }

private:
  std::string python;
  std::map<std::pair<std::string, int>, struct implementation *> open;
};

/* The shared object that spec names, by its path or as one of our adapters; "" if it names none, or one that is not built. */
std::string shared_object(const std::string &spec)
{
  if (spec.size() > 3 && spec.rfind(".so") == spec.size() - 3) return spec;
  if (spec.find_first_of("/:") != spec.npos) return "";
  const char *elsewhere = getenv("NORMATIVE_ADAPTERS");
  std::string folder = elsewhere && *elsewhere ? elsewhere : program_directory() + "../lib/adapters";
  std::string path = folder + "/" + spec + ".so";
  return access(path.c_str(), R_OK) ? "" : path;
}

struct Search {
  std::vector<Implementation> found;
  Workers &workers;
  int threads; /* of the first cell */
  bool missing;
};

void cannot(Search &search, const std::string &spec, const struct error &e)
{
  fprintf(stderr, "normative bench: %s: %s\n", spec.c_str(), e.text);
  search.missing = true;
}

/* Built-in kernels and shared objects run in this process, all else in its own. */
int add(const char *name, void *arg)
{
  Search &search = *static_cast<Search *>(arg);
  struct error e;
  std::string spec = name, path = shared_object(spec);
  const struct normative_plugin *plugin = builtin_find(name);
  void *handle; /* stays loaded */
  if (spec == "copy") return 0;
  if (!plugin && !path.empty() && plugin_load(path.c_str(), &handle, &plugin, &e)) {
    std::string text = e.text; /* names the path */
    fail(&e, "%s", text.rfind(spec + ": ", 0) ? text.c_str() : text.c_str() + spec.size() + 2);
    cannot(search, spec, e);
  } else if (plugin) {
    search.found.push_back({path == spec ? plugin->name : spec, plugin->version ? plugin->version : "", plugin, ""});
  } else if (struct implementation *impl = search.workers.find(spec, search.threads, e)) {
    search.found.push_back({implementation_name(impl), implementation_version(impl), nullptr, spec});
  } else {
    cannot(search, spec, e);
  }
  return 0;
}

/* What cannot be had is said at once; the others are timed all the same. */
std::vector<Implementation> find_implementations(const Options &options, Workers &workers, bool &missing)
{
  static const std::vector<std::string> usual = {"optimized", "onednn", "reference"};
  Search search = {{{"copy", copy.version, &copy, ""}}, workers, options.threads[0], false};
  struct error e;
  for (const std::string &name : options.impl.empty() ? usual : options.impl)
    if (implementation_expand(name.c_str(), add, &search, &e)) cannot(search, name, e);
  missing = search.missing;
  if (search.found.size() == 1 && missing) exit(EXIT_MISUSE);
  return search.found;
}

/* ---- one cell ---- */

/* A case as it is asked for, and asked again of whoever declines: with f32 statistics, in which most libraries keep them;
   backward without given ones, which some libraries do not take as they are. */
constexpr int questions = 4;
struct normative_problem question(struct normative_problem p, int k)
{
  if (k & 1) p.stat_type = NORMATIVE_F32;
  if (k & 2) p.given = 0;
  return p;
}

struct Timing {
  std::string skipped, failed; /* why not; both empty: timed */
  std::vector<double> seconds; /* of one run, a repetition each; sorted at the end */
  double median() const
  {
    if (seconds.empty()) return NAN;
    return (seconds[(seconds.size() - 1) / 2] + seconds[seconds.size() / 2]) / 2;
  }
};

/* An implementation, opened for a cell. */
class Kernel {
public:
  Kernel(const struct normative_plugin *plugin, struct normative_problem problem) : plugin(plugin), p(problem) {}
  Kernel(const Kernel &) = delete;
  ~Kernel()
  {
    if (opened) plugin->close(state);
    free(workspace);
    tensors_free(&own);
  }
  void open(const Data &shared, int threads, Timing &result);
  int run() { return plugin->run(state, &arguments, workspace); }

private:
  bool own_tensors(const Data &shared, struct error &e);
  const struct normative_plugin *plugin;
  struct normative_problem p;
  struct tensors own = {}; /* gamma, beta and statistics: small, and of the type that the kernel wants */
  struct normative_tensors arguments = {};
  void *state = nullptr, *workspace = nullptr;
  bool opened = false;
};

/* Copies of the small inputs and memory for the small outputs; then every slot's pointer is known. */
bool Kernel::own_tensors(const Data &shared, struct error &e)
{
  void *pointers[SLOT_COUNT];
  for (int i = 0; i < SLOT_COUNT; ++i) {
    slot s = slot(i);
    const struct tensor &from = shared.t.t[s];
    struct tensor &to = own.t[s];
    pointers[s] = from.data;
    if (like_x(s) || (!slot_is_input(&p, s) && !slot_is_output(&p, s))) continue;
    if (tensor_alloc(&to, &p, s, &e)) return false;
    pointers[s] = to.data;
    if (!slot_is_input(&p, s)) continue;
    if (to.type == from.type) memcpy(to.data, from.data, to.count * type_size(to.type));
    else /* a statistics type other than the case's: double to float */
      for (size_t k = 0; k < to.count; ++k) static_cast<float *>(to.data)[k] = float(tensor_get(&from, k));
  }
  arguments.size = sizeof arguments;
  /* the fields from x to variance are the slots, in their order */
  constexpr size_t first = offsetof(struct normative_tensors, x);
  static_assert(offsetof(struct normative_tensors, variance) == first + (SLOT_COUNT - 1) * sizeof(void *));
  memcpy(reinterpret_cast<char *>(&arguments) + first, pointers, sizeof pointers);
  return true;
}

void Kernel::open(const Data &shared, int threads, Timing &result)
{
  struct error e;
  uint64_t bytes = 0;
  const struct normative_problem asked = p;
  const char *first = plugin->supports(&p), *why = first;
  for (int k = 1; why && k < questions; ++k) {
    p = question(asked, k);
    why = plugin->supports(&p);
  }
  if (why) {
    result.skipped = first;
    return;
  }
  if (!own_tensors(shared, e)) {
    result.failed = e.text;
    return;
  }
  int number = plugin->open(&p, threads, &state, &bytes);
  opened = !number;
  if (number) result.failed = "open() returned " + std::to_string(number);
  else if (bytes && !(workspace = aligned_alloc(64, (bytes + 63) / 64 * 64)))
    result.failed = "no memory for a workspace of " + std::to_string(bytes) + " bytes";
  else if (plugin->import_tensors && (number = plugin->import_tensors(state, &arguments)))
    result.failed = "import_tensors() returned " + std::to_string(number);
}

/* The case as workers get it: on disk, for each question, written when the first worker wants it. */
class Handover {
public:
  Handover(const Case &c, const Data &data) : name(c.name), narrow(data.t)
  {
    for (slot s : statistics) narrow.t[s] = narrowed(data.t.t[s]);
    for (int k = 0; k < questions; ++k) {
      problem[k] = question(c.tc.p, k);
      live[k].name = name.c_str();
      live[k].p = &problem[k];
      live[k].in = k & 1 ? &narrow : &data.t;
    }
  }
  Handover(const Handover &) = delete;
  ~Handover()
  {
    for (live_case &one : live) live_case_done(&one);
    for (slot s : statistics) free(narrow.t[s].data);
  }
  live_case &asked(int k) { return live[k]; }

private:
  static constexpr slot statistics[] = {SLOT_GIVEN_MEAN, SLOT_GIVEN_RSTD, SLOT_GIVEN_VARIANCE, SLOT_RUNNING_MEAN,
                                        SLOT_RUNNING_VAR};
  static struct tensor narrowed(struct tensor t)
  {
    if (!t.data) return t;
    float *data = static_cast<float *>(malloc(t.count * sizeof(float) + 1));
    for (size_t k = 0; k < t.count; ++k) data[k] = float(tensor_get(&t, k));
    t.type = NORMATIVE_F32;
    t.data = data;
    return t;
  }
  std::string name;
  struct tensors narrow; /* with f32 statistics */
  struct normative_problem problem[questions];
  live_case live[questions] = {};
};

/* A worker on a cell. */
class Remote {
public:
  Remote(struct implementation *implementation, Handover &on_disk, int iterations)
    : impl(implementation), handover(on_disk), iterations(iterations) {}
  /* The first request compiles and warms up, and finds out whether there is something to time. */
  void open(Timing &result)
  {
    run_result first = ask(), r = first;
    while (r.verdict == SKIP && ++k < questions) r = ask();
    if (r.verdict == SKIP) result.skipped = first.reason;
    else if (r.verdict != PASS) result.failed = r.reason;
    else if (!(r.seconds > 0)) result.skipped = "it does not time itself";
  }
  run_result ask()
  {
    struct tensors out;
    run_result r;
    implementation_run(impl, &handover.asked(k), iterations, &out, &r);
    tensors_free(&out);
    return r;
  }

private:
  struct implementation *impl;
  Handover &handover;
  int iterations, k = 0; /* the question that it answers */
};

/* One repetition of a worker. */
void request(benchmark::State &state, Remote *remote)
{
  run_result r = remote->ask();
  for (auto _ : state) state.SetIterationTime(r.seconds);
  if (r.verdict != PASS) state.SkipWithError(r.reason);
}

/* How many runs a worker times in a request: as many as take min_time at a nanosecond an element. */
int iterations_of(const struct normative_problem &p, const Options &options)
{
  double wanted = options.min_time * 1e9 / double(std::max<size_t>(problem_elements(&p), 1));
  return int(std::clamp(wanted, 3.0, 200.0));
}

/* One repetition. The untimed run warms up, and finds out whether there is something to time. */
void repeat(benchmark::State &state, Kernel *kernel)
{
  int number = kernel->run();
  if (!number)
    for (auto _ : state) {
      number |= kernel->run();
      benchmark::ClobberMemory();
    }
  if (number) state.SkipWithError(("run() returned " + std::to_string(number)).c_str());
}

/* Google Benchmark's results, by the index that is the benchmark's name. */
class Collector : public benchmark::BenchmarkReporter {
public:
  explicit Collector(std::vector<Timing> &timings) : timings(timings) {}
  bool ReportContext(const Context &) override { return true; }
  void ReportRuns(const std::vector<Run> &runs) override
  {
    for (const Run &run : runs) {
      Timing &timing = timings[std::stoul(run.run_name.function_name)];
      if (run.error_occurred) timing.failed = run.error_message;
      else if (run.run_type == Run::RT_Iteration)
        timing.seconds.push_back(run.real_accumulated_time / double(run.iterations));
    }
  }

private:
  std::vector<Timing> &timings;
};

bool beyond_reference(const Implementation &impl, const struct normative_problem &p)
{
  return impl.name == "reference" && problem_elements(&p) > reference_limit;
}

/* The implementations of a cell, opened. */
struct Opened {
  std::vector<std::unique_ptr<Kernel>> kernels;
  std::vector<std::unique_ptr<Remote>> remotes;
};

void open_worker(Opened &opened, const Implementation &impl, size_t i, Workers &workers, Handover &handover, const Case &c,
                 int threads, const Options &options, Timing &timing)
{
  struct error e = {"its worker did not start"};
  struct implementation *worker = workers.find(impl.spec, threads, e);
  if (!worker) {
    timing.failed = e.text;
    return;
  }
  opened.remotes.push_back(std::make_unique<Remote>(worker, handover, iterations_of(c.tc.p, options)));
  opened.remotes.back()->open(timing);
  if (!timing.skipped.empty() || !timing.failed.empty()) return;
  benchmark::RegisterBenchmark(std::to_string(i).c_str(), request, opened.remotes.back().get())
    ->UseManualTime()
    ->Iterations(1)
    ->Repetitions((options.repetitions + 2) / 3);
}

void open_kernel(Opened &opened, const Implementation &impl, size_t i, const Case &c, const Data &data, int threads,
                 const Options &options, Timing &timing)
{
  opened.kernels.push_back(std::make_unique<Kernel>(impl.plugin, c.tc.p));
  opened.kernels.back()->open(data, threads, timing);
  if (!timing.skipped.empty() || !timing.failed.empty()) return;
  benchmark::RegisterBenchmark(std::to_string(i).c_str(), repeat, opened.kernels.back().get())
    ->UseRealTime()
    ->MinTime(options.min_time)
    ->Repetitions(options.repetitions);
}

std::vector<Timing> time_cell(const Case &c, const Data &data, const std::vector<Implementation> &all, Workers &workers,
                              Handover &handover, int threads, const Options &options)
{
  std::vector<Timing> timings(all.size());
  Opened opened;
  benchmark::ClearRegisteredBenchmarks();
  for (size_t i = 0; i < all.size(); ++i) {
    if (beyond_reference(all[i], c.tc.p)) timings[i].skipped = "the reference stops at 2^22 elements";
    else if (all[i].plugin) open_kernel(opened, all[i], i, c, data, threads, options, timings[i]);
    else open_worker(opened, all[i], i, workers, handover, c, threads, options, timings[i]);
  }
  Collector collector(timings);
  benchmark::RunSpecifiedBenchmarks(&collector, ".");
  for (Timing &t : timings) {
    std::sort(t.seconds.begin(), t.seconds.end());
    if (!t.failed.empty()) t.seconds.clear();
  }
  return timings;
}

/* ---- results ---- */

struct Cell {
  const Case &c;
  int threads;
  const std::vector<Implementation> &all; /* all[0] is the copy */
  const std::vector<Timing> &timings;
  double fastest() const
  {
    double best = INFINITY;
    for (size_t i = 1; i < all.size(); ++i)
      if (!timings[i].seconds.empty()) best = std::min(best, timings[i].median());
    return best;
  }
  double bytes(size_t i) const { return i ? bytes_of(c.tc.p) : copied_bytes(c.tc.p); }
  double gb_per_s(size_t i) const { return bytes(i) / timings[i].median() * 1e-9; }
  double copy_fraction(size_t i) const { return gb_per_s(i) / gb_per_s(0); }
};

std::string time_text(double seconds)
{
  static const struct { double unit; const char *name; } units[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {0, "ns"}};
  auto u = std::find_if(std::begin(units), std::end(units), [&](auto &x) { return seconds >= x.unit; });
  double value = seconds / (u->unit > 0 ? u->unit : 1e-9);
  char text[32];
  snprintf(text, sizeof text, "%.*f %-2s", value < 10 ? 2 : value < 100 ? 1 : 0, value, u->name);
  return text;
}

/* The table, printed cell by cell; a reason for skipping once in a section. */
class Table {
public:
  Table(int repetitions, double lost)
  {
    json_t *machine = machine_json();
    printf("%s, %d cores; medians of %d interleaved repetitions; GB/s counts every tensor like x once\n",
           json_string_value(json_object_get(machine, "cpu")), omp_get_num_procs(), repetitions);
    json_decref(machine);
    if (lost > 0.05)
      printf("OTHER PROCESSES take %.0f %% of the cores: distrust all figures, most of all those of several threads\n",
             100 * lost);
  }
  void print(const Cell &cell)
  {
    if (cell.c.section != section) start_section(cell.c);
    char left[80];
    snprintf(left, sizeof left, "  %-23s %3d%9.1f", cell.c.shape.c_str(), cell.threads, cell.gb_per_s(0));
    if (cell.timings[0].seconds.empty()) snprintf(left, sizeof left, "  %-23s %3d", cell.c.shape.c_str(), cell.threads);
    for (size_t i = 0; i < cell.all.size(); ++i) {
      std::string row = describe(cell, i);
      if (row.empty()) continue;
      printf("%-38s  %-11s %s\n", left, cell.all[i].name.c_str(), row.c_str());
      left[0] = 0;
    }
    fflush(stdout);
  }

private:
  void start_section(const Case &c)
  {
    section = c.section;
    said.clear();
    printf("\n%s\n  %-20s threads copy GB/s%23s%8s%11s%8s\n", section.c_str(), "shape", "median", "GB/s", "x fastest",
           "of copy");
  }
  std::string describe(const Cell &cell, size_t i)
  {
    const Timing &t = cell.timings[i];
    if (!t.failed.empty()) return "failed: " + t.failed;
    if (!t.skipped.empty()) return said.insert(cell.all[i].name + t.skipped).second ? "skipped: " + t.skipped : "";
    if (!i) return ""; /* the copy has a column */
    char text[96];
    snprintf(text, sizeof text, "%10s%8.1f%11.2f%7.0f%%", time_text(t.median()).c_str(), cell.gb_per_s(i),
             t.median() / cell.fastest(), 100 * cell.copy_fraction(i));
    return text;
  }
  std::string section;
  std::set<std::string> said;
};

/* One result record. */
json_t *record(const Cell &cell, size_t i, double lost, json_t *machine, const char *date)
{
  const Timing &t = cell.timings[i];
  const Implementation &impl = cell.all[i];
  json_t *o = json_pack("{s:s, s:i, s:s, s:s, s:s, s:i}", "record", "bench", "version", 1, "case", cell.c.name.c_str(),
                        "implementation", impl.name.c_str(), "implementation_version",
                        impl.version.c_str(), "threads", cell.threads);
  if (!t.failed.empty()) json_object_set_new(o, "failed", json_string(t.failed.c_str()));
  else if (!t.skipped.empty()) json_object_set_new(o, "skipped", json_string(t.skipped.c_str()));
  else {
    json_object_set_new(o, "median_s", json_real(t.median()));
    json_object_set_new(o, "min_s", json_real(t.seconds.front()));
    json_object_set_new(o, "repetitions", json_integer(json_int_t(t.seconds.size())));
    json_object_set_new(o, "bytes", json_integer(json_int_t(cell.bytes(i))));
    json_object_set_new(o, "gb_per_s", json_real(cell.gb_per_s(i)));
    if (i) json_object_set_new(o, "ratio_to_fastest", json_real(t.median() / cell.fastest()));
    if (std::isfinite(cell.copy_fraction(i)))
      json_object_set_new(o, "copy_fraction", json_real(cell.copy_fraction(i)));
  }
  json_object_set_new(o, "lost_to_others", json_real(lost));
  json_object_set(o, "machine", machine);
  json_object_set_new(o, "date", json_string(date));
  return o;
}

void write_records(FILE *f, const Cell &cell, double lost)
{
  char date[32];
  time_t now = time(nullptr);
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
  json_t *machine = machine_json();
  for (size_t i = 0; i < cell.all.size(); ++i) {
    json_t *o = record(cell, i, lost, machine, date);
    json_dumpf(o, f, JSON_COMPACT);
    fputc('\n', f);
    json_decref(o);
  }
  json_decref(machine);
}

/* One line that the next one replaces, on a terminal only. */
void progress(const std::string &text)
{
  if (isatty(2)) fprintf(stderr, "\r\033[K%s", text.c_str());
}

/* ---- options ---- */

std::vector<std::string> split(const std::string &list)
{
  std::vector<std::string> words;
  for (size_t first = 0, end; first <= list.size(); first = end + 1) {
    end = std::min(list.find(',', first), list.size());
    words.push_back(list.substr(first, end - first));
  }
  return words;
}

long number(const std::string &option, const std::string &text, long most)
{
  char *end;
  long value = strtol(text.c_str(), &end, 10);
  if (text.empty() || *end || value < 1 || value > most)
    misuse(option + ": '" + text + "' is no number from 1 to " + std::to_string(most));
  return value;
}

void set_threads(Options &o, const std::string &list)
{
  o.threads.clear();
  for (const std::string &word : split(list)) {
    int n = word == "all" ? omp_get_num_procs() : int(number("--threads", word, 4096));
    if (std::find(o.threads.begin(), o.threads.end(), n) == o.threads.end()) o.threads.push_back(n);
  }
}

void set_min_time(Options &o, const std::string &text)
{
  char *end;
  o.min_time = strtod(text.c_str(), &end);
  if (text.empty() || *end || !(o.min_time > 0 && o.min_time <= 100))
    misuse("--min-time: '" + text + "' is no number of seconds up to 100");
}

Options parse_options(int argc, char **argv)
{
  static const option known[] = {
    {"shapes", 1, nullptr, 's'},  {"filter", 1, nullptr, 'f'},      {"impl", 1, nullptr, 'i'},
    {"threads", 1, nullptr, 't'}, {"min-time", 1, nullptr, 'm'},    {"repetitions", 1, nullptr, 'r'},
    {"json", 1, nullptr, 'j'},    {"list", 0, nullptr, 'l'},        {"help", 0, nullptr, 'h'},
    {"python", 1, nullptr, 'p'},  {nullptr, 0, nullptr, 0}};
  Options o;
  set_threads(o, "all,1");
  char name[] = "normative bench"; /* in getopt's messages */
  argv[0] = name;
  for (int c; (c = getopt_long(argc, argv, "", known, nullptr)) != -1;) switch (c) {
    case 's': o.shapes = optarg; break;
    case 'f': o.filter = optarg; break;
    case 'i': for (const std::string &name : split(optarg)) o.impl.push_back(name); break;
    case 'p': o.python = optarg; break;
    case 't': set_threads(o, optarg); break;
    case 'm': set_min_time(o, optarg); break;
    case 'r': o.repetitions = int(number("--repetitions", optarg, 100000)); break;
    case 'j': o.json = optarg; break;
    case 'l': o.list = true; break;
    case 'h': fputs(usage, stdout); exit(0);
    default: exit(EXIT_MISUSE);
    }
  o.impl.insert(o.impl.end(), argv + optind, argv + argc);
  return o;
}

/* ---- the run ---- */

/* Everything of a shape: its data once, a cell for every number of threads. */
void run_case(const Case &c, const std::vector<Implementation> &all, Workers &workers, const Options &options,
              const std::function<void(const Cell &)> &each)
{
  Data data;
  struct error e;
  bool made = make_data(data, c.tc, e);
  Handover handover(c, data);
  for (int threads : options.threads) {
    std::vector<Timing> timings(all.size());
    if (made) timings = time_cell(c, data, all, workers, handover, threads, options);
    else
      for (Timing &t : timings) t.skipped = e.text;
    each({c, threads, all, timings});
  }
}

/* An interrupted run leaves no unfinished file behind; nor, by the handler that was there before, a worker or its files. */
struct output records_file;
void (*handler_before[NSIG])(int);
void interrupted(int number)
{
  if (records_file.beside[0]) unlink(records_file.beside);
  if (handler_before[number] != SIG_DFL) handler_before[number](number);
  _exit(128 + number);
}

void unlink_at(int number)
{
  handler_before[number] = signal(number, interrupted);
  if (handler_before[number] == SIG_IGN) signal(number, SIG_IGN);
}

void open_records(const std::string &path)
{
  struct error e;
  char live[SCRATCH_PATH];
  if (path.empty()) return;
  if (output_open(&records_file, path.c_str(), &e)) misuse(e.text);
  atexit([] { output_abandon(&records_file); });
  if (!scratch_make(live, "none", &e)) scratch_remove(live); /* which installs that handler */
  for (int number : {SIGINT, SIGTERM, SIGHUP}) unlink_at(number);
}

bool close_records()
{
  struct error e;
  if (!records_file.f || !output_finish(&records_file, &e)) return true;
  fprintf(stderr, "normative bench: %s\n", e.text);
  return false;
}

int bench(const Options &options)
{
  bool missing = false, failed = false, timed = false;
  std::vector<Case> cases = read_shapes(options);
  if (options.list) {
    for (const Case &c : cases) puts(c.name.c_str());
    return EXIT_PASS;
  }
  open_records(options.json);
  Workers workers(options.python);
  std::vector<Implementation> all = find_implementations(options, workers, missing);
  double lost = lost_to_others();
  std::unique_ptr<Table> table(options.json == "-" ? nullptr : new Table(options.repetitions, lost));
  for (size_t k = 0; k < cases.size(); ++k) {
    progress(std::to_string(k + 1) + "/" + std::to_string(cases.size()) + " " + cases[k].name);
    run_case(cases[k], all, workers, options, [&](const Cell &cell) {
      progress("");
      if (table) table->print(cell);
      if (records_file.f) write_records(records_file.f, cell, lost);
      for (size_t i = 1; i < all.size(); ++i) {
        failed |= !cell.timings[i].failed.empty();
        timed |= !cell.timings[i].seconds.empty();
      }
    });
  }
  missing |= !close_records();
  return failed ? EXIT_FAILED : missing ? EXIT_MISUSE : timed ? EXIT_PASS : EXIT_NOTHING;
}

} // namespace

int main(int argc, char **argv)
{
  Options options = parse_options(argc, argv);
  char program[] = "normative-bench", interleave[] = "--benchmark_enable_random_interleaving=true";
  char *flags[] = {program, interleave, nullptr};
  int count = 2;
  benchmark::Initialize(&count, flags);
  return bench(options);
}
