// Stands in for Xen's libraries in the tests of the addon: every call is slow or fails now and then, as the variables
// NETIFSPEC_STUB_FAULTS (percent) and NETIFSPEC_STUB_SEED say.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <string>

#include "../src/xen_abi.h"

namespace {

constexpr size_t PAGE = 4096;

unsigned setting(const char* name) {
  const char* value = getenv(name);
  return value ? static_cast<unsigned>(strtoul(value, nullptr, 10)) : 0;
}

// The same sequence for the same seed, in the order in which the threads call.
uint32_t random32() {
  static std::atomic<uint64_t> state{setting("NETIFSPEC_STUB_SEED") * 2654435761u + 1};
  uint64_t x = state.fetch_add(0x9e3779b97f4a7c15u);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return static_cast<uint32_t>(x >> 32);
}

bool fails() {
  static const unsigned percent = setting("NETIFSPEC_STUB_FAULTS");
  static const int errors[] = {EINTR, ENOSPC, EBADF, ENOMEM, EAGAIN, EINVAL, EPERM, EIO};
  if (random32() % 100 >= percent) return false;
  errno = errors[random32() % (sizeof errors / sizeof *errors)];
  return true;
}

// Now and then, so that requests are under way at any moment, and their queue stays short.
void beSlow() {
  if (random32() % 16 == 0) usleep(random32() % 2000);
}

void* pages(size_t count) {
  void* memory = mmap(nullptr, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

int unmapPages(void* start, size_t count) {
  // A failure of Xen leaves the pages mapped.
  return fails() ? -1 : munmap(start, count * PAGE);
}

}  // namespace

struct xengntdev_handle {};
struct xenforeignmemory_handle {};
struct xenforeignmemory_resource_handle {
  void* page;
};
struct xenevtchn_handle {
  int pipe[2];
  std::set<uint32_t> ports;
};
struct xs_handle {
  int pipe[2];
  std::mutex mutex;
  std::set<std::string> watches;
};

extern "C" {

xengntdev_handle* xengnttab_open(xen::Logger*, unsigned) { return fails() ? nullptr : new xengntdev_handle; }
int xengnttab_close(xengntdev_handle* handle) {
  delete handle;
  return 0;
}
void* xengnttab_map_domain_grant_refs(xengntdev_handle*, uint32_t count, uint32_t, uint32_t*, int) {
  return fails() ? nullptr : pages(count);
}
int xengnttab_unmap(xengntdev_handle*, void* start, uint32_t count) { return unmapPages(start, count); }
int xengnttab_grant_copy(xengntdev_handle*, uint32_t count, xen::CopySegment* segments) {
  if (fails()) return -1;
  for (uint32_t i = 0; i < count; i++) {
    auto& segment = segments[i];
    segment.status = fails() ? -1 : 0;
    if (segment.status == 0 && segment.flags == xen::GNTCOPY_source_gref) memset(segment.dest.virt, 7, segment.len);
  }
  return 0;
}
xengntdev_handle* xengntshr_open(xen::Logger*, unsigned) { return fails() ? nullptr : new xengntdev_handle; }
int xengntshr_close(xengntdev_handle* handle) {
  delete handle;
  return 0;
}
void* xengntshr_share_pages(xengntdev_handle*, uint32_t, int count, uint32_t* refs, int) {
  if (fails()) return nullptr;
  for (int i = 0; i < count; i++) refs[i] = random32() % 512;
  return pages(static_cast<size_t>(count));
}
int xengntshr_unshare(xengntdev_handle*, void* start, uint32_t count) { return unmapPages(start, count); }

xenevtchn_handle* xenevtchn_open(xen::Logger*, unsigned) {
  if (fails()) return nullptr;
  auto* handle = new xenevtchn_handle;
  if (pipe2(handle->pipe, O_CLOEXEC) == 0) return handle;
  delete handle;
  return nullptr;
}
int xenevtchn_close(xenevtchn_handle* handle) {
  for (const int fd : handle->pipe) close(fd);
  delete handle;
  return 0;
}
int xenevtchn_fd(xenevtchn_handle* handle) { return handle->pipe[0]; }
int xenevtchn_notify(xenevtchn_handle* handle, uint32_t port) {
  return !fails() && write(handle->pipe[1], &port, sizeof port) == sizeof port ? 0 : -1;
}
int xenevtchn_bind_unbound_port(xenevtchn_handle* handle, uint32_t) {
  if (fails()) return -1;
  return static_cast<int>(*handle->ports.insert(1 + random32() % 64).first);
}
int xenevtchn_bind_interdomain(xenevtchn_handle* handle, uint32_t domain, uint32_t) {
  return xenevtchn_bind_unbound_port(handle, domain);
}
int xenevtchn_unbind(xenevtchn_handle* handle, uint32_t port) {
  return !fails() && handle->ports.erase(port) > 0 ? 0 : -1;
}
int xenevtchn_unmask(xenevtchn_handle*, uint32_t) { return fails() ? -1 : 0; }

xs_handle* xs_open(unsigned long) {
  beSlow();
  if (fails()) return nullptr;
  auto* handle = new xs_handle;
  if (pipe2(handle->pipe, O_CLOEXEC | O_NONBLOCK) == 0) return handle;
  delete handle;
  return nullptr;
}
void xs_close(xs_handle* handle) {
  for (const int fd : handle->pipe) close(fd);
  delete handle;
}
void* xs_read(xs_handle*, uint32_t, const char* path, unsigned* length) {
  beSlow();
  if (fails()) return nullptr;
  *length = static_cast<unsigned>(strlen(path));
  return strdup(path);
}
static bool done() {
  beSlow();
  return !fails();
}
bool xs_write(xs_handle*, uint32_t, const char*, const void*, unsigned) { return done(); }
bool xs_mkdir(xs_handle*, uint32_t, const char*) { return done(); }
bool xs_rm(xs_handle*, uint32_t, const char*) { return done(); }
// One block, as the library returns it: the pointers, then the texts.
static char** listOf(const char* first, const char* second) {
  const size_t head = 2 * sizeof(char*);
  auto* block = static_cast<char*>(malloc(head + strlen(first) + strlen(second) + 2));
  auto** list = reinterpret_cast<char**>(block);
  list[0] = strcpy(block + head, first);
  list[1] = strcpy(list[0] + strlen(first) + 1, second);
  return list;
}
char** xs_directory(xs_handle*, uint32_t, const char*, unsigned* count) {
  beSlow();
  *count = 2;
  return fails() ? nullptr : listOf("one", "two");
}
xen::StorePermission* xs_get_permissions(xs_handle*, uint32_t, const char*, unsigned* count) {
  if (!done()) return nullptr;
  *count = 2;
  auto* list = static_cast<xen::StorePermission*>(malloc(2 * sizeof(xen::StorePermission)));
  list[0] = {0, 3};
  list[1] = {1, 1};
  return list;
}
bool xs_set_permissions(xs_handle*, uint32_t, const char*, xen::StorePermission*, unsigned) { return done(); }
uint32_t xs_transaction_start(xs_handle*) { return done() ? 1 : 0; }
bool xs_transaction_end(xs_handle*, uint32_t, bool) { return done(); }
bool xs_watch(xs_handle* handle, const char* path, const char*) {
  if (!done()) return false;
  std::lock_guard<std::mutex> lock(handle->mutex);
  handle->watches.insert(path);
  // It fires once at once, and sometimes in a burst.
  for (uint32_t n = random32() % 20; ; n--) {
    if (write(handle->pipe[1], "", 1) != 1 || n == 0) return true;
  }
}
bool xs_unwatch(xs_handle* handle, const char* path, const char*) {
  if (!done()) return false;
  std::lock_guard<std::mutex> lock(handle->mutex);
  return handle->watches.erase(path) > 0;
}
int xs_fileno(xs_handle* handle) { return handle->pipe[0]; }
char** xs_check_watch(xs_handle* handle) {
  char token;
  // A lost connection: an error other than EAGAIN.
  if (random32() % 50 == 0 && fails()) return nullptr;
  if (read(handle->pipe[0], &token, 1) != 1) {
    errno = EAGAIN;
    return nullptr;
  }
  return listOf("path", "token");
}

xenforeignmemory_handle* xenforeignmemory_open(xen::Logger*, unsigned) {
  return fails() ? nullptr : new xenforeignmemory_handle;
}
int xenforeignmemory_close(xenforeignmemory_handle* handle) {
  delete handle;
  return 0;
}
xenforeignmemory_resource_handle* xenforeignmemory_map_resource(xenforeignmemory_handle*, uint16_t, unsigned, unsigned,
                                                                unsigned long, unsigned long count, void** address, int,
                                                                int) {
  if (fails()) return nullptr;
  *address = pages(count);
  return *address ? new xenforeignmemory_resource_handle{*address} : nullptr;
}
int xenforeignmemory_unmap_resource(xenforeignmemory_handle*, xenforeignmemory_resource_handle* resource) {
  munmap(resource->page, PAGE);
  delete resource;
  return fails() ? -1 : 0;
}

}  // extern "C"
