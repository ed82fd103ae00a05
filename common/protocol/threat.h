#pragma once
// Which coordinator secure aggregation is to hold against, by its names in a plan, and how few clients it has. Its own file because
// a plan says it and common/secagg computes with it. Thread-safe (no state).
//   curious         follows the protocol and looks at what it sees
//   semi-malicious  lies about who dropped out, so that it is sent shares that it should not have (Bell et al. 2020, section 2)

#include <cstdint>
#include <string_view>

namespace fedspend {

// With two clients either knows the other's vector from the sum.
inline constexpr std::uint32_t kMinSecureClients = 3;

enum class Threat { curious, semi_malicious };
constexpr std::string_view to_string(Threat threat) noexcept { return threat == Threat::curious ? "curious" : "semi-malicious"; }

}  // namespace fedspend
