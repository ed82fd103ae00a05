#pragma once
// The result of a sweep, as text, JSON, CSV and a small page: for each point of the grid the mean over the seeds, how far they lie apart,
// and which is best; where points differ in epsilon, accuracy against it. Nothing in it depends on the machine. Pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace fedspend::simulations {

struct SweepJobFacts {
  std::string name;                 // of its folder
  std::vector<std::string> values;  // one for each key
  std::uint64_t seed = 0;
  nlohmann::json summary;           // the job's summary.json
};

struct SweepRow {
  std::vector<std::string> values;
  std::vector<std::string> jobs;
  double mean = 0, lowest = 0, highest = 0;  // held-out accuracy over the seeds
  double mean_loss = 0;                      // nats
  std::optional<double> epsilon = {};        // the highest of the seeds; nothing where one has none
  double spread() const { return highest - lowest; }
};

struct SweepTable {
  std::string plan_name;
  std::string demonstration;  // what is not protected; empty: nothing
  std::vector<std::string> keys;
  std::vector<SweepRow> rows;     // in the order of the grid
  std::size_t best = 0;           // the highest mean; of equals, the first
  bool simulated = false;         // with a noise cohort: epsilon is what the runs stand for, and protects nobody
  std::vector<SweepJobFacts> jobs;
};

// `jobs` is not empty; those of one point stand together.
SweepTable sweep_table(std::string plan_name, std::string demonstration, std::vector<std::string> keys, std::vector<SweepJobFacts> jobs);

std::string to_text(const SweepTable& table);
nlohmann::json to_json(const SweepTable& table);
std::string to_csv(const SweepTable& table);  // one line a job
std::string sweep_page(const SweepTable& table);

}  // namespace fedspend::simulations
