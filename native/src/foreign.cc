// Other domains' grant tables, read by the observer. Xen allows this only in the control domain.
#include "foreign.h"

#include <sys/mman.h>

#include <cerrno>

#include "addon.h"
#include "args.h"
#include "dl.h"
#include "error.h"
#include "page.h"

namespace {

struct ForeignLibrary : Library {
  ForeignLibrary() : Library("libxenforeignmemory.so.1") {
    find(open, "xenforeignmemory_open");
    find(close, "xenforeignmemory_close");
    find(map, "xenforeignmemory_map_resource");
    find(unmap, "xenforeignmemory_unmap_resource");
  }
  xen::foreignmemory_open* open;
  xen::foreignmemory_close* close;
  xen::foreignmemory_map_resource* map;
  xen::foreignmemory_unmap_resource* unmap;
};

ForeignLibrary& library() {
  static ForeignLibrary instance;
  return instance;
}

class GrantTables : public Napi::ObjectWrap<GrantTables> {
 public:
  explicit GrantTables(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    library().require(info.Env());
    handle_ = library().open(quietLogger(), 0);
    if (!handle_) throw errnoError(info.Env(), errno, "opening /dev/xen/privcmd");
    closeXenDevicesOnExec();
  }

  ~GrantTables() override { release(); }

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "GrantTables",
                       {
                           InstanceMethod<&GrantTables::flags>("flags"),
                           InstanceMethod<&GrantTables::close>("close"),
                       });
  }

 private:
  // flags(domain, ref): the GTF_ bits of the entry, including GTF_reading and GTF_writing. A version 2 table has these
  // two in separate status frames; a version 1 table has no such frames.
  Napi::Value flags(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const uint32_t domain = uint32Arg(info, 0, "domain", MAX_DOMID), ref = uint32Arg(info, 1, "ref");
    if (!handle_) throw errnoError(env, EBADF, "the view of grant tables is closed");
    constexpr uint32_t v1Entry = 8, v2Entry = 16, status = 2;
    uint16_t entry = 0, used = 0;
    int error = read(domain, xen::XENMEM_resource_grant_table_id_status, ref, status, &used);
    const bool version2 = error == 0;
    // Without status frames the call fails with EINVAL (ENODATA on newer kernels); other errors, such as EPERM, also
    // occur below.
    error = read(domain, xen::XENMEM_resource_grant_table_id_shared, ref, version2 ? v2Entry : v1Entry, &entry);
    if (error != 0)
      throw errnoError(env, error,
                       "reading entry " + std::to_string(ref) + " of the grant table of domain " +
                           std::to_string(domain));
    return Napi::Number::New(env, entry | used);
  }

  // Reads the first two bytes of entry `index` of an array of frames. The frame is mapped only for the read: a longer
  // mapping would keep a dead domain from being destroyed.
  int read(uint32_t domain, unsigned id, uint32_t index, uint32_t size, uint16_t* value) {
    const uint32_t perFrame = PAGE_BYTES / size;
    void* frame = nullptr;
    auto* resource = library().map(handle_, static_cast<uint16_t>(domain), xen::XENMEM_resource_grant_table, id,
                                   index / perFrame, 1, &frame, PROT_READ, 0);
    if (!resource) return errno;
    const auto* entry = static_cast<const uint8_t*>(frame) + index % perFrame * size;
    *value = __atomic_load_n(reinterpret_cast<const uint16_t*>(entry), __ATOMIC_ACQUIRE);
    return library().unmap(handle_, resource) == 0 ? 0 : errno;
  }

  void close(const Napi::CallbackInfo&) { release(); }

  void release() {
    if (handle_) library().close(handle_);
    handle_ = nullptr;
  }

  xenforeignmemory_handle* handle_ = nullptr;
};

}  // namespace

Napi::Function defineGrantTables(Napi::Env env) { return GrantTables::define(env); }
std::string foreignLibraryProblem() { return library().problem(); }
