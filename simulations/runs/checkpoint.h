#pragma once
// What a run can go on from: everything of it at the end of a segment (federation.h), as one file beside the folder that the run
// will leave. Little-endian; counts are checked against the bytes that remain before anything is allocated:
//
//   "FSCHECK4"
//   u32 n, n x (text name, text value)      the identity of the run, see RunIdentity
//   u64 rounds done, u64 clock in ms        the state of the federation
//   floats weights, floats state of the server optimizer, float64 the next clip norm, u32 length and the privacy ledger, u32 n, n x (u64 next check-in, u8 holds the plan, u32 asked, u32 contributed,
//                                           u32 participations, u64 last round of them, u8 m, m x u64 digest of an update)
//   text                                    metrics.jsonl so far
//   u8 0, or 1 and (u64 round, score, floats weights)   the best model so far, where early stopping looks for it
//   u32                                     evaluations since without a gain
//   u32 n, n x (u64 round, floats weights)  the models to be kept
//   u64, u64                                nanoseconds of training and of evaluation so far
//   32 bytes H("checkpoint", all before)
// where text is u32 length and bytes, floats are u32 count and that many float32, and a score is three u64 and a float64.
// One thread.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "simulations/federation/federation.h"
#include "simulations/runs/held_out.h"

namespace fedspend::simulations {

// What must be equal for a run to go on: names for people ("plan", "seed", "data") and values. In order.
using RunIdentity = std::vector<std::pair<std::string, std::string>>;

struct KeptModel {
  std::uint64_t round = 0;
  std::vector<float> weights;
};
struct BestModel {
  KeptModel model;
  HeldOutScore score;
};

struct RunCheckpoint {
  RunIdentity identity;
  FederationState state;
  std::string metrics_jsonl;
  std::optional<BestModel> best;
  std::uint32_t evaluations_without_gain = 0;
  std::vector<KeptModel> kept;
  double seconds = 0;  // wall-clock; the two that an undisturbed run does not repeat
  double evaluation_seconds = 0;
};

Bytes encode_checkpoint(const RunCheckpoint& checkpoint);
Result<RunCheckpoint> decode_checkpoint(ByteSpan bytes);  // malformed
// "seed 1 there, 2 here; ...": everything that differs, or nothing. The words for the two sides are the caller's.
std::string differences_of(const RunIdentity& there, const std::string& where_there, const RunIdentity& here, const std::string& where_here);
// refused, naming everything that differs.
Status check_identity(const RunIdentity& of_checkpoint, const RunIdentity& of_run);

// OUT.checkpoint, for a run that will leave the folder OUT.
std::filesystem::path checkpoint_path(const std::filesystem::path& out);
// With resume: the checkpoint that lies there, or nothing (the run was killed before the first one). Without: conflict if one lies
// there, so that nobody's hours are lost by a repeated command.
Result<std::optional<RunCheckpoint>> find_checkpoint(const std::filesystem::path& path, bool resume);

}  // namespace fedspend::simulations
