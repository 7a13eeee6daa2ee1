// OpenMetrics text of a controller: see controller_counts.h.
#include "controller/controller_counts.h"

#include <span>
#include <string_view>

#include "core/base/status.h"

namespace hexagent::controller {
namespace {

struct Family {
  std::string_view name;  // without `hexagent_` and `_total`
  std::string_view unit;  // part of the name too; empty for plain counts
  std::string_view type;
  std::string_view help;
};

void begin(const Family& family, TextWriter* text) {
  *text << "# HELP hexagent_" << family.name << " " << family.help << "\n# TYPE hexagent_"
        << family.name << " " << family.type << "\n";
  if (family.unit.empty()) return;
  *text << "# UNIT hexagent_" << family.name << " " << family.unit << "\n";
}

void write_number(const Family& family, uint64_t value, TextWriter* text) {
  begin(family, text);
  *text << "hexagent_" << family.name << (family.type == "counter" ? "_total " : " ") << value
        << "\n";
}

void write_by_status(const Family& family, std::span<const StatusCount> rows, TextWriter* text) {
  begin(family, text);
  for (const StatusCount& row : rows) {
    const std::string_view name = row.status == kOtherStatus ? "other" : status_name(row.status);
    *text << "hexagent_" << family.name << "_total{status=\"" << name << "\"} " << row.count
          << "\n";
  }
}

}  // namespace

void write_controller_metrics(const ControllerCounts& counts, TextWriter* text) {
  write_number({"endpoints_connected", "", "gauge", "Endpoints that are connected."},
               counts.endpoints_connected, text);
  write_by_status({"endpoints_refused", "", "counter", "Callers that were not let in, by cause."},
                  counts.refused, text);
  write_by_status(
      {"endpoints_lost", "", "counter", "Connections of endpoints that have ended, by cause."},
      counts.lost, text);
  write_number({"transfers_live", "", "gauge",
                "Transfers by endpoints that have not quiesced at both ends."},
               counts.transfers_live, text);
  write_number({"transfers_quiescing", "", "gauge",
                "Transfers by endpoints that have ended and wait until their blocks are free."},
               counts.transfers_quiescing, text);
  write_by_status({"transfers_ended", "", "counter",
                   "Transfers by endpoints that have ended, by how they did."},
                  counts.ended, text);
  write_number({"endpoint_transfer_bytes", "bytes", "counter",
                "KV bytes that transfers by endpoints had moved when they ended."},
               counts.ended_bytes, text);
  begin({"quiesce_wait_seconds", "seconds", "summary",
         "Time from the end of a transfer by endpoints until an end of it had quiesced."},
        text);
  *text << "hexagent_quiesce_wait_seconds_count " << counts.quiesce_waits
        << "\nhexagent_quiesce_wait_seconds_sum "
        << static_cast<double>(counts.quiesce_wait_ns) * 1e-9 << "\n";
  write_number({"relayed_messages", "", "counter", "Messages passed on between transports."},
               counts.relayed_messages, text);
  write_number({"relayed_bytes", "bytes", "counter", "Bytes of these messages."},
               counts.relayed_bytes, text);
}

}  // namespace hexagent::controller
