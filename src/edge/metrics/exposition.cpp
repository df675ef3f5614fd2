#include "edge/metrics/exposition.hpp"

#include <array>
#include <charconv>

namespace postern::metrics {
namespace {

std::string number_text(double number) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end};
}

void escape(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = prefix_ + std::string{name};
  out_ += "# HELP " + name_ + ' ' + std::string{help} + "\n# TYPE " + name_ + ' ' + std::string{type} + '\n';
}

void Exposition::value(Labels labels, double number) { line({}, labels, number_text(number)); }

void Exposition::line(std::string_view suffix, Labels labels, std::string_view number, std::string_view up_to) {
  out_ += name_;
  out_ += suffix;
  char before = '{';
  const auto put = [&](std::string_view name, std::string_view value) {
    out_ += std::exchange(before, ',');
    out_ += name;
    out_ += "=\"";
    escape(out_, value);
    out_ += '"';
  };
  for (const auto& [name, value] : labels) put(name, value);
  if (!up_to.empty()) put("le", up_to);
  if (before == ',') out_ += '}';
  out_ += ' ';
  out_ += number;
  out_ += '\n';
}

void Exposition::histogram(Labels labels, std::span<const double> up_to, std::span<const std::uint64_t> counts, double sum) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size() && i <= up_to.size(); ++i) {
    total += counts[i];
    line("_bucket", labels, std::to_string(total), i < up_to.size() ? number_text(up_to[i]) : std::string{"+Inf"});
  }
  line("_sum", labels, number_text(sum));
  line("_count", labels, std::to_string(total));
}

}  // namespace postern::metrics
