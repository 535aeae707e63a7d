#include "threads/count.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace forwardpass {
namespace {

std::atomic<int> process_count{0};
std::atomic<int> found_count{0};  // what default_thread_count() gave; 0 to ask it again

// The first number of a list like "4,2", in which OpenMP has a number for each level of nesting. 0 where it is no
// count. Spaces around it are skipped, as in OpenMP.
int leading_count(const char* text) {
    char* end = nullptr;
    const long count = std::strtol(text, &end, 10);
    if (end == text || count < 1) return 0;
    while (std::isspace(static_cast<unsigned char>(*end)) != 0) ++end;
    if (*end != '\0' && *end != ',') return 0;
    return static_cast<int>(std::min<long>(count, max_threads));
}

int cpus_in_affinity_mask() {
#if defined(__linux__)
    cpu_set_t set;  // of 1024 CPUs: the call fails on larger machines
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;  // <fstream> would link libstdc++'s locales

template <class... Numbers>
int read_numbers(const std::string& path, const char* format, Numbers*... numbers) {
    const File file(std::fopen(path.c_str(), "re"));
    return file ? std::fscanf(file.get(), format, numbers...) : 0;
}

// How many CPUs' time one control group may use: its quota divided by its period. 0 where it has no limit ("max").
double cpus_of(const std::string& directory) {
    double quota = 0, period = 0;
    const bool found = read_numbers(directory + "/cpu.max", "%lf %lf", &quota, &period) == 2 ||
                       (read_numbers(directory + "/cpu.cfs_quota_us", "%lf", &quota) == 1 &&
                        read_numbers(directory + "/cpu.cfs_period_us", "%lf", &period) == 1);
    return found && quota > 0 && period > 0 ? quota / period : 0;
}

// The least of these for this process's control group and the groups above it; 0 where none has a limit.
double cpus_in_quota() {
    double least = 0;
    const auto limit = [&least](const std::string& directory) {
        const double cpus = cpus_of(directory);
        if (cpus > 0) least = least > 0 ? std::min(least, cpus) : cpus;
    };
    const File groups(std::fopen("/proc/self/cgroup", "re"));  // lines of "number:controllers:/path"
    for (char buffer[4096]; groups && std::fgets(buffer, sizeof buffer, groups.get());) {
        std::string line = buffer;
        line.erase(line.find_last_not_of('\n') + 1);
        const auto first = line.find(':'), second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        if (!controllers.empty() && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
        const std::string root = "/sys/fs/cgroup" + (controllers.empty() ? "" : "/" + controllers);
        // In a container the path is often the host's, where nothing stands here. The root is the group itself then.
        for (std::string path = line.substr(second + 1); path.size() > 1; path.resize(path.rfind('/')))
            limit(root + path);
        limit(root);
    }
    return least;
}

}  // namespace

int default_thread_count() {
    if (const char* own = std::getenv("FORWARDPASS_NUM_THREADS"); own != nullptr && *own != '\0') {
        const int count = std::string(own).find(',') == std::string::npos ? leading_count(own) : 0;
        if (count == 0)
            throw std::invalid_argument("FORWARDPASS_NUM_THREADS: expected a number of threads from 1 up, got '" +
                                        std::string(own) + "'");
        return count;
    }
    if (const char* openmp = std::getenv("OMP_NUM_THREADS"))
        if (const int count = leading_count(openmp); count > 0) return count;
    const double quota = cpus_in_quota();
    const int cpus = std::min(cpus_in_affinity_mask(), max_threads);
    return quota > 0 ? std::clamp(static_cast<int>(std::ceil(quota)), 1, cpus) : cpus;
}

int thread_count() noexcept {
    if (const int set = process_count.load(std::memory_order_relaxed); set > 0) return set;
    int count = found_count.load(std::memory_order_relaxed);
    if (count == 0) {
        try {
            count = default_thread_count();
        } catch (const std::exception&) {  // memory is short: the import has refused a bad variable
            count = 1;
        }
        found_count.store(count, std::memory_order_relaxed);
    }
    return count;
}

void set_thread_count(int count) noexcept {
    if (count == 0) found_count.store(0);
    process_count.store(std::min(count, max_threads));
}

}  // namespace forwardpass
