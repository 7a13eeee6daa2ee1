// Keys of the shell: see shell_settings.h. One table, one function that sets.
#include "capi/shell_settings.h"

#include <charconv>
#include <iterator>

#include "capi/flaw.h"
#include "capi/transfers.h"
#include "metrics/text_writer.h"
#include "runtime/driving.h"

namespace hexagent {
namespace {

enum class Key : uint32_t {
  kDriving,
  kJournal,
  kDurability,
  kInterval,
  kSegment,
  kFull,
  kSnapshot,
  kKeep,
  kRescue,
  kTransferAddress,
  kTransferSecret,
  kTransferAnswer
};

// Bounds are both 0 for a key that takes a name or a path.
struct ShellSetting {
  Key id;
  std::string_view key;
  std::string_view initial;
  double minimum;
  double maximum;
  std::string_view names;  // those allowed, or empty
  std::string_view text;
};

// Defaults as in hexagent_config and JournalOptions; a test sets each to its own.
constexpr ShellSetting kShellSettings[] = {
    {Key::kDriving, "driving", "manual", 0, 0, "manual, thread, loop",
     "Who steps the scheduler: the caller (manual), a thread of the library's own (thread), or an "
     "event loop of the caller's (loop)."},
    {Key::kJournal, "journal", "", 0, 0, "",
     "Folder of the journal, made if there is none; empty: no journal is kept. What is in it is "
     "recovered at open."},
    {Key::kDurability, "journal_durability", "interval", 0, 0, "none, interval, before_accepted",
     "What is synced to disk: only finished segments (none), all every journal_sync_interval_s "
     "(interval), everything before it is shown (before_accepted)."},
    {Key::kInterval, "journal_sync_interval_s", "0.1", 0.001, 3600, "",
     "Longest time that steps stay unsynced with journal_durability = interval, seconds."},
    {Key::kSegment, "journal_segment_bytes", "67108864", 65536, 1073741824, "",
     "Size at which a segment file ends and the next begins, bytes."},
    {Key::kFull, "journal_full_decisions", "0", 0, 1, "",
     "1: the journal holds every decision, for replays that tell what was decided then; 0: a hash "
     "of each step's."},
    {Key::kSnapshot, "journal_snapshot", "1", 0, 1, "",
     "1: a snapshot precedes each segment but the first, so that recovery lives through one "
     "segment "
     "at most; 0: none."},
    {Key::kKeep, "journal_keep_bytes", "536870912", 0, 1099511627776, "",
     "Segments before the newest snapshot are kept up to this size for replay, bytes; 0: all. "
     "Those "
     "from the snapshot before it on always are."},
    {Key::kRescue, "rescue_prefix", "", 0, 0, "",
     "Path prefix of the text file PREFIX-PROCESS-NUMBER.txt that is written when an internal "
     "invariant fails; empty: none. At most 120 bytes."},
    {Key::kTransferAddress, "transfer_address", "", 0, 0, "",
     "Where endpoints (hexagent/endpoint.h) connect, unix:/path or tcp:IP:PORT; empty: no transfer "
     "is carried out. Needs driving = thread and transfer_secret."},
    {Key::kTransferSecret, "transfer_secret", "", 0, 0, "",
     "What endpoints must know to be let in, 16 to 256 bytes. It is in no journal, log or answer."},
    {Key::kTransferAnswer, "transfer_answer_timeout_s", "10", 0, 3600, "",
     "Longest time for an engine to answer RESERVE or SEND of its endpoint, and between the layers "
     "of a LAYERWISE transfer, seconds; then it fails with HEXAGENT_E_TIMEOUT. 0: any time."},
};

constexpr size_t kPathMax = 4000;  // bytes; the system's own limit is a little higher
constexpr size_t kRescuePrefixMax = 120;

const ShellSetting* find(std::string_view key) {
  for (const ShellSetting& setting : kShellSettings) {
    if (setting.key == key) return &setting;
  }
  return nullptr;
}

bool parse_durability(std::string_view value, Durability* durability) {
  if (value == "none") return *durability = Durability::kNone, true;
  if (value == "interval") return *durability = Durability::kInterval, true;
  if (value == "before_accepted") return *durability = Durability::kBeforeAccepted, true;
  return false;
}

bool parse_number(const ShellSetting& setting, std::string_view value, double* number) {
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, *number);
  return error == std::errc() && stop == end && *number >= setting.minimum &&
         *number <= setting.maximum;  // false for NaN
}

hexagent_status set(const ShellSetting& setting, std::string_view value, hexagent_config* config) {
  double number = 0.0;
  switch (setting.id) {
    case Key::kDriving:
      return parse_driving(value, &config->driving) ? HEXAGENT_OK : HEXAGENT_E_KEY;
    case Key::kJournal:
      if (value.size() > kPathMax) return HEXAGENT_E_RANGE;
      config->journal_path = value;
      return HEXAGENT_OK;
    case Key::kDurability:
      return parse_durability(value, &config->journal.durability) ? HEXAGENT_OK : HEXAGENT_E_KEY;
    case Key::kInterval:
      if (!parse_number(setting, value, &number)) return HEXAGENT_E_RANGE;
      config->journal.sync_interval_ns = to_ns(number);
      return HEXAGENT_OK;
    case Key::kSegment:
      if (!parse_number(setting, value, &number)) return HEXAGENT_E_RANGE;
      config->journal.segment_bytes = static_cast<uint64_t>(number);
      return HEXAGENT_OK;
    case Key::kFull:
      if (!parse_number(setting, value, &number)) return HEXAGENT_E_RANGE;
      config->journal.full_decisions = number != 0.0;
      return HEXAGENT_OK;
    case Key::kSnapshot:
      if (!parse_number(setting, value, &number)) return HEXAGENT_E_RANGE;
      config->journal.snapshots = number != 0.0;
      return HEXAGENT_OK;
    case Key::kKeep:
      if (!parse_number(setting, value, &number)) return HEXAGENT_E_RANGE;
      config->journal.keep_bytes = static_cast<uint64_t>(number);
      return HEXAGENT_OK;
    case Key::kRescue:
      if (value.size() > kRescuePrefixMax) return HEXAGENT_E_RANGE;
      config->rescue_prefix = value;
      return HEXAGENT_OK;
    case Key::kTransferAddress:
      if (!is_transfer_address(value)) return HEXAGENT_E_KEY;
      config->transfer_address = value;
      return HEXAGENT_OK;
    case Key::kTransferSecret:
      if (!is_transfer_secret(value)) return HEXAGENT_E_RANGE;
      config->transfer_secret = value;
      return HEXAGENT_OK;
    case Key::kTransferAnswer:
      if (!parse_number(setting, value, &number)) return HEXAGENT_E_RANGE;
      config->transfer_answer_ns = to_ns(number);
      return HEXAGENT_OK;
  }
  return HEXAGENT_E_KEY;
}

}  // namespace

uint32_t shell_setting_count() { return static_cast<uint32_t>(std::size(kShellSettings)); }

bool is_shell_setting(std::string_view key) { return find(key) != nullptr; }

void describe_shell_setting(uint32_t index, hexagent_config_info* info) {
  const ShellSetting& setting = kShellSettings[index];
  info->minimum = setting.minimum;
  info->maximum = setting.maximum;
  TextWriter(info->key, sizeof(info->key)) << setting.key;
  TextWriter(info->default_value, sizeof(info->default_value)) << setting.initial;
  TextWriter(info->text, sizeof(info->text)) << setting.text;
}

hexagent_status set_shell_setting(std::string_view key, std::string_view value,
                                  hexagent_config* config, hexagent_error* error) {
  const ShellSetting& setting = *find(key);
  const hexagent_status status = set(setting, value, config);
  char buffer[sizeof(hexagent_error::text)];
  TextWriter text(buffer, sizeof(buffer));
  if (status != HEXAGENT_OK && setting.id == Key::kJournal) {
    text << key << ": a path of " << value.size() << " bytes; " << kPathMax << " are the most";
  } else if (status != HEXAGENT_OK && setting.id == Key::kRescue) {
    text << key << ": " << value.size() << " bytes; " << kRescuePrefixMax << " are the most";
  } else if (status != HEXAGENT_OK && setting.id == Key::kTransferSecret) {
    text << key << ": " << value.size() << " bytes; must be 16 to 256";  // never what it is
  } else if (status != HEXAGENT_OK && setting.id == Key::kTransferAddress) {
    text << key << " = \"" << value << "\": must be unix:/path or tcp:IP:PORT";
  } else if (status != HEXAGENT_OK) {
    text << key << " = \"" << value << "\": must be ";
    if (setting.names.empty()) {
      text << "a number from " << setting.minimum << " to " << setting.maximum;
    } else {
      text << "one of " << setting.names;
    }
  }
  tell(status, status == HEXAGENT_OK ? HEXAGENT_FIELD_NONE : HEXAGENT_FIELD_VALUE, buffer, error);
  return status;
}

}  // namespace hexagent
