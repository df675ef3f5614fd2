// What detection has learned from logons that were proved and allowed, and what does not fit it. Nobody else teaches.
//
// A thing that is seen for the first time after the warm-up is told; after kUsualAfter such logons were allowed it is usual, and no
// longer told. So an intruder is told at least so often, and a person who moves to another office is not told for ever.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "authority/detection/findings.hpp"
#include "authority/detection/lru_table.hpp"
#include "authority/detection/marks.hpp"
#include "base/reader.hpp"
#include "base/result.hpp"
#include "base/writer.hpp"

namespace postern::authority::detection {

inline constexpr std::uint8_t kUsualAfter = 3;
inline constexpr std::uint8_t kHabitAfter = 3;      ///< logons that make a trait a habit
inline constexpr std::uint32_t kWarmUpLogons = 10;  ///< of an account, before its networks and names are known
inline constexpr std::uint64_t kWarmUpSeconds = 86'400;
inline constexpr std::uint64_t kKerberosSeconds =
    36'000;                                           ///< how long a Kerberos logon says where its owner is: a ticket's usual life
inline constexpr std::size_t kNetworksOfAccount = 8;  ///< who has more travels, and is told as `info` only
inline constexpr std::size_t kNamesOfMachine = 2;     ///< workstation names of one machine id that are no warning

/// Entries of each table.
struct LearnedLimits {
  std::size_t accounts = 65'536;
  std::size_t habits = 131'072;  ///< of pairs; as many of programs
  std::size_t workstations = 65'536;
  std::size_t machine_ids = 65'536;
};

class Learned {
 public:
  explicit Learned(const LearnedLimits& limits);

  /// What does not fit. Learns nothing.
  void check(const Observation& observation, const Lesson& lesson, Found& found);
  /// True if the account came from this network, and with this workstation name, before.
  [[nodiscard]] bool is_familiar(const Lesson& lesson);
  /// Of a logon that was proved and allowed.
  void learn(const Lesson& lesson);

  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::size_t max_bytes() const;

  void save(Writer& out) const;
  /// Takes what save() wrote in place of what is there. On an error all is forgotten.
  [[nodiscard]] Result<void> load(Reader& in);

 private:
  struct Seen {
    std::uint32_t mark = 0;  ///< 0: none
    std::uint8_t hits = 0;
  };
  /// The last few, the newest first.
  template <std::size_t kSize>
  struct Ring {
    std::array<Seen, kSize> entries{};
    [[nodiscard]] const Seen* find(std::uint64_t mark) const;
    [[nodiscard]] bool is_usual(std::uint64_t mark) const;
    [[nodiscard]] std::size_t count() const;
    /// Moves it to the front, with `hits` more. True if another one had to go.
    bool note(std::uint64_t mark, std::uint8_t hits);
  };
  struct Account {
    std::uint64_t first_logon = 0;
    std::uint64_t kerberos_time = 0;
    std::uint32_t kerberos_network = 0;
    std::uint32_t logons = 0;
    std::uint8_t named = 0;
    std::uint8_t unnamed = 0;
    bool roams = false;
    Ring<kNetworksOfAccount> networks{};
    Ring<8> workstations{};
    Ring<4> addresses{};  ///< of machine accounts only
    [[nodiscard]] bool is_warm(FileTime now) const;
  };
  /// How often each trait was there, and how often not.
  struct Habit {
    std::array<std::uint8_t, kTraits> with{};
    std::array<std::uint8_t, kTraits> without{};
    [[nodiscard]] bool is_broken(Trait trait, const Traits& now) const;
  };
  struct PackageHabit {
    std::uint8_t kerberos = 0;
    std::uint8_t ntlm = 0;
  };
  struct Workstation {
    std::array<std::uint32_t, 4> machine_ids{};  ///< the newest first
    std::uint8_t returns = 0;
  };
  struct MachineId {
    Ring<4> names{};
  };

  static void check_habit(const Habit& habit, const Traits& traits, event::Severity severity, Found& found);
  void check_account(const Observation& observation, const Lesson& lesson, Found& found);
  void check_machine_account(const Observation& observation, const Lesson& lesson, const Account& account, Found& found);
  void check_machine_id(const Lesson& lesson, Found& found);
  void learn_account(const Lesson& lesson);
  static void learn_habit(Habit& habit, const Traits& traits);
  void clear();

  template <std::size_t kSize>
  static void write(Writer& out, const Ring<kSize>& ring);
  template <std::size_t kSize>
  static Result<void> read(Reader& in, Ring<kSize>& ring);
  static void write(Writer& out, const LruTable<Habit>& table);
  static Result<void> read(Reader& in, LruTable<Habit>& table);
  Result<void> load_tables(Reader& in);

  LruTable<Account> accounts_;
  LruTable<Habit> pairs_;
  LruTable<Habit> programs_;
  LruTable<PackageHabit> packages_;
  LruTable<Workstation> workstations_;
  LruTable<MachineId> machine_ids_;
};

}  // namespace postern::authority::detection
