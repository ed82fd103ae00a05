#pragma once
// The histories of a population as folders that fedspend-device reads: process-1/client-00001/{transactions.csv,label}, and so on. Every
// client that is eligible by the plan is dealt, in the population's order, to one process after the other. All rows of a client are
// written: the device itself holds out the last ones, by the plan. The label names the client, for whoever reads the results.

#include <filesystem>

#include "common/protocol/plan.h"
#include "common/result.h"
#include "simulations/population/population.h"

namespace fedspend::simulations {

struct ProfilesOptions {
  std::size_t processes = 1;
  std::size_t max_clients = 0;  // 0: all
};

struct ProfilesSummary {
  std::size_t clients = 0;
  std::size_t rows = 0;
};

// `folder` exists and is empty. malformed if there are fewer eligible clients than processes.
Result<ProfilesSummary> write_profiles(const Population& population, const Plan& plan, const ProfilesOptions& options, const std::filesystem::path& folder);

// The folder of the client that is the `index`-th dealt (from 0), relative to the profiles' folder: "process-1/client-00001".
std::filesystem::path profile_folder(std::size_t index, std::size_t processes);

}  // namespace fedspend::simulations
