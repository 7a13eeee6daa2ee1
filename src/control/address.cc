// Addresses: see address.h.
#include "control/address.h"

#include <sys/un.h>
#include <uv.h>

#include <charconv>

namespace hexagent::control {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kTcp = "tcp:";

bool parse_tcp(std::string_view text, sockaddr_storage* socket) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view number = text.substr(colon + 1);
  uint16_t port = 0;
  const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), port);
  if (error != std::errc() || stop != number.data() + number.size()) return false;
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    const std::string six(host.substr(1, host.size() - 2));
    return uv_ip6_addr(six.c_str(), port, reinterpret_cast<sockaddr_in6*>(socket)) == 0;
  }
  const std::string four(host);
  return uv_ip4_addr(four.c_str(), port, reinterpret_cast<sockaddr_in*>(socket)) == 0;
}

}  // namespace

bool parse_address(std::string_view text, Address* address) {
  *address = Address{};
  if (text.find('\0') != std::string_view::npos) return false;
  if (text.starts_with(kUnix)) {
    address->is_unix = true;
    address->path = text.substr(kUnix.size());
    return !address->path.empty() && address->path.size() < sizeof(sockaddr_un::sun_path);
  }
  return text.starts_with(kTcp) && parse_tcp(text.substr(kTcp.size()), &address->socket);
}

}  // namespace hexagent::control
