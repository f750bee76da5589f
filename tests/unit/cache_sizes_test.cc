#include "core/cache_sizes.h"

#include <gtest/gtest.h>

#include "tests/unit/recorded_tree.h"

namespace smtni {
namespace {

void add_cache(RecordedTree& tree, int index, std::string_view level, std::string_view type,
               std::string_view size) {
  const std::string cache = "sys/devices/system/cpu/cpu3/cache/index" + std::to_string(index);
  tree.write(cache + "/level", level);
  tree.write(cache + "/type", type);
  tree.write(cache + "/size", size);
}

TEST(CacheSizes, TellsTheDataCachesOfEachLevel) {
  RecordedTree tree;
  add_cache(tree, 0, "1", "Data", "48K");
  add_cache(tree, 1, "1", "Instruction", "64K");
  add_cache(tree, 2, "2", "Unified", "2M");
  add_cache(tree, 3, "3", "Unified", "32768K");
  const auto sizes = read_cache_sizes(3, tree.sys());
  ASSERT_TRUE(sizes) << sizes.error().what;
  EXPECT_EQ(*sizes, (CacheSizes{Bytes(49'152), Bytes(2'097'152), Bytes(33'554'432)}));
}

TEST(CacheSizes, TakesTheSecondLevelForTheLastWhereThereIsNoThird) {
  RecordedTree tree;
  add_cache(tree, 0, "1", "Data", "32K");
  add_cache(tree, 1, "2", "Unified", "512K");
  EXPECT_EQ(read_cache_sizes(3, tree.sys())->last, Bytes(524'288));
}

TEST(CacheSizes, IsUnsupportedWhereTheKernelDoesNotTell) {
  const RecordedTree tree;
  EXPECT_EQ(read_cache_sizes(3, tree.sys()).error().kind, Error::Kind::unsupported);
}

TEST(CacheSizes, RejectsSizesThatAreNone) {
  for (const char* size : {"", "K", "-4K", "many", "0K", "9999999999999K"}) {
    RecordedTree tree;
    add_cache(tree, 0, "1", "Data", size);
    EXPECT_EQ(read_cache_sizes(3, tree.sys()).error().kind, Error::Kind::invalid) << size;
  }
}

}  // namespace
}  // namespace smtni
