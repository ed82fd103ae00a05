#pragma once
// The shortest plan that there is, and one with every key away from its default.

#include <string>
#include <string_view>

#include "common/protocol/plan.h"
#include "tests/common/protocol/samples.h"

namespace fedspend::testing {

inline Bytes bytes_of(std::string_view text) {
  const ByteSpan bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

inline constexpr std::string_view kShortPlan = R"(schema = 1
name = "short"
population = "cards"
purpose = "next_category"
task = "000102030405060708090a0b0c0d0e0f"
[model]
name = "next_category"
parameter_count = 6656
categories = ["groceries", "fuel"]
)";

inline constexpr std::string_view kFullPlan = R"(schema = 1
name = "full"
population = "kort-københavn"
purpose = "next_category"
task = "000102030405060708090A0B0C0D0E0F"
[model]
name = "next_category"
parameter_count = 6656
initial_seed = 9
categories = ["groceries", "fuel", "say \"more\" \\ less"]
[model.sizes]
embedding = 16
hidden = 32
[training]
epochs = 2
batch_size = 8
learning_rate = 0.05
momentum = 0.9
proximal_mu = 0.01
gradient_clip_l2 = 5
max_rows = 400
[training.schedule]
kind = "cosine"
warmup_rounds = 3
period_rounds = 12
floor = 0.125
[federation]
rounds = 20
cohort = 10
min_cohort = 8
over_selection = 1.3
round_deadline_ms = 30000
selection_window_ms = 2000
selection_pool = 40
retry_after_ms = 500
[server]
optimizer = "fedadam"
learning_rate = 0.5
beta1 = 0.8
beta2 = 0.95
tau = 0.002
[server.schedule]
kind = "step"
warmup_rounds = 2
decay = 0.75
period_rounds = 5
floor = 0.25
[aggregation]
mode = "open"
clip_norm_l2 = 2.5
bits = 20
[privacy]
mode = "none"
[eligibility]
min_examples = 12
[evaluation]
holdout_fraction = 0.25
min_rows = 7
)";

}  // namespace fedspend::testing
