/* SPDX-License-Identifier: Apache-2.0
   oneDNN 3 (3.2 of `make peers`, PyPI's onednn-cpu-gomp): descriptors are objects, a primitive is described in one call. */
#include "onednn.h"

static const bool batch_backward_takes_beta = false;

static dnnl_status_t describe(description *d, int ndims, const dnnl_dim_t *sizes, dnnl_data_type_t type, dnnl_format_tag_t tag)
{
  dnnl_dims_t dims = {0};
  for (int i = 0; i < ndims; ++i) dims[i] = sizes[i];
  return dnnl_memory_desc_create_with_tag(&d->d, ndims, dims, type, tag);
}

static void forget(description *d) { dnnl_memory_desc_destroy(d->d); }

static dnnl_status_t make_memory(dnnl_memory_t *memory, const description *d, dnnl_engine_t engine)
{
  return dnnl_memory_create(memory, d->d, engine, DNNL_MEMORY_NONE);
}

static dnnl_status_t make_primitive_desc(dnnl_primitive_desc_t *made, const struct state *s, dnnl_prop_kind_t kind,
                                         unsigned flags, const description *data, const description *stats,
                                         const_dnnl_primitive_desc_t hint)
{
  const_dnnl_memory_desc_t x = data->d, m = stats->d;
  dnnl_engine_t engine = s->engine;
  if (s->batch && hint)
    return dnnl_batch_normalization_backward_primitive_desc_create(made, engine, kind, x, x, x, s->eps, flags, hint, NULL);
  if (s->batch) return dnnl_batch_normalization_forward_primitive_desc_create(made, engine, kind, x, x, s->eps, flags, NULL);
  if (hint)
    return dnnl_layer_normalization_backward_primitive_desc_create(made, engine, kind, x, x, x, m, s->eps, flags, hint, NULL);
  return dnnl_layer_normalization_forward_primitive_desc_create(made, engine, kind, x, x, m, s->eps, flags, NULL);
}

const struct normative_plugin *normative_plugin(void) { return plugin_named("onednn3"); }
