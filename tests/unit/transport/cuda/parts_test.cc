// The small parts of the CUDA plugin: options, addresses and notes from outside, marks, the
// watcher's descriptor, and libraries that are no NCCL.
#include <poll.h>

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "unit/transport/cuda/cuda_pair.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of small types

bool readable(int32_t descriptor, int wait_ms) {
  pollfd wait = {descriptor, POLLIN, 0};
  return poll(&wait, 1, wait_ms) == 1;
}

void options_are_read_whole_or_refused(void**) {
  CudaOptions options;
  EngineSettings settings;
  const char* all =
      "device=3 path=nccl nccl=/x/libnccl.so.2 ctas=24 lanes=6 nccl_ctas=4 connect_ms=9 "
      "watchdog_ms=8 linger_ms=7 close_ms=6 silence_ms=5";
  assert_int_equal(read_cuda_options(all, &options, &settings), HEXAGENT_OK);
  assert_int_equal(options.device, 3);
  assert_true(options.path == PathChoice::kNccl);
  assert_string_equal(options.nccl.c_str(), "/x/libnccl.so.2");
  assert_int_equal(options.ctas, 24);
  assert_int_equal(options.lanes, 6);
  assert_int_equal(options.link.ctas_max, 4);
  assert_int_equal(options.link.connect_ns, 9'000'000);
  assert_int_equal(options.link.operation_ns, 8'000'000);
  assert_int_equal(options.linger_ns, 7'000'000);
  assert_int_equal(options.close_ns, 6'000'000);
  assert_int_equal(settings.silence_min_ns, 5'000'000);
  for (const char* bad : {"device=-1", "path=", "path=rdma", "nccl=", "ctas=0", "lanes=65",
                          "nccl_ctas=x", "watchdog_ms=0", "linger_ms=-1", "kernels=avx2", "ctas"}) {
    assert_int_equal(read_cuda_options(bad, &options, &settings), HEXAGENT_E_KEY);
  }
}

void only_our_own_addresses_are_read(void**) {
  CudaAddress address = {};
  address.magic = kCudaMagic;
  CudaAddress out;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&address);
  assert_true(read_address(bytes, sizeof(address), &out));
  assert_false(read_address(bytes, sizeof(address) - 1, &out));
  address.flags = 4;
  assert_false(read_address(bytes, sizeof(address), &out));
  address.flags = 0;
  address.magic ^= 1;
  assert_false(read_address(bytes, sizeof(address), &out));
  assert_true(this_machine() == this_machine() && this_process() == this_process());
}

void only_our_own_notes_are_read(void**) {
  CudaNote out;
  CudaIdNote id;
  assert_true(read_note(make_route_note(1, Route::kDirect), &out));
  assert_true(read_note(make_go_note(1, 2, 3, 4), &out));
  assert_int_equal(out.bytes, 4);
  assert_false(read_note(make_go_note(1, 2, 0, 4), &out));
  assert_false(read_note(make_go_note(1, 2, 3, 0), &out));
  assert_false(read_note(make_route_note(1, Route::kNone), &out));
  NcclId given = {};
  given.bytes[64] = 7;
  assert_true(read_id_note(make_id_note(1, given, 1), &id));
  assert_int_equal(id.bytes[0], 7);
  assert_false(read_id_note(make_route_note(1, Route::kDirect), &id));
  assert_false(read_note(make_id_note(1, given, 0), &out));
}

void marks_are_nobody_elses(void**) {
  const auto device = std::make_shared<FakeDevice>();
  const auto marks = MarkTable::make(device, 2);
  Mark* one = marks->take();
  Mark* other = marks->take();
  assert_true(one != nullptr && other != nullptr && one != other);
  assert_null(marks->take());
  const uint64_t before = marks->fingerprint();
  other->sequence = 5;
  assert_int_not_equal(marks->fingerprint(), before);
  marks->give_back(other);
  assert_ptr_equal(marks->take(), other);
  assert_int_equal(other->sequence, 0);
}

void a_mark_makes_the_descriptor_readable(void**) {
  const auto device = std::make_shared<FakeDevice>();
  const std::shared_ptr<MarkTable> marks = MarkTable::make(device, 4);
  Watcher watcher(marks);
  assert_int_equal(watcher.start(), HEXAGENT_OK);
  Mark* mark = marks->take();
  watcher.watch(true, false);
  assert_false(readable(watcher.descriptor(), 5));
  DeviceStream stream = device->make_stream();
  device->launch_mark(mark, 1, stream);
  device->turn();
  assert_true(readable(watcher.descriptor(), 10'000));
  watcher.clear();
  assert_false(readable(watcher.descriptor(), 5));
  // What no mark tells is looked after every now and then.
  watcher.watch(false, true);
  assert_true(readable(watcher.descriptor(), 10'000));
}

void a_descriptor_alone_drives_a_transfer(void**) {
  fresh_nccl();
  CudaPair pair;
  pair.open("path=nccl");
  pair.connect();
  const auto both = pair.begin();
  int64_t next = 0;
  bool heard = true;  // a host calls progress() after control messages
  while (!pair.target.quiesced(both.first) || !pair.source.quiesced(both.second)) {
    pollfd wait[] = {{pair.source.mover->descriptor(), POLLIN, 0},
                     {pair.target.mover->descriptor(), POLLIN, 0}};
    assert_true(poll(wait, 2, heard ? 0 : 20'000) >= (heard ? 0 : 1));
    pair.source.engine->progress(0, &next);
    pair.target.engine->progress(0, &next);
    heard = !pair.source.sent.empty() || !pair.target.sent.empty();
    pair.deliver(&pair.source, &pair.target);
    pair.deliver(&pair.target, &pair.source);
    // A device works by itself, whether or not its host looks.
    pair.source.device->turn();
    pair.target.device->turn();
    pair.clock += 1000;
  }
  assert_int_equal(pair.target.status_of(both.first), HEXAGENT_OK);
}

void what_is_no_nccl_is_refused(void**) {
  FakeNcclScript& script = fresh_nccl();
  NcclApi api = {};
  assert_int_equal(load_nccl(HEXAGENT_FAKE_NCCL, &api), HEXAGENT_OK);
  assert_int_equal(api.version, 22809);
  assert_non_null(api.comm_revoke);
  script.version = 21703;
  assert_int_equal(load_nccl(HEXAGENT_FAKE_NCCL, &api), HEXAGENT_E_VERSION);
  script.version = 0;
  assert_int_equal(load_nccl("/nowhere/libnccl.so.2", &api), HEXAGENT_E_IO);
  assert_int_equal(load_nccl("libc.so.6", &api), HEXAGENT_E_VERSION);
}

void nccl_that_was_demanded_must_be_there(void**) {
  fresh_nccl();
  CudaOptions options = CudaPair::options("path=nccl");
  options.nccl = "/nowhere/libnccl.so.2";
  hexagent_transport_host host = {};
  CudaMover demanded(options, 2, host, std::make_shared<FakeDevice>());
  assert_int_equal(demanded.start(), HEXAGENT_E_IO);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(options_are_read_whole_or_refused),
      cmocka_unit_test(only_our_own_addresses_are_read),
      cmocka_unit_test(only_our_own_notes_are_read),
      cmocka_unit_test(marks_are_nobody_elses),
      cmocka_unit_test(a_mark_makes_the_descriptor_readable),
      cmocka_unit_test(a_descriptor_alone_drives_a_transfer),
      cmocka_unit_test(what_is_no_nccl_is_refused),
      cmocka_unit_test(nccl_that_was_demanded_must_be_there),
  };
  return cmocka_run_group_tests_name("parts of the CUDA plugin", tests, nullptr, nullptr);
}
