// The parts of Xen's libraries that the addon uses, declared here so that it compiles without Xen headers. The
// libraries keep this ABI within a soname; functions have their original names, since they are looked up by name.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>

struct xengntdev_handle;
struct xenevtchn_handle;
struct xenforeignmemory_handle;
struct xenforeignmemory_resource_handle;
struct xs_handle;

namespace xen {

// libxentoollog: the table that a library's messages go through.
struct Logger {
  void (*vmessage)(Logger*, int level, int errnoval, const char* context, const char* format, va_list);
  void (*progress)(Logger*, const char* context, const char* doing, int percent, unsigned long done,
                   unsigned long total);
  void (*destroy)(Logger*);
};

// libxengnttab.so.1
union CopyEnd {
  void* virt;
  struct {
    uint32_t ref;
    uint16_t offset;
    uint16_t domid;
  } foreign;
};
struct CopySegment {
  CopyEnd source, dest;
  uint16_t len;
  uint16_t flags;
  int16_t status;
};
constexpr uint16_t GNTCOPY_source_gref = 1;
constexpr uint16_t GNTCOPY_dest_gref = 2;
constexpr int16_t GNTST_okay = 0;
constexpr int16_t GNTST_general_error = -1;
constexpr int16_t GNTST_bad_copy_arg = -10;

using gnttab_open = xengntdev_handle*(Logger*, unsigned flags);
using gnttab_close = int(xengntdev_handle*);
using gnttab_map_domain_grant_refs = void*(xengntdev_handle*, uint32_t count, uint32_t domid, uint32_t* refs, int prot);
using gnttab_unmap = int(xengntdev_handle*, void* start, uint32_t count);
using gnttab_grant_copy = int(xengntdev_handle*, uint32_t count, CopySegment*);
using gntshr_open = xengntdev_handle*(Logger*, unsigned flags);
using gntshr_close = int(xengntdev_handle*);
using gntshr_share_pages = void*(xengntdev_handle*, uint32_t domid, int count, uint32_t* refs, int writable);
using gntshr_unshare = int(xengntdev_handle*, void* start, uint32_t count);

// libxenevtchn.so.1: a port, or -1 with errno
using evtchn_open = xenevtchn_handle*(Logger*, unsigned flags);
using evtchn_close = int(xenevtchn_handle*);
using evtchn_fd = int(xenevtchn_handle*);
using evtchn_notify = int(xenevtchn_handle*, uint32_t port);
using evtchn_bind_unbound_port = int(xenevtchn_handle*, uint32_t domid);
using evtchn_bind_interdomain = int(xenevtchn_handle*, uint32_t domid, uint32_t remotePort);
using evtchn_unbind = int(xenevtchn_handle*, uint32_t port);
using evtchn_unmask = int(xenevtchn_handle*, uint32_t port);

// libxenstore.so.4: NULL or false with errno; returned pointers are released with free()
struct StorePermission {
  unsigned int id;
  unsigned int perms;
};
constexpr unsigned int XS_PERM_READ = 1;
constexpr unsigned int XS_PERM_WRITE = 2;

using store_open = xs_handle*(unsigned long flags);
using store_close = void(xs_handle*);
using store_read = void*(xs_handle*, uint32_t transaction, const char* path, unsigned int* length);
using store_write = bool(xs_handle*, uint32_t transaction, const char* path, const void* data, unsigned int length);
using store_mkdir = bool(xs_handle*, uint32_t transaction, const char* path);
using store_rm = bool(xs_handle*, uint32_t transaction, const char* path);
using store_directory = char**(xs_handle*, uint32_t transaction, const char* path, unsigned int* count);
using store_get_permissions = StorePermission*(xs_handle*, uint32_t transaction, const char* path, unsigned int* count);
using store_set_permissions = bool(xs_handle*, uint32_t transaction, const char* path, StorePermission*,
                                   unsigned int count);
using store_transaction_start = uint32_t(xs_handle*);
using store_transaction_end = bool(xs_handle*, uint32_t transaction, bool abort);
using store_watch = bool(xs_handle*, const char* path, const char* token);
using store_unwatch = bool(xs_handle*, const char* path, const char* token);
using store_fileno = int(xs_handle*);
using store_check_watch = char**(xs_handle*);

// libxenforeignmemory.so.1
constexpr unsigned XENMEM_resource_grant_table = 1;
constexpr unsigned XENMEM_resource_grant_table_id_shared = 0;
constexpr unsigned XENMEM_resource_grant_table_id_status = 1;

using foreignmemory_open = xenforeignmemory_handle*(Logger*, unsigned flags);
using foreignmemory_close = int(xenforeignmemory_handle*);
using foreignmemory_map_resource = xenforeignmemory_resource_handle*(xenforeignmemory_handle*, uint16_t domid,
                                                                     unsigned type, unsigned id, unsigned long frame,
                                                                     unsigned long count, void** address, int prot,
                                                                     int flags);
using foreignmemory_unmap_resource = int(xenforeignmemory_handle*, xenforeignmemory_resource_handle*);

}  // namespace xen
