#include "simulations/federation/shared_training.h"

#include <bit>
#include <utility>

#include "common/crypto/hash.h"
#include "common/protocol/messages.h"
#include "common/protocol/model_file.h"
#include "simulations/parallel.h"

namespace fedspend::simulations {
namespace {

// u8 0, or 2 if it diverged, and the update's float32, which may be anything (the device judges it); or u8 1 and the u8 reason of a decline.
Bytes encode(const client::TrainingFinished& finished) {
  if (const auto* reason = std::get_if<DeclineReason>(&finished.outcome)) return {1, static_cast<std::uint8_t>(*reason)};
  const auto& update = std::get<std::vector<float>>(finished.outcome);
  Bytes bytes(1 + 4 * update.size());
  bytes[0] = finished.diverged ? 2 : 0;
  for (std::size_t i = 0; i < update.size(); ++i) store_u32(MutableByteSpan(bytes).subspan(1 + 4 * i), std::bit_cast<std::uint32_t>(update[i]));
  return bytes;
}

Result<client::TrainingFinished> decode(const SessionId& session, ByteSpan bytes) {
  if (bytes.size() == 2 && bytes[0] == 1) return client::TrainingFinished{session, static_cast<DeclineReason>(bytes[1])};
  if (bytes.empty() || (bytes[0] != 0 && bytes[0] != 2) || bytes.size() % 4 != 1)
    return fail(ErrorCode::malformed, "a rank has given something that is no training", "start every rank with the same program and options");
  std::vector<float> update(bytes.size() / 4);
  for (std::size_t i = 0; i < update.size(); ++i) update[i] = std::bit_cast<float>(load_u32(bytes.subspan(1 + 4 * i)));
  return client::TrainingFinished{session, std::move(update), bytes[0] == 2};
}

// What these trainings begin from, and whose they are. Of equal models a rank may hold one object or several.
Hash256 point_of(std::span<const TrainingTask> tasks) {
  Hasher hasher("sim-trainings");
  const std::vector<float>* hashed = nullptr;
  Hash256 model{};
  for (const TrainingTask& task : tasks) {
    if (task.start.weights.get() != hashed) {  // as a rule one for all of them
      hashed = task.start.weights.get();
      model = hash_of_weights(weights_to_bytes(*hashed)).bytes;
    }
    hasher.u64(task.client).field(task.start.session.bytes).u64(task.start.round.value).field(task.start.attempt).field(model);
  }
  return hasher.finish();
}

}  // namespace

Status train_batch(std::span<const TrainingTask> tasks, unsigned threads, RankExchange* exchange, const TrainClient& train, const AfterTraining& after) {
  if (exchange == nullptr) {
    for_each_index(tasks.size(), threads, [&](std::size_t i, unsigned worker) { after(i, train(tasks[i], worker)); });
    return {};
  }
  const std::size_t first = exchange->rank(), step = exchange->size();
  const std::size_t count = tasks.size() > first ? (tasks.size() - first + step - 1) / step : 0;
  std::vector<client::TrainingFinished> own(count);
  for_each_index(count, threads, [&](std::size_t i, unsigned worker) { own[i] = train(tasks[first + i * step], worker); });
  FEDSPEND_ASSIGN(const std::vector<Bytes> all, gather_items(*exchange, point_of(tasks), tasks.size(), [&](std::size_t i) { return encode(own[i / step]); }));
  std::vector<Status> decoded(tasks.size());
  for_each_index(tasks.size(), threads, [&](std::size_t i, unsigned) {
    const Result<client::TrainingFinished> outcome = decode(tasks[i].start.session, all[i]);
    outcome ? after(i, *outcome) : static_cast<void>(decoded[i] = fail(outcome.error()));
  });
  for (const Status& status : decoded) FEDSPEND_TRY(status);
  return {};
}

}  // namespace fedspend::simulations
