// The bodies: cereal inside two archives of our own. cereal walks the fields and knows strings and vectors; the archives fix
// the bytes (little-endian, counts of 32 bits) and refuse a count before cereal allocates for it. Measured on cereal 1.3.2's own
// binary archive: nine hostile bytes made it allocate 16 GiB.

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstring>
#include <exception>

#include <cereal/cereal.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include "common/check.h"
#include "common/protocol/codec.h"
#include "common/protocol/plain_text.h"

namespace fedspend {
namespace {

// A bool has no place in a body: 2 ... 255 would have to be refused. An enum says more.
template <class T>
concept WireInteger = std::unsigned_integral<T> && !std::same_as<T, bool>;

// A field by name (for messages of errors) and with the limit of a counted field; one without a limit cannot be decoded.
template <class T>
struct Field {
  const char* name;
  T& value;
  std::size_t max_count = 0;
  std::size_t element_bytes = 1;  // the least that an element takes
};

template <class T>
Field<T> field(const char* name, T& value) {
  return {name, value};
}
template <class T>
Field<T> counted(const char* name, T& value, std::size_t max_count, std::size_t element_bytes = 1) {
  return {name, value, max_count, element_bytes};
}

constexpr ComeBackReason last_of(ComeBackReason) { return ComeBackReason::malformed; }
constexpr UpdateStatus last_of(UpdateStatus) { return UpdateStatus::aborted; }
constexpr DeclineReason last_of(DeclineReason) { return DeclineReason::secure_aggregation; }

// Thrown inside the archive, because cereal gives no other way out of it, and caught in decode_body.
struct Refusal {
  Error error;
};

class StrictOutputArchive : public cereal::OutputArchive<StrictOutputArchive> {
 public:
  StrictOutputArchive() : OutputArchive(this) {}

  void enter(const char*, std::size_t max_count, std::size_t) { max_count_ = max_count; }
  void write(const void* data, std::size_t count) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    bytes_.insert(bytes_.end(), bytes, bytes + count);
  }
  template <WireInteger T>
  void write_integer(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) bytes_.push_back(static_cast<std::uint8_t>(std::uint64_t{value} >> (8 * i)));
  }
  void write_count(std::uint64_t count) {
    FEDSPEND_CHECK(count <= max_count_, "a field within its limit");
    write_integer(static_cast<std::uint32_t>(count));
  }
  void check_text(std::string_view text) const { FEDSPEND_CHECK(is_plain_text(text), "plain text"); }
  template <class Enum>
  void check_enum(std::underlying_type_t<Enum> value) const {
    FEDSPEND_CHECK(value <= static_cast<std::underlying_type_t<Enum>>(last_of(Enum{})), "a known enumerator");
  }
  Bytes finish() { return std::move(bytes_); }

 private:
  Bytes bytes_;
  std::size_t max_count_ = 0;
};

class StrictInputArchive : public cereal::InputArchive<StrictInputArchive> {
 public:
  StrictInputArchive(MessageType type, ByteSpan body) : InputArchive(this), type_(type), rest_(body) {}

  void enter(const char* field_name, std::size_t max_count, std::size_t element_bytes) {
    field_ = field_name;
    max_count_ = max_count;
    element_bytes_ = element_bytes;
  }
  void read(void* data, std::size_t count) {
    if (count > rest_.size()) refuse(ErrorCode::malformed, std::to_string(count) + " bytes needed, " + std::to_string(rest_.size()) + " left");
    if (count != 0) std::memcpy(data, rest_.data(), count);
    rest_ = rest_.subspan(count);
  }
  template <WireInteger T>
  T read_integer() {
    std::uint8_t bytes[sizeof(T)];
    read(bytes, sizeof(T));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value |= std::uint64_t{bytes[i]} << (8 * i);
    return static_cast<T>(value);
  }
  // Every element takes at least element_bytes, so a count of more than are left is false, and nothing is allocated for it.
  std::uint64_t read_count() {
    const std::uint32_t count = read_integer<std::uint32_t>();
    const char* const unit = element_bytes_ == 1 ? " bytes, " : " elements, ";
    if (count > max_count_) refuse(ErrorCode::limit, std::to_string(count) + unit + "at most " + std::to_string(max_count_));
    if (count > rest_.size() / element_bytes_)
      refuse(ErrorCode::malformed, "says " + std::to_string(count) + unit + std::to_string(rest_.size()) + (element_bytes_ == 1 ? " left" : " bytes left"));
    return count;
  }
  void check_text(std::string_view text) const {
    if (!is_plain_text(text)) refuse(ErrorCode::malformed, "not plain text");
  }
  template <class Enum>
  void check_enum(std::underlying_type_t<Enum> value) const {
    if (value > static_cast<std::underlying_type_t<Enum>>(last_of(Enum{}))) refuse(ErrorCode::malformed, "unknown value " + std::to_string(value));
  }
  void finish() const {
    if (!rest_.empty())
      throw Refusal{{ErrorCode::malformed, std::string(to_string(type_)) + ": " + std::to_string(rest_.size()) + " bytes left over"}};
  }
  [[noreturn]] void refuse(ErrorCode code, const std::string& what) const {
    throw Refusal{{code, std::string(to_string(type_)) + "." + field_ + ": " + what}};
  }

 private:
  MessageType type_;
  ByteSpan rest_;
  const char* field_ = "";
  std::size_t max_count_ = 0;
  std::size_t element_bytes_ = 1;
};

// What cereal needs to know about the archives: scalars, counts, raw bytes.
template <WireInteger T>
void save(StrictOutputArchive& archive, const T& value) {
  archive.write_integer(value);
}
template <WireInteger T>
void load(StrictInputArchive& archive, T& value) {
  value = archive.read_integer<T>();
}
inline void save(StrictOutputArchive& archive, const double& value) { archive.write_integer(std::bit_cast<std::uint64_t>(value)); }
inline void load(StrictInputArchive& archive, double& value) { value = std::bit_cast<double>(archive.read_integer<std::uint64_t>()); }
template <class T>
void save(StrictOutputArchive& archive, const cereal::SizeTag<T>& tag) {
  archive.write_count(tag.size);
}
template <class T>
void load(StrictInputArchive& archive, cereal::SizeTag<T>& tag) {
  tag.size = archive.read_count();
}
template <class T>
void save(StrictOutputArchive& archive, const cereal::BinaryData<T>& data) {
  archive.write(data.data, data.size);
}
template <class T>
void load(StrictInputArchive& archive, cereal::BinaryData<T>& data) {
  archive.read(data.data, data.size);
}
template <std::size_t Size>
void save(StrictOutputArchive& archive, const std::array<std::uint8_t, Size>& bytes) {
  archive.write(bytes.data(), Size);
}
template <std::size_t Size>
void load(StrictInputArchive& archive, std::array<std::uint8_t, Size>& bytes) {
  archive.read(bytes.data(), Size);
}

template <class T>
void save(StrictOutputArchive& archive, const Field<T>& field) {
  archive.enter(field.name, field.max_count, field.element_bytes);
  if constexpr (std::is_enum_v<T>) {
    const auto value = static_cast<std::underlying_type_t<T>>(field.value);
    archive.check_enum<T>(value);
    archive(value);
  } else {
    if constexpr (std::same_as<T, std::string>) archive.check_text(field.value);
    archive(field.value);
  }
}
template <class T>
void load(StrictInputArchive& archive, Field<T>& field) {
  archive.enter(field.name, field.max_count, field.element_bytes);
  if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> value{};
    archive(value);
    archive.check_enum<T>(value);
    field.value = static_cast<T>(value);
  } else {
    archive(field.value);
    if constexpr (std::same_as<T, std::string>) archive.check_text(field.value);
  }
}

// The bodies, field by field in the order of WIRE.md.
template <class Archive>
void serialize(Archive& archive, CheckIn& m) {
  archive(field("version_min", m.version_min), field("version_max", m.version_max), counted("population", m.population, kMaxTextBytes),
          counted("software", m.software, kMaxTextBytes), field("have_plan", m.have_plan.bytes), field("have_model", m.have_model.bytes));
}
template <class Archive>
void serialize(Archive& archive, Assignment& m) {
  archive(field("version", m.version), field("task", m.task.bytes), field("round", m.round.value), field("attempt", m.attempt),
          field("cohort", m.cohort), field("deadline_ms", m.deadline_ms), field("clip_norm_l2", m.clip_norm_l2),
          field("plan_hash", m.plan_hash.bytes), field("model_hash", m.model_hash.bytes), counted("plan", m.plan, kMaxPlanBytes), field("plan_signature", m.plan_signature));
}
template <class Archive>
void serialize(Archive& archive, ComeBack& m) {
  archive(field("reason", m.reason), field("retry_after_ms", m.retry_after_ms), field("version_min", m.version_min),
          field("version_max", m.version_max));
}
template <class Archive>
void serialize(Archive& archive, Update& m) {
  archive(field("bulk_hash", m.bulk_hash), field("count", m.count), field("bits", m.bits));
}
template <class Archive>
void serialize(Archive& archive, UpdateReply& m) {
  archive(field("status", m.status), field("retry_after_ms", m.retry_after_ms));
}
template <class Archive>
void serialize(Archive& archive, Decline& m) {
  archive(field("reason", m.reason));
}

constexpr std::size_t kNeighbourBytes = 4 + 32 + kCertificateWireBytes + 96 + 64;

template <class Archive>
void serialize(Archive& archive, RoundKeys& m) {
  archive(field("agreement", m.agreement), field("mask", m.mask), field("commitment", m.commitment));
}
template <class Archive>
void serialize(Archive& archive, NeighbourKeys& m) {
  archive(field("position", m.position), field("identity", m.identity.bytes), field("certificate", m.certificate), m.keys,
          field("signature", m.signature));
}
template <class Archive>
void serialize(Archive& archive, AdvertiseKeys& m) {
  archive(m.keys);
}
template <class Archive>
void serialize(Archive& archive, RosterView& m) {
  archive(field("clients", m.clients), field("root", m.root), field("beacon", m.beacon), field("beacon_signature", m.beacon_signature),
          field("position", m.position), counted("neighbours", m.neighbours, kMaxNeighbours, kNeighbourBytes),
          counted("proof", m.proof, kMaxRosterProofHashes, sizeof(Hash256)));
}
template <class Archive>
void serialize(Archive& archive, ShareKeys& m) {
  archive(counted("sealed", m.sealed, kMaxNeighbours * kSealedShareBytes));
}
template <class Archive>
void serialize(Archive& archive, DeliverShares& m) {
  archive(counted("sharing", m.sharing, kMaxBitmapBytes), counted("sealed", m.sealed, kMaxNeighbours * kSealedShareBytes));
}
template <class Archive>
void serialize(Archive& archive, MaskedInput& m) {
  archive(field("bulk_hash", m.bulk_hash), field("count", m.count), field("bits", m.bits));
}
template <class Archive>
void serialize(Archive& archive, Survivors& m) {
  archive(counted("survivors", m.survivors, kMaxBitmapBytes), field("inputs_root", m.inputs_root),
          counted("proof", m.proof, kMaxLeafProofHashes, sizeof(Hash256)));
}
template <class Archive>
void serialize(Archive& archive, SignSurvivors& m) {
  archive(field("choice", m.choice));
}
template <class Archive>
void serialize(Archive& archive, Quorum& m) {
  archive(field("signers", m.signers));
}
template <class Archive>
void serialize(Archive& archive, Unmask& m) {
  archive(counted("opened", m.opened, (kMaxNeighbours + 7) / 8), counted("shares", m.shares, kMaxNeighbours * 32));
}

// What the fields must satisfy beyond their form; the empty string: nothing is wrong.
std::string fault_of_versions(std::uint16_t version_min, std::uint16_t version_max) {
  if (version_min >= 1 && version_min <= version_max) return {};
  return "versions " + std::to_string(version_min) + " to " + std::to_string(version_max) + " are no range";
}
std::string fault_of(const CheckIn& m) { return fault_of_versions(m.version_min, m.version_max); }
std::string fault_of(const ComeBack& m) { return fault_of_versions(m.version_min, m.version_max); }
std::string fault_of(const Assignment& m) {
  if (m.version < kProtocolVersionMin || m.version > kProtocolVersionMax) return "version " + std::to_string(m.version) + " is not spoken here";
  if (!std::isfinite(m.clip_norm_l2) || m.clip_norm_l2 <= 0) return "a clip norm that is not a finite number above 0";
  return {};
}
std::string fault_of_width(std::uint8_t bits) {
  if (bits >= 1 && bits <= 32) return {};
  return "a width of " + std::to_string(bits) + " bits is not in 1 ... 32";
}
std::string fault_of(const Update& m) { return fault_of_width(m.bits); }
std::string fault_of(const MaskedInput& m) { return fault_of_width(m.bits); }
std::string fault_of_count(const char* what, std::uint32_t count) {
  if (count >= 1 && count <= kMaxRosterClients) return {};
  return std::to_string(count) + " " + what + " are not in 1 ... " + std::to_string(kMaxRosterClients);
}
std::string fault_of(const RosterView& m) { return fault_of_count("clients", m.clients); }
std::string fault_of(const Quorum& m) { return fault_of_count("signers", m.signers); }
// The others: form is all that can be said without the session.
template <class T>
std::string fault_of(const T&) {
  return {};
}

template <class T>
Result<Message> decode_as(MessageType type, ByteSpan body) {
  StrictInputArchive archive(type, body);
  T message;
  archive(message);
  archive.finish();
  if (std::string fault = fault_of(message); !fault.empty())
    return fail(ErrorCode::malformed, std::string(to_string(type)) + ": " + fault);
  return Message(std::move(message));
}

Result<Message> decode_known(MessageType type, ByteSpan body) {
  switch (type) {
    case MessageType::check_in: return decode_as<CheckIn>(type, body);
    case MessageType::assignment: return decode_as<Assignment>(type, body);
    case MessageType::come_back: return decode_as<ComeBack>(type, body);
    case MessageType::update: return decode_as<Update>(type, body);
    case MessageType::update_reply: return decode_as<UpdateReply>(type, body);
    case MessageType::decline: return decode_as<Decline>(type, body);
    case MessageType::advertise_keys: return decode_as<AdvertiseKeys>(type, body);
    case MessageType::roster_view: return decode_as<RosterView>(type, body);
    case MessageType::share_keys: return decode_as<ShareKeys>(type, body);
    case MessageType::deliver_shares: return decode_as<DeliverShares>(type, body);
    case MessageType::masked_input: return decode_as<MaskedInput>(type, body);
    case MessageType::survivors: return decode_as<Survivors>(type, body);
    case MessageType::sign_survivors: return decode_as<SignSurvivors>(type, body);
    case MessageType::quorum: return decode_as<Quorum>(type, body);
    case MessageType::unmask: return decode_as<Unmask>(type, body);
  }
  return fail(ErrorCode::internal, "a message type without a body");
}

}  // namespace
}  // namespace fedspend

CEREAL_SETUP_ARCHIVE_TRAITS(fedspend::StrictInputArchive, fedspend::StrictOutputArchive)

namespace fedspend {

std::size_t max_body_bytes(MessageType type) {
  constexpr std::size_t text = 4 + kMaxTextBytes;
  switch (type) {
    case MessageType::check_in: return 2 + 2 + 2 * text + 32 + 32;
    case MessageType::assignment: return 2 + 16 + 8 + 16 + 4 + 4 + 8 + 32 + 32 + (4 + kMaxPlanBytes) + 64;
    case MessageType::come_back: return 1 + 4 + 2 + 2;
    case MessageType::update: return 32 + 4 + 1;
    case MessageType::update_reply: return 1 + 4;
    case MessageType::decline: return 1;
    case MessageType::advertise_keys: return 96;
    case MessageType::roster_view: return 4 + 32 + 32 + 64 + 4 + (4 + kMaxNeighbours * kNeighbourBytes) + (4 + kMaxRosterProofHashes * 32);
    case MessageType::share_keys: return 4 + kMaxNeighbours * kSealedShareBytes;
    case MessageType::deliver_shares: return (4 + kMaxBitmapBytes) + (4 + kMaxNeighbours * kSealedShareBytes);
    case MessageType::masked_input: return 32 + 4 + 1;
    case MessageType::survivors: return (4 + kMaxBitmapBytes) + 32 + (4 + kMaxLeafProofHashes * 32);
    case MessageType::sign_survivors: return 32;
    case MessageType::quorum: return 4;
    case MessageType::unmask: return (4 + (kMaxNeighbours + 7) / 8) + (4 + kMaxNeighbours * 32);
  }
  return 0;  // no such type
}

Bytes encode_body(const Message& message) {
  StrictOutputArchive archive;
  std::visit([&](const auto& alternative) { archive(alternative); }, message);
  return archive.finish();
}

Result<Message> decode_body(MessageType type, ByteSpan body) {
  if (max_body_bytes(type) == 0) return fail(ErrorCode::malformed, "unknown message type " + std::to_string(static_cast<std::uint16_t>(type)));
  if (body.size() > max_body_bytes(type))
    return fail(ErrorCode::limit, std::string(to_string(type)) + ": " + std::to_string(body.size()) + " bytes, at most " + std::to_string(max_body_bytes(type)));
  try {
    return decode_known(type, body);
  } catch (const Refusal& refusal) {
    return fail(refusal.error);
  } catch (const std::exception& exception) {
    return fail(ErrorCode::internal, std::string(to_string(type)) + ": " + exception.what());
  }
}

}  // namespace fedspend
