#include "coordinator/sum_worker.h"

#include <system_error>
#include <utility>

#include "common/check.h"

namespace fedspend::coordinator {

void SumWorker::begin(ComputeSum work) {
  FEDSPEND_CHECK(!is_busy(), "one sum at a time");
  Sum& sum = sum_.emplace();
  const auto compute = [&sum, &executor = executor_, session = work.session, unmasking = std::move(work.unmasking)](const std::stop_token& stop) {
    sum.computed = SumComputed{session, unmasking->run(executor, stop)};
    sum.is_done.store(true, std::memory_order_release);
  };
  try {
    sum.thread = std::jthread(compute);
  } catch (const std::system_error&) {
    compute(std::stop_token());
  }
}

std::optional<SumComputed> SumWorker::take() {
  if (!sum_ || !sum_->is_done.load(std::memory_order_acquire)) return std::nullopt;
  std::optional<SumComputed> computed = std::move(sum_->computed);
  sum_.reset();
  return computed;
}

void SumWorker::stop() { sum_.reset(); }

}  // namespace fedspend::coordinator
