#pragma once
// The faulty network of world.h: what becomes of one message. It decides from its own random stream and holds no message.

#include <cstdint>
#include <set>
#include <vector>

#include "common/crypto/random.h"
#include "common/protocol/codec.h"
#include "tests/rounds/world.h"

namespace fedspend::testing {

struct Delivery {
  Frames frames;
  Millis delay{};
  bool corrupted = false;  // the bytes differ from those that were sent
};

class FaultyNetwork {
 public:
  FaultyNetwork(const WorldOptions& options, Millis round_deadline)
      : options_(options), round_deadline_(round_deadline), random_(Hasher("test-network").u64(options.seed).finish()) {}

  // Nothing: dropped. `faulty` false: delivered once, soon.
  std::vector<Delivery> carry(const Frames& frames, std::size_t device, bool faulty);
  void isolate(std::set<std::size_t> devices) { isolated_ = std::move(devices); }
  bool chance(unsigned permille) { return random_.below(1'000) < permille; }

 private:
  bool corrupt(Frames& frames);

  WorldOptions options_;
  Millis round_deadline_;
  SeededRandom random_;
  std::set<std::size_t> isolated_;
};

}  // namespace fedspend::testing
