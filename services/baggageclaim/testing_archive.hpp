// libarchive's handles with owners, and the locale it needs.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <memory>

#include "common/base/error.hpp"

namespace concourse::baggageclaim {

using ArchiveReader = std::unique_ptr<archive, decltype(&archive_read_free)>;
using ArchiveWriter = std::unique_ptr<archive, decltype(&archive_write_free)>;
using ArchiveEntry = std::unique_ptr<archive_entry, decltype(&archive_entry_free)>;

// libarchive converts names by the thread's locale: names of any bytes pass unchanged only if that is UTF-8, as pax headers are.
class Utf8Locale {
 public:
  Utf8Locale() : utf8_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (utf8_ == nullptr) throw SysError("use the locale C.UTF-8");
    before_ = uselocale(utf8_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;
  ~Utf8Locale() {
    uselocale(before_);
    freelocale(utf8_);
  }

 private:
  locale_t utf8_, before_ = nullptr;
};

}  // namespace concourse::baggageclaim
