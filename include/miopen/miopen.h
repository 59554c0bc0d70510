/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The whole C interface of libMIOpen.so.1: include this one.
 *
 * Define before the first include, where wanted:
 * - MIOPEN_BETA_API: functions and names that MIOpen still calls unstable.
 * - MIOPEN_BYPASS_RETIRED_API: functions and names that later releases dropped. The library
 *   exports the functions still, for programs built against the old headers.
 * - MIOPEN_BYPASS_HIDDEN_API: functions that MIOpen exports but declares in no public header.
 */
#ifndef GUARD_MIOPEN_MIOPEN_H_
#define GUARD_MIOPEN_MIOPEN_H_

#include <miopen/config.h>
#include <miopen/export.h>
#include <miopen/version.h>

#include <miopen/types.h>
#include <miopen/graph_types.h>

#include <miopen/handle.h>
#include <miopen/tensor.h>
#include <miopen/convolution.h>
#include <miopen/convolution_find.h>
#include <miopen/convolution_immediate.h>
#include <miopen/find2.h>
#include <miopen/fusion.h>
#include <miopen/pooling.h>
#include <miopen/lrn.h>
#include <miopen/batchnorm.h>
#include <miopen/layernorm.h>
#include <miopen/activation.h>
#include <miopen/softmax.h>
#include <miopen/rnn.h>
#include <miopen/ctc.h>
#include <miopen/dropout.h>
#include <miopen/reduce.h>
#include <miopen/attention.h>
#include <miopen/training.h>

#include <miopen/hidden.h>
#include <miopen/retired.h>

#endif /* GUARD_MIOPEN_MIOPEN_H_ */
