// The figures with a graph each.
#include <algorithm>
#include <cmath>

#include "services/healthchecker/status_page/facts.hpp"
#include "services/healthchecker/status_page/page.hpp"
#include "services/healthchecker/status_page/sparkline.hpp"

namespace concourse::healthchecker::status_page {

namespace {

struct Tile {
  std::string name, value, more;
  std::vector<double> series;  // as many as there are samples
  double ceiling = 0;          // 0: the highest of the series
  std::string (*words)(double);
};

std::string count_words(double count) { return std::to_string(std::llround(count)); }
std::string share_words(double share) { return std::to_string(std::llround(share * 100)) + " %"; }
std::string rate_words(double bytes) { return bytes_words(bytes) + "/s"; }
std::string value_words(const std::optional<double>& value, std::string (*words)(double)) { return value ? words(*value) : "–"; }

// "<amount> <what>" where the amount is known and not zero.
void append(std::string& line, const Json& amount, const std::string& what) {
  const auto value = number(amount);
  if (value && *value != 0) line += (line.empty() ? "" : ", ") + amount_words(std::llround(*value), what);
}

std::vector<double> series_of(const View& view, Series series) {
  std::vector<double> values;
  for (const auto& sample : view.samples) values.push_back(sample[series]);
  return values;
}

// Bytes a second between each sample and the one before; not known where the beacon has begun to count anew, nor from two looks
// at nearly the same time.
std::vector<double> rates_of(const View& view, Series series) {
  std::vector<double> rates(view.samples.size(), NAN);
  for (std::size_t i = 1; i < rates.size(); ++i) {
    const auto &before = view.samples[i - 1], &after = view.samples[i];
    const auto moved = after[series] - before[series];
    const auto seconds = std::chrono::duration<double>(after.when - before.when).count();
    if (moved >= 0 && seconds >= 1) rates[i] = moved / seconds;
  }
  return rates;
}

// From the oldest sample to now, so that the graph is full from the start.
Html graph(const View& view, const Tile& tile) {
  if (view.samples.empty()) return {};
  const auto begin = view.samples.front().when;
  const auto span = std::max(std::chrono::duration<double>(view.now - begin).count(), 1.0);
  double peak = 0;
  std::vector<Point> points;
  for (std::size_t i = 0; i < view.samples.size(); ++i) {
    points.push_back({std::chrono::duration<double>(view.samples[i].when - begin).count() / span, tile.series[i]});
    if (std::isfinite(tile.series[i])) peak = std::max(peak, tile.series[i]);
  }
  const auto span_words = duration_words(span < 120 ? span : std::floor(span / 60) * 60);
  const auto title = tile.name + " of the last " + span_words;
  Html html = sparkline(points, tile.ceiling > 0 ? tile.ceiling : peak, title);
  html.markup("<div class=\"peak\">max ").text(tile.words(peak)).markup(" in ").text(span_words);
  return html.markup("</div>");
}

Tile containers_tile(const View& view) {
  std::string more;
  append(more, at(view.statements, "garden", {"tasks"}), "tasks");
  append(more, at(view.statements, "garden", {"oom_kills"}), "killed for memory");
  return {"Containers",
          value_words(number(at(view.statements, "garden", {"containers"})), count_words),
          more,
          series_of(view, Series::containers),
          0,
          count_words};
}

Tile volumes_tile(const View& view) {
  const auto& volumes = at(view.statements, "baggageclaim", {"volumes"});
  std::string more;
  append(more, at(view.statements, "baggageclaim", {"creations"}), "being made");
  append(more, at(volumes, {"dead"}), "being removed");
  if (const auto& quarantined = at(volumes, {"quarantined"}); quarantined.is_array())
    append(more, quarantined.size(), "quarantined");
  return {"Volumes",  value_words(number(at(volumes, {"live"})), count_words), more, series_of(view, Series::volumes), 0,
          count_words};
}

Tile disk_tile(const View& view) {
  const auto& disk = at(view.statements, "baggageclaim", {"disk"});
  const auto size = number(at(disk, {"bytes"})), left = number(at(disk, {"free_bytes"}));
  const auto inodes = number(at(disk, {"inodes"})), inodes_left = number(at(disk, {"free_inodes"}));
  std::optional<double> used;
  std::string more;
  if (size && left && *size > 0) {
    used = 1 - *left / *size;
    more = bytes_words(*left) + " of " + bytes_words(*size) + " free";
  }
  if (inodes && inodes_left && *inodes > 0) more += ", inodes " + share_words(1 - *inodes_left / *inodes);
  return {"Disk used", value_words(used, share_words), more, series_of(view, Series::disk_used), 1, share_words};
}

Tile heartbeat_tile(const View& view) {
  const auto& current = at(view.statements, "beacon", {"beacon", "current"});
  auto age = number(at(current, {"heartbeat_age_ms"}));
  if (age) *age /= 1000;
  const auto tsa = words(at(current, {"tsa"}));
  return {"Last heartbeat",
          age ? duration_words(*age) + " ago" : "–",
          tsa.empty() ? "" : "from " + tsa,
          series_of(view, Series::heartbeat_age),
          0,
          duration_words};
}

Tile tunnel_tile(const View& view) {
  const auto rates = rates_of(view, Series::tunnel_bytes);
  std::string more;
  append(more, at(view.statements, "beacon", {"beacon", "channels"}), "connections");
  const auto last = std::find_if(rates.rbegin(), rates.rend(), [](double rate) { return std::isfinite(rate); });
  return {"Tunnel", last != rates.rend() ? rate_words(*last) : "–", more, rates, 0, rate_words};
}

Tile round_trip_tile(const View& view) {
  auto last = number(at(view.statements, "beacon", {"beacon", "current", "round_trip_us"}));
  if (last) *last /= 1e6;
  std::string more;
  append(more, at(view.statements, "beacon", {"beacon", "losses"}), "connections lost");
  return {"TSA round trip", value_words(last, latency_words), more, series_of(view, Series::round_trip), 0, latency_words};
}

}  // namespace

Html tiles(const View& view) {
  Html html;
  html.markup("<section class=\"tiles\">\n");
  for (Tile (*make)(const View&) : {containers_tile, volumes_tile, disk_tile, heartbeat_tile, tunnel_tile, round_trip_tile}) {
    const Tile tile = make(view);
    html.markup("<div class=\"card\"><div class=\"name\">").text(tile.name);
    html.markup("</div><div class=\"value\">").text(tile.value);
    html.markup("</div><div class=\"more\">").text(tile.more).markup("</div>").add(graph(view, tile)).markup("</div>\n");
  }
  return html.markup("</section>\n");
}

}  // namespace concourse::healthchecker::status_page
