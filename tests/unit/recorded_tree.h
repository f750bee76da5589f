#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/expect.h"

namespace smtni {

/// One CPU of a recorded sysfs, as its topology and cache files tell it. Empty: the file is absent.
struct CpuRow {
  int cpu;
  std::string_view core;     ///< topology/core_cpus_list
  std::string_view llc;      ///< cache/index3/shared_cpu_list
  std::string_view package;  ///< topology/package_cpus_list
};

/// A directory tree in the shape of "/", holding only the files that a test writes. Gone with it.
class RecordedTree {
 public:
  RecordedTree() {
    std::string pattern = (std::filesystem::temp_directory_path() / "smtni-tree-XXXXXX").string();
    SMTNI_EXPECT(::mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
  }
  RecordedTree(const RecordedTree&) = delete;
  RecordedTree& operator=(const RecordedTree&) = delete;
  ~RecordedTree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  [[nodiscard]] std::string root() const { return root_; }
  [[nodiscard]] std::string sys() const { return root_ + "/sys"; }

  void write(const std::string& path, std::string_view text) {
    const std::filesystem::path file = root_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << '\n';
  }

  void add_cpus(std::string_view online, const std::vector<CpuRow>& rows) {
    const std::string cpus = "sys/devices/system/cpu/";
    write(cpus + "online", online);
    for (const CpuRow& row : rows) {
      const std::string cpu = cpus + "cpu" + std::to_string(row.cpu);
      if (!row.core.empty()) write(cpu + "/topology/core_cpus_list", row.core);
      if (!row.package.empty()) write(cpu + "/topology/package_cpus_list", row.package);
      if (row.llc.empty()) continue;
      add_cache(cpu + "/cache/index0", "1", "Data", row.core);
      add_cache(cpu + "/cache/index1", "1", "Instruction", row.core);
      add_cache(cpu + "/cache/index2", "2", "Unified", row.core);
      add_cache(cpu + "/cache/index3", "3", "Unified", row.llc);
    }
  }

  /// The CPU lists of nodes 0, 1, …
  void add_nodes(const std::vector<std::string_view>& cpu_lists) {
    const std::string nodes = "sys/devices/system/node/";
    write(nodes + "online", "0-" + std::to_string(cpu_lists.size() - 1));
    for (std::size_t node = 0; node < cpu_lists.size(); ++node) {
      write(nodes + "node" + std::to_string(node) + "/cpulist", cpu_lists[node]);
    }
  }

 private:
  void add_cache(const std::string& directory, std::string_view level, std::string_view type,
                 std::string_view sharers) {
    write(directory + "/level", level);
    write(directory + "/type", type);
    write(directory + "/size", "32K");
    write(directory + "/shared_cpu_list", sharers);
  }

  std::string root_;
};

/// A desktop: two cores of two threads behind one cache, siblings numbered as Intel's firmware
/// does.
inline void record_smt_desktop(RecordedTree& tree) {
  tree.add_cpus("0-3", {{0, "0,2", "0-3", "0-3"},
                        {1, "1,3", "0-3", "0-3"},
                        {2, "0,2", "0-3", "0-3"},
                        {3, "1,3", "0-3", "0-3"}});
  tree.add_nodes({"0-3"});
}

/// A server: two sockets, one node each, two core complexes a socket with a cache of their own, two
/// cores a complex, two threads a core. The second threads are numbered from 8 on.
inline void record_complexes(RecordedTree& tree) {
  tree.add_cpus("0-15", {{0, "0,8", "0-1,8-9", "0-3,8-11"},
                         {1, "1,9", "0-1,8-9", "0-3,8-11"},
                         {2, "2,10", "2-3,10-11", "0-3,8-11"},
                         {3, "3,11", "2-3,10-11", "0-3,8-11"},
                         {4, "4,12", "4-5,12-13", "4-7,12-15"},
                         {5, "5,13", "4-5,12-13", "4-7,12-15"},
                         {6, "6,14", "6-7,14-15", "4-7,12-15"},
                         {7, "7,15", "6-7,14-15", "4-7,12-15"},
                         {8, "0,8", "0-1,8-9", "0-3,8-11"},
                         {9, "1,9", "0-1,8-9", "0-3,8-11"},
                         {10, "2,10", "2-3,10-11", "0-3,8-11"},
                         {11, "3,11", "2-3,10-11", "0-3,8-11"},
                         {12, "4,12", "4-5,12-13", "4-7,12-15"},
                         {13, "5,13", "4-5,12-13", "4-7,12-15"},
                         {14, "6,14", "6-7,14-15", "4-7,12-15"},
                         {15, "7,15", "6-7,14-15", "4-7,12-15"}});
  tree.add_nodes({"0-3,8-11", "4-7,12-15"});
}

/// A small virtual machine: two single-threaded cores behind one cache.
inline void record_small_guest(RecordedTree& tree) {
  tree.add_cpus("0-1", {{0, "0", "0-1", "0-1"}, {1, "1", "0-1", "0-1"}});
  tree.add_nodes({"0-1"});
}

/// One CPU, and a kernel that describes neither caches nor nodes.
inline void record_one_cpu(RecordedTree& tree) { tree.add_cpus("0", {{0, "0", "", "0"}}); }

}  // namespace smtni
