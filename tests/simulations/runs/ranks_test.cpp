#include "simulations/runs/ranks.h"

#include <bit>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <doctest/doctest.h>

#include "tests/simulations/runs/small_run.h"

using namespace fedspend;
using namespace fedspend::simulations;

namespace {

constexpr Hash256 kPoint = {7, 7};

// Ranks that are threads of this process.
class Meeting {
 public:
  explicit Meeting(unsigned size) : given_(size) {}
  // From this gathering on, counted from 0, it fails for everybody.
  void fail_at(std::size_t gathering) { fail_at_ = gathering; }
  std::size_t gatherings() const { return gathering_; }

  Result<std::vector<Bytes>> all_gather(unsigned rank, ByteSpan mine) {
    std::unique_lock lock(mutex_);
    if (gathering_ >= fail_at_) return fail(ErrorCode::unavailable, "rank 1 has gone", "go on with --resume");
    const std::size_t gathering = gathering_;
    given_[rank].assign(mine.begin(), mine.end());
    if (++here_ == given_.size()) {
      here_ = 0;
      result_ = given_;
      ++gathering_;
      arrived_.notify_all();
      return result_;
    }
    arrived_.wait(lock, [&] { return gathering_ != gathering; });
    return result_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Bytes> given_, result_;
  std::size_t here_ = 0;
  std::size_t gathering_ = 0;
  std::size_t fail_at_ = static_cast<std::size_t>(-1);
};

class Rank final : public RankExchange {
 public:
  Rank(Meeting& meeting, unsigned rank, unsigned size) : meeting_(meeting), rank_(rank), size_(size) {}
  unsigned rank() const override { return rank_; }
  unsigned size() const override { return size_; }
  Result<std::vector<Bytes>> all_gather(ByteSpan mine) override { return meeting_.all_gather(rank_, mine); }

 private:
  Meeting& meeting_;
  unsigned rank_, size_;
};

struct RankOutcome {
  Result<RunResult> result = fail(ErrorCode::internal, "not run");
  std::vector<Bytes> checkpoints;
};

std::vector<RankOutcome> run_on_ranks(const tests::SmallRun& small, Meeting& meeting, unsigned size, std::optional<RunCheckpoint> checkpoint = {},
                                      const std::function<void(unsigned rank, RunOptions& options)>& change = {}) {
  std::vector<RankOutcome> outcomes(size);
  std::vector<std::jthread> ranks;
  for (unsigned rank = 0; rank < size; ++rank) {
    ranks.emplace_back([&, rank] {
      Rank exchange(meeting, rank, size);
      RunOptions options = small.options;
      options.federation.exchange = &exchange;
      options.federation.threads = 1 + rank % 2;
      if (change) change(rank, options);
      const auto save = [&](const RunCheckpoint& reached) -> Status {
        outcomes[rank].checkpoints.push_back(encode_checkpoint(reached));
        return {};
      };
      outcomes[rank].result = run_federation(options, small.clients, [](const auto&, const auto&) { return true; }, save, rank == 0 ? checkpoint : std::nullopt);
    });
  }
  ranks.clear();
  return outcomes;
}

tests::SmallRun small() { return tests::small_run(20, {"federation.rounds=10", "federation.cohort=7", "federation.min_cohort=5", "federation.over_selection=1.4"}); }

tests::RunBits undisturbed(const tests::SmallRun& run) {
  const auto result = run_federation(run.options, run.clients, [](const auto&, const auto&) { return true; });
  REQUIRE(result);
  return tests::bits_of(*result);
}

}  // namespace

TEST_CASE("one, two, three and four ranks give the same bits as a run without ranks, on every rank") {
  const tests::SmallRun run = small();
  const tests::RunBits expected = undisturbed(run);
  for (const unsigned size : {1U, 2U, 3U, 4U}) {
    CAPTURE(size);
    Meeting meeting(size);
    const auto outcomes = run_on_ranks(run, meeting, size);
    for (unsigned rank = 0; rank < size; ++rank) {
      REQUIRE(outcomes[rank].result);
      CHECK((tests::bits_of(*outcomes[rank].result) == expected));
      CHECK(outcomes[rank].checkpoints.size() == (rank == 0 ? 2U : 0U));
    }
  }
}

TEST_CASE("an exchange that fails at any point ends the run on every rank with its error, and the run goes on from its checkpoint") {
  const tests::SmallRun run = small();
  const tests::RunBits expected = undisturbed(run);
  Meeting whole(2);
  static_cast<void>(run_on_ranks(run, whole, 2));
  REQUIRE(whole.gatherings() > 10);
  for (std::size_t at = 0; at < whole.gatherings(); ++at) {
    CAPTURE(at);
    Meeting failing(2);
    failing.fail_at(at);
    const auto failed = run_on_ranks(run, failing, 2);
    for (const RankOutcome& outcome : failed) {
      REQUIRE_FALSE(outcome.result);
      CHECK(outcome.result.error().code == ErrorCode::unavailable);
      CHECK(outcome.result.error().message == "rank 1 has gone");
    }
    std::optional<RunCheckpoint> checkpoint;
    if (!failed[0].checkpoints.empty()) checkpoint = *decode_checkpoint(failed[0].checkpoints.back());
    Meeting again(2);
    const auto resumed = run_on_ranks(run, again, 2, checkpoint);
    for (const RankOutcome& outcome : resumed) {
      REQUIRE(outcome.result);
      CHECK((tests::bits_of(*outcome.result) == expected));
    }
    // A run on one machine goes on from it as well.
    if (!checkpoint) continue;
    const auto alone = run_federation(run.options, run.clients, [](const auto&, const auto&) { return true; }, {}, checkpoint);
    REQUIRE(alone);
    CHECK((tests::bits_of(*alone) == expected));
  }
}

TEST_CASE("ranks that would not run the same refuse, all of them, and say what differs") {
  const tests::SmallRun run = small();
  Meeting meeting(3);
  const auto outcomes = run_on_ranks(run, meeting, 3, {}, [](unsigned rank, RunOptions& options) { options.federation.seed = rank == 2 ? 9 : 1; });
  for (const RankOutcome& outcome : outcomes) {
    REQUIRE_FALSE(outcome.result);
    CHECK(outcome.result.error().code == ErrorCode::refused);
    CHECK(outcome.result.error().message.find("seed 1 on rank 0, 9 on rank 2") != std::string::npos);
  }
}

TEST_CASE("a rank that gives too little, too much or nothing is an error, not a wrong sum") {
  class Liar final : public RankExchange {
   public:
    explicit Liar(Bytes other) : other_(std::move(other)) {}
    unsigned rank() const override { return 0; }
    unsigned size() const override { return 2; }
    Result<std::vector<Bytes>> all_gather(ByteSpan mine) override { return std::vector<Bytes>{Bytes(mine.begin(), mine.end()), other_}; }

   private:
    Bytes other_;
  };
  const auto gather = [](Bytes other) {
    Liar liar(std::move(other));
    return gather_items(liar, kPoint, 3, [](std::size_t item) { return Bytes{static_cast<std::uint8_t>(item)}; });
  };
  const Bytes one_item = {1, 0, 0, 0, 0, 0, 0, 0, 7};
  const auto behind_point = [](const Bytes& items, const Hash256& point = kPoint) {
    Bytes bytes(8 + point.size());
    bytes[0] = static_cast<std::uint8_t>(point.size());
    std::copy(point.begin(), point.end(), bytes.begin() + 8);
    for (const std::uint8_t byte : items) bytes.push_back(byte);
    return bytes;
  };
  const auto right = gather(behind_point(one_item));
  REQUIRE(right);
  CHECK(*right == std::vector<Bytes>{{0}, {7}, {2}});
  Bytes two_items = one_item;
  two_items.insert(two_items.end(), one_item.begin(), one_item.end());
  Bytes longer = one_item;
  longer[0] = 2;
  Bytes huge = one_item;
  huge[7] = 0xff;
  for (const Bytes& wrong : {Bytes(), two_items, longer, huge, Bytes(7, 0)}) {
    const auto result = gather(behind_point(wrong));
    REQUIRE_FALSE(result);
    CHECK(result.error().message.find("rank 1") != std::string::npos);
  }
  CHECK_FALSE(gather(one_item));
  CHECK_FALSE(gather(Bytes()));
  Hash256 elsewhere = kPoint;
  elsewhere[31] ^= 1;
  const auto apart = gather(behind_point(one_item, elsewhere));
  REQUIRE_FALSE(apart);
  CHECK(apart.error().code == ErrorCode::conflict);
  CHECK(apart.error().message == "rank 1 has come to another model than rank 0");
}

TEST_CASE("ranks that come apart on the way end at the next exchange, on all of them, and say so") {
  const tests::SmallRun run = small();
  // Rank 1 gets another update in one exchange, as if it had computed on another machine: from there its model is another one.
  class Apart final : public RankExchange {
   public:
    explicit Apart(Rank& whole) : whole_(whole) {}
    unsigned rank() const override { return whole_.rank(); }
    unsigned size() const override { return whole_.size(); }
    Result<std::vector<Bytes>> all_gather(ByteSpan mine) override {
      auto all = whole_.all_gather(mine);
      // The first floats of the first update (far longer than anything else that is exchanged), behind the point and the item's length.
      constexpr std::size_t kUpdateAt = 8 + 32 + 8 + 1;
      if (!done_ && all && rank() == 1 && (*all)[0].size() > 2'000) {
        for (std::size_t i = 0; i < 100; ++i) store_u32(MutableByteSpan((*all)[0]).subspan(kUpdateAt + 4 * i), std::bit_cast<std::uint32_t>(0.01f));
        done_ = true;
      }
      return all;
    }

   private:
    Rank& whole_;
    bool done_ = false;
  };
  Meeting meeting(2);
  std::vector<std::unique_ptr<Rank>> ranks;
  std::vector<std::unique_ptr<Apart>> apart;
  for (unsigned rank = 0; rank < 2; ++rank) {
    ranks.push_back(std::make_unique<Rank>(meeting, rank, 2));
    apart.push_back(std::make_unique<Apart>(*ranks.back()));
  }
  const auto outcomes = run_on_ranks(run, meeting, 2, {}, [&](unsigned rank, RunOptions& options) { options.federation.exchange = apart[rank].get(); });
  for (const RankOutcome& outcome : outcomes) {
    REQUIRE_FALSE(outcome.result);
    CHECK(outcome.result.error().code == ErrorCode::conflict);
    CHECK(outcome.result.error().message == "rank 1 has come to another model than rank 0");
  }
}
