#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// An exhaustive explorer for hand-shakes of a few steps: every interleaving, every delay of a
/// store.
///
/// A model is a handful of shared words and one program for each thread. A plain store goes to the
/// thread's store buffer and reaches memory at any later moment; the thread's own loads see it at
/// once. Under `tso` (x86-64) buffered stores reach memory in order. Under `relaxed` a plain store
/// overtakes older ones to other words, and a store_release overtakes none. Read-modify-writes and
/// system calls wait until the buffer is empty. Loads are not reordered: they stand for acquiring
/// ones, or for some whose order does not matter.
///
/// A model holds when, from every reachable state, every thread can still finish. So a lost wake-up
/// fails (somebody sleeps, and nobody will wake it), and so does a poll that nothing ends.
namespace smtni::model {

using Value = std::uint8_t;

/// A shared word, a register of one thread, or a thread, by number.
struct Word {
  Value index;
};
struct Register {
  Value index;
};
struct ThreadNumber {
  Value index;
};

inline constexpr std::size_t kWords = 8;
inline constexpr std::size_t kRegisters = 4;
inline constexpr std::size_t kThreads = 3;
inline constexpr std::size_t kBuffered = 4;

enum class Op : std::uint8_t {
  label,
  store,
  store_release,
  load,
  exchange,
  compare_exchange,
  add,
  subtract,
  set,
  sleep_while,
  wake,
  interrupt,
  jump,
  jump_if,
  jump_unless,
  check,
  finish,
};

/// One step of a program. Made by the functions below.
struct Step {
  Op op;
  Value word = 0;
  Value value = 0;
  Value desired = 0;
  Value reg = 0;
  std::string_view target = {};
  std::size_t to = 0;  // the step that `target` labels
};

inline Step label(std::string_view name) { return {.op = Op::label, .target = name}; }
inline Step store(Word w, Value v) { return {.op = Op::store, .word = w.index, .value = v}; }
inline Step store_release(Word w, Value v) {
  return {.op = Op::store_release, .word = w.index, .value = v};
}
inline Step load(Word w, Register r) { return {.op = Op::load, .word = w.index, .reg = r.index}; }
/// r = w; w = v, at once.
inline Step exchange(Word w, Value v, Register r) {
  return {.op = Op::exchange, .word = w.index, .value = v, .reg = r.index};
}
/// r = w, and if that is `expected`, w = desired, at once.
inline Step compare_exchange(Word w, Value expected, Value desired, Register r) {
  return {.op = Op::compare_exchange,
          .word = w.index,
          .value = expected,
          .desired = desired,
          .reg = r.index};
}
/// r = w; w += v, at once.
inline Step add(Word w, Value v, Register r) {
  return {.op = Op::add, .word = w.index, .value = v, .reg = r.index};
}
/// w -= r; r = what is left, at once.
inline Step subtract(Word w, Register r) {
  return {.op = Op::subtract, .word = w.index, .reg = r.index};
}
/// r = v.
inline Step set(Register r, Value v) { return {.op = Op::set, .value = v, .reg = r.index}; }
/// The futex's wait: sleeps until woken if w holds the register's value; compares and sleeps at
/// once.
inline Step sleep_while(Word w, Register r) {
  return {.op = Op::sleep_while, .word = w.index, .reg = r.index};
}
/// The futex's wake: makes all who sleep on w runnable.
inline Step wake(Word w) { return {.op = Op::wake, .word = w.index}; }
/// Sends thread t an interrupt or a signal: at any later moment at which it is not in its handler
/// it enters it, which also ends its sleep. Interrupts of one thread coalesce.
inline Step interrupt(ThreadNumber t) { return {.op = Op::interrupt, .value = t.index}; }
inline Step jump(std::string_view target) { return {.op = Op::jump, .target = target}; }
inline Step jump_if(Register r, Value v, std::string_view target) {
  return {.op = Op::jump_if, .value = v, .reg = r.index, .target = target};
}
inline Step jump_unless(Register r, Value v, std::string_view target) {
  return {.op = Op::jump_unless, .value = v, .reg = r.index, .target = target};
}
/// The model fails at once unless r is v.
inline Step check(Register r, Value v) { return {.op = Op::check, .value = v, .reg = r.index}; }
/// Ends the thread, or returns from the handler. Also implied by the end of the program.
inline Step finish() { return {.op = Op::finish}; }

/// Steps with their labels resolved.
class Program {
 public:
  Program() = default;
  Program(std::initializer_list<Step> steps);
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
};

struct ThreadModel {
  Program program;
  Program handler = {};  ///< entered on interrupt()
};

enum class Memory : std::uint8_t { tso, relaxed };

struct Verdict {
  bool holds = false;
  std::size_t states = 0;
  /// A way to a state from which somebody never finishes: one step a line.
  std::string counterexample;
};

struct Model {
  std::vector<ThreadModel> threads;
  std::vector<Value> initial = {};  ///< of the words; zero where left out
  Memory memory = Memory::tso;
};

[[nodiscard]] Verdict explore(const Model& model);

}  // namespace smtni::model
