#pragma once
// What a TorchScript file claims to hold, looked at before libtorch unpacks it: it is a zip archive (APPNOTE.TXT 4.3), and one of a
// few hundred bytes can claim gigabytes. Read is the central directory alone, by stricter rules than the format's, which every file
// that torch.jit.save writes keeps. Thread-safe (no state).

#include <cstddef>
#include <string>

#include "common/bytes.h"
#include "common/result.h"

namespace fedspend::models {

inline constexpr std::size_t kMaxUnpackedCodeBytes = std::size_t{16} << 20;  // libtorch packs code (NAME/code/...) and nothing else

// `name` is the file's, for messages. malformed: it is no archive, or one of another form than torch.jit.save gives it (packed tensors,
// entries that lie over each other or beyond the directory, sizes in zip64 form, which no file up to kMaxModelFileBytes needs); limit:
// code of more than kMaxUnpackedCodeBytes. After this, what libtorch unpacks is no more than the file and that code.
Status check_torchscript_archive(const std::string& name, ByteSpan file);

}  // namespace fedspend::models
