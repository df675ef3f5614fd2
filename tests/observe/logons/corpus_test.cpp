// Real captures, message by message, against what tshark says of them.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "observe/logons/collector.hpp"
#include "support/shared_corpus.hpp"

namespace postern::observe {
namespace {

using nlohmann::json;

json our_message(const MessageObject& object) { return json::parse(to_json(object)); }

std::string address_of(std::string text) {
  const std::size_t last = text.rfind(':');
  const bool v6 = text.find(':') != last;
  return v6 ? '[' + text.substr(0, last) + "]:" + text.substr(last + 1) : text;
}

std::string transport_of(const std::string& theirs) {
  if (theirs == "smb") return "smb1";
  if (theirs == "tds") return "mssql";
  if (theirs.starts_with("dcerpc")) return "dcerpc";
  return theirs;
}

/// Compares one field; an empty text may be absent on either side.
void compare(const json& ours, const char* our_name, const json& theirs, const char* their_name, const std::string& where) {
  if (!theirs.contains(their_name) || theirs[their_name].is_null()) return;
  const std::string expected = theirs[their_name].get<std::string>();
  const std::string actual = ours.contains(our_name) ? ours[our_name].get<std::string>() : std::string{};
  EXPECT_EQ(actual, expected) << where << ' ' << our_name;
}

/// Messages that Postern lists and tshark does not, and why that is right. Each is a `capture`'s frames; no others are let through.
struct More {
  std::string_view capture;
  std::set<std::uint64_t> frames;
  std::string_view why;
};
const More kMore[] = {
    {"ntlmrawunhide__examples__PktMon.cap",
     {23, 26, 32},
     "tshark takes this Network Monitor file's Ethernet frames for events of a trace"},
    {"zeek__ldap__sasl-ntlm.pcap", {6}, "the CHALLENGE in serverSaslCreds of a bindResponse, which tshark leaves undissected"},
    {"arkime__ntlm_synthetic.pcap", {92}, "the CHALLENGE in serverSaslCreds of a bindResponse, which tshark leaves undissected"},
    {"arkime__ntlm_synthetic.pcap", {144, 146, 148}, "base64 lines of SMTP's AUTH NTLM, which tshark does not decode"},
    {"arkime__ntlm_synthetic.pcap", {168, 170, 172}, "base64 lines of IMAP's AUTHENTICATE NTLM, which tshark does not decode"},
    {"arkime__ntlm_synthetic.pcap", {192, 194, 196}, "base64 lines of POP3's AUTH NTLM, which tshark does not decode"},
};

/// Messages whose frame is not tshark's: it names the one in which the whole HTTP answer ends, we the one that holds the message's
/// last byte.
struct Elsewhere {
  std::string_view capture;
  int theirs;
  int ours;
};
const Elsewhere kElsewhere[] = {{"bruteshark__HTTP_-_NTLM_GSSAPI.pcap", 10, 9},
                                {"bruteshark__PCAPNG_Examples__HTTP_-_NTLM_GSSAPI.pcapng", 10, 9}};

/// Fields that cannot be judged, and why.
bool is_excused(std::string_view capture, const json& theirs, std::string_view field) {
  // The LM response's offset points outside the message. tshark gives up there and calls what it has not read empty; the fields
  // behind it lie inside the message, and the version is nothing that such a message has.
  return capture == "arkime__smbtorture-ntlmssp-moloch-crash.pcap" && theirs["frame"] == 9 && field != "negotiate_flags";
}

/// ERSPAN: tshark names the outer address before the inner.
std::string inner(const std::string& text) { return text.substr(text.find('|') == std::string::npos ? 0 : text.find('|') + 1); }

std::string key_of(int frame, const std::string& source, const std::string& type) {
  return std::to_string(frame) + ' ' + source + ' ' + type;
}

std::map<std::string, json> by_key(const std::vector<MessageObject>& objects) {
  std::map<std::string, json> ours;
  for (const MessageObject& object : objects) {
    const json message = our_message(object);
    EXPECT_TRUE(ours.emplace(key_of(message["frame"], message["src"], message["type"]), message).second) << message.dump();
  }
  return ours;
}

void compare_message(const std::string& capture, const json& message, const json& theirs, const std::string& where) {
  EXPECT_EQ(message["dst"], address_of(inner(theirs["dst"]))) << where;
  EXPECT_EQ(message["transport"], transport_of(theirs["transport"])) << where;
  const auto same = [&](const char* our_name, const char* their_name) {
    if (!is_excused(capture, theirs, our_name)) compare(message, our_name, theirs, their_name, where);
  };
  same("negotiate_flags", "flags");
  same("user", "user");
  same("domain", "domain");
  same("workstation", theirs["type"] == "NEGOTIATE" ? "workstation" : "host");
  same("version", "version_by_length");
  for (const char* field : {"target_name", "nb_computer", "nb_domain", "dns_computer", "dns_domain"}) same(field, field);
}

void expect_allowed(const std::string& capture, const json& message) {
  for (const More& more : kMore) {
    if (capture == more.capture && more.frames.contains(message["frame"].get<std::uint64_t>())) return;
  }
  ADD_FAILURE() << capture << ": more than tshark, and nobody said why: " << message.dump();
}

std::size_t compare_capture(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const json expected = json::parse(std::ifstream{path.string() + ".expected.json"});
  Collector collector;
  const auto ran = collect(path.string(), collector);
  EXPECT_TRUE(ran) << name << ": " << ran.error().to_line();
  std::map<std::string, json> ours = by_key(collector.objects);
  for (const json& theirs : expected["messages"]) {
    int frame = theirs["frame"];
    for (const Elsewhere& moved : kElsewhere) {
      if (name == moved.capture && frame == moved.theirs) frame = moved.ours;
    }
    const std::string key = key_of(frame, address_of(inner(theirs["src"])), theirs["type"]);
    const auto found = ours.find(key);
    if (found == ours.end()) {
      ADD_FAILURE() << name << " misses frame " << key;
      continue;
    }
    compare_message(name, found->second, theirs, name + " frame " + key);
    ours.erase(found);
  }
  for (const auto& [key, message] : ours) expect_allowed(name, message);
  return expected["messages"].size();
}

TEST(Corpus, EveryCaptureAgreesMessageByMessage) {
  const std::filesystem::path folder = test::shared_corpus() / "pcaps";
  POSTERN_REQUIRE_SHARED(folder);
  std::size_t messages = 0;
  std::size_t captures = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (!std::filesystem::exists(entry.path().string() + ".expected.json")) continue;
    messages += compare_capture(entry.path());
    ++captures;
  }
  EXPECT_EQ(captures, 47U);
  EXPECT_GE(messages, 500U);
}

}  // namespace
}  // namespace postern::observe
