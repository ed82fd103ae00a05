#pragma once
// What a question that `privacy` or `calibrate` refuses could ask instead: options, as they are typed, that the very answer which was refused
// accepts. One option where one does, in the order bits, noise, clients, then the others. Stateless.

#include <functional>
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
  double least = 0, most = 0;            // of that option; the first that is tried is more
};

// "--bits 21", "--bits 21 --clip 0.01"; empty where nothing was found.
std::string options_that_work(const Asked& refused, const AskedNumber& number, const std::function<bool(const Asked&)>& accepts);

}  // namespace fedspend::simulations
