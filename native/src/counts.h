// How many of each thing the addon holds at this moment, in all environments of the process; tests look for leaks.
#pragma once

#include <atomic>

struct LiveCounts {
  std::atomic<int> mappings{0}, offers{0}, anonymous{0}, ports{0}, stores{0}, taps{0};
  // Releases that the OS refused when garbage was collected, where nobody could be told.
  std::atomic<int> failedReleases{0};
};

inline LiveCounts live;
