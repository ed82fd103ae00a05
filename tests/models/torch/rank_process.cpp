// One rank of the tests of the process group: rank_process RANK SIZE PORT JOIN_MS EXCHANGE_MS ROUNDS [WHAT ROUND].
// It exchanges bytes ROUNDS times and says what it got ("ok HASH"), or the error ("timeout MESSAGE"). WHAT happens before the
// exchange ROUND: "die" ends it by SIGKILL, "sleep" lets it sleep until it is killed, "huge" offers more than may be.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "common/crypto/hash.h"
#include "common/crypto/random.h"
#include "models/torch_module.h"

namespace {

using namespace fedspend;
using namespace fedspend::models;

Bytes part_of(unsigned rank, unsigned round) {
  // Of different lengths: nothing, a few bytes, a few hundred thousand.
  Bytes bytes(rank == round % 3 ? 0 : (rank + 1) * (round % 4 == 1 ? 100'000 : 10));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * (rank + 3) + round);
  return bytes;
}

int say(const Error& error) {
  std::printf("%s %s\n", std::string(to_string(error.code)).c_str(), error.message.c_str());
  return 1;
}

int exchange(ProcessGroup& group, unsigned rounds, const std::string& what, unsigned when) {
  Hasher seen("seen");
  for (unsigned round = 0; round < rounds; ++round) {
    Bytes mine = part_of(group.rank(), round);
    if (!what.empty() && round == when) {
      if (what == "die") std::raise(SIGKILL);
      if (what == "sleep") std::this_thread::sleep_for(std::chrono::minutes(5));
      if (what == "huge") mine.resize(kMaxExchangeBytes + 1);
    }
    const auto all = group.all_gather(mine);
    if (!all) return say(all.error());
    if (all->size() != group.size()) return say({ErrorCode::internal, "another number of ranks"});
    for (unsigned rank = 0; rank < group.size(); ++rank) {
      if ((*all)[rank] != part_of(rank, round)) return say({ErrorCode::internal, "not the bytes of rank " + std::to_string(rank)});
      seen.field((*all)[rank]);
    }
  }
  if (const Status together = group.barrier(); !together) return say(together.error());
  std::printf("ok %s\n", to_hex(seen.finish()).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) return 4;
  initialize_crypto();
  const auto number = [&](int i) { return static_cast<unsigned>(std::strtoul(argv[i], nullptr, 10)); };
  const auto module = torch_module();
  if (!module) return say(module.error());
  const auto group = (*module)->join({.rank = number(1), .size = number(2), .host = "127.0.0.1", .port = static_cast<std::uint16_t>(number(3)),
                                      .join_timeout = std::chrono::milliseconds(number(4)), .exchange_timeout = std::chrono::milliseconds(number(5))});
  if (!group) return say(group.error());
  std::printf("joined\n");
  std::fflush(stdout);
  return exchange(**group, number(6), argc > 8 ? argv[7] : "", argc > 8 ? number(8) : 0);
}
