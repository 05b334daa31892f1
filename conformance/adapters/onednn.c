/* SPDX-License-Identifier: Apache-2.0
   oneDNN 2 (Debian's libdnnl-dev, version 2.6): descriptors are structures, an operation is described before its primitive. */
#include "onednn.h"

static const bool batch_backward_takes_beta = true;

static dnnl_status_t describe(description *d, int ndims, const dnnl_dim_t *sizes, dnnl_data_type_t type, dnnl_format_tag_t tag)
{
  dnnl_dims_t dims = {0};
  for (int i = 0; i < ndims; ++i) dims[i] = sizes[i];
  return dnnl_memory_desc_init_by_tag(&d->d, ndims, dims, type, tag);
}

static void forget(description *d) { (void)d; }

static dnnl_status_t make_memory(dnnl_memory_t *memory, const description *d, dnnl_engine_t engine)
{
  return dnnl_memory_create(memory, &d->d, engine, DNNL_MEMORY_NONE);
}

static dnnl_status_t make_primitive_desc(dnnl_primitive_desc_t *made, const struct state *s, dnnl_prop_kind_t kind,
                                         unsigned flags, const description *data, const description *stats,
                                         const_dnnl_primitive_desc_t hint)
{
  dnnl_batch_normalization_desc_t batch;
  dnnl_layer_normalization_desc_t layer;
  const void *operation = s->batch ? (const void *)&batch : &layer;
  const dnnl_memory_desc_t *x = &data->d, *m = &stats->d;
  dnnl_status_t status;
  if (s->batch && hint) status = dnnl_batch_normalization_backward_desc_init(&batch, kind, x, x, s->eps, flags);
  else if (s->batch) status = dnnl_batch_normalization_forward_desc_init(&batch, kind, x, s->eps, flags);
  else if (hint) status = dnnl_layer_normalization_backward_desc_init(&layer, kind, x, x, m, s->eps, flags);
  else status = dnnl_layer_normalization_forward_desc_init(&layer, kind, x, m, s->eps, flags);
  return status == dnnl_success ? dnnl_primitive_desc_create(made, operation, NULL, s->engine, hint) : status;
}

const struct normative_plugin *normative_plugin(void) { return plugin_named("onednn"); }
