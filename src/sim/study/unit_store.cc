// Unit store: see unit_store.h.
#include "sim/study/unit_store.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "sim/bounds/bounds.h"
#include "sim/input_error.h"
#include "sim/study/record_file.h"
#include "sim/workload/text_file.h"

namespace hexagent::sim {
namespace {

namespace fs = std::filesystem;

// Without name or time in its header: equal records are equal files.
std::string gzip(const std::string& text) {
  z_stream stream = {};
  constexpr int kWindowOfGzip = 15 + 16;
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindowOfGzip, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("zlib: no memory");
  }
  std::string packed(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int code = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (code != Z_STREAM_END) throw std::runtime_error("zlib: a record cannot be packed");
  return packed;
}

// <policy>-<seed>, `/` of a policy as `+`.
std::string file_name(const Unit& unit) {
  std::string name = unit.policy;
  for (char& letter : name) {
    if (letter == '/') letter = '+';
  }
  return name + "-" + std::to_string(unit.seed);
}

}  // namespace

void write_whole_file(const std::string& path, const std::string& text) {
  const std::string part = path + ".part";
  const int file = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) throw std::runtime_error(part + ": " + std::strerror(errno));
  size_t written = 0;
  int failure = 0;
  while (written < text.size() && failure == 0) {
    const ssize_t count = ::write(file, text.data() + written, text.size() - written);
    if (count < 0) {
      failure = errno;
    } else {
      written += static_cast<size_t>(count);
    }
  }
  // Moved before it is on disk, it could be found empty after a loss of power.
  if (failure == 0 && ::fsync(file) != 0) failure = errno;
  if (::close(file) != 0 && failure == 0) failure = errno;
  if (failure == 0 && std::rename(part.c_str(), path.c_str()) != 0) failure = errno;
  if (failure != 0) throw std::runtime_error(path + ": " + std::strerror(failure));
}

UnitStore::UnitStore(std::string folder) : folder_(std::move(folder)) {}

std::string UnitStore::path(const Unit& unit) const {
  return folder_ + "/records/" + unit.cell + "/" + file_name(unit) + ".csv.gz";
}

bool UnitStore::load(const Unit& unit, RunResult* run) const {
  const std::string file = path(unit);
  if (!fs::exists(file)) return false;
  try {
    *run = parse_record(read_text_file(file), file);
  } catch (const InputError&) {
    return false;
  }
  return run->policy == unit.policy && run->seed == unit.seed;
}

std::string UnitStore::bounds_path(const Unit& unit) const {
  return folder_ + "/records/" + unit.cell + "/bounds-" + std::to_string(unit.seed) + ".txt";
}

bool UnitStore::load(const Unit& unit, SeedBounds* bounds) const {
  const std::string file = bounds_path(unit);
  if (!fs::exists(file)) return false;
  try {
    *bounds = parse_bounds(read_text_file(file), file);
  } catch (const InputError&) {
    return false;
  }
  return bounds->seed == unit.seed;
}

void UnitStore::save(const Unit& unit, const SeedBounds& bounds) const {
  const std::string file = bounds_path(unit);
  fs::create_directories(fs::path(file).parent_path());
  write_whole_file(file, bounds_text(bounds));
}

std::string UnitStore::sustained_path(const Unit& unit) const {
  return folder_ + "/records/" + unit.cell + "/sustained-" + file_name(unit) + ".txt";
}

bool UnitStore::load(const Unit& unit, SustainedLoad* sustained) const {
  const std::string file = sustained_path(unit);
  if (!fs::exists(file)) return false;
  try {
    *sustained = parse_sustained(read_text_file(file), file);
  } catch (const InputError&) {
    return false;
  }
  return sustained->policy == unit.policy && sustained->seed == unit.seed;
}

void UnitStore::save(const Unit& unit, const SustainedLoad& sustained) const {
  const std::string file = sustained_path(unit);
  fs::create_directories(fs::path(file).parent_path());
  write_whole_file(file, sustained_text(sustained));
}

void UnitStore::save(const Unit& unit, const RunResult& run) const {
  const std::string file = path(unit);
  fs::create_directories(fs::path(file).parent_path());
  write_whole_file(file, gzip(record_text(run)));
}

}  // namespace hexagent::sim
