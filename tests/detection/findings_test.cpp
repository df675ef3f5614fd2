#include "authority/detection/findings.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>

#include "support/paths.hpp"

namespace postern::authority::detection {
namespace {

/// id -> the cell that says its severities, of docs/detection.md's table.
std::map<std::string, std::string> documented() {
  std::ifstream file{POSTERN_SOURCE_DIR "/docs/detection.md"};
  std::map<std::string, std::string> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| `")) continue;
    std::istringstream cells{line};
    std::string nothing, id, severity, cell;
    std::getline(cells, nothing, '|');
    std::getline(cells, id, '|');
    std::getline(cells, severity, '|');
    int rest = 0;
    while (std::getline(cells, cell, '|')) rest += cell.find_first_not_of(' ') == std::string::npos ? 0 : 1;
    EXPECT_EQ(rest, 4) << id << " lacks what it says, its evidence, its false alarms or what to do";
    rows[id.substr(2, id.rfind('`') - 2)] = severity;
  }
  return rows;
}

TEST(Findings, EachIsDocumentedWithItsWorstSeverity) {
  const auto rows = documented();
  for (const Known& known : all_findings()) {
    const auto row = rows.find(std::string{known.name});
    ASSERT_NE(row, rows.end()) << known.name << " is not in docs/detection.md";
    EXPECT_NE(row->second.find(event::name_of(known.worst)), std::string::npos) << known.name;
  }
  EXPECT_EQ(rows.size(), all_findings().size()) << "docs/detection.md names one that is not there";
}

TEST(Findings, NamesAreDistinctAndFoundAgain) {
  std::set<std::string_view> names;
  for (const Known& known : all_findings()) {
    EXPECT_TRUE(names.insert(known.name).second) << known.name;
    EXPECT_EQ(finding_from_name(known.name), known.id);
    EXPECT_FALSE(known.sentence.empty());
  }
  EXPECT_EQ(finding_from_name("no-such-finding"), std::nullopt);
}

TEST(Findings, EvidenceIsCutBetweenCharacters) {
  std::string long_text(kMaxEvidenceBytes - 1, 'a');
  long_text += "ü and more";
  EXPECT_EQ(finding(Id::new_network, long_text).evidence, std::string(kMaxEvidenceBytes - 1, 'a'));
  EXPECT_EQ(finding(Id::new_network, "short").evidence, "short");
  EXPECT_EQ(finding(Id::new_network).evidence, std::nullopt);
}

TEST(Findings, OneIsAddedOnceAndNeverAboveItsWorst) {
  Found found;
  found.add(Id::version_odd, event::Severity::alarm);
  found.add(Id::version_odd, event::Severity::info);
  const auto findings = std::move(found).take();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, event::Severity::info);
}

}  // namespace
}  // namespace postern::authority::detection
