#include "models/torchscript_archive.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace fedspend;
using namespace fedspend::models;

namespace {

struct Entry {
  std::string path;
  std::string data;             // as it lies in the file
  std::uint16_t method = 0;     // 8: deflated
  std::uint32_t unpacked = 0;   // of one that is deflated
  std::uint16_t flags = 0x0808; // as torch writes them
  Bytes extra = {};             // in the directory
};

void append(Bytes& to, const std::vector<std::pair<std::size_t, std::uint64_t>>& fields) {
  for (const auto& [bytes, value] : fields)
    for (std::size_t i = 0; i < bytes; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
void append(Bytes& to, const std::string& text) { to.insert(to.end(), text.begin(), text.end()); }

// Where the parts of an archive lie, so that a test can write over one.
struct Zip {
  Bytes bytes;
  std::vector<std::size_t> entries;  // in the directory
  std::size_t directory = 0, end64 = 0, locator64 = 0, end = 0;

  void put(std::size_t at, std::size_t count, std::uint64_t value) {
    for (std::size_t i = 0; i < count; ++i) bytes.at(at + i) = static_cast<std::uint8_t>(value >> (8 * i));
  }
};

// As torch.jit.save writes it; without the twin records, as Python's zipfile does.
Zip zip_of(const std::vector<Entry>& entries, bool twins = true) {
  Zip zip;
  std::vector<std::uint64_t> offsets;
  for (const Entry& entry : entries) {
    offsets.push_back(zip.bytes.size());
    const std::uint64_t unpacked = entry.method == 0 ? entry.data.size() : entry.unpacked;
    append(zip.bytes, {{4, 0x04034b50}, {2, 0}, {2, entry.flags}, {2, entry.method}, {4, 0}, {4, 0}, {4, entry.data.size()}, {4, unpacked}, {2, entry.path.size()}, {2, 0}});
    append(zip.bytes, entry.path + entry.data);
  }
  zip.directory = zip.bytes.size();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    zip.entries.push_back(zip.bytes.size());
    const std::uint64_t unpacked = entry.method == 0 ? entry.data.size() : entry.unpacked;
    append(zip.bytes, {{4, 0x02014b50}, {2, 0}, {2, 0}, {2, entry.flags}, {2, entry.method}, {4, 0}, {4, 0}, {4, entry.data.size()}, {4, unpacked}, {2, entry.path.size()},
                       {2, entry.extra.size()}, {2, 0}, {2, 0}, {2, 0}, {4, 0}, {4, offsets[i]}});
    append(zip.bytes, entry.path);
    zip.bytes.insert(zip.bytes.end(), entry.extra.begin(), entry.extra.end());
  }
  const std::uint64_t size = zip.bytes.size() - zip.directory;
  zip.end64 = zip.bytes.size();
  if (twins) append(zip.bytes, {{4, 0x06064b50}, {8, 44}, {2, 0}, {2, 0}, {4, 0}, {4, 0}, {8, entries.size()}, {8, entries.size()}, {8, size}, {8, zip.directory}});
  zip.locator64 = zip.bytes.size();
  if (twins) append(zip.bytes, {{4, 0x07064b50}, {4, 0}, {8, zip.end64}, {4, 1}});
  zip.end = zip.bytes.size();
  append(zip.bytes, {{4, 0x06054b50}, {2, 0}, {2, 0}, {2, entries.size()}, {2, entries.size()}, {4, size}, {4, zip.directory}, {2, 0}});
  return zip;
}

std::vector<Entry> good() {
  return {{"archive/data/0", std::string(300, 'w')}, {"archive/data.pkl", "pickle"}, {"archive/code/__torch__.py", "packed", 8, 505}, {"archive/code/__torch__.py.debug_pkl", "packed", 8, 636}, {"archive/version", "3\n"}};
}

std::string message_of(const Zip& zip, ErrorCode code = ErrorCode::malformed) {
  const Status status = check_torchscript_archive("model.pt", zip.bytes);
  if (status) return "";
  CHECK(status.error().code == code);
  CHECK(!status.error().hint.empty());
  CHECK(status.error().message.starts_with("model.pt: "));
  return status.error().message;
}

void check_refused(const Zip& zip, const std::string& part) {
  const std::string message = message_of(zip);
  CAPTURE(message);
  CHECK(message.find("it is not a TorchScript file: " + part) != std::string::npos);
}

// A good archive with one change in one entry, or with one change of its bytes.
void check_entry_refused(const std::function<void(Entry&)>& change, const std::string& part) {
  std::vector<Entry> entries = good();
  change(entries[0]);
  check_refused(zip_of(entries), part);
}
void check_bytes_refused(const std::function<void(Zip&)>& change, const std::string& part) {
  Zip zip = zip_of(good());
  change(zip);
  check_refused(zip, part);
}

}  // namespace

TEST_CASE("an archive as torch writes it passes, with and without its 64-bit records") {
  CHECK(message_of(zip_of(good())).empty());
  CHECK(message_of(zip_of(good(), false)).empty());
  CHECK(message_of(zip_of({})).empty());  // no entries: libtorch says what it misses
}

TEST_CASE("code that unpacks to more than the limit is refused, in one entry or in many") {
  std::vector<Entry> entries = good();
  entries[2].unpacked = static_cast<std::uint32_t>(kMaxUnpackedCodeBytes);
  CHECK(message_of(zip_of(entries), ErrorCode::limit).find("its code is larger than 16 MiB") != std::string::npos);
  entries[2].unpacked = static_cast<std::uint32_t>(kMaxUnpackedCodeBytes) - 636;
  CHECK(message_of(zip_of(entries)).empty());
  entries[2].unpacked = 0xffffffff;
  CHECK(message_of(zip_of(entries), ErrorCode::limit).find("its code is larger than 16 MiB") != std::string::npos);
  entries = good();
  for (int i = 0; i < 17; ++i) entries.push_back({"archive/code/" + std::to_string(i) + ".py", "packed", 8, 1 << 20});
  CHECK(message_of(zip_of(entries), ErrorCode::limit).find("its code is larger than 16 MiB") != std::string::npos);
}

TEST_CASE("packed tensors, encryption, other methods, two sizes and zip64 sizes are refused") {
  check_entry_refused([](Entry& entry) { entry.method = 8; }, "an entry is packed that is no code");
  check_entry_refused([](Entry& entry) { entry.path = "code/0", entry.method = 8; }, "an entry is packed that is no code");
  check_entry_refused([](Entry& entry) { entry.path = "archive/data/code/0", entry.method = 8; }, "an entry is packed that is no code");
  check_entry_refused([](Entry& entry) { entry.method = 12; }, "an entry is packed that is no code");
  check_entry_refused([](Entry& entry) { entry.flags |= 1; }, "an entry is encrypted");
  check_entry_refused([](Entry& entry) { entry.extra = {1, 0, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0}; }, "an entry gives its size in zip64 form");
  check_entry_refused([](Entry& entry) { entry.extra = {0x46, 0x42, 1, 0, 9, 1, 0, 0, 0}; }, "an entry gives its size in zip64 form");  // behind another field
  check_entry_refused([](Entry& entry) { entry.extra = {0x46, 0x42, 9, 0, 1}; }, "an entry gives its size in zip64 form");              // cut off
  check_bytes_refused([](Zip& zip) { zip.put(zip.entries[0] + 24, 4, 1 << 30); }, "an entry has two sizes");
  std::vector<Entry> padded = good();
  padded[0].extra = {0x46, 0x42, 1, 0, 9};
  CHECK(message_of(zip_of(padded)).empty());  // a field of another kind
}

TEST_CASE("entries that are longer than the file, over each other or nowhere are refused") {
  for (const std::uint64_t size : {std::uint64_t{100'000}, std::uint64_t{0xffffffff}}) {
    check_bytes_refused([&](Zip& zip) { zip.put(zip.entries[0] + 20, 4, size), zip.put(zip.entries[0] + 24, 4, size); }, "an entry is longer than the file");
  }
  check_bytes_refused([](Zip& zip) { zip.put(zip.entries[1] + 42, 4, 0); }, "two of its entries lie over each other");
  check_bytes_refused([](Zip& zip) { zip.put(zip.entries[0] + 20, 4, 301), zip.put(zip.entries[0] + 24, 4, 301); }, "two of its entries lie over each other");
  check_bytes_refused([](Zip& zip) { zip.put(zip.entries[1] + 42, 4, 7); }, "an entry is not where the directory says");
  check_bytes_refused([](Zip& zip) { zip.put(zip.entries[1] + 42, 4, 0xffffffff); }, "an entry is not where the directory says");
  check_bytes_refused([](Zip& zip) { zip.put(zip.entries[1] + 42, 4, zip.directory - 1); }, "an entry is not where the directory says");
}

TEST_CASE("directory records that do not fit the file or each other are refused") {
  check_bytes_refused([](Zip& zip) { zip.put(zip.end64 + 48, 8, 0); }, "its two directory records do not say the same");
  check_bytes_refused([](Zip& zip) { zip.put(zip.end64 + 32, 8, 1000); }, "its two directory records do not say the same");
  check_bytes_refused([](Zip& zip) { zip.put(zip.end + 10, 2, 0xffff), zip.put(zip.end + 8, 2, 0xffff); }, "its two directory records do not say the same");
  check_bytes_refused([](Zip& zip) { zip.put(zip.locator64 + 8, 8, 0); }, "its two directory records do not fit together");
  check_bytes_refused([](Zip& zip) { zip.put(zip.end64, 4, 0); }, "its two directory records do not fit together");
  check_bytes_refused([](Zip& zip) { zip.put(zip.end + 20, 2, 1); }, "it does not end as a zip archive");
  check_bytes_refused([](Zip& zip) { zip.bytes.push_back(0); }, "it does not end as a zip archive");
  const auto changed = [](const std::function<void(Zip&)>& change) {
    Zip zip = zip_of(good(), false);
    change(zip);
    return zip;
  };
  check_refused(changed([](Zip& zip) { zip.put(zip.end + 16, 4, 0); }), "its directory is not where it says");
  check_refused(changed([](Zip& zip) { zip.put(zip.end + 12, 4, 0xffffffff); }), "its directory is not where it says");
  check_refused(changed([](Zip& zip) { zip.put(zip.end + 4, 2, 1); }), "its directory is not where it says");
  check_refused(changed([](Zip& zip) { zip.put(zip.end + 8, 2, 9), zip.put(zip.end + 10, 2, 9); }), "its directory is cut off");
  check_refused(changed([](Zip& zip) { zip.put(zip.end + 8, 2, 1), zip.put(zip.end + 10, 2, 1); }), "its directory holds more than its entries");
  check_refused(changed([](Zip& zip) { zip.put(zip.entries.back() + 28, 2, 0xffff); }), "its directory is cut off");
}

TEST_CASE("every prefix of an archive and every single wrong byte is refused or read, and never read beyond its end") {
  const Zip whole = zip_of(good());
  for (std::size_t length = 0; length < whole.bytes.size(); ++length) {
    const Bytes cut(whole.bytes.begin(), whole.bytes.begin() + static_cast<std::ptrdiff_t>(length));  // of its own: the sanitizer sees its end
    CHECK_FALSE(check_torchscript_archive("model.pt", cut));
  }
  std::size_t refused = 0;
  for (std::size_t at = whole.directory; at < whole.bytes.size(); ++at) {
    for (const std::uint8_t value : {std::uint8_t{0}, std::uint8_t{0x7f}, std::uint8_t{0xff}}) {
      Bytes changed = whole.bytes;
      changed[at] = value;
      refused += check_torchscript_archive("model.pt", changed) ? 0U : 1U;
    }
  }
  CHECK(refused > 100);
}
