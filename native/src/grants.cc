// Grants: mapping other domains' pages (gntdev), offering own pages (gntalloc), and grant copies.
#include "grants.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "addon.h"
#include "args.h"
#include "dl.h"
#include "error.h"
#include "page.h"

namespace {

// Repeats `call` while a signal (from a profiler or a child, for example) interrupts it. A result of false or null is a
// failure.
template <typename Call>
auto uninterrupted(Call call) {
  for (;;) {
    auto result = call();
    if (result || errno != EINTR) return result;
  }
}

struct GrantLibrary : Library {
  GrantLibrary() : Library("libxengnttab.so.1") {
    find(open, "xengnttab_open");
    find(close, "xengnttab_close");
    find(map, "xengnttab_map_domain_grant_refs");
    find(unmap, "xengnttab_unmap");
    find(copy, "xengnttab_grant_copy");
    find(shareOpen, "xengntshr_open");
    find(shareClose, "xengntshr_close");
    find(share, "xengntshr_share_pages");
    find(unshare, "xengntshr_unshare");
  }
  xen::gnttab_open* open;
  xen::gnttab_close* close;
  xen::gnttab_map_domain_grant_refs* map;
  xen::gnttab_unmap* unmap;
  xen::gnttab_grant_copy* copy;
  xen::gntshr_open* shareOpen;
  xen::gntshr_close* shareClose;
  xen::gntshr_share_pages* share;
  xen::gntshr_unshare* unshare;
};

GrantLibrary& library() {
  static GrantLibrary instance;
  return instance;
}

// Both devices. Regions keep them open, so that memory is always released through the device that provided it.
struct Devices {
  xengntdev_handle* mapper = nullptr;
  xengntdev_handle* sharer = nullptr;
  std::set<Region*> regions;

  Devices() = default;
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;
  ~Devices() {
    if (mapper) library().close(mapper);
    if (sharer) library().shareClose(sharer);
    free(pages_);
  }

  // At least `size` page-aligned bytes, reused by all copies; null if there is no memory.
  uint8_t* pages(size_t size) {
    if (size > size_) {
      free(pages_);
      size_ = (size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
      pages_ = static_cast<uint8_t*>(aligned_alloc(PAGE_BYTES, size_));
      if (!pages_) size_ = 0;
    }
    return pages_;
  }

 private:
  uint8_t* pages_ = nullptr;
  size_t size_ = 0;
};

std::string domainName(uint32_t domain) { return "domain " + std::to_string(domain); }

class Grants : public Napi::ObjectWrap<Grants> {
 public:
  explicit Grants(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    library().require(info.Env());
    devices_ = std::make_shared<Devices>();
    devices_->mapper = library().open(quietLogger(), 0);
    if (!devices_->mapper) throw errnoError(info.Env(), errno, "opening /dev/xen/gntdev");
    devices_->sharer = library().shareOpen(quietLogger(), 0);
    if (!devices_->sharer) throw errnoError(info.Env(), errno, "opening /dev/xen/gntalloc");
    closeXenDevicesOnExec();
  }

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Grants",
                       {
                           InstanceMethod<&Grants::map>("map"),
                           InstanceMethod<&Grants::offer>("offer"),
                           InstanceMethod<&Grants::copyFrom>("copyFrom"),
                           InstanceMethod<&Grants::copyTo>("copyTo"),
                           InstanceMethod<&Grants::close>("close"),
                       });
  }

 private:
  // map(domain, refs, writable): maps all refs or throws, never a part of them.
  Napi::Value map(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    auto devices = opened(env);
    const uint32_t domain = uint32Arg(info, 0, "domain", MAX_DOMID);
    const auto list = uint32ArrayArg(info, 1, "refs");
    if (list.ElementLength() == 0) throw Napi::TypeError::New(env, "refs must have at least one ref");
    std::vector<uint32_t> refs(list.Data(), list.Data() + list.ElementLength());
    const bool writable = boolArg(info, 2, "writable");

    const auto count = static_cast<uint32_t>(refs.size());
    const auto what = std::to_string(count) + (count == 1 ? " grant of " : " grants of ") + domainName(domain);
    const int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void* base = uninterrupted([&] { return library().map(devices->mapper, count, domain, refs.data(), prot); });
    if (!base) throw errnoError(env, errno, "mapping " + what);
    auto region = std::make_shared<Region>(Region::Kind::mapping, base, count, writable, [devices](Region& self) {
      devices->regions.erase(&self);
      return library().unmap(devices->mapper, self.base(), self.pages()) == 0 ? 0 : errno;
    });
    devices->regions.insert(region.get());
    return wrapRegion(env, region, "unmapping " + what);
  }

  // offer(domain, writable): one zeroed page; `writable` applies to the other domain, this one may always write.
  Napi::Value offer(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    auto devices = opened(env);
    const uint32_t domain = uint32Arg(info, 0, "domain", MAX_DOMID);
    const bool writable = boolArg(info, 1, "writable");
    uint32_t ref = 0;
    void* base = uninterrupted([&] { return library().share(devices->sharer, domain, 1, &ref, writable); });
    if (!base) throw errnoError(env, errno, "offering a page to " + domainName(domain));
    memset(base, 0, PAGE_BYTES);
    auto region = std::make_shared<Region>(Region::Kind::offer, base, 1, true, [devices](Region& self) {
      devices->regions.erase(&self);
      return library().unshare(devices->sharer, self.base(), 1) == 0 ? 0 : errno;
    });
    devices->regions.insert(region.get());
    return wrapRegion(env, region, "ending an offer to " + domainName(domain), ref);
  }

  // copyFrom(segments, bytes) and copyTo: four numbers per segment (domain, ref, offset, length); the data of the
  // segments is contiguous in `bytes`. The status of a segment replaces its length.
  void copyFrom(const Napi::CallbackInfo& info) { copy(info, xen::GNTCOPY_source_gref); }
  void copyTo(const Napi::CallbackInfo& info) { copy(info, xen::GNTCOPY_dest_gref); }

  void close(const Napi::CallbackInfo& info) {
    auto devices = std::move(devices_);
    if (!devices) return;
    int first = 0;
    while (!devices->regions.empty()) {
      const int error = (*devices->regions.begin())->close();
      if (first == 0) first = error;
    }
    if (first != 0) throw errnoError(info.Env(), first, "releasing the remaining pages");
  }

  // Copies through pages of the addon: JavaScript allocates new memory for each copy, which would have to be mapped
  // first, and a segment that crosses one of its pages is two segments for Xen.
  void copy(const Napi::CallbackInfo& info, uint16_t direction) {
    const Napi::Env env = info.Env();
    auto devices = opened(env);
    auto list = uint32ArrayArg(info, 0, "segments");
    auto bytes = bytesOf(info[1], "bytes");
    const size_t count = list.ElementLength() / 4;
    const size_t room = bytes.ByteLength();
    uint32_t* const values = list.Data();
    const bool fromForeign = direction == xen::GNTCOPY_source_gref;
    struct Piece {
      size_t segment;
      uint8_t* data;      // in the caller's bytes
      size_t pageOffset;  // in the pages of the addon
    };
    std::vector<Piece> pieces;
    pieces.reserve(count);
    std::vector<xen::CopySegment> segments;
    segments.reserve(count);
    size_t position = 0;
    size_t pageOffset = 0;
    for (size_t i = 0; i < count; i++) {
      uint32_t* const value = values + 4 * i;
      const uint32_t domain = value[0], ref = value[1], offset = value[2], length = value[3];
      if (domain > MAX_DOMID)
        throw Napi::TypeError::New(env, "domain must be an integer from 0 to " + std::to_string(MAX_DOMID));
      if (length > room - position) throw Napi::TypeError::New(env, "bytes is shorter than the segments");
      // Xen refuses only this segment; the kernel would refuse the whole batch.
      const bool inPage = offset <= PAGE_BYTES && length <= PAGE_BYTES - offset;
      value[3] = static_cast<uint32_t>(inPage ? 0 : xen::GNTST_bad_copy_arg);
      if (inPage && length > 0) {
        if (pageOffset % PAGE_BYTES + length > PAGE_BYTES) pageOffset += PAGE_BYTES - pageOffset % PAGE_BYTES;
        pieces.push_back({i, bytes.Data() + position, pageOffset});
        pageOffset += length;
        xen::CopySegment segment{};
        auto& foreign = fromForeign ? segment.source : segment.dest;
        foreign.foreign.ref = ref;
        foreign.foreign.offset = static_cast<uint16_t>(offset);
        foreign.foreign.domid = static_cast<uint16_t>(domain);
        segment.len = static_cast<uint16_t>(length);
        segment.flags = direction;
        segment.status = xen::GNTST_general_error;
        segments.push_back(segment);
      }
      position += length;
    }
    if (segments.empty()) return;
    uint8_t* const pages = devices->pages(pageOffset);
    if (!pages) throw errnoError(env, ENOMEM, "copying " + std::to_string(segments.size()) + " segments");
    for (size_t i = 0; i < segments.size(); i++) {
      auto& local = fromForeign ? segments[i].dest : segments[i].source;
      local.virt = pages + pieces[i].pageOffset;
      if (!fromForeign) memcpy(pages + pieces[i].pageOffset, pieces[i].data, segments[i].len);
    }
    const bool done = uninterrupted([&] {
      return library().copy(devices->mapper, static_cast<uint32_t>(segments.size()), segments.data()) == 0;
    });
    if (!done) throw errnoError(env, errno, "copying " + std::to_string(segments.size()) + " segments");
    for (size_t i = 0; i < segments.size(); i++) {
      const bool copied = fromForeign && segments[i].status == xen::GNTST_okay;
      if (copied) memcpy(pieces[i].data, pages + pieces[i].pageOffset, segments[i].len);
      values[4 * pieces[i].segment + 3] = static_cast<uint32_t>(segments[i].status);
    }
  }

  std::shared_ptr<Devices> opened(Napi::Env env) const {
    if (!devices_) throw errnoError(env, EBADF, "the grant devices are closed");
    return devices_;
  }

  std::shared_ptr<Devices> devices_;
};

}  // namespace

Napi::Function defineGrants(Napi::Env env) { return Grants::define(env); }
std::string grantLibraryProblem() { return library().problem(); }
