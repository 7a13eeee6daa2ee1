// Reading through zlib, which passes plain files on unchanged.
#include "sim/workload/text_file.h"

#include <zlib.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "sim/input_error.h"

namespace hexagent::sim {
namespace {

constexpr size_t kFileBytesMax = size_t{4} << 30;
constexpr unsigned kReadBytes = 1U << 18;

struct GzipCloser {
  void operator()(gzFile_s* file) const { gzclose_r(file); }
};

}  // namespace

std::string read_text_file(const std::string& path) {
  const std::unique_ptr<gzFile_s, GzipCloser> file(gzopen(path.c_str(), "rb"));
  if (!file) throw InputError(path, 0, "", "cannot be opened");
  std::string text;
  std::vector<char> buffer(kReadBytes);
  for (;;) {
    const int count = gzread(file.get(), buffer.data(), kReadBytes);
    if (count < 0) throw InputError(path, 0, "", "cannot be read or is damaged");
    if (count == 0) break;
    text.append(buffer.data(), static_cast<size_t>(count));
    if (text.size() > kFileBytesMax) throw InputError(path, 0, "", "is larger than 4 GiB");
  }
  // A stream that ends early is only noticed when zlib is asked at the end.
  int code = Z_OK;
  gzerror(file.get(), &code);
  if (code == Z_BUF_ERROR) throw InputError(path, 0, "", "ends in the middle of the gzip stream");
  return text;
}

}  // namespace hexagent::sim
