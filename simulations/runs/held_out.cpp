#include "simulations/runs/held_out.h"

#include <bit>
#include <memory>

#include "common/protocol/messages.h"
#include "common/protocol/model_file.h"
#include "models/stock_models.h"
#include "simulations/parallel.h"

namespace fedspend::simulations {
namespace {

constexpr std::size_t kScoreBytes = 40;

Result<std::vector<HeldOutScore>> share_scores(RankExchange& exchange, std::span<const float> weights, const std::vector<HeldOutScore>& own) {
  FEDSPEND_ASSIGN(const std::vector<Bytes> all, gather_items(exchange, hash_of_weights(weights_to_bytes(weights)).bytes, own.size(), [&](std::size_t i) {
    Bytes bytes(kScoreBytes);
    store_u64(bytes, own[i].predictions);
    store_u64(MutableByteSpan(bytes).subspan(8), own[i].correct_top1);
    store_u64(MutableByteSpan(bytes).subspan(16), own[i].correct_top3);
    store_u64(MutableByteSpan(bytes).subspan(24), std::bit_cast<std::uint64_t>(own[i].loss_sum));
    store_u64(MutableByteSpan(bytes).subspan(32), std::bit_cast<std::uint64_t>(own[i].reference_loss_sum));
    return bytes;
  }));
  std::vector<HeldOutScore> scores;
  scores.reserve(all.size());
  for (const Bytes& bytes : all) {
    if (bytes.size() != kScoreBytes) return fail(ErrorCode::malformed, "a rank has given something that is no score", "start every rank with the same program and options");
    const ByteSpan fields = bytes;
    scores.push_back({load_u64(fields), load_u64(fields.subspan(8)), load_u64(fields.subspan(16)), std::bit_cast<double>(load_u64(fields.subspan(24))),
                      std::bit_cast<double>(load_u64(fields.subspan(32)))});
  }
  return scores;
}

}  // namespace

Result<HeldOutScore> score_client(models::Trainer& trainer, const Plan& plan, std::span<const float> weights, const FederatedClient& client, models::Counting counting) {
  if (client.rows.size() < plan.evaluation.min_rows) return HeldOutScore{};
  return trainer.evaluate(weights, client.rows, models::training_rows(plan.model, client.rows, plan.evaluation.holdout_fraction), counting);
}

Result<std::vector<HeldOutScore>> score_clients(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, models::Counting counting,
                                                unsigned threads, RankExchange* exchange, const models::TrainerChoice& trainers) {
  std::vector<std::unique_ptr<models::Trainer>> of_worker;
  for (unsigned i = 0; i < threads; ++i) {
    FEDSPEND_ASSIGN(auto trainer, models::make_trainer(plan.model, trainers));
    of_worker.push_back(std::move(trainer));
  }
  std::vector<Result<HeldOutScore>> results(clients.size());
  for_each_index(clients.size(), threads, [&](std::size_t i, unsigned worker) {
    results[i] = is_mine(exchange, i) ? score_client(*of_worker[worker], plan, weights, clients[i], counting) : HeldOutScore{};
  });
  std::vector<HeldOutScore> scores;
  scores.reserve(clients.size());
  for (const auto& result : results) {
    if (!result) return fail(result.error());
    scores.push_back(*result);
  }
  if (exchange == nullptr) return scores;
  return share_scores(*exchange, weights, scores);
}

Result<HeldOutScore> evaluate_held_out(const Plan& plan, std::span<const float> weights, std::span<const FederatedClient> clients, models::Counting counting, unsigned threads,
                                       RankExchange* exchange, const models::TrainerChoice& trainers) {
  FEDSPEND_ASSIGN(const std::vector<HeldOutScore> scores, score_clients(plan, weights, clients, counting, threads, exchange, trainers));
  HeldOutScore sum;
  for (const HeldOutScore& score : scores) sum += score;
  return sum;
}

}  // namespace fedspend::simulations
