#pragma once
// ProcessGroup (models/process_group.h) over torch.distributed: c10d's TCPStore and its Gloo back end.

#include <memory>

#include "common/result.h"
#include "models/process_group.h"

namespace fedspend::models {

// As TorchModule::join. A group of one needs no network and touches none.
Result<std::unique_ptr<ProcessGroup>> join_gloo_group(const ProcessGroupOptions& options);

}  // namespace fedspend::models
