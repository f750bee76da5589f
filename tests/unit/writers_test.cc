#include "experiments/writers.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace smtni::experiments {
namespace {

Results fixed_results() {
  const Distribution fast{
      .p50 = 201.4, .p90 = 230, .p99 = 301, .p999 = 999.6, .max = 1500, .count = 600};
  const Distribution slow{
      .p50 = 17044, .p90 = 18000, .p99 = 31310, .p999 = 40000, .max = 51000, .count = 599};
  return {
      .experiment = "compare",
      .environment = {{"cpu_model", std::string("Example 1")},
                      {"warnings", std::vector<std::string>{"noisy"}}},
      .parameters = {{"seed", std::int64_t{1}}, {"duration_ms", 2.5}},
      .rows =
          {{"signal/running",
            "same-llc",
            Status::ok,
            "",
            {{"latency_ns", slow},
             {"receiver_loss_ns", Estimate{.value = 11542, .low = 11454, .high = 11636}},
             {"idle_cpu_percent", Absent{"it computes"}}}},
           {"async-branch/uintr", "same-llc", Status::unsupported, "no UINTR, no \"kernel\"", {}},
           {"lock-table/spin",
            "same-llc",
            Status::ok,
            "",
            {{"latency_ns", fast}, {"idle_cpu_percent", 99.96}}}},
  };
}

TEST(TextWriter, SortsByLatencyAndPutsWhatIsUnsupportedLast) {
  const std::vector<Column> columns{{"p50 ns", "latency_ns.p50"},
                                    {"p99.9", "latency_ns.p999"},
                                    {"loss ns", "receiver_loss_ns"},
                                    {"idle CPU %", "idle_cpu_percent"}};
  EXPECT_EQ(to_text(fixed_results(), {.columns = columns, .sorted_by = "latency_ns.p50"}),
            "placement same-llc\n"
            "mechanism        p50 ns  p99.9               loss ns  idle CPU %\n"
            "lock-table/spin     201   1000                     -         100\n"
            "signal/running    17044  40000  11542 [11454, 11636]           -\n"
            "async-branch/uintr  unsupported: no UINTR, no \"kernel\"\n");
}

TEST(TextWriter, ShowsThreeDigits) {
  const Results results{.rows = {{"a",
                                  "",
                                  Status::ok,
                                  "",
                                  {{"small", 0.1234},
                                   {"middle", 12.345},
                                   {"large", 1234.5},
                                   {"whole", 7.0},
                                   {"words", std::string("some words")}}}}};
  const std::vector<Column> columns{
      {"s", "small"}, {"m", "middle"}, {"l", "large"}, {"w", "whole"}, {"words", "words"}};
  EXPECT_EQ(to_text(results, {.first = "name", .columns = columns}),
            "name     s     m     l  w  words\n"
            "a     0.12  12.3  1234  7  some words\n");
}

TEST(CsvWriter, HasOneColumnForEachFigureOfAnyRow) {
  EXPECT_EQ(
      to_csv(fixed_results()),
      "experiment,mechanism,placement,status,reason,latency_ns.p50,latency_ns.p90,"
      "latency_ns.p99,latency_ns.p999,latency_ns.max,latency_ns.count,receiver_loss_ns,"
      "receiver_loss_ns.low,receiver_loss_ns.high,idle_cpu_percent\n"
      "compare,signal/running,same-llc,ok,,17044,18000,31310,40000,51000,599,11542,11454,"
      "11636,\n"
      "compare,async-branch/uintr,same-llc,unsupported,\"no UINTR, no \"\"kernel\"\"\",,,,,,,,"
      ",,\n"
      "compare,lock-table/spin,same-llc,ok,,201.4,230,301,999.6,1500,600,,,,99.96\n");
}

TEST(JsonWriter, WritesTheSchema) {
  Results results = fixed_results();
  results.rows.resize(1);
  EXPECT_EQ(to_json(results), R"({
  "schema": "smtni.results/1",
  "environment": {
    "cpu_model": "Example 1",
    "warnings": [
      "noisy"
    ]
  },
  "experiment": "compare",
  "parameters": {
    "seed": 1,
    "duration_ms": 2.5
  },
  "rows": [
    {
      "mechanism": "signal/running",
      "placement": "same-llc",
      "status": "ok",
      "reason": "",
      "latency_ns": {
        "p50": 17044.0,
        "p90": 18000.0,
        "p99": 31310.0,
        "p999": 40000.0,
        "max": 51000.0,
        "count": 599
      },
      "receiver_loss_ns": {
        "value": 11542.0,
        "low": 11454.0,
        "high": 11636.0
      },
      "idle_cpu_percent": null,
      "absent": {
        "idle_cpu_percent": "it computes"
      }
    }
  ]
}
)");
}

TEST(Comment, TellsWhatIsAbsentAndWhy) {
  EXPECT_EQ(to_comment({{"floor_ns", Estimate{.value = 211, .low = 208, .high = 214}},
                        {"same_cpu_floor_ns", Absent{"one CPU"}}}),
            "# floor_ns 211 [208, 214]\n"
            "# same_cpu_floor_ns not measured: one CPU\n");
}

// Files in a directory that goes away with the test.
class WriteFile : public testing::Test {
 protected:
  WriteFile() {
    std::string name = testing::TempDir() + "smtni_writers.XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~WriteFile() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_)) {
      if (entry.is_regular_file()) names.push_back(entry.path().filename());
    }
    return names;
  }

  static std::string content_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string directory_;
};

TEST_F(WriteFile, MakesTheDirectoryAndLeavesNothingElse) {
  ASSERT_TRUE(write_file(path("results/one.json"), "one\n").has_value());
  EXPECT_EQ(content_of(path("results/one.json")), "one\n");
  EXPECT_EQ(files(), std::vector<std::string>{"one.json"});
}

TEST_F(WriteFile, ReplacesAnEarlierFile) {
  ASSERT_TRUE(write_file(path("a"), "a longer first text").has_value());
  ASSERT_TRUE(write_file(path("a"), "second").has_value());
  EXPECT_EQ(content_of(path("a")), "second");
}

TEST_F(WriteFile, RefusesWhatIsNotARegularFile) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  const auto written = write_file(path("pipe"), "text");
  ASSERT_FALSE(written.has_value());
  EXPECT_NE(written.error().what.find("not a regular file"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_fifo(path("pipe")));
}

TEST_F(WriteFile, SaysWhyADirectoryCannotBeMade) {
  ASSERT_TRUE(write_file(path("file"), "").has_value());
  const auto written = write_file(path("file/below/x.json"), "text");
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(files(), std::vector<std::string>{"file"});
}

TEST_F(WriteFile, TriesWithoutLeavingATrace) {
  EXPECT_TRUE(can_write_file(path("later.json")).has_value());
  EXPECT_TRUE(files().empty());
}

TEST_F(WriteFile, FollowsALinkInsteadOfReplacingIt) {
  ASSERT_TRUE(write_file(path("real"), "old").has_value());
  std::filesystem::create_symlink(path("real"), path("link"));
  ASSERT_TRUE(write_file(path("link"), "new").has_value());
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(content_of(path("real")), "new");
}

}  // namespace
}  // namespace smtni::experiments
