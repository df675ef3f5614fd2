#include "authority/detection/learned.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "authority/detection/network.hpp"

namespace postern::authority::detection {
namespace {

using enum event::Severity;

/// The half of a mark that the rings keep: a wrong match of two among eight is one in 500 million.
std::uint32_t half(std::uint64_t mark) {
  const auto low = static_cast<std::uint32_t>(mark);
  return mark != 0 && low == 0 ? 1 : low;
}

void count(std::uint8_t& counter, std::uint8_t by = 1) {
  constexpr std::uint8_t kMax = std::numeric_limits<std::uint8_t>::max();
  counter = static_cast<std::uint8_t>(counter > kMax - by ? kMax : counter + by);
}

/// Seconds from `then` to `now`; 0 if the clock went back.
std::uint64_t seconds_since(std::uint64_t then, FileTime now) {
  return now.ticks() <= then ? 0 : (now.ticks() - then) / FileTime::kTicksPerSecond;
}

constexpr std::uint8_t kSaved = 1;  ///< the form of save()

}  // namespace

// ---- what is kept of one thing ------------------------------------------------------------------------------------------------

template <std::size_t kSize>
const Learned::Seen* Learned::Ring<kSize>::find(std::uint64_t mark) const {
  const auto found = std::ranges::find(entries, half(mark), &Seen::mark);
  return mark == 0 || found == entries.end() ? nullptr : &*found;
}

template <std::size_t kSize>
bool Learned::Ring<kSize>::is_usual(std::uint64_t mark) const {
  const Seen* seen = find(mark);
  return seen != nullptr && seen->hits >= kUsualAfter;
}

template <std::size_t kSize>
std::size_t Learned::Ring<kSize>::count() const {
  return static_cast<std::size_t>(std::ranges::count_if(entries, [](const Seen& seen) { return seen.mark != 0; }));
}

template <std::size_t kSize>
bool Learned::Ring<kSize>::note(std::uint64_t mark, std::uint8_t hits) {
  if (mark == 0) return false;
  auto place = std::ranges::find(entries, half(mark), &Seen::mark);
  bool pushed_out = false;
  if (place == entries.end()) {
    place = entries.end() - 1;
    pushed_out = place->mark != 0;
    *place = {half(mark), 0};
  }
  detection::count(place->hits, hits);
  std::rotate(entries.begin(), place, place + 1);
  return pushed_out;
}

bool Learned::Account::is_warm(FileTime now) const {
  return logons >= kWarmUpLogons && seconds_since(first_logon, now) >= kWarmUpSeconds;
}

bool Learned::Habit::is_broken(Trait trait, const Traits& now) const {
  const auto index = static_cast<std::size_t>(trait);
  return now.lacks(trait) && with[index] >= kHabitAfter && without[index] < kUsualAfter;
}

// ---- checks ---------------------------------------------------------------------------------------------------------------------

Learned::Learned(const LearnedLimits& limits)
    : accounts_{limits.accounts},
      pairs_{limits.habits},
      programs_{limits.habits},
      packages_{limits.accounts},
      workstations_{limits.workstations},
      machine_ids_{limits.machine_ids} {}

void Learned::check_habit(const Habit& habit, const Traits& traits, event::Severity severity, Found& found) {
  const std::string same = severity == warning ? "the same program" : "another program of the same client";
  // Another program never has the form of NTLMv2's messages, so the form says nothing here.
  if (habit.is_broken(Trait::ntlm_v2, traits)) found.add(Id::downgrade_version, warning);
  if (habit.is_broken(Trait::mic, traits)) {
    const bool time_too = habit.is_broken(Trait::server_time, traits);
    found.add(Id::downgrade_mic, severity,
              same + (time_too ? "; the server's time, which it copied before, is not in the response either"
                               : "; it had the server's time, which makes such a client send a MIC"));
  }
  if (habit.is_broken(Trait::bindings, traits)) found.add(Id::downgrade_bindings, severity, same);
  if (habit.is_broken(Trait::target_name, traits)) found.add(Id::downgrade_target_name, severity, same);
  std::string lost;
  for (const auto& [trait, name] :
       {std::pair{Trait::sign, "signing"}, std::pair{Trait::seal, "sealing"}, std::pair{Trait::key_128, "keys of 128 bits"}}) {
    if (habit.is_broken(trait, traits)) lost += (lost.empty() ? "" : ", ") + std::string{name};
  }
  // Programs differ in just these flags (rubyntlm and the JDK), and one library seals or signs as its program asks: by itself it
  // says little, and somebody in between who takes them off has to take the MIC off as well.
  if (!lost.empty()) found.add(Id::downgrade_session, info, lost + " lost");
}

void Learned::check(const Observation& seen, const Lesson& lesson, Found& found) {
  if (seen.package != event::Package::ntlm) return;
  if (const Habit* habit = programs_.find(lesson.program)) check_habit(*habit, lesson.traits, warning, found);
  if (const Habit* habit = pairs_.find(lesson.pair)) check_habit(*habit, lesson.traits, info, found);
  if (const PackageHabit* habit = packages_.find(lesson.account_service);
      habit != nullptr && habit->kerberos >= kHabitAfter && habit->ntlm < kUsualAfter) {
    found.add(Id::downgrade_package, info);
  }
  check_account(seen, lesson, found);
  check_machine_id(lesson, found);
}

void Learned::check_account(const Observation& seen, const Lesson& lesson, Found& found) {
  const Account* account = accounts_.find(lesson.account);
  if (account == nullptr) return;
  if (lesson.machine_account) return check_machine_account(seen, lesson, *account, found);
  if (account->kerberos_time != 0 && lesson.network != 0 && account->kerberos_network != half(lesson.network) &&
      seconds_since(account->kerberos_time, seen.now) < kKerberosSeconds) {
    found.add(Id::kerberos_elsewhere, warning,
              "Kerberos " + std::to_string(seconds_since(account->kerberos_time, seen.now)) + " s ago, from another network");
  }
  if (!account->is_warm(seen.now)) return;
  if (lesson.network != 0 && !account->networks.is_usual(lesson.network)) {
    const bool known_workstation = account->workstations.is_usual(lesson.workstation);
    const auto address = IpAddress::parse(seen.address);
    found.add(Id::new_network, known_workstation || account->roams ? info : warning,
              (address ? network_of(*address).to_text() : std::string{}) + (known_workstation ? ", with a known workstation" : "") +
                  "; " + std::to_string(account->logons) + " logons before, of " + std::to_string(account->networks.count()) +
                  " networks");
  }
  if (!lesson.named && account->named >= kWarmUpLogons && account->unnamed < kUsualAfter) {
    found.add(Id::workstation_missing, info);
  }
}

void Learned::check_machine_account(const Observation& seen, const Lesson& lesson, const Account& account, Found& found) {
  if (lesson.address == 0 || account.addresses.count() == 0 || account.addresses.is_usual(lesson.address)) return;
  const bool near = account.networks.is_usual(lesson.network);
  found.add(Id::machine_account_foreign, near ? info : warning,
            std::string{seen.address} + (near ? ", in a network where the machine was before" : ""));
}

void Learned::check_machine_id(const Lesson& lesson, Found& found) {
  if (lesson.machine_id == 0 || lesson.workstation == 0) return;
  if (const Workstation* known = workstations_.find(lesson.workstation); known != nullptr && known->returns < kUsualAfter) {
    const auto begin = known->machine_ids.begin() + 1;
    const auto place = std::find(begin, known->machine_ids.end(), half(lesson.machine_id));
    // A machine makes a new id at each start and Samba at each logon: neither ever goes back to an old one.
    if (place != known->machine_ids.end() && known->machine_ids.front() != half(lesson.machine_id)) {
      found.add(Id::machine_id_returned, warning, std::to_string(place - begin + 1) + " other ids were seen in between");
    }
  }
  if (const MachineId* known = machine_ids_.find(lesson.machine_id);
      known != nullptr && known->names.count() > 0 && !known->names.is_usual(lesson.workstation)) {
    found.add(Id::machine_id_names, known->names.count() >= kNamesOfMachine ? warning : info,
              std::to_string(known->names.count()) + " other names");
  }
}

bool Learned::is_familiar(const Lesson& lesson) {
  const Account* account = accounts_.find(lesson.account);
  return account != nullptr && account->networks.is_usual(lesson.network) &&
         (!lesson.named || account->workstations.is_usual(lesson.workstation));
}

// ---- learning -------------------------------------------------------------------------------------------------------------------

void Learned::learn(const Lesson& lesson) {
  learn_account(lesson);
  PackageHabit& packages = packages_.at(lesson.account_service);
  count(lesson.kerberos ? packages.kerberos : packages.ntlm);
  if (lesson.kerberos) {
    packages.ntlm = 0;
    return;
  }
  if (packages.kerberos < kHabitAfter) packages.ntlm = 0;  // counted from when Kerberos was the habit
  learn_habit(pairs_.at(lesson.pair), lesson.traits);
  learn_habit(programs_.at(lesson.program), lesson.traits);
  if (lesson.machine_id == 0 || lesson.workstation == 0) return;
  Workstation& workstation = workstations_.at(lesson.workstation);
  auto& ids = workstation.machine_ids;
  auto place = std::ranges::find(ids, half(lesson.machine_id));
  if (place == ids.end()) {
    place = ids.end() - 1;
    *place = half(lesson.machine_id);
  } else if (place != ids.begin()) {
    count(workstation.returns);
  }
  std::rotate(ids.begin(), place, place + 1);
  MachineId& machine = machine_ids_.at(lesson.machine_id);
  machine.names.note(lesson.workstation, machine.names.count() == 0 ? kUsualAfter : 1);
}

void Learned::learn_account(const Lesson& lesson) {
  Account& account = accounts_.at(lesson.account);
  if (lesson.kerberos) {
    account.kerberos_time = lesson.time.ticks();
    account.kerberos_network = half(lesson.network);
    return;
  }
  const bool warm = account.is_warm(lesson.time);
  if (account.logons == 0) account.first_logon = lesson.time.ticks();
  if (account.logons != std::numeric_limits<std::uint32_t>::max()) ++account.logons;
  const std::uint8_t hits = warm ? 1 : kUsualAfter;
  if (lesson.machine_account) {
    const bool near = account.addresses.count() == 0 || account.networks.is_usual(lesson.network);
    account.addresses.note(lesson.address, near ? kUsualAfter : 1);
    account.networks.note(lesson.network, near ? kUsualAfter : 1);
    return;
  }
  if (account.networks.note(lesson.network, hits)) account.roams = true;
  account.workstations.note(lesson.workstation, hits);
  count(lesson.named ? account.named : account.unnamed);
}

void Learned::learn_habit(Habit& habit, const Traits& traits) {
  for (std::size_t i = 0; i < kTraits; ++i) {
    if ((traits.asked >> i & 1U) == 0) continue;
    const bool had = (traits.had >> i & 1U) != 0;
    // What came without before it was ever a habit is no broken habit.
    if (!had && habit.with[i] < kHabitAfter) {
      habit.with[i] = 0;
    } else {
      count(had ? habit.with[i] : habit.without[i]);
    }
  }
}

void Learned::clear() {
  accounts_.clear();
  pairs_.clear();
  programs_.clear();
  packages_.clear();
  workstations_.clear();
  machine_ids_.clear();
}

std::size_t Learned::bytes() const {
  return accounts_.bytes() + pairs_.bytes() + programs_.bytes() + packages_.bytes() + workstations_.bytes() + machine_ids_.bytes();
}

std::size_t Learned::max_bytes() const {
  return accounts_.max_bytes() + pairs_.max_bytes() + programs_.max_bytes() + packages_.max_bytes() + workstations_.max_bytes() +
         machine_ids_.max_bytes();
}

// ---- over a restart
// ---------------------------------------------------------------------------------------------------------------

template <std::size_t kSize>
void Learned::write(Writer& out, const Ring<kSize>& ring) {
  for (const Seen& seen : ring.entries) {
    out.u32(seen.mark);
    out.u8(seen.hits);
  }
}

template <std::size_t kSize>
Result<void> Learned::read(Reader& in, Ring<kSize>& ring) {
  for (Seen& seen : ring.entries) {
    POSTERN_TRY(mark, in.u32("mark"));
    POSTERN_TRY(hits, in.u8("hits"));
    seen = {mark, hits};
  }
  return {};
}

void Learned::write(Writer& out, const LruTable<Habit>& table) {
  out.u32(static_cast<std::uint32_t>(table.size()));
  table.for_each_oldest_first([&out](std::uint64_t key, const Habit& habit) {
    out.u64(key);
    out.bytes(habit.with);
    out.bytes(habit.without);
  });
}

Result<void> Learned::read(Reader& in, LruTable<Habit>& table) {
  POSTERN_TRY(entries, in.u32("habits"));
  for (std::uint32_t i = 0; i < entries; ++i) {
    POSTERN_TRY(key, in.u64("habit"));
    POSTERN_TRY(with, in.take(kTraits, "habit"));
    POSTERN_TRY(without, in.take(kTraits, "habit"));
    Habit& habit = table.at(key);
    std::ranges::copy(with, habit.with.begin());
    std::ranges::copy(without, habit.without.begin());
  }
  return {};
}

void Learned::save(Writer& out) const {
  out.u8(kSaved);
  out.u32(static_cast<std::uint32_t>(accounts_.size()));
  accounts_.for_each_oldest_first([&out](std::uint64_t key, const Account& account) {
    out.u64(key);
    out.u64(account.first_logon);
    out.u64(account.kerberos_time);
    out.u32(account.kerberos_network);
    out.u32(account.logons);
    out.u8(account.named);
    out.u8(account.unnamed);
    out.u8(account.roams ? 1 : 0);
    write(out, account.networks);
    write(out, account.workstations);
    write(out, account.addresses);
  });
  write(out, pairs_);
  write(out, programs_);
  out.u32(static_cast<std::uint32_t>(packages_.size()));
  packages_.for_each_oldest_first([&out](std::uint64_t key, const PackageHabit& habit) {
    out.u64(key);
    out.u8(habit.kerberos);
    out.u8(habit.ntlm);
  });
  out.u32(static_cast<std::uint32_t>(workstations_.size()));
  workstations_.for_each_oldest_first([&out](std::uint64_t key, const Workstation& workstation) {
    out.u64(key);
    for (const std::uint32_t id : workstation.machine_ids) out.u32(id);
    out.u8(workstation.returns);
  });
  out.u32(static_cast<std::uint32_t>(machine_ids_.size()));
  machine_ids_.for_each_oldest_first([&out](std::uint64_t key, const MachineId& machine) {
    out.u64(key);
    write(out, machine.names);
  });
}

Result<void> Learned::load(Reader& in) {
  clear();
  auto loaded = load_tables(in);
  if (!loaded) clear();
  return loaded;
}

Result<void> Learned::load_tables(Reader& in) {
  POSTERN_TRY(form, in.u8("form"));
  if (form != kSaved) return fail(ErrorCode::unsupported, "form", Error::kNoOffset, "written by another version");
  POSTERN_TRY(accounts, in.u32("accounts"));
  for (std::uint32_t i = 0; i < accounts; ++i) {
    POSTERN_TRY(key, in.u64("account"));
    Account account;
    POSTERN_TRY(first_logon, in.u64("first logon"));
    POSTERN_TRY(kerberos_time, in.u64("Kerberos time"));
    POSTERN_TRY(kerberos_network, in.u32("Kerberos network"));
    POSTERN_TRY(logons, in.u32("logons"));
    POSTERN_TRY(named, in.u8("named"));
    POSTERN_TRY(unnamed, in.u8("unnamed"));
    POSTERN_TRY(roams, in.u8("roams"));
    account.first_logon = first_logon;
    account.kerberos_time = kerberos_time;
    account.kerberos_network = kerberos_network;
    account.logons = logons;
    account.named = named;
    account.unnamed = unnamed;
    account.roams = roams != 0;
    POSTERN_CHECK(read(in, account.networks));
    POSTERN_CHECK(read(in, account.workstations));
    POSTERN_CHECK(read(in, account.addresses));
    accounts_.at(key) = account;
  }
  POSTERN_CHECK(read(in, pairs_));
  POSTERN_CHECK(read(in, programs_));
  POSTERN_TRY(packages, in.u32("packages"));
  for (std::uint32_t i = 0; i < packages; ++i) {
    POSTERN_TRY(key, in.u64("package"));
    POSTERN_TRY(kerberos, in.u8("package"));
    POSTERN_TRY(ntlm, in.u8("package"));
    packages_.at(key) = {kerberos, ntlm};
  }
  POSTERN_TRY(workstations, in.u32("workstations"));
  for (std::uint32_t i = 0; i < workstations; ++i) {
    POSTERN_TRY(key, in.u64("workstation"));
    Workstation workstation;
    for (std::uint32_t& id : workstation.machine_ids) {
      POSTERN_TRY(value, in.u32("machine id"));
      id = value;
    }
    POSTERN_TRY(returns, in.u8("returns"));
    workstation.returns = returns;
    workstations_.at(key) = workstation;
  }
  POSTERN_TRY(machine_ids, in.u32("machine ids"));
  for (std::uint32_t i = 0; i < machine_ids; ++i) {
    POSTERN_TRY(key, in.u64("machine id"));
    MachineId machine;
    POSTERN_CHECK(read(in, machine.names));
    machine_ids_.at(key) = machine;
  }
  return {};
}

}  // namespace postern::authority::detection
