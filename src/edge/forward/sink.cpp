#include "edge/forward/sink.hpp"

#include <algorithm>
#include <limits>
#include <spdlog/spdlog.h>
#include <utility>

#include "event/export/forms.hpp"
#include "event/export/pseudonym_key.hpp"
#include "event/reader/parse_event.hpp"

namespace postern::forward {
namespace {

constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::uint64_t kPastTheEnd = std::numeric_limits<std::int64_t>::max();

}  // namespace

SinkThread::SinkThread(SinkConfig config, const ForwardConfig& common)
    : config_{std::move(config)},
      cursor_path_{common.state_directory + "/" + config_.name + ".cursor"},
      poll_{common.poll},
      batch_{common.batch},
      observer_{common.socket, common.authority_user, stop_},
      outlet_{make_outlet(config_, stop_)},
      next_pause_{kFirstPause},
      thread_{[this] { run(); }} {}

SinkThread::~SinkThread() {
  stop_.request();
  thread_.join();
}

void SinkThread::tell_once(const std::string& trouble) {
  if (trouble_ == trouble) return;
  trouble_ = trouble;
  if (!trouble.empty()) spdlog::warn("sink {}: {}", config_.name, trouble);
}

void SinkThread::pause_after_failure() {
  static_cast<void>(stop_.pause(std::min(next_pause_, config_.max_pause)));
  next_pause_ = std::min(next_pause_ * 2, config_.max_pause);
}

std::optional<Cursor> SinkThread::first_cursor() {
  while (!stop_.requested()) {
    auto kept = read_cursor(cursor_path_);
    if (kept && *kept) return *std::move(kept);
    if (kept && config_.begin == Begin::oldest) return Cursor{};
    if (!kept) {
      tell_once(kept.error().to_line());
    } else if (auto now = observer_.read(kPastTheEnd, 1); now) {
      return Cursor{.sequence = now->end, .dropped = 0};
    } else {
      counters_.read_failures.fetch_add(1);
      tell_once(now.error().to_line());
    }
    pause_after_failure();
  }
  return std::nullopt;
}

void SinkThread::run() {
  while (config_.pseudonymise && !pseudonyms_ && !stop_.requested()) {
    if (auto key = event::load_pseudonym_key(config_.pseudonym_key_file)) {
      pseudonyms_.emplace(*key);
    } else {
      tell_once(key.error().to_line());  // no event goes out without
      pause_after_failure();
    }
  }
  const auto first = first_cursor();
  if (!first) return;
  cursor_ = *first;
  counters_.lost = cursor_.dropped;
  counters_.cursor = cursor_.sequence;
  next_pause_ = kFirstPause;
  while (!stop_.requested()) {
    if (reopen_.exchange(false)) outlet_->reopen();
    auto batch = observer_.read(cursor_.sequence, batch_);
    if (!batch) {
      if (stop_.requested()) return;
      counters_.read_failures.fetch_add(1);
      tell_once(batch.error().to_line());
      pause_after_failure();
      continue;
    }
    counters_.end = batch->end;
    note_what_is_gone(*batch);
    if (batch->events.empty()) {
      look_after_connection();
      static_cast<void>(stop_.pause(poll_));
      continue;
    }
    if (!pass_on(*batch)) pause_after_failure();
  }
}

void SinkThread::note_what_is_gone(const ReadBatch& batch) {
  if (batch.end < cursor_.sequence) {
    // An older backup, or another store: from its beginning, rather than missing what it has.
    spdlog::warn("sink {}: the store ends at event {} and {} was forwarded before: it was replaced, and all that it keeps is sent",
                 config_.name, batch.end, cursor_.sequence);
    cursor_.sequence = 0;
    sent_.clear();
    return keep_cursor();
  }
  if (batch.first <= cursor_.sequence + 1) return;
  const std::uint64_t lost = batch.first - 1 - cursor_.sequence;
  spdlog::error("sink {}: {} events were removed from the store before they could be forwarded", config_.name, lost);
  cursor_.sequence = batch.first - 1;
  cursor_.dropped += lost;
  counters_.lost = cursor_.dropped;
  keep_cursor();
}

std::vector<Parcel> SinkThread::pack(const ReadBatch& batch) {
  std::vector<Parcel> parcels;
  parcels.reserve(batch.events.size());
  for (const ReadEvent& read : batch.events) {
    auto event = event::parse_event(read.json);
    if (!event) {
      counters_.unreadable.fetch_add(1);
      tell_once("event " + std::to_string(read.sequence) + " is left out: " + event.error().to_line());
      continue;
    }
    if (pseudonyms_) event = pseudonyms_->apply(std::move(*event));
    const bool as_stored = config_.form == event::Form::json && !pseudonyms_;
    Parcel parcel = outlet_->pack(*event, as_stored ? read.json : event::to_form(*event, config_.form));
    parcel.sequence = read.sequence;
    parcels.push_back(std::move(parcel));
  }
  return parcels;
}

bool SinkThread::pass_on(const ReadBatch& batch) {
  const std::vector<Parcel> parcels = pack(batch);
  Delivery delivery;
  if (!parcels.empty()) delivery = outlet_->deliver(parcels);
  counters_.taken.fetch_add(delivery.taken);
  counters_.too_large.fetch_add(delivery.dropped);
  for (std::size_t i = 0; i < delivery.taken; ++i) {
    sent_.push_back(cursor_.sequence);
    if (sent_.size() > config_.resend) sent_.pop_front();
    cursor_.sequence = parcels[i].sequence;
  }
  if (!delivery.error) {
    cursor_.sequence = batch.events.back().sequence;  // past those that were left out
    counters_.up = true;
    next_pause_ = kFirstPause;
    if (!std::exchange(trouble_, {}).empty()) spdlog::info("sink {}: goes on", config_.name);
  } else if (!stop_.requested()) {
    note_failure(*delivery.error);
  }
  keep_cursor();
  return !delivery.error;
}

void SinkThread::note_failure(const Error& error) {
  counters_.up = false;
  counters_.failures.fetch_add(1);
  tell_once(error.to_line());
  if (outlet_->may_lose_sent()) go_back();
}

/// What was lost with a connection that broke after the last event would otherwise wait for the next one to come. Once for each
/// place in the store: a receiver that closes whatever is idle is not sent the same for ever; its next event finds the break.
void SinkThread::look_after_connection() {
  if (broke_at_ == cursor_.sequence) return;
  const auto error = outlet_->broken();
  if (!error) return;
  broke_at_ = cursor_.sequence;
  note_failure(*error);
  keep_cursor();
}

/// What the broken connection's other end may not have read is sent again.
void SinkThread::go_back() {
  if (sent_.empty()) return;
  counters_.sent_again.fetch_add(sent_.size());
  cursor_.sequence = sent_.front();
  sent_.clear();
}

void SinkThread::keep_cursor() {
  counters_.cursor = cursor_.sequence;
  // A cursor that cannot be kept is no reason to stop: after a restart more is sent again.
  if (const auto kept = write_cursor(cursor_path_, cursor_); !kept) tell_once(kept.error().to_line());
}

}  // namespace postern::forward
