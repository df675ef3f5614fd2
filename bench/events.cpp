// postern-bench-events COUNT [SEED]: LogonEvents as JSON lines, as an authority of a middle-sized company would have them, for the
// measurement of what-if (docs/what-if.md). The same numbers give the same lines.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <random>
#include <string>

#include "event/json.hpp"

namespace {

using namespace postern;

constexpr std::uint64_t kStartTicks = 134'000'000'000'000'000;  // August 2025
constexpr std::uint64_t kTicksBetween = 7'000'000;              // 0.7 s

std::optional<std::uint64_t> number_in(const char* text) {
  std::uint64_t number = 0;
  const char* const end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, number);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

event::LogonEvent event_number(std::uint64_t number, std::mt19937_64& random) {
  const auto upto = [&random](std::uint64_t count) { return random() % count; };
  event::LogonEvent event;
  event.time.emplace(FileTime{kStartTicks + number * kTicksBetween});
  std::array<std::uint8_t, event::EventId::kRandomBytes> bits{};
  for (std::uint8_t& byte : bits) byte = static_cast<std::uint8_t>(random());
  event.id = event::EventId::make(event.time->file_time(), bits);
  event.source = {event::SourceKind::authority, "DOOR", {}};
  const bool fails = upto(30) == 0;
  event.outcome = fails ? event::Outcome::failure : event::Outcome::success;
  event.status = event::Status::of(fails ? NtStatus::wrong_password : NtStatus::success);
  event.package = event::Package::ntlm;

  const std::uint64_t server = upto(40);
  const std::string host = "app" + std::to_string(server) + ".demo.example.org";
  event.ntlm.version = upto(60) == 0 ? event::NtlmVersion::ntlm_v1 : event::NtlmVersion::ntlm_v2;
  const bool modern = event.ntlm.version == event::NtlmVersion::ntlm_v2;
  const bool has_mic = modern && upto(3) != 0;
  event.ntlm.negotiate_flags = 0xe2898215;
  event.ntlm.mic = !modern ? event::Mic::not_applicable : has_mic ? event::Mic::verified : event::Mic::absent;
  event.ntlm.channel_binding = !modern        ? event::ChannelBinding::not_applicable
                               : upto(4) == 0 ? event::ChannelBinding::absent
                                              : event::ChannelBinding::matched;
  if (modern && upto(5) != 0) event.ntlm.spn = "HTTP/" + host;
  event.ntlm.sign = event.ntlm.seal = false;
  event.ntlm.key_bits = 128;
  event.ntlm.server_time = event.time;
  if (modern) event.ntlm.client_time = event.time;
  event.ntlm.timestamp_offered = true;
  event.ntlm.server_names = {"APP" + std::to_string(server), "DEMO", host, "demo.example.org", {}};
  event.account = {
      "user" + std::to_string(upto(4'000)), "DEMO", {}, event::AccountKind::domain, false, true, true, "STATUS_SUCCESS"};
  event.client.address = "10.1." + std::to_string(upto(12)) + "." + std::to_string(upto(250));
  event.client.port = static_cast<std::uint16_t>(49'152 + upto(16'000));
  event.client.workstation = "WS" + std::to_string(upto(3'000));
  event.server = {"10.0.0." + std::to_string(server), 443, host, event::Service::http, true};
  event.transport = {true, true, true};
  event.authority.name = "DOOR";
  for (const char* setting : {"LmCompatibilityLevel", "RequireMic", "ExtendedProtection", "TargetNameCheck", "ClockSkew"}) {
    event.policy.push_back(
        {event::Point::server, event::Stage::response, setting, "never", event::Decision::allow, "not asked for"});
  }
  return event;
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = argc > 1 ? number_in(argv[1]) : std::nullopt;
  const auto seed = argc > 2 ? number_in(argv[2]) : std::optional<std::uint64_t>{1};
  if (!count || !seed || argc > 3) {
    std::fputs("usage: postern-bench-events COUNT [SEED]\n", stderr);
    return 2;
  }
  std::mt19937_64 random{*seed};
  for (std::uint64_t number = 0; number < *count; ++number) {
    const std::string line = event::to_json(event_number(number, random)) + "\n";
    if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size()) return 3;
  }
  return std::fflush(stdout) == 0 ? 0 : 3;
}
