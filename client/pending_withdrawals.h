#pragma once
// Withdrawals that were called and wait for the vault: from that moment what they name is not consented to. Thread-safe.

#include <cstdint>
#include <functional>
#include <map>
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
      ++pending_.count_;
      if (purpose_) pending_.purposes_.emplace(*purpose_);
      else ++pending_.of_all_;
      // More purposes than any plan has: from then on each is one of every purpose.
      if (purpose_ && pending_.last_.size() < kMostPurposes) pending_.last_.insert_or_assign(std::string(*purpose_), pending_.count_);
      else pending_.last_of_all_ = pending_.count_;
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
    std::optional<std::string> purpose_;
  };

  bool covers(std::string_view purpose) const {
    const std::lock_guard lock(mutex_);
    return of_all_ > 0 || purposes_.contains(purpose);
  }

  // Withdrawals so far, and whether one of a purpose came after that many: a run that began before one is over, also where the consent was given
  // again at once.
  std::uint64_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  bool came_after(std::uint64_t count, std::string_view purpose) const {
    const std::lock_guard lock(mutex_);
    const auto last = last_.find(purpose);
    return last_of_all_ > count || (last != last_.end() && last->second > count);
  }

 private:
  static constexpr std::size_t kMostPurposes = 1'024;

  mutable std::mutex mutex_;
  std::multiset<std::string, std::less<>> purposes_;
  int of_all_ = 0;
  std::uint64_t count_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> last_;
  std::uint64_t last_of_all_ = 0;
};

}  // namespace fedspend::client
