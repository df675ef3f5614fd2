// The text for Prometheus, read by a strict little parser of its format (version 0.0.4).
#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <sstream>

#include "edge/forward/forwarder.hpp"
#include "edge/metrics/exposition.hpp"
#include "forward_support.hpp"

namespace postern::forward {
namespace {

using namespace test;

struct Sample {
  std::map<std::string, std::string> labels{};
  double value = 0;
};
struct Family {
  std::string type{};
  std::vector<std::pair<std::string, Sample>> samples{};  ///< by name with its suffix
};
using Families = std::map<std::string, Family>;

bool is_name(const std::string& name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) return false;
  return std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

/// Nothing for anything that the format does not allow: a family in two places, a sample without one, a label twice, a wrong
/// escape, a histogram whose steps shrink or that has no +Inf.
std::optional<Families> parse(const std::string& text) {
  Families families;
  std::string current;
  std::istringstream lines{text};
  if (text.empty() || text.back() != '\n') return std::nullopt;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      current = line.substr(7, line.find(' ', 7) - 7);
      if (!is_name(current) || families.contains(current)) return std::nullopt;
      families[current];
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      if (!line.starts_with("# TYPE " + current + ' ')) return std::nullopt;
      Family& family = families[current];
      family.type = line.substr(8 + current.size());
      if (family.type != "counter" && family.type != "gauge" && family.type != "histogram") return std::nullopt;
      if (family.type == "counter" && !current.ends_with("_total")) return std::nullopt;
      continue;
    }
    const std::size_t end = line.find_first_of("{ ");
    const std::string name = line.substr(0, end);
    if (end == std::string::npos || !is_name(name) || !name.starts_with(current) || current.empty()) return std::nullopt;
    Sample sample;
    std::size_t at = end;
    if (line[at] == '{') {
      do {
        const std::size_t equals = line.find("=\"", ++at);
        if (equals == std::string::npos) return std::nullopt;
        const std::string label = line.substr(at, equals - at);
        std::string value;
        for (at = equals + 2; at < line.size() && line[at] != '"'; ++at) {
          if (line[at] == '\\') {
            if (++at == line.size() || !std::string{"\\\"n"}.contains(line[at])) return std::nullopt;
            value += line[at] == 'n' ? '\n' : line[at];
          } else {
            value += line[at];
          }
        }
        if (!is_name(label) || !sample.labels.emplace(label, value).second || ++at >= line.size()) return std::nullopt;
      } while (line[at] == ',');
      if (line[at++] != '}') return std::nullopt;
    }
    if (line[at] != ' ') return std::nullopt;
    std::size_t used = 0;
    sample.value = std::stod(line.substr(at + 1), &used);
    if (at + 1 + used != line.size()) return std::nullopt;
    families[current].samples.emplace_back(name, std::move(sample));
  }
  for (const auto& [name, family] : families) {
    if (family.type.empty()) return std::nullopt;
    if (family.type != "histogram") continue;
    double before = 0;
    bool complete = false;
    for (const auto& [sample, value] : family.samples) {
      if (sample.ends_with("_bucket")) {
        if (value.value < before || !value.labels.contains("le")) return std::nullopt;
        before = value.value;
        complete = value.labels.at("le") == "+Inf";
      } else if (sample.ends_with("_count")) {
        if (!complete || value.value != before) return std::nullopt;
        before = 0;
      } else if (!sample.ends_with("_sum")) {
        return std::nullopt;
      }
    }
  }
  return families;
}

/// Of the sample with exactly these labels; -1 without one.
double value_of(const Families& families, const std::string& name, const std::map<std::string, std::string>& labels = {}) {
  for (const auto& [sample, value] : families.at(name).samples) {
    if (value.labels == labels) return value.value;
  }
  return -1;
}

TEST(Exposition, ThePlantedFaultsOfTheFormatAreFound) {
  EXPECT_TRUE(parse("# HELP a_total x\n# TYPE a_total counter\na_total 1\n"));
  for (const std::string wrong :
       {"a_total 1\n", "# HELP a_total x\n# TYPE a_total counter\na_total 1",
        "# HELP a_total x\n# TYPE a_total counter\na_total one\n", "# HELP a x\n# TYPE a counter\na 1\n",
        "# HELP a_total x\n# TYPE a_total counter\nb_total 1\n", "# HELP a_total x\n# TYPE a_total counter\na_total{l=\"v} 1\n",
        "# HELP a_total x\n# TYPE a_total counter\na_total{l=\"1\",l=\"2\"} 1\n",
        "# HELP a x\n# TYPE a gauge\n# HELP a x\n# TYPE a gauge\n",
        "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n"}) {
    std::optional<Families> found;
    try {
      found = parse(wrong);
    } catch (const std::exception&) {
    }
    EXPECT_FALSE(found) << wrong;
  }
}

TEST(Exposition, EscapesWhatAValueMayHold) {
  metrics::Exposition text{"x_"};
  text.family("a_total", "counter", "help");
  text.value({{"name", "q\"uote \\ line\nend"}}, std::uint64_t{3});
  const auto families = parse(std::move(text).take());
  ASSERT_TRUE(families);
  EXPECT_EQ(value_of(*families, "x_a_total", {{"name", "q\"uote \\ line\nend"}}), 3);
}

TEST(ForwardMetrics, AreReadAsWhatTheySay) {
  SinkCounters counters;
  counters.taken = 12;
  counters.cursor = 90;
  counters.end = 100;
  counters.lost = 4;
  counters.up = true;
  const std::string status =
      R"({"begun":7,"allowed":5,"denied":2,"logons":[{"outcome":"success","version":"NTLMv2","count":5},)"
      R"({"outcome":"blocked","version":"NTLMv1","decision":"deny","setting":"DenyVersions","count":2}],)"
      R"("seconds":{"up_to":[0.001,0.01],"queue":{"counts":[1,0,0],"sum":0.0005},"commit":{"counts":[3,2,1],"sum":0.5}},)"
      R"("store":{"first":11,"last":100}})";
  const auto families = parse(metrics_text({{"siem", &counters}}, status));
  ASSERT_TRUE(families);
  EXPECT_EQ(value_of(*families, "postern_forward_events_total", {{"sink", "siem"}}), 12);
  EXPECT_EQ(value_of(*families, "postern_forward_lag", {{"sink", "siem"}}), 10);
  EXPECT_EQ(value_of(*families, "postern_forward_events_lost_total", {{"sink", "siem"}}), 4);
  EXPECT_EQ(value_of(*families, "postern_forward_authority_up"), 1);
  EXPECT_EQ(value_of(*families, "postern_authority_events_stored"), 90);
  EXPECT_EQ(value_of(*families, "postern_authority_logons_total",
                     {{"outcome", "blocked"}, {"version", "NTLMv1"}, {"decision", "deny"}, {"setting", "DenyVersions"}}),
            2);
  EXPECT_EQ(value_of(*families, "postern_authority_logon_seconds", {{"part", "commit"}, {"le", "0.01"}}), 5) << "steps add up";
  EXPECT_EQ(families->at("postern_authority_logon_seconds").samples.size(), 10U);
}

TEST(ForwardMetrics, WithoutAnAnswerOfPosterndOrWithNonsenseTheyAreStillWellFormed) {
  SinkCounters counters;
  for (const std::string status : {"", "[]", "{}", "no JSON", R"({"logons":7,"seconds":[],"store":"x","begun":-1})",
                                   R"({"logons":[1,{}],"seconds":{"up_to":[1],"queue":{"counts":[1]},"commit":7}})"}) {
    const auto families = parse(metrics_text({{"a", &counters}, {"b", &counters}}, status));
    ASSERT_TRUE(families) << status;
    EXPECT_EQ(value_of(*families, "postern_forward_up", {{"sink", "b"}}), 0);
  }
}

TEST(ForwardMetrics, AreServedOnLoopbackOneAfterTheOtherAndASilentClientHoldsNobodyUp) {
  auto listener = MetricsListener::listen("127.0.0.1", 0, [] { return std::string{"body\n"}; });
  ASSERT_TRUE(listener);
  const auto connect = [&] {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((*listener)->port());
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return client;
  };
  const int silent = connect();
  for (int i = 0; i < 2; ++i) {
    const int client = connect();
    const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    ASSERT_EQ(::send(client, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    std::string answer;
    char piece[512];
    for (ssize_t got = 0; (got = ::recv(client, piece, sizeof piece, 0)) > 0;) answer.append(piece, static_cast<std::size_t>(got));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nbody\n")) << answer;
    ::close(client);
  }
  ::close(silent);
}

}  // namespace
}  // namespace postern::forward
