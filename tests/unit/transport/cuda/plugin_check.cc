// Loads hexagent_cuda.so as an endpoint does, on a machine that may have no GPU: `plugin_check
// PATH`. It has to answer "no device" where there is none, without a trace left, and refuse another
// ABI. Prints one line; not a test of cmocka's since the plugin is not part of every build.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

#include "transport/loader.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a program of one function

int complain(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  return 1;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return complain("usage: plugin_check PATH");
  void* library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return complain(dlerror());
  void* symbol = dlsym(library, HEXAGENT_TRANSPORT_QUERY);
  if (symbol == nullptr) return complain("no query symbol");
  hexagent_transport_query_function query = nullptr;
  std::memcpy(&query, &symbol, sizeof(query));
  const hexagent_transport_ops* ops = nullptr;
  if (query(HEXAGENT_TRANSPORT_ABI + (1u << 16), &ops) != HEXAGENT_E_VERSION || ops != nullptr) {
    return complain("another major version is not refused");
  }
  if (query(HEXAGENT_TRANSPORT_ABI, nullptr) != HEXAGENT_E_ARGUMENT) {
    return complain("a null pointer is not refused");
  }
  const hexagent_status status = query(HEXAGENT_TRANSPORT_ABI, &ops);
  const LoadedTransport loaded = load_transport(arguments[1]);
  if (loaded.status != status) return complain("the loader disagrees");
  if (status == HEXAGENT_E_NO_DEVICE) {
    if (ops != nullptr) return complain("a table without a device");
    if (!loaded.built_in || std::strcmp(loaded.ops.name, "host-memory") != 0) {
      return complain("no host memory instead");
    }
    std::printf("no device here; host memory instead\n");
    return 0;
  }
  if (status != HEXAGENT_OK || ops == nullptr) return complain("neither a table nor no device");
  if (loaded.built_in || std::strcmp(loaded.ops.name, "cuda-nccl") != 0) {
    return complain("not the plugin");
  }
  std::printf("a device is here\n");
  return 0;
}
