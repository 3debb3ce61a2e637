#include "services/healthchecker/status_page/page.hpp"

#include <algorithm>
#include <ctime>

#include "services/healthchecker/status_page/facts.hpp"
#include "services/healthchecker/status_page/style.hpp"

namespace concourse::healthchecker::status_page {

namespace {

// Of readiness' checks, which one only repeats that a service is down.
constexpr std::pair<const char*, const char*> kCheckOfService[] = {{"garden", "garden"},
                                                                   {"baggageclaim", "baggageclaim"},
                                                                   {"disk", "baggageclaim"},
                                                                   {"registration", "beacon"},
                                                                   {"drain", "beacon"}};

struct Verdict {
  std::vector<std::string> problems, warnings;
  bool only_drains = false;
};

bool down(const View& view, const std::string& service) {
  const auto found = view.statements.find(service);
  return found != view.statements.end() && !found->second.answer.is_object();
}

Verdict judge(const View& view) {
  Verdict verdict;
  for (const char* service : {"garden", "baggageclaim", "beacon"})
    if (down(view, service)) verdict.problems.push_back(std::string(service) + " is down");
  bool drains = false;
  const bool others = !verdict.problems.empty();
  for (const auto& [check, service] : kCheckOfService) {
    const auto reason = words(at(view.readiness, {"checks", check, "reason"}));
    if (reason.empty() || down(view, service)) continue;
    drains |= std::string_view(check) == "drain";
    verdict.problems.push_back(std::string(check) + ": " + reason);
  }
  if (const auto& warnings = at(view.readiness, {"warnings"}); warnings.is_array())
    for (const auto& warning : warnings) verdict.warnings.push_back(words(warning));
  verdict.only_drains = drains && !others && verdict.problems.size() == 1;
  if (const auto error = words(at(view.readiness, {"error"})); !error.empty()) verdict.problems.push_back(error);
  return verdict;
}

std::string utc(std::int64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&when, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%F %T UTC", &parts);
  return text;
}

// The dot in the browser's tab has the verdict's colour.
Html icon(const Verdict& verdict) {
  Html html;
  html.markup(
      "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
      "%3Ccircle cx='8' cy='8' r='7' fill='%23");
  if (verdict.problems.empty()) html.markup("16803c");
  else if (verdict.only_drains) html.markup("d97706");
  else html.markup("c5221f");
  return html.markup("'/%3E%3C/svg%3E\">\n");
}

Html list_of(Markup opening, const std::vector<std::string>& lines) {
  Html html;
  if (lines.empty()) return html;
  html.markup(opening);
  for (const auto& line : lines) html.markup("<li>").text(line).markup("</li>\n");
  return html.markup("</ul>\n");
}

Html heading(const Verdict& verdict, const std::string& name) {
  Html html;
  html.markup("<header><h1>").text(name).markup("</h1>");
  if (verdict.problems.empty()) html.markup("<span class=\"badge good\">ready</span></header>\n");
  else if (verdict.only_drains) html.markup("<span class=\"badge warn\">draining</span></header>\n");
  else html.markup("<span class=\"badge bad\">not ready</span></header>\n");
  constexpr Markup kBad = "<ul class=\"card list problems\">\n", kWarn = "<ul class=\"card list problems warn\">\n";
  html.add(list_of(verdict.only_drains ? kWarn : kBad, verdict.problems));
  return html.add(list_of(kWarn, verdict.warnings));
}

}  // namespace

std::string content_security_policy(const std::string& nonce) {
  return "default-src 'none'; style-src 'nonce-" + nonce +
         "'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

std::string render(const View& view, const std::string& nonce) {
  const auto verdict = judge(view);
  auto name = words(at(view.statements, "beacon", {"beacon", "name"}));
  if (name.empty()) name = "Concourse worker";
  Html html;
  html.markup(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"refresh\" content=\"10\">\n<title>");
  html.text(name);
  if (verdict.only_drains) html.markup(" – draining");
  else if (!verdict.problems.empty()) html.markup(" – not ready");
  html.markup("</title>\n");
  html.add(icon(verdict)).markup("<style nonce=\"").text(nonce).markup("\">").markup(kStyle).markup("</style>\n</head><body>\n");
  html.add(heading(verdict, name)).add(tiles(view)).add(facts(view)).add(service_list(view)).add(last_errors(view));
  html.markup("<footer>Seen ")
      .text(utc(view.unix_now))
      .markup("; this page looks again every ten seconds. For programs: /metrics, /ready, /live.");
  return html.markup("</footer>\n</body></html>\n").str();
}

}  // namespace concourse::healthchecker::status_page
