#pragma once
// A signed plan on disk: PLAN.toml, and PLAN.toml.sig with the signature as 128 hexadecimal digits in one line.

#include <filesystem>

#include "common/protocol/plan.h"
#include "common/result.h"

namespace fedspend::coordinator {

Result<SignedPlan> read_signed_plan(const std::filesystem::path& plan);
// Writes PLAN.sig. The plan must parse: a release key signs nothing that a device could not read.
Status write_plan_signature(const std::filesystem::path& plan, const IdentityKey& release_key);

}  // namespace fedspend::coordinator
