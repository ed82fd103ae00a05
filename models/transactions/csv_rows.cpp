#include "models/transactions/csv_rows.h"

#include <csv.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "common/check.h"

namespace fedspend::models {
namespace {

constexpr std::size_t kFeedBytes = 64 << 10;  // libcsv's buffer is looked at after so many bytes

// UTF-8 of Unicode 15, table 3-7, fed in pieces: no overlong forms, no surrogates, nothing beyond U+10FFFF. NUL is refused too.
class TextCheck {
 public:
  // Index of the first byte that cannot be, or npos.
  std::size_t feed(ByteSpan bytes, TextEncoding encoding) {
    std::size_t i = 0;
    while (i < bytes.size()) {
      if (needed_ == 0) i = skip_plain(bytes, i);
      if (i == bytes.size()) break;
      const std::uint8_t byte = bytes[i];
      if (encoding == TextEncoding::latin1 ? byte == 0 : !step(byte)) return i;
      ++i;
    }
    return std::string_view::npos;
  }
  bool complete() const { return needed_ == 0; }

 private:
  // Passes over bytes 0x01 ... 0x7f, eight at a time.
  static std::size_t skip_plain(ByteSpan bytes, std::size_t i) {
    constexpr std::uint64_t kHigh = 0x8080808080808080, kOnes = 0x0101010101010101;
    for (; i + 8 <= bytes.size(); i += 8) {
      std::uint64_t word;
      std::memcpy(&word, bytes.data() + i, 8);
      if (((word | (word - kOnes)) & kHigh) != 0) break;
    }
    while (i < bytes.size() && bytes[i] != 0 && bytes[i] < 0x80) ++i;
    return i;
  }

  bool step(std::uint8_t byte) {
    if (needed_ > 0) {
      if (byte < low_ || byte > high_) return false;
      low_ = 0x80;
      high_ = 0xbf;
      --needed_;
      return true;
    }
    low_ = 0x80;
    high_ = 0xbf;
    if (byte == 0) return false;
    if (byte < 0x80) return true;
    if (byte < 0xc2 || byte > 0xf4) return false;
    needed_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    if (byte == 0xe0) low_ = 0xa0;
    if (byte == 0xed) high_ = 0x9f;
    if (byte == 0xf0) low_ = 0x90;
    if (byte == 0xf4) high_ = 0x8f;
    return true;
  }

  unsigned needed_ = 0;
  std::uint8_t low_ = 0x80, high_ = 0xbf;
};

bool starts_with(ByteSpan bytes, std::string_view prefix) { return as_text(bytes).substr(0, prefix.size()) == prefix; }

// What the first bytes give away about a file that is no CSV at all.
Status check_first_block(ByteSpan block) {
  if (starts_with(block, "\xff\xfe") || starts_with(block, "\xfe\xff"))
    return fail(ErrorCode::malformed, "the text is UTF-16", "convert it first: iconv -f UTF-16 -t UTF-8");
  if (starts_with(block, "\x1f\x8b")) return fail(ErrorCode::malformed, "the file is compressed (gzip)", "unpack it first: gunzip");
  if (starts_with(block, "PK\x03\x04")) return fail(ErrorCode::malformed, "the file is a zip archive or a spreadsheet", "unpack it, or export it as CSV");
  const ByteSpan head = block.first(std::min<std::size_t>(block.size(), 4096));
  const auto control = std::count_if(head.begin(), head.end(), [](std::uint8_t b) { return b < 0x20 && b != '\t' && b != '\n' && b != '\r' && b != '\f'; });
  if (control * 50 > static_cast<std::ptrdiff_t>(head.size()))
    return fail(ErrorCode::malformed, "the file is not text: its first bytes look binary", "give a CSV file");
  return {};
}

}  // namespace

struct CsvTokenizer::State {
  State(const Options& opts, CsvRowHandler& row_handler) : options(opts), handler(row_handler) {
    const bool ready = csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) == 0;
    FEDSPEND_CHECK(ready, "libcsv accepts its options");
    csv_set_delim(&parser, static_cast<unsigned char>(options.delimiter));
    csv_set_blk_size(&parser, 4096);
  }
  ~State() { csv_free(&parser); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // libcsv's callbacks: a C library must not see an exception, so running out of memory ends the process.
  static void on_field(void* data, std::size_t size, void* self) noexcept { static_cast<State*>(self)->field(static_cast<const char*>(data), size); }
  static void on_line_end(int c, void* self) noexcept { static_cast<State*>(self)->line_end(c); }

  void field(const char* data, std::size_t size) {
    if (done) return;
    const std::size_t column = ends.size();
    if (size > 0) {
      filled = column + 1;
      if (std::memchr(data, '\n', size) != nullptr) lines_in_row += static_cast<std::uint64_t>(std::count(data, data + size, '\n'));
      if (size > options.limits.max_field_bytes) refuse(ErrorCode::limit, "a field is longer than " + std::to_string(options.limits.max_field_bytes) + " bytes");
      if (select_all || (column < wanted.size() && wanted[column])) append(data, size);
    }
    ends.push_back(text.size());
    if (column >= options.limits.max_fields) refuse(ErrorCode::limit, "a row has more than " + std::to_string(options.limits.max_fields) + " fields");
    if (text.size() > options.limits.max_row_bytes) refuse(ErrorCode::limit, "a row is longer than " + std::to_string(options.limits.max_row_bytes) + " bytes");
    last_was_cr = false;
  }

  void append(const char* data, std::size_t size) {
    if (options.encoding == TextEncoding::utf8) {
      text.append(data, size);
      return;
    }
    for (std::size_t i = 0; i < size; ++i) {
      const auto byte = static_cast<unsigned char>(data[i]);
      if (byte >= 0x80) text.push_back(static_cast<char>(0xc0 | (byte >> 6)));
      text.push_back(static_cast<char>(byte < 0x80 ? byte : 0x80 | (byte & 0x3f)));
    }
  }

  // c: the line end, or -1 at the end of the file.
  void line_end(int c) {
    if (done) return;
    if (!ends.empty()) hand_over();
    if (c == '\n' && last_was_cr) {
      last_was_cr = false;  // the second half of a CRLF
      return;
    }
    last_was_cr = c == '\r';
    ++line;
  }

  void hand_over() {
    views.clear();
    std::size_t begin = 0;
    const std::string_view whole = text;
    for (const std::size_t end : ends) {
      views.push_back(whole.substr(begin, end - begin));
      begin = end;
    }
    const bool blank = ends.size() == 1 && filled == 0;
    if (!blank && !handler.on_row({.line = line, .field_count = ends.size(), .filled_count = filled, .fields = views})) done = true;
    line += lines_in_row;
    lines_in_row = 0;
    filled = 0;
    text.clear();
    ends.clear();
  }

  void refuse(ErrorCode code, std::string message) {
    if (done) return;
    error = Error{code, "line " + std::to_string(line) + ": " + std::move(message), "a quote that is opened and never closed may be the cause"};
    failed = done = true;
  }

  Status parse(ByteSpan piece) {
    const std::size_t taken = csv_parse(&parser, piece.data(), piece.size(), on_field, on_line_end, this);
    if (failed) return fail(error);
    if (done) return {};
    if (taken != piece.size()) return broken();
    // A field that goes on through all of what was fed.
    if (parser.entry_pos > options.limits.max_field_bytes) {
      refuse(ErrorCode::limit, "a field is longer than " + std::to_string(options.limits.max_field_bytes) + " bytes");
      return fail(error);
    }
    return {};
  }

  Status broken() {
    if (csv_error(&parser) == CSV_ENOMEM) return fail(ErrorCode::limit, "line " + std::to_string(line) + ": no memory for a field");
    return fail(ErrorCode::malformed, "line " + std::to_string(line) + ": a quote where none may be",
                "a field that holds quotes is quoted as a whole and its quotes are doubled: \"a \"\"b\"\" c\"");
  }

  Status check_text(ByteSpan block) {
    const std::size_t bad = text_check.feed(block, options.encoding);
    if (bad != std::string_view::npos) {
      const auto before = as_text(block.first(bad));
      return not_text(block[bad] == 0, raw_lines + static_cast<std::uint64_t>(std::count(before.begin(), before.end(), '\n')));
    }
    raw_lines += static_cast<std::uint64_t>(std::count(block.begin(), block.end(), '\n'));
    return {};
  }

  static Status not_text(bool nul, std::uint64_t lines_before) {
    const std::string where = "line " + std::to_string(lines_before + 1) + ": ";
    if (nul) return fail(ErrorCode::malformed, where + "a NUL byte: the file is not text", "give a CSV file, not a binary one");
    return fail(ErrorCode::malformed, where + "bytes that are not UTF-8", "if the file is Latin-1, say encoding = \"latin-1\"; else convert it to UTF-8");
  }

  Options options;
  CsvRowHandler& handler;
  csv_parser parser{};
  TextCheck text_check;
  std::string text;                     // the selected fields of the row, one after the other
  std::vector<std::size_t> ends;        // of each field, in text
  std::vector<std::string_view> views;
  std::vector<bool> wanted;
  bool select_all = true;
  std::uint64_t line = 1;               // on which the row that is being read starts
  std::uint64_t lines_in_row = 0;       // line breaks inside its quoted fields
  std::uint64_t raw_lines = 0;          // line breaks in the blocks that are done
  std::uint64_t fed = 0;
  std::size_t filled = 0;
  bool last_was_cr = false;
  bool done = false;
  bool failed = false;
  Error error;
};

CsvTokenizer::CsvTokenizer(const Options& options, CsvRowHandler& handler) : state_(std::make_unique<State>(options, handler)) {}
CsvTokenizer::~CsvTokenizer() = default;

void CsvTokenizer::select_columns(std::vector<bool> wanted) {
  state_->wanted = std::move(wanted);
  state_->select_all = false;
}

Status CsvTokenizer::feed(ByteSpan block) {
  if (state_->done || block.empty()) return {};
  if (state_->fed == 0) FEDSPEND_TRY(check_first_block(block));
  FEDSPEND_TRY(state_->check_text(block));
  if (state_->fed == 0 && starts_with(block, "\xef\xbb\xbf")) block = block.subspan(3);
  state_->fed += block.size();
  while (!block.empty() && !state_->done) {
    const std::size_t size = std::min(block.size(), kFeedBytes);
    FEDSPEND_TRY(state_->parse(block.first(size)));
    block = block.subspan(size);
  }
  return {};
}

Status CsvTokenizer::finish() {
  if (state_->done) return {};
  if (!state_->text_check.complete()) return State::not_text(false, state_->raw_lines);
  if (csv_fini(&state_->parser, State::on_field, State::on_line_end, state_.get()) != 0)
    return fail(ErrorCode::malformed, "line " + std::to_string(state_->line) + ": a quote is opened and never closed", "close it; quotes inside a quoted field are doubled");
  if (state_->failed) return fail(state_->error);
  return {};
}

bool CsvTokenizer::stopped() const { return state_->done; }
std::uint64_t CsvTokenizer::bytes_fed() const { return state_->fed; }

}  // namespace fedspend::models
