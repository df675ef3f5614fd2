// `postern bench policy`: how many logons a second one core judges.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <vector>

#include "policy/evaluate.hpp"
#include "postern/bench.hpp"

namespace postern {
namespace {

using policy::Policy;
using policy::Stage;

constexpr int kRounds = 7;
constexpr double kSeconds = 0.3;
constexpr double kSecondsMax = 60;
constexpr int kExitDone = 0, kExitUsage = 2;

constexpr std::string_view kUsage =
    "Usage: postern bench policy [--seconds S] [--json]\n"
    "\n"
    "How many logons a second the policy judges at the stage verified, on one core: every setting at server, server's and "
    "account's\n"
    "controller, over a mix of logons under the default policy and under one where every setting speaks. \"rule\" gives the "
    "verdict,\n"
    "\"evaluate\" puts together each decision with its sentence as well. Medians of seven alternating rounds.\n";

event::Facts usual() {
  event::Facts facts;
  const auto time = [](std::int64_t seconds) {
    return event::Timestamp{FileTime::from_unix_microseconds((1'795'000'000 + seconds) * 1'000'000)};
  };
  facts.time = time(0);
  facts.source_kind = event::SourceKind::authority;
  facts.package = event::Package::ntlm;
  facts.ntlm.version = event::NtlmVersion::ntlm_v2;
  facts.ntlm.negotiate_flags = 0xe2888215;
  facts.ntlm.mic = event::Mic::verified;
  facts.ntlm.channel_binding = event::ChannelBinding::matched;
  facts.ntlm.spn = "HTTP/web1.corp.example";
  facts.ntlm.spn_check = event::SpnCheck::accepted;
  facts.ntlm.client_time = time(0);
  facts.ntlm.server_time = time(0);
  facts.ntlm.timestamp_offered = true;
  facts.ntlm.server_names.nb_computer = "WEB1";
  facts.account.name = "alice";
  facts.account.domain = "CORP";
  facts.account.kind = event::AccountKind::domain;
  facts.account.state = "STATUS_SUCCESS";
  facts.account.protected_user = false;
  facts.account.ntlm_allowed = true;
  facts.account.network_allowed = true;
  facts.client.address = "192.0.2.17";
  facts.server.address = "192.0.2.80";
  facts.server.name = "gateway";
  facts.server.service = event::Service::http;
  facts.server.domain_member = true;
  facts.transport.tls = true;
  return facts;
}

std::vector<event::Facts> mix() {
  std::vector<event::Facts> all(8, usual());
  all[1].ntlm.mic = event::Mic::absent;
  all[1].ntlm.channel_binding = event::ChannelBinding::absent;
  all[1].ntlm.spn_check = event::SpnCheck::absent;
  all[2].ntlm.version = event::NtlmVersion::ntlm_v1;
  all[3].transport.tls = false;
  all[4].ntlm.channel_binding = event::ChannelBinding::mismatched;
  all[5].server.service = event::Service::smb;
  all[5].client.address = "2001:db8::17";
  all[6].account.protected_user = true;
  all[6].findings.push_back({"reflection", event::Severity::alarm, "the client's own challenge came back", {}});
  all[7].source_kind = event::SourceKind::winlog;
  all[7].ntlm.version.reset();
  return all;
}

/// Every setting has a say.
Policy everything() {
  Policy policy;
  for (const auto& [name, value] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {policy::kRestrictReceivingNTLMTraffic, "1"},
           {policy::kAuditReceivingNTLMTraffic, "2"},
           {policy::kRestrictNTLMInDomain, "7"},
           {policy::kAuditNTLMInDomain, "7"},
           {policy::kDCAllowedNTLMServers, "FILE1, FILE2, MAIL*, *WEB, WEB1"},
           {policy::kNtlmMinServerSec, "0x20080000"},
           {policy::kSmbServerNameHardeningLevel, "2"},
           {policy::kLdapEnforceChannelBinding, "2"},
           {policy::kRequireMic, "always"},
           {policy::kExtendedProtection, "always"},
           {policy::kTargetNameCheck, "always"},
           {policy::kDenyVersions, "LM, NTLMv1, NTLMv1-ESS, LMv2"},
           {policy::kDenyServices, "smb"},
           {policy::kAllowClientNetworks, "192.0.2.0/24, 198.51.100.0/24, 2001:db8::/32"},
           {policy::kDenyClientNetworks, "203.0.113.0/24"},
           {policy::kDenyFindings, "relay-suspected, reflection"}}) {
    static_cast<void>(policy::set(policy, name, value));
  }
  return policy;
}

/// Logons a second of one round.
template <typename Judge>
double rate(double seconds, const std::vector<event::Facts>& logons, const Judge& judge) {
  using Clock = std::chrono::steady_clock;
  std::uint64_t count = 0, let_in = 0;
  const auto start = Clock::now();
  const auto until = start + std::chrono::duration<double>{seconds};
  auto end = start;
  while ((end = Clock::now()) < until) {
    for (int i = 0; i < 64; ++i) {
      for (const event::Facts& facts : logons) let_in += judge(facts) ? 1U : 0U;
    }
    count += 64 * logons.size();
  }
  if (let_in > count) return 0;  // never; the sum keeps the work from being thrown away
  return static_cast<double>(count) / std::chrono::duration<double>(end - start).count();
}

struct Line {
  const char* policy;
  const char* judge;
  std::vector<double> rates{};
  [[nodiscard]] double median() const {
    std::vector<double> sorted = rates;
    std::ranges::sort(sorted);
    return sorted[sorted.size() / 2];
  }
};

}  // namespace

int run_policy_bench(const std::vector<std::string>& arguments) {
  double seconds = kSeconds;
  bool json = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--json") {
      json = true;
    } else if (arguments[i] == "--help") {
      fmt::print("{}", kUsage);
      return kExitDone;
    } else {
      const std::string value = arguments[i] == "--seconds" && i + 1 < arguments.size() ? arguments[++i] : "";
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
      if (value.empty() || error != std::errc{} || end != value.data() + value.size() || !(seconds > 0) || seconds > kSecondsMax) {
        fmt::print(stderr, "postern bench policy: {}\n{}", "--seconds takes a number above 0 and up to 60; there is nothing else",
                   kUsage);
        return kExitUsage;
      }
    }
  }
  const std::vector<event::Facts> logons = mix();
  const Policy usual_policy, full_policy = everything();
  std::vector<Line> lines{{"default", "rule"}, {"default", "evaluate"}, {"everything", "rule"}, {"everything", "evaluate"}};
  for (int round = 0; round < kRounds; ++round) {
    for (Line& line : lines) {
      const Policy& policy = std::string_view{line.policy} == "default" ? usual_policy : full_policy;
      const auto ruled = [&](const event::Facts& facts) { return policy::rule(policy, facts, Stage::verified).allowed(); };
      const auto evaluated = [&](const event::Facts& facts) { return policy::evaluate(policy, facts, Stage::verified).allowed(); };
      line.rates.push_back(std::string_view{line.judge} == "rule" ? rate(seconds, logons, ruled)
                                                                  : rate(seconds, logons, evaluated));
    }
  }
  nlohmann::ordered_json out{{"bench", "policy"}, {"rounds", kRounds}, {"seconds", seconds}};
  if (!json) fmt::print("{:<12} {:<10} {:>20}\n", "policy", "", "decisions per second");
  for (const Line& line : lines) {
    if (!json) fmt::print("{:<12} {:<10} {:>20.0f}\n", line.policy, line.judge, line.median());
    const auto [least, most] = std::ranges::minmax(line.rates);
    out["results"].push_back(
        {{"policy", line.policy}, {"judge", line.judge}, {"per_second", line.median()}, {"min", least}, {"max", most}});
  }
  if (json) fmt::print("{}\n", out.dump());
  return kExitDone;
}

}  // namespace postern
