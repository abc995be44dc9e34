#include "addon.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "counts.h"
#include "error.h"
#include "events.h"
#include "foreign.h"
#include "grants.h"
#include "page.h"
#include "store.h"
#include "store_thread.h"
#include "tap.h"

namespace {

Napi::Value liveCounts(const Napi::CallbackInfo& info) {
  auto counts = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, int count) { counts.Set(name, Napi::Number::New(info.Env(), count)); };
  set("mappings", live.mappings);
  set("offers", live.offers);
  set("anonymous", live.anonymous);
  set("ports", live.ports);
  set("stores", live.stores);
  set("taps", live.taps);
  set("failedReleases", live.failedReleases);
  return counts;
}

// libraryProblems(): a line for each of Xen's libraries that can't be loaded.
Napi::Value libraryProblems(const Napi::CallbackInfo& info) {
  auto list = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (const auto& problem :
       {grantLibraryProblem(), eventLibraryProblem(), storeLibrary().problem(), foreignLibraryProblem()})
    if (!problem.empty()) list[count++] = Napi::String::New(info.Env(), problem);
  return list;
}

// Memory that was returned to the kernel causes a page fault per page when it is allocated again, which takes several
// times as long as the copy itself, and packets need many buffers of 1 MiB. So this process keeps freed memory: all
// usual sizes are allocated on the heap (32 MiB is the highest threshold), and the top of the heap is trimmed only
// above the amount that a garbage collection usually frees. A C library without these options is slower, but works.
void keepMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  keepMemory();
  auto* classes = new Classes;
  env.SetInstanceData(classes);
  const auto keep = [&](Napi::FunctionReference& reference, Napi::Function constructor) {
    reference = Napi::Persistent(constructor);
    // Instance data is deleted with the environment, when references can no longer be deleted.
    reference.SuppressDestruct();
    return constructor;
  };
  keep(classes->page, definePage(env));
  keep(classes->region, defineRegion(env));
  keep(classes->store, defineStore(env));
  exports.Set("Grants", keep(classes->grants, defineGrants(env)));
  exports.Set("Events", keep(classes->events, defineEvents(env)));
  exports.Set("GrantTables", keep(classes->tables, defineGrantTables(env)));
  exports.Set("Tap", keep(classes->tap, defineTap(env)));
  exports.Set("openStore", Napi::Function::New(env, openStore, "openStore"));
  exports.Set("anonymousPage", Napi::Function::New(env, anonymousPage, "anonymousPage"));
  exports.Set("liveCounts", Napi::Function::New(env, liveCounts, "liveCounts"));
  exports.Set("libraryProblems", Napi::Function::New(env, libraryProblems, "libraryProblems"));
  return exports;
}

}  // namespace

NODE_API_MODULE(netifspec_native, init)
