// The program as its users see it: what it prints, where, and how it ends. Speed is not judged.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace smtni::experiments {
namespace {

using Words = std::vector<std::string>;

struct Ended {
  int status;  ///< exit status, or -1 when a signal killed it
  std::string out;
  std::string err;
};

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A directory that goes away with the test, in which the program writes what it says.
class Cli : public testing::Test {
 protected:
  Cli() {
    std::string name = testing::TempDir() + "smtni_cli.XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~Cli() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

  [[nodiscard]] pid_t start(const Words& words) const {
    std::vector<char*> arguments;
    std::string program = SMTNI_PROGRAM;
    Words copies = words;
    arguments.push_back(program.data());
    for (std::string& word : copies) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string out = path(".out");
    const std::string err = path(".err");
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
      ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
      ::execv(program.c_str(), arguments.data());
      ::_exit(127);
    }
    return child;
  }

  [[nodiscard]] Ended join(pid_t child) const {
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, content_of(path(".out")),
            content_of(path(".err"))};
  }

  [[nodiscard]] Ended run(const Words& words) const { return join(start(words)); }

  // Nothing on standard output; one line, which holds all `parts`, on standard error.
  void expect_refused(const Words& words, const Words& parts) const {
    const Ended ended = run(words);
    EXPECT_EQ(ended.status, 2);
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
    for (const std::string& part : parts) {
      EXPECT_NE(ended.err.find(part), std::string::npos) << part << " is not in: " << ended.err;
    }
  }

  // Returns once the program has blocked SIGINT and SIGTERM, to take them in its own time.
  static void await_watching(pid_t child) {
    const std::string status = "/proc/" + std::to_string(child) + "/status";
    for (int tries = 0; tries < 3000; ++tries) {
      if (content_of(status).find("SigBlk:\t0000000000004002") != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "the program did not get ready";
  }

  [[nodiscard]] Words files() const {
    Words names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      const std::string name = entry.path().filename();
      if (name != ".out" && name != ".err") names.push_back(name);
    }
    return names;
  }

 private:
  std::string directory_;
};

TEST_F(Cli, HelpTeachesWithExamplesAndUnits) {
  const Ended help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.out.find("Examples:"), std::string::npos);
  const Ended compare = run({"compare", "--help"});
  EXPECT_EQ(compare.status, 0);
  for (const char* word :
       {"--mechanism", "p50 ns", "/floor", "notifier ns", "loss", "idle CPU %"}) {
    EXPECT_NE(compare.out.find(word), std::string::npos) << word;
  }
}

TEST_F(Cli, TellsItsVersion) {
  const Ended ended = run({"--version"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out.rfind("smtni ", 0), 0U);
}

TEST_F(Cli, ListsMechanismsAndExperiments) {
  const Ended ended = run({"list", "--json", path("list.json")});
  EXPECT_EQ(ended.status, 0);
  for (const char* name : {"lock-table/spin", "signal/running", "spawn/evict", "compare"}) {
    EXPECT_NE(ended.out.find(name), std::string::npos) << name;
  }
  EXPECT_EQ(nlohmann::json::parse(content_of(path("list.json")))["experiment"], "list");
}

TEST_F(Cli, DescribesTheMachine) {
  const Ended ended = run({"env", "--json", path("env.json"), "--csv", path("env.csv")});
  EXPECT_EQ(ended.status, 0);
  EXPECT_NE(ended.out.find("placements"), std::string::npos);
  EXPECT_NE(ended.out.find("same-cpu"), std::string::npos);
  const auto json = nlohmann::json::parse(content_of(path("env.json")));
  EXPECT_EQ(json["schema"], "smtni.results/1");
  EXPECT_TRUE(json["environment"]["kernel"].is_string());
}

TEST_F(Cli, RefusesWhatItDoesNotKnowAndNamesWhatItAccepts) {
  expect_refused({}, {"no command", "compare", "list"});
  expect_refused({"nonsense"}, {"'nonsense'", "compare", "list"});
  expect_refused({"run"}, {"no experiment", "compare"});
  expect_refused({"run", "nonsense"}, {"'nonsense'", "compare"});
  expect_refused({"compare", "--nonsense"}, {"'--nonsense'", "--mechanism", "--placement"});
  expect_refused({"compare", "-m", "nonsense"}, {"'nonsense'", "lock-table/spin", "family"});
  expect_refused({"compare", "-p", "moon"}, {"'moon'", "same-cpu", "smt-sibling"});
}

TEST_F(Cli, RefusesNumbersOutsideTheirRange) {
  expect_refused({"compare", "--repetitions", "0"}, {"--repetitions", "'0'", "from 1 to 10000"});
  expect_refused({"compare", "--repetitions", "many"}, {"'many'", "whole number"});
  expect_refused({"compare", "--duration", "nan"}, {"--duration", "'nan'", "from 1 to"});
  expect_refused({"compare", "--seed", "-1"}, {"--seed", "'-1'"});
  expect_refused({"compare", "--json"}, {"--json"});
}

TEST_F(Cli, SmokeRunGivesTextJsonAndCsvOfTheSchema) {
  const Ended ended =
      run({"compare", "--smoke", "-m", "poll/pause,signal/running,async-branch/safepoint", "-p",
           "same-cpu", "--json", path("results/a.json"), "--csv", path("results/a.csv")});
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(ended.err, "");
  EXPECT_NE(ended.out.find("placement same-cpu"), std::string::npos);

  const auto json = nlohmann::json::parse(content_of(path("results/a.json")));
  EXPECT_EQ(json["schema"], "smtni.results/1");
  EXPECT_EQ(json["experiment"], "compare");
  EXPECT_EQ(json["parameters"]["placements"], nlohmann::json({"same-cpu"}));
  ASSERT_EQ(json["rows"].size(), 3U);
  for (const auto& row : json["rows"]) {
    EXPECT_EQ(row["status"], "ok") << row["reason"];
    for (const char* part : {"p50", "p90", "p99", "p999", "max", "count"}) {
      EXPECT_TRUE(row["latency_ns"][part].is_number()) << part;
    }
    EXPECT_TRUE(row["latency_to_floor_ratio"].is_null());
    EXPECT_TRUE(row["absent"]["latency_to_floor_ratio"].is_string());
  }
  const std::string csv = content_of(path("results/a.csv"));
  EXPECT_EQ(csv.rfind("experiment,mechanism,placement,status,reason,latency_ns.p50,", 0), 0U);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 4);
}

TEST_F(Cli, TraceShowsEachStageAndWritesItsFiles) {
  const Ended ended = run({"trace", "--smoke", "-m", "lock-table/spin,signal/running", "-p",
                           "same-cpu", "--svg", path("a.svg"), "--chrome", path("a.chrome.json"),
                           "--json", path("a.json"), "--csv", path("a.csv")});
  ASSERT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(ended.err, "");
  const auto json = nlohmann::json::parse(content_of(path("a.json")));
  EXPECT_EQ(json["schema"], "smtni.results/1");
  EXPECT_EQ(json["experiment"], "trace");
  EXPECT_EQ(json["parameters"]["payload_bytes"], 32);
  ASSERT_EQ(json["rows"].size(), 2U);
  const std::string svg = content_of(path("a.svg"));
  for (const char* stage : {"compose", "doorbell", "fetch", "wire", "translate", "place", "record",
                            "notify", "delivery", "handler", "return"}) {
    EXPECT_NE(ended.out.find(std::string("\n") + stage + " "), std::string::npos) << stage;
    EXPECT_NE(svg.find(stage), std::string::npos) << stage;
    for (const auto& row : json["rows"]) {
      EXPECT_TRUE(row.contains(std::string(stage) + "_ns")) << stage;
    }
  }
  for (const auto& row : json["rows"]) {
    EXPECT_EQ(row["status"], "ok") << row["reason"];
    EXPECT_EQ(row["handler_ns"]["count"], 20);
    EXPECT_TRUE(row["absent"]["record_ns"].is_string());
  }
  EXPECT_TRUE(nlohmann::json::parse(content_of(path("a.chrome.json"))).is_array());
  EXPECT_EQ(content_of(path("a.csv")).rfind("experiment,mechanism,placement,", 0), 0U);
  EXPECT_EQ(files().size(), 4U);
}

TEST_F(Cli, TraceSaysWhatThisMachineCannotDo) {
  const Ended ended = run({"trace", "--smoke", "-m", "lock-table/spin", "-p", "cross-node,same-cpu",
                           "--json", path("a.json")});
  EXPECT_EQ(ended.status, 0) << ended.err;
  const auto json = nlohmann::json::parse(content_of(path("a.json")));
  ASSERT_EQ(json["rows"].size(), 2U);
  for (const auto& row : json["rows"]) {
    EXPECT_EQ(row["status"] == "ok", row["reason"] == "") << row;
  }
}

TEST_F(Cli, TraceRefusesWhatItDoesNotKnow) {
  expect_refused({"trace", "-m", "nonsense"}, {"'nonsense'", "lock-table/spin", "family"});
  expect_refused({"trace", "-p", "moon"}, {"'moon'", "same-cpu", "smt-sibling"});
  expect_refused({"trace", "--messages", "0"}, {"--messages", "'0'", "from 1 to 100000"});
  expect_refused({"trace", "--payload", "-1"}, {"--payload", "'-1'", "from 0 to 1048576"});
  expect_refused({"trace", "--nonsense"}, {"'--nonsense'", "--svg", "--chrome"});
}

TEST_F(Cli, TraceSaysAtOnceThatAPictureCannotBeWritten) {
  const Ended ended = run({"trace", "--svg", "/proc/none/a.svg"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.out, "");
  EXPECT_NE(ended.err.find("/proc/none"), std::string::npos);
}

TEST_F(Cli, TraceLeavesNoFileWhenInterrupted) {
  const pid_t child =
      start({"trace", "--messages", "100000", "--svg", path("a.svg"), "--chrome", path("a.json")});
  await_watching(child);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  ::kill(child, SIGINT);
  const Ended ended = join(child);
  EXPECT_EQ(ended.status, 130);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err, "smtni: interrupted; nothing was written\n");
  EXPECT_TRUE(files().empty());
}

TEST_F(Cli, QuietPrintsNothing) {
  const Ended ended = run({"compare", "--smoke", "-q", "-m", "poll/pause", "-p", "same-cpu"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out + ended.err, "");
}

TEST_F(Cli, SaysAtOnceThatAFileCannotBeWritten) {
  const Ended ended = run({"compare", "--json", "/proc/none/a.json"});
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.out, "");
  EXPECT_NE(ended.err.find("/proc/none"), std::string::npos);
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1);
}

// A run that would take ten minutes. Interrupted at whatever point half a second reaches.
TEST_F(Cli, LeavesNoFileWhenInterrupted) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const pid_t child = start(
        {"compare", "--repetitions", "10000", "--duration", "1000", "--json", path("a.json")});
    await_watching(child);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    ::kill(child, signal);
    const Ended ended = join(child);
    EXPECT_EQ(ended.status, 130);
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(ended.err, "smtni: interrupted; nothing was written\n");
    EXPECT_TRUE(files().empty());
  }
}

}  // namespace
}  // namespace smtni::experiments
