// Exposition: the text that Prometheus reads (version 0.0.4), built line by line.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace postern::metrics {

/// One label; its value is escaped when it is written.
using Label = std::pair<std::string_view, std::string_view>;
using Labels = std::initializer_list<Label>;

/// All lines of one family stand together, under one HELP and one TYPE: call `family`, then `value` for each of its samples.
class Exposition {
 public:
  /// `prefix` goes before each name, as `postern_gateway_`.
  explicit Exposition(std::string_view prefix) : prefix_{prefix} {}

  void family(std::string_view name, std::string_view type, std::string_view help);
  void value(Labels labels, std::uint64_t number) { line({}, labels, std::to_string(number)); }
  void value(Labels labels, double number);
  /// The samples of one histogram: `counts` are of each step alone, one more than `up_to` has upper ends.
  void histogram(Labels labels, std::span<const double> up_to, std::span<const std::uint64_t> counts, double sum);
  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  void line(std::string_view suffix, Labels labels, std::string_view number, std::string_view up_to = {});

  std::string prefix_;
  std::string name_{};
  std::string out_{};
};

}  // namespace postern::metrics
