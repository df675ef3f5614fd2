// R27: no copy of a password is left behind in memory that was given back. The program's own operator delete looks at what it gets.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>

#include "authority/authority_fixture.hpp"
#include "edge/ipc/server/admin.hpp"
#include "edge/ipc/server/admin_request.hpp"

namespace {

/// Sixteen bytes are sought: they stand in each copy of the password, whatever is around them.
constexpr std::size_t kNeedleBytes = 16;
std::atomic<const unsigned char*> sought{nullptr};
std::atomic<const unsigned char*> sought_wide{nullptr};
std::atomic<int> found{0};
std::atomic<int> looked_at{0};

void look_at(void* memory) {
  if (memory == nullptr) return;
  const std::size_t size = ::malloc_usable_size(memory);
  for (const auto* needle : {sought.load(), sought_wide.load()}) {
    if (needle != nullptr && ::memmem(memory, size, needle, kNeedleBytes) != nullptr) ++found;
  }
  if (sought.load() != nullptr) ++looked_at;
}

}  // namespace

void* operator new(std::size_t size) {
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept {
  look_at(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace postern::authority {
namespace {

constexpr char kLongPassword[] = "Correct.Horse.Battery.Staple.0123456789.abcdefghijklmnopqrstuvwxyz";
constexpr char kWide[] = "C\0o\0r\0r\0e\0c\0t\0.\0H\0o\0r\0s\0e\0.";

class Search {
 public:
  Search() {
    found = 0;
    looked_at = 0;
    sought_wide = reinterpret_cast<const unsigned char*>(kWide);
    sought = reinterpret_cast<const unsigned char*>(kLongPassword);
  }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;
  ~Search() { stop(); }
  static void stop() {
    sought = nullptr;
    sought_wide = nullptr;
  }
};

class AdminSecretsTest : public AuthorityTest {
 protected:
  /// How many blocks that held the password were given back while the request was handled.
  int left_behind_by(const std::string& request, std::string& answer) {
    ipc::Admin admin{*store_, *authority_, environment_};
    const Search search;
    answer = admin.handle(request, {0, ipc::AdminRights::everything});
    Search::stop();
    EXPECT_GT(looked_at, 0);
    return found;
  }
};

TEST_F(AdminSecretsTest, TheSearchFindsACopyThatIsGivenBackUnwiped) {
  const Search search;
  {
    const std::string copy{kLongPassword};
  }
  EXPECT_EQ(found, 1);
  {
    const SecretBytes wiped{std::string_view{kLongPassword}};
  }
  EXPECT_EQ(found, 1) << "a secret is wiped first";
}

TEST_F(AdminSecretsTest, R27_NoCopyOfAPasswordIsGivenBackUnwiped) {
  std::string answer;
  const std::string password = std::string{"\"password\":\""} + kLongPassword + "\"";
  EXPECT_EQ(left_behind_by("{\"op\":\"account.add\",\"account\":\"carol\"," + password + "}", answer), 0);
  EXPECT_TRUE(answer.starts_with("{\"ok\"")) << answer;
  EXPECT_EQ(left_behind_by("{\"op\":\"account.passwd\"," + password + ",\"account\":\"alice\",\"must_change\":true}", answer), 0);
  EXPECT_TRUE(answer.starts_with("{\"ok\"")) << answer;
}

TEST_F(AdminSecretsTest, R27_NorByARequestThatIsRefused) {
  std::string answer;
  const std::string password = std::string{"\"password\":\""} + kLongPassword + "\"";
  for (const std::string& request :
       {"{\"op\":\"account.add\",\"account\":\"alice\"," + password + "}", "{\"op\":\"no.such\"," + password + "}",
        "{\"op\":\"account.add\"," + password + ",\"account\":5}", "{\"op\":\"account.add\"," + password + "} trailing",
        "{" + password + ",", "[{" + password + "}]", "{\"deep\":[{" + password + "}],\"op\":\"status\"}",
        "{\"op\":\"account.add\",\"account\":\"x\"," + password + "," + password + "}",
        "{\"op\":\"account.add\",\"account\":\"x\",\"pass\\u0077ord\" : \"" + std::string{kLongPassword} + "\"}"}) {
    EXPECT_EQ(left_behind_by(request, answer), 0) << request;
  }
}

TEST(TakeSecrets, LeavesANumberAndDecodesAsJsonDoes) {
  const auto taken =
      ipc::take_secrets(R"({"a":"password","password" : "x\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00 \u0041","n":{"file":""}})");
  ASSERT_TRUE(taken) << account::line_of(taken);
  EXPECT_EQ(taken->text, R"({"a":"password","password" : "0","n":{"file":"1"}})");
  ASSERT_EQ(taken->secrets.size(), 2U);
  EXPECT_EQ(taken->secrets[0].reveal_text(), "x\"\\/\b\f\n\r\t\u00e9\u20ac\U0001F600 A");
  EXPECT_TRUE(taken->secrets[1].empty());
}

TEST(TakeSecrets, RefusesWhatIsNoTextAndLeavesOtherMembersAlone) {
  for (const char* text : {R"({"password":"x)", R"({"password":"\x"})", R"({"password":"\u12"})", R"({"password":"\)",
                           "{\"password\":\"a\nb\"}", R"({"open)"}) {
    EXPECT_EQ(ipc::take_secrets(text).error().code, ErrorCode::malformed) << text;
  }
  for (const char* text : {R"({"password":1,"passwords":"x","Password":"y"})", "", "{}", R"(["password"])", R"("password")",
                           R"({"a":"b\\","c":"\"password\":\"x\""})"}) {
    const auto taken = ipc::take_secrets(text);
    ASSERT_TRUE(taken) << text;
    EXPECT_EQ(taken->text, text);
    EXPECT_TRUE(taken->secrets.empty());
  }
}

TEST(TakeSecrets, RefusesANulWhereAJsonParserWouldStopReading) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {"{\"op\":\"status\"}\0{\"password\":\"x\"}"sv, "{}\0"sv, "{\"password\":\"a\0b\"}"sv}) {
    const auto taken = ipc::take_secrets(text);
    ASSERT_FALSE(taken) << text;
    EXPECT_EQ(taken.error().offset, text.find('\0')) << text;
    EXPECT_FALSE(ipc::AdminRequest::parse(text)) << text;
  }
  EXPECT_TRUE(ipc::AdminRequest::parse(R"({"op":"status"})"));
}

TEST(TakeSecrets, ALoneSurrogateMakesNoPassword) {
  const auto taken = ipc::take_secrets(R"({"password":"\ud83dx"})");
  ASSERT_TRUE(taken);
  EXPECT_FALSE(is_utf8(taken->secrets.at(0).reveal_text()));
}

TEST(AdminRequest, GivesASecretToWhoAsksForOneAndNumbersToNobody) {
  const auto request = ipc::AdminRequest::parse(R"({"op":"x","password":"geheim","n":3})");
  ASSERT_TRUE(request) << account::line_of(request);
  EXPECT_EQ(request->secret("password")->reveal_text(), "geheim");
  EXPECT_EQ(request->secret("file").error().message, "is missing");
  EXPECT_EQ(request->secret("n").error().message, "is no text");
  EXPECT_FALSE(ipc::AdminRequest::parse("[]"));
  EXPECT_FALSE(ipc::AdminRequest::parse(R"({"password":"x)"));
}

}  // namespace
}  // namespace postern::authority
