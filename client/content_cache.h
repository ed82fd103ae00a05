#pragma once
// What a device holds from earlier rounds, so that it is not sent again: the plan and the model, found by the hash of their
// contents. A process that serves many clients holds each once. MemoryCache is thread-safe.

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "common/ids.h"
#include "common/privacy/ledger.h"
#include "common/protocol/plan.h"

namespace fedspend::client {

// Shared: sessions, trainings in progress and the cache hold the same plan and the same weights.
using SharedPlan = std::shared_ptr<const Plan>;
using SharedWeights = std::shared_ptr<const std::vector<float>>;

struct HeldPlan {
  SharedPlan plan;
  SignedPlan signed_plan;
  PlanHash hash;
  std::shared_ptr<const PrivacyCost> cost = {};  // dearest_device_cost() of the plan; null: not known yet
};
struct HeldModel {
  SharedWeights weights;
  ModelHash hash;
};

class ContentCache {
 public:
  virtual ~ContentCache() = default;
  virtual std::optional<HeldPlan> find_plan(const PlanHash& hash) = 0;
  virtual std::optional<HeldModel> find_model(const ModelHash& hash) = 0;
  // Both were checked by the caller: the plan's signature and hash, the model's hash and length. A model is of the plan kept before it.
  virtual void keep(const HeldPlan& plan) = 0;
  virtual void keep(const HeldModel& model) = 0;
};

// Keeps the newest `capacity` plans and models.
class MemoryCache final : public ContentCache {
 public:
  explicit MemoryCache(std::size_t capacity = 2) : capacity_(capacity) {}
  std::optional<HeldPlan> find_plan(const PlanHash& hash) override;
  std::optional<HeldModel> find_model(const ModelHash& hash) override;
  void keep(const HeldPlan& plan) override;
  void keep(const HeldModel& model) override;

 private:
  std::size_t capacity_;
  std::mutex mutex_;
  std::deque<HeldPlan> plans_;
  std::deque<HeldModel> models_;
};

}  // namespace fedspend::client
