// Shared memory. JavaScript never gets a view of it, only Page objects that check every access.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

// Bytes of a page in this interface, whatever page size the OS uses (ring.h, "XEN_PAGE_SIZE").
constexpr uint32_t PAGE_BYTES = 4096;

// A thread that alternates a word between two values while the object exists, to expose double fetches.
class Flicker {
 public:
  Flicker(uint32_t* word, uint32_t a, uint32_t b);
  ~Flicker();

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

// Pages that were obtained together and are released together: once, by close() or with the last page object.
class Region {
 public:
  enum class Kind { mapping, offer, anonymous };
  // Returns an errno, or 0.
  using Release = std::function<int(Region&)>;

  Region(Kind kind, void* base, uint32_t pages, bool writable, Release release);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  // Releases the memory, unless it was released before. Returns an errno, or 0.
  int close();
  bool open() const { return open_; }
  bool writable() const { return writable_; }
  uint32_t pages() const { return pages_; }
  uint8_t* base() const { return base_; }
  // The flicker of the region, if any. It ends before the memory is released.
  std::shared_ptr<Flicker> flicker;

 private:
  const Kind kind_;
  uint8_t* const base_;
  const uint32_t pages_;
  const bool writable_;
  Release release_;
  bool open_ = true;
};

// { ref, page(index): Page, close(): void } for a region; close() throws if the OS refuses. Only an offer has a `ref`.
Napi::Object wrapRegion(Napi::Env env, std::shared_ptr<Region> region, const std::string& what, uint32_t ref = 0);

// Define the classes of this environment; return their constructors, which only wrapRegion can use.
Napi::Function definePage(Napi::Env env);
Napi::Function defineRegion(Napi::Env env);

// anonymousPage(writable): a region of one page of private memory, for tests without Xen.
Napi::Value anonymousPage(const Napi::CallbackInfo& info);
