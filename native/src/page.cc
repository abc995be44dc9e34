#include "page.h"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "addon.h"
#include "args.h"
#include "counts.h"
#include "error.h"

static std::atomic<int>& counter(Region::Kind kind) {
  switch (kind) {
    case Region::Kind::mapping: return live.mappings;
    case Region::Kind::offer: return live.offers;
    default: return live.anonymous;
  }
}

Flicker::Flicker(uint32_t* word, uint32_t a, uint32_t b)
    : thread_([this, word, a, b] {
        while (!over_.load(std::memory_order_relaxed)) {
          __atomic_store_n(word, a, __ATOMIC_RELAXED);
          __atomic_store_n(word, b, __ATOMIC_RELAXED);
        }
      }) {}

Flicker::~Flicker() {
  over_ = true;
  thread_.join();
}

Region::Region(Kind kind, void* base, uint32_t pages, bool writable, Release release)
    : kind_(kind),
      base_(static_cast<uint8_t*>(base)),
      pages_(pages),
      writable_(writable),
      release_(std::move(release)) {
  counter(kind_)++;
}

Region::~Region() {
  if (close() != 0) live.failedReleases++;
}

int Region::close() {
  if (!open_) return 0;
  open_ = false;
  flicker.reset();
  counter(kind_)--;
  const int error = release_(*this);
  release_ = nullptr;
  return error;
}

namespace {

// Reads each byte of shared memory exactly once, since the other domain may change it: aligned words where possible.
void fetchOnce(uint8_t* to, const volatile uint8_t* from, uint32_t length) {
  const volatile uint8_t* const end = from + length;
  while (from < end) {
    if (reinterpret_cast<uintptr_t>(from) % 8 == 0 && end - from >= 8) {
      const uint64_t word = *reinterpret_cast<const volatile uint64_t*>(from);
      memcpy(to, &word, 8);
      to += 8;
      from += 8;
    } else {
      *to++ = *from++;
    }
  }
}

struct PagePlace {
  std::shared_ptr<Region> region;
  uint32_t index;
};

class Page : public Napi::ObjectWrap<Page> {
 public:
  explicit Page(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "Page has no public constructor");
    auto* place = info[0].As<Napi::External<PagePlace>>().Data();
    region_ = place->region;
    base_ = region_->base() + size_t{place->index} * PAGE_BYTES;
  }

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Page",
                       {
                           InstanceAccessor<&Page::writable>("writable"),
                           InstanceMethod<&Page::load32>("load32"),
                           InstanceMethod<&Page::store32>("store32"),
                           InstanceMethod<&Page::copyOut>("copyOut"),
                           InstanceMethod<&Page::copyIn>("copyIn"),
                           InstanceMethod<&Page::flicker>("flicker"),
                       });
  }

 private:
  Napi::Value writable(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), region_->writable()); }

  // Loads an index: everything that the other domain wrote before the index is visible after the load, and later loads
  // are not moved before it (ring.h has a full barrier between the two index accesses of its final check).
  Napi::Value load32(const Napi::CallbackInfo& info) {
    const uint32_t* word = wordAt(info);
    const uint32_t value = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return Napi::Number::New(info.Env(), value);
  }

  // Stores an index: earlier stores to slots are visible with the index, and later loads of the event index follow it.
  void store32(const Napi::CallbackInfo& info) {
    uint32_t* word = wordAt(info);
    const uint32_t value = uint32Arg(info, 1, "value");
    checkWritable(info.Env());
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }

  Napi::Value copyOut(const Napi::CallbackInfo& info) {
    const uint32_t offset = number(info, 0), length = number(info, 1);
    const uint8_t* from = range(info.Env(), offset, length);
    auto bytes = Napi::Uint8Array::New(info.Env(), length);
    fetchOnce(bytes.Data(), from, length);
    return bytes;
  }

  void copyIn(const Napi::CallbackInfo& info) {
    const uint32_t offset = number(info, 0);
    const auto bytes = bytesOf(info[1], "bytes");
    if (bytes.ByteLength() > PAGE_BYTES) throw pageError(info.Env(), "more bytes than a page holds");
    const auto length = static_cast<uint32_t>(bytes.ByteLength());
    uint8_t* to = range(info.Env(), offset, length);
    checkWritable(info.Env());
    if (length > 0) memcpy(to, bytes.Data(), length);
  }

  Napi::Value flicker(const Napi::CallbackInfo& info) {
    uint32_t* word = wordAt(info);
    const uint32_t a = uint32Arg(info, 1, "a"), b = uint32Arg(info, 2, "b");
    checkWritable(info.Env());
    if (region_->flicker) throw pageError(info.Env(), "the page already has a flickering word");
    try {
      region_->flicker = std::make_shared<Flicker>(word, a, b);
    } catch (const std::system_error& error) {
      throw errnoError(info.Env(), error.code().value(), "starting a thread");
    }
    // The function must not end a later flicker.
    return Napi::Function::New(
        info.Env(), [region = region_, mine = std::weak_ptr<Flicker>(region_->flicker)](const Napi::CallbackInfo&) {
          if (!mine.expired()) region->flicker.reset();
        });
  }

  static uint32_t number(const Napi::CallbackInfo& info, size_t i) {
    try {
      return uint32Arg(info, i, i == 0 ? "offset" : "length", PAGE_BYTES);
    } catch (const Napi::Error& error) {
      throw pageError(info.Env(), error.Message());
    }
  }

  uint8_t* range(Napi::Env env, uint32_t offset, uint32_t length) const {
    if (!region_->open()) throw pageError(env, "the page is closed");
    if (offset > PAGE_BYTES || length > PAGE_BYTES - offset)
      throw pageError(env, std::to_string(length) + " bytes at " + std::to_string(offset) + " are outside the page");
    return base_ + offset;
  }

  uint32_t* wordAt(const Napi::CallbackInfo& info) const {
    const uint32_t offset = number(info, 0);
    uint8_t* place = range(info.Env(), offset, 4);
    if (offset % 4 != 0) throw pageError(info.Env(), "offset " + std::to_string(offset) + " is not a multiple of 4");
    return reinterpret_cast<uint32_t*>(place);
  }

  void checkWritable(Napi::Env env) const {
    if (!region_->writable()) throw pageError(env, "the page is read-only");
  }

  std::shared_ptr<Region> region_;
  uint8_t* base_ = nullptr;
};

}  // namespace

Napi::Function definePage(Napi::Env env) { return Page::define(env); }

namespace {

struct Made {
  std::shared_ptr<Region> region;
  std::string what;
  uint32_t ref;
};

// Input of the constructor of a region's object, during the call in wrapRegion: passing an External would cost more
// than the object itself.
thread_local Made* beingMade = nullptr;

// A region for JavaScript. Its pages become objects on first use: most batches are never read.
class RegionObject : public Napi::ObjectWrap<RegionObject> {
 public:
  explicit RegionObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (!beingMade) throw Napi::TypeError::New(info.Env(), "Region has no public constructor");
    made_ = std::move(*std::exchange(beingMade, nullptr));
  }

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Region",
                       {
                           InstanceAccessor<&RegionObject::ref>("ref"),
                           InstanceMethod<&RegionObject::page>("page"),
                           InstanceMethod<&RegionObject::close>("close"),
                       });
  }

 private:
  Napi::Value ref(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), made_.ref); }

  Napi::Value page(const Napi::CallbackInfo& info) {
    PagePlace place{made_.region, uint32Arg(info, 0, "index", made_.region->pages() - 1)};
    return classesOf(info.Env()).page.New({Napi::External<PagePlace>::New(info.Env(), &place)});
  }

  void close(const Napi::CallbackInfo& info) {
    if (const int error = made_.region->close()) throw errnoError(info.Env(), error, made_.what);
  }

  Made made_;
};

}  // namespace

Napi::Function defineRegion(Napi::Env env) { return RegionObject::define(env); }

Napi::Object wrapRegion(Napi::Env env, std::shared_ptr<Region> region, const std::string& what, uint32_t ref) {
  Made made{std::move(region), what, ref};
  struct Hand {
    explicit Hand(Made* made) { beingMade = made; }
    ~Hand() { beingMade = nullptr; }
  } hand(&made);
  return classesOf(env).region.New({});
}

Napi::Value anonymousPage(const Napi::CallbackInfo& info) {
  const bool writable = boolArg(info, 0, "writable");
  const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* base = mmap(nullptr, PAGE_BYTES, access, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) throw errnoError(info.Env(), errno, "mapping anonymous memory");
  auto region = std::make_shared<Region>(Region::Kind::anonymous, base, 1, writable, [](Region& self) {
    return munmap(self.base(), PAGE_BYTES) == 0 ? 0 : errno;
  });
  return wrapRegion(info.Env(), region, "unmapping anonymous memory");
}
