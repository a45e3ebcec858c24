/// @file
/// The memory that control groups leave, from the files that the kernel shows.

#include <cstdint>

#include <catch2/catch.hpp>

#include "scan/machine/control_group.hpp"
#include "support/temp_folder.hpp"

using wishart::job::control_group_bytes;
using wishart::test::TempFolder;

namespace {

constexpr std::int64_t kMiB = 1 << 20;

std::string mib(std::int64_t count) { return std::to_string(count * kMiB) + "\n"; }

/// Slurm under version 2: the limit is that of the job; the step and the task have none.
void write_slurm_v2(const TempFolder& root) {
  root.write("proc/self/cgroup", "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n");
  const std::string job = "sys/fs/cgroup/system.slice/slurmstepd.scope/job_7";
  root.write(job + "/memory.max", mib(4096));
  root.write(job + "/memory.high", mib(4000));
  root.write(job + "/memory.current", mib(1000));
  root.write(job + "/step_0/memory.max", "max\n");
  root.write(job + "/step_0/memory.current", mib(900));
  root.write(job + "/step_0/user/task_0/memory.max", "max\n");
}

}  // namespace

TEST_CASE("without files, or without limits, nothing is known", "[machine]") {
  const TempFolder root;
  CHECK(control_group_bytes(root.path()) == 0);
  root.write("proc/self/cgroup", "0::/a/b\n");
  CHECK(control_group_bytes(root.path()) == 0);
  root.write("sys/fs/cgroup/a/memory.max", "max\n");
  root.write("sys/fs/cgroup/a/memory.current", mib(5));
  CHECK(control_group_bytes(root.path()) == 0);
  root.write("proc/self/cgroup", "nonsense\n7:\n:\n\n");
  CHECK(control_group_bytes(root.path()) == 0);
}

TEST_CASE("version 2: the least of all groups up to the root counts", "[machine]") {
  const TempFolder root;
  write_slurm_v2(root);
  CHECK(control_group_bytes(root.path()) == 3000 * kMiB);  // memory.high of the job
  root.write("sys/fs/cgroup/system.slice/memory.max", mib(2500));
  root.write("sys/fs/cgroup/system.slice/memory.current", mib(500));
  CHECK(control_group_bytes(root.path()) == 2000 * kMiB);
  root.write("sys/fs/cgroup/memory.max", mib(64));  // a container: its root is limited
  CHECK(control_group_bytes(root.path()) == 64 * kMiB);
}

TEST_CASE("version 2: a limit on the innermost group counts too", "[machine]") {
  const TempFolder root;
  write_slurm_v2(root);
  const std::string task = "sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0/user/task_0";
  root.write(task + "/memory.max", mib(100));
  root.write(task + "/memory.current", mib(30));
  CHECK(control_group_bytes(root.path()) == 70 * kMiB);
}

TEST_CASE("version 1: the path of the memory controller counts, not that of another", "[machine]") {
  const TempFolder root;
  root.write("proc/self/cgroup",
             "8:pids:/other\n4:cpuset,memory:/slurm/uid_0/job_7/step_0\n3:cpu:/\n0::/init\n");
  const std::string top = "sys/fs/cgroup/memory";
  // What version 1 says for no limit: the largest multiple of a page.
  root.write(top + "/memory.limit_in_bytes", "9223372036854771712\n");
  root.write(top + "/memory.usage_in_bytes", mib(9000));
  root.write(top + "/other/memory.limit_in_bytes", mib(1));
  root.write(top + "/slurm/uid_0/job_7/memory.limit_in_bytes", mib(512));
  root.write(top + "/slurm/uid_0/job_7/memory.usage_in_bytes", mib(112));
  root.write(top + "/slurm/uid_0/job_7/step_0/memory.limit_in_bytes", mib(600));
  CHECK(control_group_bytes(root.path()) == 400 * kMiB);
}

TEST_CASE("a container shows the outer path but mounts its own group as the root", "[machine]") {
  const TempFolder root;
  root.write("proc/self/cgroup", "4:memory:/docker/0123abc\n0::/../../job_7\n");
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", mib(300));
  root.write("sys/fs/cgroup/memory/memory.usage_in_bytes", mib(50));
  root.write("sys/job_7/memory.max", mib(1));  // not a group: must not be reached by `..`
  CHECK(control_group_bytes(root.path()) == 250 * kMiB);
}

TEST_CASE("page cache counts as free, and a full group leaves one byte", "[machine]") {
  const TempFolder root;
  root.write("proc/self/cgroup", "0::/job\n");
  root.write("sys/fs/cgroup/job/memory.max", mib(1000));
  root.write("sys/fs/cgroup/job/memory.current", mib(1000));
  CHECK(control_group_bytes(root.path()) == 1);
  root.write("sys/fs/cgroup/job/memory.stat", "anon " + mib(100) + "file " + mib(900) + "shmem " +
                                                  mib(50) + "inactive_file " + mib(700) +
                                                  "active_file " + mib(150));
  CHECK(control_group_bytes(root.path()) == 850 * kMiB);
  root.write("sys/fs/cgroup/job/memory.max", mib(10));
  CHECK(control_group_bytes(root.path()) == 1);
}

TEST_CASE("the groups of this machine can be read", "[machine]") {
  CHECK(control_group_bytes() >= 0);
}
