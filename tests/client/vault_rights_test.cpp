// Consents, the history and personal models on the vault as it is on a disk, with that disk full, cut off or killed at every operation.

#include <sys/mman.h>

#include <doctest/doctest.h>

#include "client/consent.h"
#include "client/personalisation.h"
#include "client/transparency.h"
#include "models/next_category/next_category.h"
#include "tests/client/record_folder.h"
#include "tests/disk/power_cut.h"
#include "tests/models/toy_history.h"

namespace fedspend::client {
namespace {

using disk::Fate;

const ConsentNotice kNotice{.version = "2026-11", .language = {}, .method = {}};

bool is_given(const RecordFolder& folder, std::string_view purpose) {
  const auto opened = folder.open_vault();
  REQUIRE_MESSAGE(opened, opened.error().message);
  const auto consents = Consents::open(*opened->vault);
  REQUIRE_MESSAGE(consents, consents.error().message);
  return (*consents)->is_given(purpose);
}

void give(const RecordFolder& folder) {
  const auto opened = folder.open_vault();
  REQUIRE(opened);
  const auto consents = Consents::open(*opened->vault).value();
  for (const char* purpose : {"offers", "evaluation"}) REQUIRE(consents->give(purpose, kNotice, 1));
}

TEST_CASE("the disk full from any operation of a withdrawal on, or before it: it is kept, and a restart finds it, on a disk that is still full, too") {
  const disk::NoWaiting no_waiting;
  for (const bool all : {false, true}) {
    int outcome = 0;
    for (std::uint64_t operation = 1; outcome == 0; ++operation) {
      CAPTURE(operation);
      const RecordFolder folder;
      give(folder);
      outcome = disk::in_child([&] {
        const auto opened = folder.open_vault();
        if (!opened) return 1;
        const auto consents = Consents::open(*opened->vault);
        if (!consents) return 2;
        disk::set_fate(Fate::no_room, operation);
        if (all ? !(*consents)->withdraw_all(7) : !(*consents)->withdraw("offers", 7)) return 3;
        if ((*consents)->is_given("offers") || (*consents)->is_given("evaluation") == all) return 4;
        const bool over = disk::operations() < operation;
        // What is read again on the same full disk says the same.
        const auto again = Consents::open(*opened->vault);
        if (!again || (*again)->is_given("offers")) return 5;
        return over ? 100 : 0;
      });
      REQUIRE((outcome == 0 || outcome == 100));
      CHECK_FALSE(is_given(folder, "offers"));
      CHECK(is_given(folder, "evaluation") == !all);
    }
  }
}

TEST_CASE("killed or without power at any operation of a withdrawal: whole or absent, and there once it was acknowledged") {
  const disk::NoWaiting no_waiting;
  for (const Fate fate : {Fate::killed, Fate::power_cut, Fate::power_half_cut, Fate::power_half_cut}) {
    void* const memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    auto* const acknowledged = static_cast<int*>(memory);
    int outcome = disk::kCutOff;
    for (std::uint64_t operation = 1; outcome == disk::kCutOff; ++operation) {
      CAPTURE(operation);
      const RecordFolder folder;
      give(folder);
      *acknowledged = 0;
      outcome = disk::in_child([&] {
        const auto opened = folder.open_vault();
        const auto consents = Consents::open(*opened->vault);
        if (!consents) return 1;
        disk::set_fate(fate, operation, operation * 31);
        if (!(*consents)->withdraw("offers", 7)) return 2;
        *acknowledged = 1;
        if (!(*consents)->give("later", kNotice, 8)) return 3;
        disk::set_fate(Fate::none, 0);
        return 0;
      });
      REQUIRE((outcome == 0 || outcome == disk::kCutOff));
      if (*acknowledged != 0) CHECK_FALSE(is_given(folder, "offers"));
      CHECK(is_given(folder, "evaluation"));  // nobody withdrew it
    }
    munmap(memory, 4096);
  }
}

TEST_CASE("consents and the history come back from the disk, and a full one takes no entry and no consent") {
  const disk::NoWaiting no_waiting;
  const RecordFolder folder;
  give(folder);
  {
    const auto opened = folder.open_vault();
    const auto log = TransparencyLog::open(*opened->vault).value();
    REQUIRE(log->append({.time_s = 5, .kind = HistoryKind::contributed, .purpose = "offers", .bytes = 9, .epsilon_after = 1.5, .delta = 1e-6}));
  }
  CHECK(disk::in_child([&] {
          const auto opened = folder.open_vault();
          const auto consents = Consents::open(*opened->vault);
          const auto log = TransparencyLog::open(*opened->vault);
          disk::set_fate(Fate::full, 1);
          if ((*consents)->give("later", kNotice, 2) || (*log)->append({.kind = HistoryKind::checked_in})) return 1;
          return (*consents)->is_given("later") ? 2 : 0;
        }) == 0);
  const auto opened = folder.open_vault();
  const auto entries = TransparencyLog::open(*opened->vault).value()->entries().value();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].epsilon_after == 1.5);
  CHECK(Consents::open(*opened->vault).value()->purposes() == std::vector<std::string>{"evaluation", "offers"});
}

TEST_CASE("a personal model comes back from the disk as it was, and nothing of it is there after erase_all") {
  const disk::NoWaiting no_waiting;
  const RecordFolder folder;
  const auto trainer = models::make_trainer(models::small_model(4)).value();
  std::vector<float> weights(trainer->parameter_count());
  SeededRandom random(9);
  for (float& weight : weights) weight = static_cast<float>(random.below(2'001)) / 4'000 - 0.25F;
  std::vector<models::HistoryRow> history = models::random_history(200, 4, 1);
  for (std::size_t i = 0; i < history.size(); ++i) history[i].category = static_cast<std::uint32_t>(i % 4);
  ModelHash hash;
  hash.bytes[0] = 1;
  const SharedModel shared{.name = "next_category", .hash = hash, .weights = weights};
  Bytes kept;
  {
    const auto opened = folder.open_vault();
    const auto consents = Consents::open(*opened->vault).value();
    REQUIRE(consents->give(kPurposePersonalInsights, kNotice, 1));
    Personalisation personal(*opened->vault);
    REQUIRE(personal.adapt(*consents, *trainer, shared, history));
    kept = personal.find(*consents, shared)->kept_form();
  }
  const auto opened = folder.open_vault();
  const auto consents = Consents::open(*opened->vault).value();
  Personalisation personal(*opened->vault);
  CHECK(personal.find(*consents, shared)->kept_form() == kept);
  CHECK_FALSE(personal.find(*consents, shared)->is_shared());
  REQUIRE(personal.erase_all());
  CHECK(opened->vault->size_of(Shelf::personal)->rows == 0);
  CHECK(personal.find(*consents, shared)->is_shared());
}

}  // namespace
}  // namespace fedspend::client
