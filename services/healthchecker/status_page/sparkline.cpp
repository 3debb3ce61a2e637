#include "services/healthchecker/status_page/sparkline.hpp"

#include <algorithm>
#include <cmath>

namespace concourse::healthchecker::status_page {

namespace {

constexpr double kWidth = 240, kHeight = 40, kMargin = 2;  // room for the line's own thickness

class Scale {
 public:
  explicit Scale(double ceiling) : ceiling_(ceiling > 0 ? ceiling : 1) {}
  void move_to(Html& path, const Point& point) const {
    path.decimal(point.x * kWidth).markup(" ");
    path.decimal(kHeight - kMargin - std::clamp(point.y / ceiling_, 0.0, 1.0) * (kHeight - 2 * kMargin));
  }

 private:
  const double ceiling_;
};

using At = std::vector<Point>::const_iterator;

// One stretch without a gap. A lone point is a line to itself, which its round ends make a dot.
void draw(Html& line, Html& area, const Scale& scale, At begin, At end) {
  line.markup("M");
  area.markup("M").decimal(begin->x * kWidth).markup(" ").decimal(kHeight);
  for (auto at = begin; at != end; ++at) {
    if (at != begin) line.markup("L");
    scale.move_to(line, *at);
    scale.move_to(area.markup("L"), *at);
  }
  if (end - begin == 1) line.markup("h0");
  area.markup("L").decimal((end - 1)->x * kWidth).markup(" ").decimal(kHeight).markup("Z");
}

}  // namespace

Html sparkline(const std::vector<Point>& points, double ceiling, std::string_view title) {
  const auto known = [](const Point& point) { return std::isfinite(point.y); };
  const Scale scale(ceiling);
  Html line, area, svg;
  for (auto at = points.begin(); at != points.end();) {
    const auto begin = std::find_if(at, points.end(), known);
    at = std::find_if_not(begin, points.end(), known);
    if (begin != at) draw(line, area, scale, begin, at);
  }
  svg.markup("<svg class=\"graph\" viewBox=\"0 0 240 40\" preserveAspectRatio=\"none\" role=\"img\"><title>").text(title);
  svg.markup("</title>");
  if (!line.str().empty())
    svg.markup("<path class=\"area\" d=\"").add(area).markup("\"/><path class=\"line\" d=\"").add(line).markup("\"/>");
  return svg.markup("</svg>");
}

}  // namespace concourse::healthchecker::status_page
