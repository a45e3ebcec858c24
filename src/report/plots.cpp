#include "wishart/report/plots.hpp"

#include <utility>

#include "figure/charts.hpp"
#include "figure/density_figures.hpp"
#include "figure/standalone.hpp"
#include "figure/xmin_figure.hpp"

namespace wishart::report {
namespace {

std::vector<Picture> pictures_of(const std::vector<Figure>& figures) {
  std::vector<Picture> pictures;
  pictures.reserve(figures.size());
  for (const Figure& figure : figures) {
    pictures.push_back({figure.name, figure.choice, figure.caption, standalone_svg(figure)});
  }
  return pictures;
}

}  // namespace

std::vector<Picture> checkpoint_pictures(const CheckpointRecord& record,
                                         const std::vector<LayerRow>* before) {
  return pictures_of(checkpoint_figures(record, before));
}

std::vector<Picture> layer_pictures(const CheckpointRecord& record, std::size_t layer,
                                    std::span<const XminCandidate> candidates) {
  std::vector<Figure> figures;
  if (auto figure = density_figure(record, layer)) figures.push_back(*std::move(figure));
  if (auto figure = xmin_figure(record.layers[layer], layer, candidates)) {
    figures.push_back(*std::move(figure));
  }
  return pictures_of(figures);
}

std::vector<Picture> history_pictures(const analysis::History& history) {
  return pictures_of(history_figures(history));
}

std::vector<Picture> course_pictures(const analysis::History& history,
                                     const analysis::LayerCourse& course) {
  std::vector<Figure> figures;
  if (auto figure = course_figure(history, course)) figures.push_back(*std::move(figure));
  return pictures_of(figures);
}

std::vector<Picture> comparison_pictures(const analysis::Comparison& comparison) {
  return pictures_of(comparison_figures(comparison));
}

}  // namespace wishart::report
