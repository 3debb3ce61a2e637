// The parts of the page that are text.
#include <algorithm>
#include <utility>

#include "common/base/strings.hpp"
#include "services/healthchecker/status_page/facts.hpp"
#include "services/healthchecker/status_page/page.hpp"

namespace concourse::healthchecker::status_page {

namespace {

// What the supervisor says about a service; a null without one.
const Json& supervised(const View& view, const std::string& service) {
  static const Json kUnknown;
  const auto& list = at(view.statements, "supervisor", {"services"});
  if (list.is_array())
    for (const auto& entry : list)
      if (words(at(entry, {"service"})) == service) return entry;
  return kUnknown;
}

// "12 checks", where the number is known.
std::string amount(const Json& value, std::string_view what) {
  return value.is_number_integer() ? amount_words(value.get<std::int64_t>(), what) : "";
}
// The same, but nothing for zero.
std::string some(const Json& value, std::string_view what) { return value == 0 ? "" : amount(value, what); }

std::string details_of(const std::string& service, const Json& answer) {
  std::vector<std::string> parts;
  if (service == "baggageclaim") {
    if (const auto driver = words(at(answer, {"driver"})); !driver.empty()) parts.push_back("driver " + driver);
    parts.push_back(some(at(answer, {"requests"}), "requests under way"));
  }
  if (service == "beacon")
    parts = {words(at(answer, {"beacon", "state"})), amount(at(answer, {"beacon", "channels"}), "connections")};
  if (service == "healthcheck") parts = {amount(at(answer, {"checks"}), "checks"), amount(at(answer, {"failed_checks"}), "failed")};
  std::erase(parts, "");
  return join(parts, ", ");
}

std::string uptime_and_restarts(const View& view, const Json& answer, const Json& entry) {
  std::vector<std::string> parts;
  if (const auto since = number(at(answer, {"start_time"})))
    parts.push_back("up " + duration_words(static_cast<double>(view.unix_now) - *since));
  parts.push_back(amount(at(entry, {"restarts"}), "restarts"));
  if (const Json& pid = at(answer, {"pid"}); pid.is_number_integer()) parts.push_back("pid " + pid.dump());
  parts.push_back(words(at(answer, {"version"})));
  std::erase(parts, "");
  return join(parts, " · ");
}

void add_service(Html& html, const View& view, const std::string& name, const Statement& statement) {
  const bool up = statement.answer.is_object(), needed = name != "supervisor";
  const auto& entry = supervised(view, name);
  auto state = up ? words(at(statement.answer, {"state"})) : words(at(entry, {"state"}));
  if (state.empty()) state = up ? "up" : needed ? "down" : "none";
  html.markup("<li><div class=\"head\"><b><span class=\"dot ");
  if (up && state == "ready") html.markup("good");
  else if (up) html.markup("warn");
  else if (needed) html.markup("bad");
  html.markup("\"></span>").text(name).markup("</b><span>").text(state).markup("</span><span class=\"more\">");
  html.text(uptime_and_restarts(view, statement.answer, entry)).markup("</span></div>");
  if (const auto details = details_of(name, statement.answer); !details.empty())
    html.markup("<div class=\"detail\">").text(details).markup("</div>");
  if (!up && needed) html.markup("<div class=\"detail bad\">").text(statement.error).markup("</div>");
  if (!up && !needed) html.markup("<div class=\"detail\">it doesn't answer; there is none where systemd runs the services</div>");
  html.markup("</li>\n");
}

void fact(Html& html, Markup name, const std::string& value) {
  if (!value.empty()) html.markup("<dt>").markup(name).markup("</dt><dd>").text(value).markup("</dd>\n");
}

std::string sweep_words(const Json& sweep) {
  std::vector<std::string> parts{amount(at(sweep, {"count"}), "reported"), some(at(sweep, {"backlog"}), "to be destroyed"),
                                 some(at(sweep, {"failing"}), "failing"), amount(at(sweep, {"destroyed"}), "destroyed so far")};
  if (const auto age = number(at(sweep, {"last_report_ms"})))
    parts.push_back("last report " + duration_words(*age / 1000) + " ago");
  std::erase(parts, "");
  return join(parts, ", ");
}

std::string kinds_words(const Json& kinds) {
  std::vector<std::string> parts;
  if (kinds.is_object())
    for (const auto& [kind, count] : kinds.items()) parts.push_back(some(count, kind));
  std::erase(parts, "");
  return join(parts, ", ");
}

}  // namespace

Html service_list(const View& view) {
  Html html;
  html.markup("<h2>Services</h2>\n<ul class=\"card list\">\n");
  for (const char* name : {"supervisor", "garden", "baggageclaim", "beacon", "healthcheck"})
    if (const auto found = view.statements.find(name); found != view.statements.end()) add_service(html, view, name, found->second);
  return html.markup("</ul>\n");
}

Html facts(const View& view) {
  const auto& beacon = at(view.statements, "beacon", {"beacon"});
  const auto& current = at(beacon, {"current"});
  auto registration = words(at(beacon, {"state"}));
  if (const auto tsa = words(at(current, {"tsa"})); !tsa.empty()) registration += " with " + tsa;
  if (const auto since = number(at(current, {"registered_ms"}))) registration += " for " + duration_words(*since / 1000);
  auto drain = words(at(beacon, {"drain"}));
  if (const auto waits_for = words(at(beacon, {"drain_progress", "waits_for"})); !waits_for.empty())
    drain += ", waits for " + waits_for;
  if (const auto left = number(at(beacon, {"drain_progress", "seconds_left"})))
    drain += ", ends in " + duration_words(*left) + " at the latest";
  const auto asked = words(at(view.statements, "supervisor", {"drain", "mode"}));
  if (drain.empty() && !asked.empty()) drain = asked;
  if (drain.empty() && beacon.is_object()) drain = "none";

  Html html;
  html.markup("<h2>Cluster</h2>\n<dl class=\"card\">\n");
  fact(html, "registration", beacon.is_object() ? registration : "not known: the beacon doesn't say");
  fact(html, "drain", drain);
  fact(html, "container GC", sweep_words(at(beacon, {"sweeps", "containers"})));
  fact(html, "volume GC", sweep_words(at(beacon, {"sweeps", "volumes"})));
  fact(html, "volumes by kind", kinds_words(at(view.statements, "baggageclaim", {"volume_kinds"})));
  return html.markup("</dl>\n");
}

Html last_errors(const View& view) {
  std::vector<std::pair<std::string, std::string>> errors;
  const auto add = [&](const std::string& who, const std::string& error) {
    if (!error.empty()) errors.emplace_back(who, error);
  };
  const auto& beacon = at(view.statements, "beacon", {"beacon"});
  add("beacon", words(at(beacon, {"last_error"})));
  add("container GC", words(at(beacon, {"sweeps", "containers", "last_error"})));
  add("volume GC", words(at(beacon, {"sweeps", "volumes", "last_error"})));
  add("last container that could not be made", words(at(view.statements, "garden", {"creations", "error"})));
  for (const char* service : {"garden", "baggageclaim", "beacon", "healthcheck"}) {
    add(std::string(service) + "'s last end", words(at(supervised(view, service), {"last_end"})));
    const auto found = view.statements.find(service);
    if (found != view.statements.end() && !found->second.answer.is_object())
      add(std::string(service) + " said", words(at(supervised(view, service), {"status"})));
  }
  Html html;
  html.markup("<h2>Last errors</h2>\n<ul class=\"card list\">\n");
  if (errors.empty()) html.markup("<li>none</li>\n");
  for (const auto& [who, error] : errors)
    html.markup("<li><b>").text(who).markup("</b><div class=\"detail\">").text(error).markup("</div></li>\n");
  return html.markup("</ul>\n");
}

}  // namespace concourse::healthchecker::status_page
