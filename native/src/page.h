// Shared memory. JavaScript never gets a view of it, only Page objects whose every access is checked.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

// Bytes of a page that crosses the interface, whatever page size the OS uses (ring.h, "XEN_PAGE_SIZE").
constexpr uint32_t PAGE_BYTES = 4096;

// A thread that changes a word from one value to the other and back for as long as it lives, for whoever looks twice.
class Flicker {
 public:
  Flicker(uint32_t* word, uint32_t a, uint32_t b);
  ~Flicker();

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

// Pages that were got together and are released together: once, by close() or when the last page object is gone.
class Region {
 public:
  enum class Kind { mapping, offer, anonymous };
  // Answers an errno, or 0.
  using Release = std::function<int(Region&)>;

  Region(Kind kind, void* base, uint32_t pages, bool writable, Release release);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  // Releases the memory, unless that was done before. Answers an errno, or 0.
  int close();
  bool open() const { return open_; }
  bool writable() const { return writable_; }
  uint32_t pages() const { return pages_; }
  uint8_t* base() const { return base_; }
  // The one flicker of the region, if there is one. It ends before the memory goes.
  std::shared_ptr<Flicker> flicker;

 private:
  const Kind kind_;
  uint8_t* const base_;
  const uint32_t pages_;
  const bool writable_;
  Release release_;
  bool open_ = true;
};

// { ref, page(index): Page, close(): void } for a region; close() throws if the OS refuses. An offer has a `ref`.
Napi::Object wrapRegion(Napi::Env env, std::shared_ptr<Region> region, const std::string& what, uint32_t ref = 0);

// Define the classes of this environment; answer their constructors, which can be used by a region alone.
Napi::Function definePage(Napi::Env env);
Napi::Function defineRegion(Napi::Env env);

// anonymousPage(writable): a region of one page of private memory, so that tests need no Xen.
Napi::Value anonymousPage(const Napi::CallbackInfo& info);
