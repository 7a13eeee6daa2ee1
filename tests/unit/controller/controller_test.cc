// The controller's door, with callers that speak bytes: strangers, other versions, what was
// overheard, rubbish, silence; and an engine process that is killed in the middle of a transfer.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "unit/endpoint/rig.h"

namespace {

using namespace hexagent;            // NOLINT: a test of one part
using namespace hexagent::endpoint;  // NOLINT
using control::Kind;
using control::Message;
using control::Read;

// A caller that does as it is told.
struct Caller {
  int socket = -1;
  std::vector<uint8_t> heard;
  uint64_t said_count = 0;
  uint64_t heard_count = 0;
  bool over = false;

  explicit Caller(const Rig& rig) {
    sockaddr_un where = {};
    where.sun_family = AF_UNIX;
    std::memcpy(where.sun_path, rig.address.c_str() + 5, rig.address.size() - 5);
    socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(socket, reinterpret_cast<const sockaddr*>(&where), sizeof(where)), 0);
    fcntl(socket, F_SETFL, O_NONBLOCK);
  }
  ~Caller() { close(socket); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  void say(const Message& message) {
    std::vector<uint8_t> bytes;
    assert_true(control::append_message(message, ++said_count, &bytes));
    say(bytes);
  }
  void say(const std::vector<uint8_t>& bytes) const {
    send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  void listen() {
    uint8_t bytes[4096];
    ssize_t size = 0;
    while ((size = recv(socket, bytes, sizeof(bytes), 0)) > 0) {
      heard.insert(heard.end(), bytes, bytes + size);
    }
    over = over || size == 0 || errno != EAGAIN;
  }
  // The next message of this kind; others are passed over. False: hung up before.
  bool hear(Rig* rig, Kind kind, Message* message, std::vector<uint8_t>* frame) {
    for (;;) {
      uint64_t size = 0;
      const std::vector<uint8_t> now(heard);  // aligned
      const Read read =
          control::read_message(now.data(), now.size(), heard_count + 1, message, &size);
      assert_int_not_equal(read, Read::kDamaged);
      if (read == Read::kMessage) {
        ++heard_count;
        *frame = {heard.begin(), heard.begin() + static_cast<ptrdiff_t>(size)};
        heard.erase(heard.begin(), heard.begin() + static_cast<ptrdiff_t>(size));
        assert_int_equal(
            control::read_message(frame->data(), frame->size(), heard_count, message, &size),
            Read::kMessage);
        if (message->kind == kind) return true;
        continue;
      }
      if (over) return false;
      rig->until([this] {
        listen();
        return over || !heard.empty();
      });
      if (heard.size() == now.size() && !over) rig->wait();
    }
  }
  bool hear(Rig* rig, Kind kind, Message* message) {
    std::vector<uint8_t> frame;
    const bool found = hear(rig, kind, message, &frame);
    message->text = {};
    message->payload = nullptr;
    return found;
  }
  hexagent_status refusal(Rig* rig) {
    Message refused;
    return hear(rig, Kind::kRefused, &refused) ? refused.status : HEXAGENT_OK;
  }
  void until_over(Rig* rig) {
    rig->until([this] {
      listen();
      return over;
    });
  }
};

Message wanted(uint32_t worker, uint64_t incarnation = 5) {
  Message wanted;
  wanted.worker = worker;
  wanted.incarnation = incarnation;
  assert_true(control::draw(&wanted.nonce));
  return wanted;
}

Message greet(Rig* rig, Caller* caller, uint32_t worker, uint64_t incarnation = 5) {
  Message challenge;
  assert_true(caller->hear(rig, Kind::kChallenge, &challenge));
  const Message hello = control::make_hello(kSecret, challenge, wanted(worker, incarnation));
  caller->say(hello);
  return hello;
}

void who_knows_the_secret_is_welcome(void**) {
  Rig rig;
  Caller caller(rig);
  Message challenge;
  assert_true(caller.hear(&rig, Kind::kChallenge, &challenge));
  assert_int_equal(challenge.protocol, control::kProtocol);
  const Message hello = control::make_hello(kSecret, challenge, wanted(3));
  caller.say(hello);
  Message welcome;
  assert_true(caller.hear(&rig, Kind::kWelcome, &welcome));
  assert_int_equal(control::check_welcome(kSecret, challenge.nonce, hello, welcome), HEXAGENT_OK);
  assert_int_equal(rig.connected[3], 5);
}

void another_protocol_is_refused(void**) {
  Rig rig;
  Caller caller(rig);
  Message challenge;
  assert_true(caller.hear(&rig, Kind::kChallenge, &challenge));
  Message hello = control::make_hello(kSecret, challenge, wanted(3));
  hello.protocol = control::kProtocol + 1;
  caller.say(hello);
  assert_int_equal(caller.refusal(&rig), HEXAGENT_E_VERSION);
  caller.until_over(&rig);
  assert_true(rig.connected.empty());
}

void a_hello_that_was_overheard_is_refused(void**) {
  Rig rig;
  Caller first(rig);
  const Message hello = greet(&rig, &first, 3);
  rig.until([&] { return rig.connected.contains(3); });
  Caller second(rig);
  Message challenge;
  assert_true(second.hear(&rig, Kind::kChallenge, &challenge));
  second.say(hello);
  assert_int_equal(second.refusal(&rig), HEXAGENT_E_SECRET);
  second.until_over(&rig);
  assert_int_equal(rig.lost, 0);
}

void who_does_not_begin_with_hello_is_refused(void**) {
  Rig rig;
  for (const Kind kind : {Kind::kPing, Kind::kQuiesced, Kind::kRelay}) {
    Caller caller(rig);
    Message message;
    message.kind = kind;
    message.transfer = 1;
    message.peer = 2;
    const uint8_t byte = 1;
    message.payload = &byte;
    message.payload_size = 1;
    caller.say(message);
    assert_int_equal(caller.refusal(&rig), HEXAGENT_E_SECRET);
    caller.until_over(&rig);
  }
}

void rubbish_ends_the_connection_and_nothing_else(void**) {
  Rig rig;
  Caller good(rig);
  greet(&rig, &good, 3);
  rig.until([&] { return rig.connected.contains(3); });
  TestRandom random(4);
  for (uint32_t i = 0; i < 100; ++i) {
    Caller caller(rig);
    std::vector<uint8_t> bytes(random.between(40, 400));
    random.fill(bytes.data(), bytes.size());
    if (random.chance(50)) {
      Message ping;
      ping.kind = Kind::kPing;
      std::vector<uint8_t> frame;
      control::append_message(ping, 1, &frame);
      std::copy(frame.begin(), frame.begin() + 12, bytes.begin());  // magic, checksum, length
    }
    bytes[11] = static_cast<uint8_t>(bytes[11] | 1);  // longer than any message
    caller.say(bytes);
    caller.until_over(&rig);
  }
  assert_int_equal(rig.lost, 0);
  assert_int_equal(rig.connected.size(), 1);
}

// Let in, and then it says what no endpoint says.
void an_endpoint_that_breaks_the_rules_is_lost(void**) {
  Rig rig;
  Caller caller(rig);
  greet(&rig, &caller, 3);
  rig.until([&] { return rig.connected.contains(3); });
  Message reserve;
  reserve.kind = Kind::kReserve;
  reserve.transfer = 1;
  reserve.peer = 9;
  caller.say(reserve);
  caller.until_over(&rig);
  assert_int_equal(rig.lost, 1);
  assert_int_equal(rig.lost_status, HEXAGENT_E_DAMAGED);
}

// Words about transfers that are another's, or nobody's, change nothing.
void nobody_speaks_for_others(void**) {
  Rig rig;
  Engine target;
  rig.add(&target, 2);
  target.answer = [](const hexagent_endpoint_event&) { return std::vector<int32_t>(); };
  Caller source(rig);
  Caller other(rig);
  greet(&rig, &source, 1);
  greet(&rig, &other, 3);
  rig.until([&] { return rig.connected.size() == 3; });
  const uint64_t id = rig.start(1, 2);
  for (const uint64_t about : {id, id + 1, uint64_t{77}}) {
    for (uint8_t side = 0; side < 2; ++side) {
      Message ended;
      ended.kind = Kind::kEnded;
      ended.transfer = about;
      ended.side = side;
      other.say(ended);
      ended.kind = Kind::kQuiesced;
      other.say(ended);
      source.say(ended);  // it was not told of it yet
    }
    Message reserved;
    reserved.kind = Kind::kReserved;
    reserved.transfer = about;
    reserved.token = 5;
    other.say(reserved);
  }
  Message relay;
  const uint8_t byte = 1;
  relay.kind = Kind::kRelay;
  relay.peer = 99;
  relay.payload = &byte;
  relay.payload_size = 1;
  other.say(relay);
  Message lost;
  assert_true(other.hear(&rig, Kind::kPeerLost, &lost));
  assert_int_equal(lost.peer, 99);
  assert_int_equal(rig.end_count[id], 0);
  assert_int_equal(rig.controller->cancel(id), HEXAGENT_OK);
  rig.until([&] { return rig.over(id); });
}

// Deadlines travel as what is left of them, which may be less than nothing.
void urgency_goes_to_the_source_as_time_left(void**) {
  Rig rig;
  Caller source(rig);
  greet(&rig, &source, 1);
  Caller target(rig);
  greet(&rig, &target, 2);
  rig.until([&] { return rig.connected.size() == 2; });
  constexpr int64_t kHourNs = 3'600'000'000'000;
  controller::TransferOrder order;
  order.from = 1;
  order.to = 2;
  order.urgency = {7, static_cast<int64_t>(uv_hrtime()) + kHourNs, 0.25};
  uint64_t id = 0;
  assert_int_equal(rig.controller->start(order, &id), HEXAGENT_OK);
  Message reserved;
  reserved.kind = Kind::kReserved;
  reserved.transfer = id;
  reserved.token = 5;
  target.say(reserved);
  Message heard;
  assert_true(source.hear(&rig, Kind::kSend, &heard));
  assert_int_equal(heard.priority, 7);
  assert_true(heard.risk == 0.25);
  assert_true(heard.deadline_ns <= kHourNs && heard.deadline_ns > kHourNs / 2);
  const int64_t past_ns = std::max<int64_t>(1, static_cast<int64_t>(uv_hrtime()) - kHourNs);
  assert_int_equal(rig.controller->change_urgency(id, {1, past_ns, 1.0}), HEXAGENT_OK);
  assert_true(source.hear(&rig, Kind::kUrgency, &heard));
  assert_int_equal(heard.transfer, id);
  assert_int_equal(heard.priority, 1);
  assert_true(heard.risk == 1.0);
  assert_true(heard.deadline_ns < 0);
  assert_int_equal(rig.controller->change_urgency(id, {1, 0, 0.5}), HEXAGENT_OK);
  assert_true(source.hear(&rig, Kind::kUrgency, &heard));
  assert_int_equal(heard.deadline_ns, 0);
  assert_int_equal(rig.controller->change_urgency(id, {1, 0, 1.5}), HEXAGENT_E_RANGE);
}

void silence_is_death(void**) {
  Rig rig;
  rig.shut();
  rig.tune = [](controller::ControllerSettings* settings) {
    settings->silence_ns = 1'000'000'000;
    settings->ping_ns = 100'000'000;
    settings->grace_ns = 50'000'000;
  };
  rig.open();
  Caller never(rig);  // says nothing at all
  Caller once(rig);
  greet(&rig, &once, 1);
  Caller target(rig);
  greet(&rig, &target, 2);
  rig.until([&] { return rig.connected.size() == 2; });
  const uint64_t id = rig.start(1, 2);
  never.until_over(&rig);
  rig.until([&] { return rig.lost == 2; });
  assert_int_equal(rig.lost_status, HEXAGENT_E_TIMEOUT);
  assert_int_equal(rig.ended[id].status, HEXAGENT_E_PEER);
  // Nobody came back to say that the blocks are free.
  rig.until([&] { return rig.over(id); });
  assert_int_equal(rig.quiesced[HEXAGENT_TRANSFER_TARGET][id], HEXAGENT_E_TIMEOUT);
  assert_int_equal(rig.controller->transfers_alive(), 0);
}

void a_socket_left_behind_is_replaced(void**) {
  const std::string path = "/tmp/hexagent-left-" + std::to_string(getpid());
  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un where = {};
  where.sun_family = AF_UNIX;
  std::memcpy(where.sun_path, path.c_str(), path.size());
  assert_int_equal(bind(dead, reinterpret_cast<const sockaddr*>(&where), sizeof(where)), 0);
  close(dead);
  const std::string address = "unix:" + path;
  Rig rig(address.c_str());
  controller::ControllerSettings settings;
  control::parse_address(address, &settings.address);
  settings.secret = kSecret;
  controller::Controller second(settings, &rig);
  assert_int_equal(second.open(&rig.loop), EADDRINUSE);  // that one answers
}

// An engine process: source, with layers that never get ready.
[[noreturn]] void be_source(const std::string& address) {
  Engine engine;
  engine.flags = HEXAGENT_TRANSFER_LAYERWISE;
  engine.open(Engine::config(1, address));
  for (;;) {
    engine.poll();
    for (const auto& [id, told] : engine.told) {
      if (id != 0 && told.asked > 0) {
        hexagent_endpoint_layers_ready(engine.endpoint, id, 1, nullptr);
      }
    }
    pollfd wait = {hexagent_endpoint_event_fd(engine.endpoint), POLLIN, 0};
    poll(&wait, 1, 5);
  }
}

void a_killed_engine_ends_its_transfers(void**) {
  uint32_t before = 0;
  for (uint32_t i = 0; i < 12; ++i) {
    const std::string address = "unix:/tmp/hexagent-kill-" + std::to_string(getpid());
    const pid_t child = fork();
    if (child == 0) be_source(address);
    {
      Rig rig(address.c_str());
      Engine target;
      rig.add(&target, 2);
      rig.until([&] { return rig.connected.contains(1); });
      const uint64_t id = rig.start(1, 2);
      rig.until([&] { return target.told[id].asked > 0; });
      for (uint32_t turn = 0; turn < i; ++turn) {
        uv_run(&rig.loop, UV_RUN_NOWAIT);
        rig.wait();
      }
      kill(child, SIGKILL);
      rig.until([&] { return rig.end_count[id] > 0 && target.quiesced(id); });
      // While the two connect, its staging is what cannot be reached any more.
      const hexagent_status status = rig.ended[id].status;
      assert_true(status == HEXAGENT_E_PEER || status == HEXAGENT_E_SYSTEM);
      assert_ended_once(&target, id, target.told[id].status);
      assert_true(target.told[id].status < 0);
      assert_int_equal(hexagent_endpoint_pool_remove(target.endpoint, target.pool), HEXAGENT_OK);
      waitpid(child, nullptr, 0);
    }
    if (i == 1) before = hexagent::test::descriptors_open();
  }
  assert_int_equal(hexagent::test::descriptors_open(), before);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_killed_engine_ends_its_transfers),  // first: it forks
      cmocka_unit_test(who_knows_the_secret_is_welcome),
      cmocka_unit_test(another_protocol_is_refused),
      cmocka_unit_test(a_hello_that_was_overheard_is_refused),
      cmocka_unit_test(who_does_not_begin_with_hello_is_refused),
      cmocka_unit_test(rubbish_ends_the_connection_and_nothing_else),
      cmocka_unit_test(an_endpoint_that_breaks_the_rules_is_lost),
      cmocka_unit_test(nobody_speaks_for_others),
      cmocka_unit_test(urgency_goes_to_the_source_as_time_left),
      cmocka_unit_test(silence_is_death),
      cmocka_unit_test(a_socket_left_behind_is_replaced),
  };
  return cmocka_run_group_tests_name("controller", tests, nullptr, nullptr);
}
