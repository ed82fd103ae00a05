#pragma once
// The host's own transactions in place of the ingested ones: they keep to the same rules (check_transaction), come oldest first, and only what is
// within the purpose's retention is used (the clock counts as at most 31 days later than the newest of them). One thread per call.

#include <cstdint>
#include <stop_token>
#include <vector>

#include "client/device.h"

namespace fedspend::client {

// options.examples is there. The host's error as it is; invalid_argument: what it gave breaks a rule. What it throws comes out.
Result<std::vector<models::Transaction>> host_examples(const DeviceOptions& options, std::int64_t now_s, std::uint32_t retention_days, std::stop_token stop = {});

}  // namespace fedspend::client
