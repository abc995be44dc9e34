// Grants: other domains' pages mapped (gntdev), own pages offered (gntalloc), and grant copies.
#include "grants.h"

#include <sys/mman.h>

#include <cerrno>
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

// Both devices. Regions keep them open, so that memory is always released through the device that it came from.
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
  }
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
  // map(domain, refs, writable): all the refs or an error, never a part.
  Napi::Value map(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    auto devices = opened(env);
    const uint32_t domain = uint32Arg(info, 0, "domain", MAX_DOMID);
    if (!info[1].IsArray() || info[1].As<Napi::Array>().Length() == 0)
      throw Napi::TypeError::New(env, "refs must be an array with at least one ref");
    const auto list = info[1].As<Napi::Array>();
    std::vector<uint32_t> refs(list.Length());
    for (uint32_t i = 0; i < refs.size(); i++) refs[i] = uint32Of(list.Get(i), "ref");
    const bool writable = boolArg(info, 2, "writable");

    const auto count = static_cast<uint32_t>(refs.size());
    const auto what = std::to_string(count) + (count == 1 ? " grant of " : " grants of ") + domainName(domain);
    const int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void* base = library().map(devices->mapper, count, domain, refs.data(), prot);
    if (!base) throw errnoError(env, errno, "mapping " + what);
    auto region = std::make_shared<Region>(Region::Kind::mapping, base, count, writable, [devices](Region& self) {
      devices->regions.erase(&self);
      return library().unmap(devices->mapper, self.base(), self.pages()) == 0 ? 0 : errno;
    });
    devices->regions.insert(region.get());
    return wrapRegion(env, region, "unmapping " + what);
  }

  // offer(domain, writable): one zeroed page; `writable` says what the other domain may do, we may always write.
  Napi::Value offer(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    auto devices = opened(env);
    const uint32_t domain = uint32Arg(info, 0, "domain", MAX_DOMID);
    const bool writable = boolArg(info, 1, "writable");
    uint32_t ref = 0;
    void* base = library().share(devices->sharer, domain, 1, &ref, writable);
    if (!base) throw errnoError(env, errno, "offering a page to " + domainName(domain));
    memset(base, 0, PAGE_BYTES);
    auto region = std::make_shared<Region>(Region::Kind::offer, base, 1, true, [devices](Region& self) {
      devices->regions.erase(&self);
      return library().unshare(devices->sharer, self.base(), 1) == 0 ? 0 : errno;
    });
    devices->regions.insert(region.get());
    auto object = wrapRegion(env, region, "ending an offer to " + domainName(domain));
    object.Set("ref", Napi::Number::New(env, ref));
    return object;
  }

  // copyFrom([{domain, ref, offset, length}]): [{status, bytes}]
  Napi::Value copyFrom(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    auto pieces = piecesOf(info, false);
    copy(env, pieces, xen::GNTCOPY_source_gref);
    auto results = Napi::Array::New(env, pieces.size());
    for (uint32_t i = 0; i < pieces.size(); i++) {
      const auto& piece = pieces[i];
      const size_t length = piece.status == 0 ? piece.bytes.size() : 0;
      auto bytes = Napi::Uint8Array::New(env, length);
      if (length > 0) memcpy(bytes.Data(), piece.bytes.data(), length);
      auto result = Napi::Object::New(env);
      result.Set("status", Napi::Number::New(env, piece.status));
      result.Set("bytes", bytes);
      results[i] = result;
    }
    return results;
  }

  // copyTo([{domain, ref, offset, bytes}]): status[]
  Napi::Value copyTo(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    auto pieces = piecesOf(info, true);
    copy(env, pieces, xen::GNTCOPY_dest_gref);
    auto results = Napi::Array::New(env, pieces.size());
    for (uint32_t i = 0; i < pieces.size(); i++) results[i] = Napi::Number::New(env, pieces[i].status);
    return results;
  }

  void close(const Napi::CallbackInfo& info) {
    auto devices = std::move(devices_);
    if (!devices) return;
    int first = 0;
    while (!devices->regions.empty()) {
      const int error = (*devices->regions.begin())->close();
      if (first == 0) first = error;
    }
    if (first != 0) throw errnoError(info.Env(), first, "releasing the pages that were left");
  }

  struct Piece {
    uint32_t domain, ref, offset;
    std::vector<uint8_t> bytes;
    int status;
  };

  std::vector<Piece> piecesOf(const Napi::CallbackInfo& info, bool withBytes) {
    opened(info.Env());
    if (!info[0].IsArray()) throw Napi::TypeError::New(info.Env(), "segments must be an array");
    const auto list = info[0].As<Napi::Array>();
    std::vector<Piece> pieces(list.Length());
    for (uint32_t i = 0; i < pieces.size(); i++) {
      const auto segment = Napi::Value(list.Get(i)).ToObject();
      auto& piece = pieces[i];
      piece.domain = uint32Of(segment.Get("domain"), "domain", MAX_DOMID);
      piece.ref = uint32Of(segment.Get("ref"), "ref");
      piece.offset = uint32Of(segment.Get("offset"), "offset");
      size_t length;
      if (withBytes) {
        const auto bytes = bytesOf(segment.Get("bytes"), "bytes");
        length = bytes.ByteLength();
        if (length <= PAGE_BYTES) piece.bytes.assign(bytes.Data(), bytes.Data() + length);
      } else {
        length = uint32Of(segment.Get("length"), "length");
        if (length <= PAGE_BYTES) piece.bytes.resize(length);
      }
      // Xen refuses such a segment by itself; the kernel would refuse the whole batch.
      const bool inPage = piece.offset <= PAGE_BYTES && length <= PAGE_BYTES - piece.offset;
      piece.status = inPage ? 0 : xen::GNTST_bad_copy_arg;
    }
    return pieces;
  }

  void copy(Napi::Env env, std::vector<Piece>& pieces, uint16_t direction) {
    auto devices = opened(env);
    std::vector<xen::CopySegment> segments;
    std::vector<Piece*> sent;
    for (auto& piece : pieces) {
      if (piece.status != 0 || piece.bytes.empty()) continue;
      xen::CopySegment segment{};
      auto& local = direction == xen::GNTCOPY_source_gref ? segment.dest : segment.source;
      auto& foreign = direction == xen::GNTCOPY_source_gref ? segment.source : segment.dest;
      local.virt = piece.bytes.data();
      foreign.foreign.ref = piece.ref;
      foreign.foreign.offset = static_cast<uint16_t>(piece.offset);
      foreign.foreign.domid = static_cast<uint16_t>(piece.domain);
      segment.len = static_cast<uint16_t>(piece.bytes.size());
      segment.flags = direction;
      segment.status = xen::GNTST_general_error;
      segments.push_back(segment);
      sent.push_back(&piece);
    }
    if (segments.empty()) return;
    if (library().copy(devices->mapper, static_cast<uint32_t>(segments.size()), segments.data()) != 0)
      throw errnoError(env, errno, "copying " + std::to_string(segments.size()) + " segments");
    for (size_t i = 0; i < sent.size(); i++) sent[i]->status = segments[i].status;
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
