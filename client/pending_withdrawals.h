#pragma once
// Withdrawals that were called and wait for the vault: from that moment what they name is not consented to. Thread-safe.

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace fedspend::client {

class PendingWithdrawals {
 public:
  // As long as it lives. Of nothing: of every purpose.
  class Scope {
   public:
    Scope(PendingWithdrawals& pending, std::optional<std::string_view> purpose) : pending_(pending), purpose_(purpose) {
      const std::lock_guard lock(pending_.mutex_);
      if (purpose_) pending_.purposes_.emplace(*purpose_);
      else ++pending_.of_all_;
    }
    ~Scope() {
      const std::lock_guard lock(pending_.mutex_);
      if (purpose_) pending_.purposes_.erase(pending_.purposes_.find(*purpose_));
      else --pending_.of_all_;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PendingWithdrawals& pending_;
    std::optional<std::string_view> purpose_;
  };

  bool covers(std::string_view purpose) const {
    const std::lock_guard lock(mutex_);
    return of_all_ > 0 || purposes_.contains(purpose);
  }

 private:
  mutable std::mutex mutex_;
  std::multiset<std::string, std::less<>> purposes_;
  int of_all_ = 0;
};

}  // namespace fedspend::client
