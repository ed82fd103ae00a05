#include "models/torchscript_archive.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace fedspend::models {
namespace {

// Section numbers are APPNOTE.TXT's.
constexpr std::uint32_t kLocalSignature = 0x04034b50, kEntrySignature = 0x02014b50, kEndSignature = 0x06054b50;
constexpr std::uint32_t kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50;
constexpr std::size_t kLocalBytes = 30, kEntryBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr std::uint16_t kStored = 0, kDeflated = 8;
constexpr std::uint16_t kEncrypted = 0x0001 | 0x0040 | 0x2000;  // 4.4.4: bits 0, 6 and 13
constexpr std::uint16_t kZip64Field = 0x0001;                   // 4.5.3

std::uint16_t u16(ByteSpan bytes, std::size_t at) { return load_u16(bytes.subspan(at)); }
std::uint32_t u32(ByteSpan bytes, std::size_t at) { return load_u32(bytes.subspan(at)); }
std::uint64_t u64(ByteSpan bytes, std::size_t at) { return load_u64(bytes.subspan(at)); }
bool has_signature(ByteSpan file, std::size_t at, std::size_t bytes, std::uint32_t signature) {
  return at <= file.size() && file.size() - at >= bytes && u32(file, at) == signature;
}

struct Directory {
  std::size_t begin = 0, end = 0;
  std::uint64_t entries = 0;
};

struct Extent {
  std::size_t begin = 0, end = 0;  // of an entry, its local header included
};

class Archive {
 public:
  Archive(const std::string& name, ByteSpan file) : name_(name), file_(file) {}

  Status check() {
    FEDSPEND_ASSIGN(const Directory directory, find_directory());
    std::size_t at = directory.begin;
    for (std::uint64_t i = 0; i < directory.entries; ++i) {
      if (!has_signature(file_.first(directory.end), at, kEntryBytes, kEntrySignature)) return wrong("its directory is cut off");
      const ByteSpan rest = file_.subspan(at, directory.end - at);
      const std::size_t bytes = kEntryBytes + u16(rest, 28) + u16(rest, 30) + u16(rest, 32);
      if (bytes > rest.size()) return wrong("its directory is cut off");
      FEDSPEND_TRY(check_entry(rest.first(bytes), directory));
      at += bytes;
    }
    if (at != directory.end) return wrong("its directory holds more than its entries");
    return check_extents();
  }

 private:
  Status wrong(const std::string& what) const {
    return fail(ErrorCode::malformed, name_ + ": it is not a TorchScript file: " + what, "save it by torch.jit.script(model).save(\"model.pt\"), and leave it as that is");
  }

  // 4.3.16, and before it, as torch writes it, its twin in 64 bits (4.3.14, 4.3.15), which must say the same.
  Result<Directory> find_directory() const {
    if (file_.size() < kEndBytes) return wrong_directory("it is too short for a zip archive");
    const std::size_t end_at = file_.size() - kEndBytes;
    if (!has_signature(file_, end_at, kEndBytes, kEndSignature) || u16(file_, end_at + 20) != 0) return wrong_directory("it does not end as a zip archive without a comment does");
    Directory directory{.begin = u32(file_, end_at + 16), .end = end_at, .entries = u16(file_, end_at + 10)};
    const std::uint64_t size = u32(file_, end_at + 12);
    const bool one_disk = u16(file_, end_at + 4) == 0 && u16(file_, end_at + 6) == 0 && u16(file_, end_at + 8) == directory.entries;
    const std::size_t twins = kLocator64Bytes + kEnd64Bytes;
    if (end_at >= kLocator64Bytes && u32(file_, end_at - kLocator64Bytes) == kLocator64Signature) {
      const std::size_t locator = end_at - kLocator64Bytes;
      if (end_at < twins || u64(file_, locator + 8) != end_at - twins || !has_signature(file_, end_at - twins, kEnd64Bytes, kEnd64Signature)) return wrong_directory("its two directory records do not fit together");
      directory.end = end_at - twins;
      const ByteSpan twin = file_.subspan(directory.end, kEnd64Bytes);
      if (u64(twin, 24) != directory.entries || u64(twin, 32) != directory.entries || u64(twin, 40) != size || u64(twin, 48) != directory.begin)
        return wrong_directory("its two directory records do not say the same");
    }
    if (!one_disk || directory.begin > directory.end || size != directory.end - directory.begin) return wrong_directory("its directory is not where it says");
    return directory;
  }
  tl::unexpected<Error> wrong_directory(const std::string& what) const { return fail(wrong(what).error()); }

  Status check_entry(ByteSpan entry, const Directory& directory) {
    const std::uint16_t flags = u16(entry, 8), method = u16(entry, 10), name_bytes = u16(entry, 28);
    const std::uint32_t packed = u32(entry, 20), unpacked = u32(entry, 24), at = u32(entry, 42);
    const std::string_view path = as_text(entry.subspan(kEntryBytes, name_bytes));
    if ((flags & kEncrypted) != 0) return wrong("an entry is encrypted");
    if (has_zip64_field(entry.subspan(kEntryBytes + name_bytes, u16(entry, 30)))) return wrong("an entry gives its size in zip64 form, which a model's file has no need of");
    const bool is_code = path.substr(std::min(path.find('/'), path.size())).starts_with("/code/");
    if (method != kStored && (method != kDeflated || !is_code)) return wrong("an entry is packed that is no code");
    if (method == kStored && packed != unpacked) return wrong("an entry has two sizes");
    if (method == kDeflated) {
      unpacked_code_ += unpacked;
      if (unpacked_code_ > kMaxUnpackedCodeBytes)
        return fail(ErrorCode::limit, name_ + ": its code is larger than " + std::to_string(kMaxUnpackedCodeBytes >> 20) + " MiB once it is unpacked", "a model's code has a few kB: take the file of a source that you trust");
    }
    if (!has_signature(file_.first(directory.begin), at, kLocalBytes, kLocalSignature)) return wrong("an entry is not where the directory says");
    const std::uint64_t end = std::uint64_t{at} + kLocalBytes + u16(file_, at + 26) + u16(file_, at + 28) + packed;
    if (end > directory.begin) return wrong("an entry is longer than the file");
    extents_.push_back({at, static_cast<std::size_t>(end)});
    return {};
  }

  // A field that is cut off counts too: nobody writes one.
  static bool has_zip64_field(ByteSpan extra) {
    while (extra.size() >= 4) {
      const std::size_t bytes = u16(extra, 2);
      if (u16(extra, 0) == kZip64Field || bytes > extra.size() - 4) return true;
      extra = extra.subspan(4 + bytes);
    }
    return !extra.empty();
  }

  Status check_extents() {
    std::sort(extents_.begin(), extents_.end(), [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < extents_.size(); ++i)
      if (extents_[i].begin < extents_[i - 1].end) return wrong("two of its entries lie over each other");
    return {};
  }

  const std::string& name_;
  ByteSpan file_;
  std::vector<Extent> extents_;
  std::uint64_t unpacked_code_ = 0;
};

}  // namespace

Status check_torchscript_archive(const std::string& name, ByteSpan file) { return Archive(name, file).check(); }

}  // namespace fedspend::models
