#include "tests/rounds/rogue.h"

#include "common/numeric/ring_vector.h"

namespace fedspend::testing {
namespace {

constexpr std::uint64_t kMostRepeats = 90;  // beyond a device's quota

class Misdeed {
 public:
  Misdeed(const Rogue& rogue, const Plan& plan, RandomSource& random, const std::function<void(Frames)>& send)
      : rogue_(rogue), plan_(plan), random_(random), send_(send) {}

  void in_the_open() {
    Bytes junk = random_bytes(packed_size(kParameters, plan_.aggregation.bits));
    junk.back() &= 1;  // 13 values of 21 bits end with one bit in the last byte
    switch (random_.below(8)) {
      case 0: return replay(rogue_.sent);
      case 1: return replay(rogue_.sent_by_another);
      case 2: return say(update_of(junk), junk);  // any update that fits
      case 3: junk.resize(random_.below(3 * junk.size())); return say(update_of(junk), junk);
      case 4: return say(Decline{});
      case 5:
        for (std::uint64_t i = 0; i < kMostRepeats; ++i) check_in(plan_.population);
        return;
      case 6: return check_in("other");
      default: return send_(Frames{junk, nullptr});
    }
  }

  void in_secret() {
    const Bytes junk = random_bytes(1 + random_.below(3'000));
    switch (random_.below(7)) {
      case 0: {
        AdvertiseKeys keys;  // zeros, or points that are none
        if (random_.below(2) == 0) {
          random_.fill(keys.keys.agreement);
          keys.keys.mask.fill(0xff);
        }
        return say(keys);
      }
      case 1: return say(ShareKeys{Bytes(junk.size() / kSealedShareBytes * kSealedShareBytes + 1)});
      case 2: {
        const bool fits = junk.size() == packed_size(kParameters, plan_.aggregation.bits);
        return say(MaskedInput{hash_of_update(junk), static_cast<std::uint32_t>(kParameters) + (fits ? 1 : 0), static_cast<std::uint8_t>(plan_.aggregation.bits)}, junk);
      }
      case 3: {
        SignSurvivors choice;
        random_.fill(choice.choice);
        for (std::uint64_t i = random_.below(kMostRepeats); i > 0; --i) say(choice);
        return;
      }
      case 4: return say(Unmask{Bytes{0xff, 0xff}, Bytes(32 * (1 + random_.below(4)))});  // of more neighbours than there are
      case 5: return say(Decline{DeclineReason::secure_aggregation});
      default: return replay(rogue_.sent);
    }
  }

 private:
  Bytes random_bytes(std::size_t count) {
    Bytes bytes(count);
    random_.fill(bytes);
    return bytes;
  }
  Update update_of(const Bytes& bulk) const {
    return {hash_of_update(bulk), static_cast<std::uint32_t>(kParameters), static_cast<std::uint8_t>(plan_.aggregation.bits)};
  }
  void say(const Message& message) { send_(Frames{seal_from_device(message, rogue_.session, rogue_.keys.id, rogue_.keys.identity), nullptr}); }
  void say(const Message& message, const Bytes& bulk) {
    send_(Frames{seal_from_device(message, rogue_.session, rogue_.keys.id, rogue_.keys.identity), shared_bytes(bulk)});
  }
  void check_in(const std::string& population) {
    send_(Frames{seal_from_device(CheckIn{1, 1, population, "rogue", {}, {}}, SessionId{}, rogue_.keys.id, rogue_.keys.identity), nullptr});
  }
  void replay(const std::vector<Frames>& sent) {
    if (!sent.empty()) send_(sent[random_.below(sent.size())]);
  }

  const Rogue& rogue_;
  const Plan& plan_;
  RandomSource& random_;
  const std::function<void(Frames)>& send_;
};

}  // namespace

void misbehave(const Rogue& rogue, const Plan& plan, RandomSource& random, const std::function<void(Frames)>& send) {
  Misdeed misdeed(rogue, plan, random, send);
  if (plan.aggregation.mode == Aggregation::secure && random.below(2) == 0) return misdeed.in_secret();
  misdeed.in_the_open();
}

}  // namespace fedspend::testing
