#include "simulations/runs/checkpoint.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/crypto/hash.h"
#include "common/program/files.h"
#include "common/protocol/model_file.h"
#include "simulations/federation/simulated_record.h"

namespace fedspend::simulations {
namespace {

constexpr std::string_view kMagic = "FSCHECK4";
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kDeviceBytes = 8 + 1 + 4 + 4 + 4 + 8 + 1;  // at least
constexpr std::size_t kMaxCheckpointBytes = std::size_t{1} << 33;

Hash256 digest_of(ByteSpan contents) {
  Hasher hasher("checkpoint");
  return hasher.field(contents).finish();
}

class Writer {
 public:
  void u8(std::uint8_t value) { bytes_.push_back(value); }
  void u32(std::uint64_t value) {
    std::array<std::uint8_t, 4> field{};
    store_u32(field, static_cast<std::uint32_t>(value));
    raw(field);
  }
  void u64(std::uint64_t value) {
    std::array<std::uint8_t, 8> field{};
    store_u64(field, value);
    raw(field);
  }
  void raw(ByteSpan bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void text(std::string_view value) {
    u32(value.size());
    raw(as_bytes(value));
  }
  void floats(std::span<const float> values) {
    u32(values.size());
    raw(weights_to_bytes(values));
  }
  void model(const KeptModel& model) {
    u64(model.round);
    floats(model.weights);
  }
  Bytes finish() && {
    raw(digest_of(bytes_));
    return std::move(bytes_);
  }

 private:
  Bytes bytes_;
};

// The first thing that is not there makes it fail, and everything after that reads as zero: asked once, at the end.
class Reader {
 public:
  explicit Reader(ByteSpan bytes) : rest_(bytes) {}
  ByteSpan raw(std::size_t count) {
    if (count > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const ByteSpan taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  std::uint8_t u8() {
    const ByteSpan field = raw(1);
    return field.empty() ? std::uint8_t{0} : field[0];
  }
  bool flag() {
    const std::uint8_t value = u8();
    failed_ |= value > 1;
    return value == 1;
  }
  std::uint32_t u32() {
    const ByteSpan field = raw(4);
    return field.empty() ? 0 : load_u32(field);
  }
  std::uint64_t u64() {
    const ByteSpan field = raw(8);
    return field.empty() ? 0 : load_u64(field);
  }
  std::string text() { return std::string(as_text(raw(u32()))); }
  // A count of things of at least `least` bytes each.
  std::size_t count(std::size_t least) {
    const std::size_t value = u32();
    failed_ |= value > rest_.size() / least;
    return failed_ ? 0 : value;
  }
  std::size_t small_count(std::size_t most) {
    const std::size_t value = u8();
    failed_ |= value > most;
    return failed_ ? 0 : value;
  }
  std::vector<float> floats() {
    const std::size_t number = count(4);
    Result<std::vector<float>> values = weights_from_bytes(raw(4 * number), number);
    failed_ |= !values;
    return values ? std::move(*values) : std::vector<float>();
  }
  KeptModel model() {
    const std::uint64_t round = u64();
    return {round, floats()};
  }
  void require(bool holds) { failed_ |= !holds; }
  bool done() const { return !failed_ && rest_.empty(); }

 private:
  ByteSpan rest_;
  bool failed_ = false;
};

std::uint64_t nanoseconds(double seconds) { return static_cast<std::uint64_t>(std::llround(std::max(0.0, seconds) * 1e9)); }
double seconds_of(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

tl::unexpected<Error> broken(const std::string& what) {
  return fail(ErrorCode::malformed, "the checkpoint " + what, "remove it, and begin the run anew without --resume");
}

void write_state(Writer& to, const FederationState& state) {
  to.u64(state.rounds_done);
  to.u64(static_cast<std::uint64_t>(state.clock.count()));
  to.floats(state.weights);
  to.floats(state.optimizer_state);
  to.u64(std::bit_cast<std::uint64_t>(state.clip_norm_l2));
  const Bytes ledger = state.ledger.serialise();
  to.u32(ledger.size());
  to.raw(ledger);
  to.u32(state.devices.size());
  for (const DeviceState& device : state.devices) {
    to.u64(static_cast<std::uint64_t>(device.next_check_in.count()));
    to.u8(device.holds_plan ? 1 : 0);
    to.u32(device.asked);
    to.u32(device.contributed);
    to.u32(device.participations);
    to.u64(device.last_round);
    to.u8(static_cast<std::uint8_t>(device.updates.size()));
    for (const std::uint64_t update : device.updates) to.u64(update);
  }
}

FederationState read_state(Reader& from) {
  FederationState state;
  state.rounds_done = from.u64();
  state.clock = Millis(static_cast<std::int64_t>(from.u64()));
  state.weights = from.floats();
  state.optimizer_state = from.floats();
  state.clip_norm_l2 = std::bit_cast<double>(from.u64());
  Result<PopulationLedger> ledger = PopulationLedger::parse(from.raw(from.count(1)));
  from.require(ledger.has_value());
  if (ledger) state.ledger = std::move(*ledger);
  state.devices.resize(from.count(kDeviceBytes));
  for (DeviceState& device : state.devices) {
    device.next_check_in = Millis(static_cast<std::int64_t>(from.u64()));
    device.holds_plan = from.flag();
    device.asked = from.u32();
    device.contributed = from.u32();
    device.participations = from.u32();
    device.last_round = from.u64();
    device.updates.resize(from.small_count(kKeptUpdates));
    for (std::uint64_t& update : device.updates) update = from.u64();
  }
  return state;
}

}  // namespace

Bytes encode_checkpoint(const RunCheckpoint& checkpoint) {
  Writer to;
  to.raw(as_bytes(kMagic));
  to.u32(checkpoint.identity.size());
  for (const auto& [name, value] : checkpoint.identity) {
    to.text(name);
    to.text(value);
  }
  write_state(to, checkpoint.state);
  to.text(checkpoint.metrics_jsonl);
  to.u8(checkpoint.best ? 1 : 0);
  if (checkpoint.best) {
    const HeldOutScore& score = checkpoint.best->score;
    for (const std::uint64_t value : {score.predictions, score.correct_top1, score.correct_top3, std::bit_cast<std::uint64_t>(score.loss_sum),
                                      std::bit_cast<std::uint64_t>(score.reference_loss_sum)})
      to.u64(value);
    to.model(checkpoint.best->model);
  }
  to.u32(checkpoint.evaluations_without_gain);
  to.u32(checkpoint.kept.size());
  for (const KeptModel& model : checkpoint.kept) to.model(model);
  to.u64(nanoseconds(checkpoint.seconds));
  to.u64(nanoseconds(checkpoint.evaluation_seconds));
  return std::move(to).finish();
}

Result<RunCheckpoint> decode_checkpoint(ByteSpan bytes) {
  if (bytes.size() < kMagic.size() + kHashBytes || !std::ranges::equal(bytes.first(kMagic.size()), as_bytes(kMagic))) return broken("does not begin with FSCHECK4");
  const ByteSpan contents = bytes.first(bytes.size() - kHashBytes);
  if (!std::ranges::equal(digest_of(contents), bytes.last(kHashBytes))) return broken("is torn or was altered: its hash does not match");
  Reader from(contents.subspan(kMagic.size()));
  RunCheckpoint checkpoint;
  checkpoint.identity.resize(from.count(8));
  for (auto& [name, value] : checkpoint.identity) {
    name = from.text();
    value = from.text();
  }
  checkpoint.state = read_state(from);
  checkpoint.metrics_jsonl = from.text();
  if (from.flag()) {
    BestModel best;
    best.score.predictions = from.u64();
    best.score.correct_top1 = from.u64();
    best.score.correct_top3 = from.u64();
    best.score.loss_sum = std::bit_cast<double>(from.u64());
    best.score.reference_loss_sum = std::bit_cast<double>(from.u64());
    best.model = from.model();
    checkpoint.best = std::move(best);
  }
  checkpoint.evaluations_without_gain = from.u32();
  checkpoint.kept.resize(from.count(12));
  for (KeptModel& model : checkpoint.kept) model = from.model();
  checkpoint.seconds = seconds_of(from.u64());
  checkpoint.evaluation_seconds = seconds_of(from.u64());
  if (!from.done()) return broken("does not have the form that this version writes");
  return checkpoint;
}

std::string differences_of(const RunIdentity& there, const std::string& where_there, const RunIdentity& here, const std::string& where_here) {
  const auto value_in = [](const RunIdentity& identity, const std::string& name) -> std::string {
    const auto found = std::find_if(identity.begin(), identity.end(), [&](const auto& entry) { return entry.first == name; });
    return found == identity.end() ? "none" : found->second;
  };
  std::string differences;
  const auto compare = [&](const std::string& name) {
    const std::string old_value = value_in(there, name), new_value = value_in(here, name);
    if (old_value != new_value) differences += (differences.empty() ? "" : "; ") + name + " " + old_value + " " + where_there + ", " + new_value + " " + where_here;
  };
  for (const auto& [name, value] : here) compare(name);
  for (const auto& [name, value] : there)
    if (value_in(here, name) == "none") compare(name);
  return differences;
}

Status check_identity(const RunIdentity& of_checkpoint, const RunIdentity& of_run) {
  const std::string differences = differences_of(of_checkpoint, "there", of_run, "here");
  if (differences.empty()) return {};
  return fail(ErrorCode::refused, "the checkpoint is of another run: " + differences, "give the options of that run, or remove the checkpoint to begin anew");
}

std::filesystem::path checkpoint_path(const std::filesystem::path& out) {
  std::filesystem::path path = out.lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // "DIR/"
  return path += ".checkpoint";
}

Result<std::optional<RunCheckpoint>> find_checkpoint(const std::filesystem::path& path, bool resume) {
  std::error_code ignored;
  const bool there = std::filesystem::exists(path, ignored);
  if (!resume && there)
    return fail(ErrorCode::conflict, path.string() + " is the checkpoint of a run that did not end", "go on from it with --resume, or remove it to begin anew");
  if (!there) return std::optional<RunCheckpoint>();
  FEDSPEND_ASSIGN(const Bytes bytes, program::read_file(path, kMaxCheckpointBytes));
  Result<RunCheckpoint> checkpoint = decode_checkpoint(bytes);
  if (!checkpoint) return fail(checkpoint.error().code, path.string() + ": " + checkpoint.error().message, checkpoint.error().hint);
  return std::optional<RunCheckpoint>(std::move(*checkpoint));
}

}  // namespace fedspend::simulations
