#include "simulations/population/dice.h"

#include <algorithm>

#include "common/crypto/hash.h"

namespace fedspend::simulations {
namespace {

// Quantiles at (i + 1/2) / n, in thousandths: of the normal distribution, and of the exponential one with mean 1.
constexpr std::array<std::int32_t, 128> kNormal = {
    -2660, -2266, -2064, -1921, -1810, -1717, -1637, -1567, -1503, -1445, -1392, -1342, -1295, -1251, -1209, -1170, -1132, -1095, -1060,
    -1026, -994, -962, -932, -902, -873, -844, -817, -790, -763, -737, -712, -687, -662, -638, -614, -591, -568, -545, -522, -500, -478,
    -456, -434, -413, -392, -371, -350, -329, -308, -288, -268, -247, -227, -207, -187, -167, -147, -128, -108, -88, -69, -49, -29, -10, 10,
    29, 49, 69, 88, 108, 128, 147, 167, 187, 207, 227, 247, 268, 288, 308, 329, 350, 371, 392, 413, 434, 456, 478, 500, 522, 545, 568, 591,
    614, 638, 662, 687, 712, 737, 763, 790, 817, 844, 873, 902, 932, 962, 994, 1026, 1060, 1095, 1132, 1170, 1209, 1251, 1295, 1342, 1392,
    1445, 1503, 1567, 1637, 1717, 1810, 1921, 2064, 2266, 2660};
constexpr std::array<std::int32_t, 64> kExponential = {
    8, 24, 40, 56, 73, 90, 107, 125, 143, 161, 179, 198, 217, 237, 257, 277, 298, 319, 341, 363, 386, 409, 433, 458, 483, 508, 535, 562,
    589, 618, 647, 678, 709, 741, 774, 809, 845, 882, 920, 960, 1002, 1045, 1091, 1138, 1188, 1241, 1297, 1356, 1418, 1485, 1556, 1633,
    1717, 1808, 1908, 2019, 2144, 2287, 2454, 2655, 2906, 3243, 3753, 4852};
// 2^(i / 32) in 65536ths.
constexpr std::array<std::int64_t, 33> kPowerOfTwo = {
    65536, 66971, 68438, 69936, 71468, 73032, 74632, 76266, 77936, 79642, 81386, 83169, 84990, 86851, 88752, 90696, 92682, 94711, 96785,
    98905, 101070, 103283, 105545, 107856, 110218, 112631, 115098, 117618, 120194, 122825, 125515, 128263, 131072};

constexpr std::int64_t kLog2OfEMillionths = 1'442'695;

}  // namespace

Dice::Dice(std::string_view label, std::uint64_t seed, std::uint64_t client) : random_(Hasher(label).u64(seed).u64(client).finish()) {}

void Dice::refill() {
  random_.fill(block_);
  used_ = 0;
}

std::int64_t Dice::spread(unsigned spread_percent) {
  // e^(z s) = 2^(z s log2 e), cut into a whole number of doublings and a step of the table.
  const std::int64_t exponent_millionths = std::int64_t{kNormal[below(128)]} * spread_percent * kLog2OfEMillionths / 100'000;  // of log2
  const std::int64_t steps = (exponent_millionths + 512 * 1'000'000) * 32 / 1'000'000 - 512 * 32;                              // floor: the shift keeps it positive
  const std::int64_t whole = (steps + 512 * 32) / 32 - 512;
  const std::int64_t fraction = steps - whole * 32;
  const std::int64_t mantissa = kPowerOfTwo[static_cast<std::size_t>(fraction)] * 1000;
  const std::int64_t value = whole >= 0 ? (mantissa << whole) >> 16 : mantissa >> (16 - whole);
  return std::max<std::int64_t>(value, 1);
}

std::int64_t Dice::gap() { return kExponential[below(64)]; }

}  // namespace fedspend::simulations
