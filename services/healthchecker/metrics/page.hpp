// A page of metrics in Prometheus' text format (version 0.0.4).
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace concourse::healthchecker::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Page {
 public:
  // `name` is one of definitions(), else std::logic_error.
  void add(const std::string& name, double value, const Labels& labels = {});
  // `buckets`: how many took no longer than each of `bounds`, in rising order.
  void add_histogram(const std::string& name, const std::vector<double>& bounds, const std::vector<double>& buckets, double count,
                     double sum, const Labels& labels);

  // Metrics in the order of definitions(), those without a sample left out.
  std::string text() const;

 private:
  std::string& samples(const std::string& name);

  std::map<std::string, std::string> samples_;
};

}  // namespace concourse::healthchecker::metrics
