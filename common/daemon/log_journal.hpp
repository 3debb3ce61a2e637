// The journal's own protocol: a line with fields that can be asked for, as `journalctl CONCOURSE_HANDLE=… -p warning`.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace concourse::log {

// Whether stdout leads to a journal that takes fields as well ($JOURNAL_STREAM, systemd.exec(5)).
bool stdout_is_the_journal();

// The fields of an entry, each "NAME=value": MESSAGE is the line itself, so that whatever reads lines reads these. `data` are the
// event's own, whose names get CONCOURSE_ in front, in capitals.
std::vector<std::string> journal_fields(std::string_view line, int priority, std::string_view source, std::string_view event,
                                        const std::vector<std::pair<std::string, std::string>>& data);

// Whether the journal took it.
bool send_to_journal(const std::vector<std::string>& fields);

}  // namespace concourse::log
