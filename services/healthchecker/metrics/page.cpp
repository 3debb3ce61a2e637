#include "services/healthchecker/metrics/page.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "services/healthchecker/metrics/definitions.hpp"

namespace concourse::healthchecker::metrics {

namespace {

// Whole numbers as such: byte counts must not lose their last digits.
std::string number(double value) {
  char text[64];
  if (value == std::floor(value) && std::abs(value) < 1e15) std::snprintf(text, sizeof text, "%.0f", value);
  else std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

std::string escaped(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') text += "\\n";
    else text += c;
  }
  return text;
}

std::string sample(const std::string& name, const Labels& labels, double value) {
  std::string text = name;
  for (std::size_t i = 0; i < labels.size(); ++i)
    text += (i == 0 ? "{" : ",") + labels[i].first + "=\"" + escaped(labels[i].second) + "\"";
  return text + (labels.empty() ? " " : "} ") + number(value) + "\n";
}

}  // namespace

std::string& Page::samples(const std::string& name) {
  const auto& all = definitions();
  if (std::none_of(all.begin(), all.end(), [&](const auto& metric) { return metric.name == name; }))
    throw std::logic_error("metric '" + name + "' isn't defined");
  return samples_[name];
}

void Page::add(const std::string& name, double value, const Labels& labels) { samples(name) += sample(name, labels, value); }

void Page::add_histogram(const std::string& name, const std::vector<double>& bounds, const std::vector<double>& buckets,
                         double count, double sum, const Labels& labels) {
  auto& text = samples(name);
  for (std::size_t i = 0; i < std::min(bounds.size(), buckets.size()); ++i) {
    auto with_bound = labels;
    with_bound.emplace_back("le", number(bounds[i]));
    text += sample(name + "_bucket", with_bound, buckets[i]);
  }
  auto all = labels;
  all.emplace_back("le", "+Inf");
  text += sample(name + "_bucket", all, count) + sample(name + "_sum", labels, sum) + sample(name + "_count", labels, count);
}

std::string Page::text() const {
  std::string text;
  for (const auto& metric : definitions()) {
    const std::string name(metric.name);
    const auto found = samples_.find(name);
    if (found != samples_.end())
      text += "# HELP " + name + " " + std::string(metric.help) + ".\n# TYPE " + name + " " + std::string(metric.type) + "\n" +
              found->second;
  }
  return text;
}

}  // namespace concourse::healthchecker::metrics
