// A small graph as inline SVG, without axes: the numbers stand beside it.
#pragma once

#include <vector>

#include "services/healthchecker/status_page/html.hpp"

namespace concourse::healthchecker::status_page {

struct Point {
  double x = 0;  // 0 (left) to 1 (right)
  double y = 0;  // NaN: nothing is known there, and the line has a gap
};

// `ceiling`: what the upper edge stands for; the lower one is 0. `title` is what is read aloud or shown on hovering.
Html sparkline(const std::vector<Point>& points, double ceiling, std::string_view title);

}  // namespace concourse::healthchecker::status_page
