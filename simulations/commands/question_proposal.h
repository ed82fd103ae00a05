#pragma once
// What a question that `privacy` or `calibrate` refuses could ask instead: options, as they are typed, that the very answer which was refused
// accepts. One option where one does, in the order bits, noise, clients, then the others. Stateless.

#include <functional>
#include <optional>
#include <string>

#include "simulations/commands/privacy_question.h"

namespace fedspend::simulations {

// A question with the number that goes with it: the noise multiplier of `privacy`, the epsilon of `calibrate`.
struct Asked {
  PrivacyQuestion question;
  double number = 0;
};
struct AskedNumber {
  const char* option;                    // "noise-multiplier" or "epsilon"
  double least = 0, most = 0;            // of what is proposed for that option; the first that is tried is more
  const char* none_works = nullptr;      // what to say where nothing is found; null: what the refusal says
};

using Accepts = std::function<bool(const Asked&)>;

struct Proposal {
  std::string typed;           // "--bits 21", "--bits 21 --clip 0.01"
  std::optional<Asked> asked;  // what that asks; nothing where nothing was found
};

// The search takes kSearchSeconds of processor time at most, and what `accepts` takes once: after that nothing more is tried.
inline constexpr double kSearchSeconds = 0.4;
Proposal options_that_work(const Asked& refused, const AskedNumber& number, const Accepts& accepts);

}  // namespace fedspend::simulations
