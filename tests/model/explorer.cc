#include "tests/model/explorer.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/expect.h"

namespace smtni::model {
namespace {

constexpr Value kNowhere = 0xFF;

struct Pending {
  Value word, value, release;
};

// Only bytes, so that equality and hash are those of its bytes.
struct Thread {
  Value next, in_handler, interrupted, asleep_on, buffered, resume;
  std::array<Value, kRegisters> registers, saved;
  std::array<Pending, kBuffered> buffer;
};

struct State {
  std::array<Value, kWords> memory;
  std::array<Thread, kThreads> threads;
  Value broken;
};

std::string bytes_of(const State& state) {
  return {reinterpret_cast<const char*>(&state), sizeof(state)};
}

const char* name_of(Op op) {
  static constexpr const char* kNames[] = {
      "label", "store",    "store_release", "load",        "exchange", "compare_exchange",
      "add",   "subtract", "set",           "sleep_while", "wake",     "interrupt",
      "jump",  "jump_if",  "jump_unless",   "check",       "finish"};
  return kNames[static_cast<std::size_t>(op)];
}

bool waits_for_empty_buffer(Op op) {
  switch (op) {
    case Op::exchange:
    case Op::compare_exchange:
    case Op::add:
    case Op::subtract:
    case Op::sleep_while:
    case Op::wake:
    case Op::interrupt:
      return true;
    default:
      return false;
  }
}

class Explorer {
 public:
  explicit Explorer(const Model& model) : model_(model) {
    SMTNI_EXPECT(model.threads.size() <= kThreads && model.initial.size() <= kWords);
  }

  Verdict run();

 private:
  struct Found {
    State state;
    std::size_t parent;
    std::string how;
    std::vector<std::size_t> predecessors;
    bool is_last = true;  // nothing can happen any more
  };

  const Step* next_step(const State& state, std::size_t t) const;
  bool has_finished(const State& state) const;
  void successors(std::size_t from);
  void add(std::size_t from, const State& state, std::string how);
  void drain(std::size_t from, std::size_t t);
  void execute(std::size_t from, std::size_t t, const Step& step);
  std::string path_to(std::size_t index) const;

  const Model& model_;
  std::vector<Found> found_;
  std::unordered_map<std::string, std::size_t> index_;
};

const Step* Explorer::next_step(const State& state, std::size_t t) const {
  const Thread& thread = state.threads[t];
  const ThreadModel& model = model_.threads[t];
  const std::vector<Step>& steps =
      thread.in_handler != 0 ? model.handler.steps() : model.program.steps();
  return thread.next < steps.size() ? &steps[thread.next] : nullptr;
}

bool Explorer::has_finished(const State& state) const {
  for (std::size_t t = 0; t < model_.threads.size(); ++t) {
    const Thread& thread = state.threads[t];
    if (next_step(state, t) != nullptr || thread.in_handler != 0 || thread.buffered != 0 ||
        thread.asleep_on != kNowhere) {
      return false;
    }
  }
  return state.broken == 0;
}

void Explorer::add(std::size_t from, const State& state, std::string how) {
  const auto [position, is_new] = index_.try_emplace(bytes_of(state), found_.size());
  if (is_new) found_.push_back({state, from, std::move(how), {}});
  found_[from].is_last = false;
  found_[position->second].predecessors.push_back(from);
}

// One buffered store reaches memory: the oldest, or under `relaxed` any that overtakes only stores
// to other words, is no release, and so has no older store that it must come after.
void Explorer::drain(std::size_t from, std::size_t t) {
  const State state = found_[from].state;
  const Thread& thread = state.threads[t];
  for (std::size_t i = 0; i < thread.buffered; ++i) {
    const Pending pending = thread.buffer[i];
    const bool overtakes_its_word =
        std::any_of(thread.buffer.begin(), thread.buffer.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const Pending& older) { return older.word == pending.word; });
    if (i > 0 && (model_.memory == Memory::tso || pending.release != 0 || overtakes_its_word)) {
      continue;
    }
    State after = state;
    Thread& drained = after.threads[t];
    std::copy(thread.buffer.begin() + static_cast<std::ptrdiff_t>(i) + 1, thread.buffer.end(),
              drained.buffer.begin() + static_cast<std::ptrdiff_t>(i));
    drained.buffer[kBuffered - 1] = {};
    --drained.buffered;
    after.memory[pending.word] = pending.value;
    add(from, after,
        "thread " + std::to_string(t) + ": word " + std::to_string(pending.word) + " = " +
            std::to_string(pending.value) + " reaches memory");
  }
}

void Explorer::execute(std::size_t from, std::size_t t, const Step& step) {
  State state = found_[from].state;
  Thread& thread = state.threads[t];
  Value& word = state.memory[step.word];
  Value& reg = thread.registers[step.reg];
  if (waits_for_empty_buffer(step.op) && thread.buffered != 0) return;
  ++thread.next;
  switch (step.op) {
    case Op::label:
      break;
    case Op::store:
    case Op::store_release:
      if (thread.buffered == kBuffered) return;
      thread.buffer[thread.buffered++] = {step.word, step.value,
                                          static_cast<Value>(step.op == Op::store_release)};
      break;
    case Op::load:
      reg = word;
      for (std::size_t i = 0; i < thread.buffered; ++i) {
        if (thread.buffer[i].word == step.word) reg = thread.buffer[i].value;
      }
      break;
    case Op::exchange:
      reg = std::exchange(word, step.value);
      break;
    case Op::compare_exchange:
      reg = word;
      if (reg == step.value) word = step.desired;
      break;
    case Op::add:
      reg = word;
      word = static_cast<Value>(word + step.value);
      break;
    case Op::subtract:
      word = static_cast<Value>(word - reg);
      reg = word;
      break;
    case Op::set:
      reg = step.value;
      break;
    case Op::sleep_while:
      if (word == reg) thread.asleep_on = step.word;
      break;
    case Op::wake:
      for (Thread& sleeper : state.threads) {
        if (sleeper.asleep_on == step.word) sleeper.asleep_on = kNowhere;
      }
      break;
    case Op::interrupt:
      state.threads[step.value].interrupted = 1;
      break;
    case Op::jump:
      thread.next = static_cast<Value>(step.to);
      break;
    case Op::jump_if:
      if (reg == step.value) thread.next = static_cast<Value>(step.to);
      break;
    case Op::jump_unless:
      if (reg != step.value) thread.next = static_cast<Value>(step.to);
      break;
    case Op::check:
      if (reg != step.value) state.broken = 1;
      break;
    case Op::finish:
      thread.next = kNowhere;
      break;
  }
  add(from, state,
      "thread " + std::to_string(t) + (thread.in_handler != 0 ? " (handler): " : ": ") +
          name_of(step.op) + " word " + std::to_string(step.word) + " value " +
          std::to_string(step.value) + " register " + std::to_string(reg));
}

void Explorer::successors(std::size_t from) {
  if (found_[from].state.broken != 0) return;
  for (std::size_t t = 0; t < model_.threads.size(); ++t) {
    drain(from, t);
    State state = found_[from].state;
    Thread& thread = state.threads[t];
    const Step* const step = next_step(state, t);
    if (thread.interrupted != 0 && thread.in_handler == 0) {
      thread.interrupted = 0;
      thread.in_handler = 1;
      thread.asleep_on = kNowhere;
      thread.resume = std::exchange(thread.next, Value{0});
      thread.saved = thread.registers;
      add(from, state, "thread " + std::to_string(t) + ": enters its handler");
      state = found_[from].state;
    }
    if (thread.asleep_on != kNowhere) continue;
    if (step != nullptr) {
      execute(from, t, *step);
    } else if (thread.in_handler != 0) {
      thread.in_handler = 0;
      thread.next = thread.resume;
      thread.registers = thread.saved;
      thread.resume = 0;
      thread.saved = {};
      add(from, state, "thread " + std::to_string(t) + ": returns from its handler");
    }
  }
}

std::string Explorer::path_to(std::size_t index) const {
  std::vector<std::string> steps;
  for (; index != 0; index = found_[index].parent) steps.push_back(found_[index].how);
  std::string path;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) path += *step + "\n";
  return path;
}

Verdict Explorer::run() {
  State start{};
  for (Thread& thread : start.threads) thread.asleep_on = kNowhere;
  std::copy(model_.initial.begin(), model_.initial.end(), start.memory.begin());
  index_.emplace(bytes_of(start), 0);
  found_.push_back({start, 0, "", {}});
  // Breadth first, so that the first bad state found is one of the nearest. The state space is
  // finite: words and registers are bytes, and programs and buffers are short.
  for (std::size_t next = 0; next < found_.size(); ++next) successors(next);

  std::vector<bool> can_finish(found_.size(), false);
  std::vector<std::size_t> todo;
  for (std::size_t i = 0; i < found_.size(); ++i) {
    if (!has_finished(found_[i].state)) continue;
    can_finish[i] = true;
    todo.push_back(i);
  }
  while (!todo.empty()) {
    const std::size_t at = todo.back();
    todo.pop_back();
    for (const std::size_t before : found_[at].predecessors) {
      if (can_finish[before]) continue;
      can_finish[before] = true;
      todo.push_back(before);
    }
  }
  const auto path_to_first = [&](auto is_wanted) -> std::optional<std::string> {
    for (std::size_t i = 0; i < found_.size(); ++i) {
      if (!can_finish[i] && is_wanted(found_[i])) return path_to(i);
    }
    return std::nullopt;
  };
  // A state in which all is over reads better than one from which a poll goes on for ever.
  if (auto path = path_to_first([](const Found& state) { return state.is_last; })) {
    return {false, found_.size(), *path};
  }
  if (auto path = path_to_first([](const Found&) { return true; })) {
    return {false, found_.size(), *path};
  }
  return {true, found_.size(), ""};
}

}  // namespace

Program::Program(std::initializer_list<Step> steps) : steps_(steps) {
  SMTNI_EXPECT(steps_.size() < kNowhere);
  for (Step& step : steps_) {
    if (step.op == Op::label || step.target.empty()) continue;
    const auto found = std::find_if(steps_.begin(), steps_.end(), [&](const Step& candidate) {
      return candidate.op == Op::label && candidate.target == step.target;
    });
    SMTNI_EXPECT(found != steps_.end());
    step.to = static_cast<std::size_t>(found - steps_.begin());
  }
}

Verdict explore(const Model& model) { return Explorer(model).run(); }

}  // namespace smtni::model
