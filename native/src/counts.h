// How many of each resource the addon holds, in all environments of the process; tests check them for leaks.
#pragma once

#include <atomic>

struct LiveCounts {
  std::atomic<int> mappings{0}, offers{0}, anonymous{0}, ports{0}, stores{0}, taps{0};
  // Releases during garbage collection that the OS refused, which could not be reported.
  std::atomic<int> failedReleases{0};
};

inline LiveCounts live;
