// The reference of a bench on a real Xen: the work of the harness in C, on the same Xen libraries and the kernel's own
// network. Each command prints one number; usage() lists them.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, LOCAL_EXPERIMENT = 0x88b5, MAC_LENGTH = 6, HEADER = 14, SILENCE_MS = 1500 };

static _Noreturn void die(const char *what) {
  fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void *library(const char *soname) {
  void *handle = dlopen(soname, RTLD_NOW);
  if (handle) return handle;
  fprintf(stderr, "bench: %s\n", dlerror());
  exit(1);
}

// ISO C has no conversion from the result of dlsym to a function pointer.
#define FIND(handle, type, name, symbol) \
  __typeof__(type) name;                 \
  *(void **)&name = dlsym(handle, symbol)

// Offers one page at a time, as the harness does, to the domain itself.
static uint32_t *offer(void *grants, uint32_t domain, uint32_t count) {
  FIND(grants, void *(*)(void *, unsigned), open_shr, "xengntshr_open");
  FIND(grants, void *(*)(void *, uint32_t, int, uint32_t *, int), share, "xengntshr_share_pages");
  void *sharer = open_shr(NULL, 0);
  uint32_t *refs = calloc(count, sizeof *refs);
  if (!sharer || !refs) die("offering");
  for (uint32_t n = 0; n < count; n++)
    if (!share(sharer, domain, 1, &refs[n], 1)) die("offering a page");
  return refs;
}

// Microseconds to map `count` grants as one unit and unmap them.
static double map(uint32_t domain, uint32_t count, int rounds) {
  void *grants = library("libxengnttab.so.1");
  FIND(grants, void *(*)(void *, unsigned), open_tab, "xengnttab_open");
  FIND(grants, void *(*)(void *, uint32_t, uint32_t, uint32_t *, int), map_refs, "xengnttab_map_domain_grant_refs");
  FIND(grants, int (*)(void *, void *, uint32_t), unmap, "xengnttab_unmap");
  uint32_t *refs = offer(grants, domain, count);
  void *mapper = open_tab(NULL, 0);
  if (!mapper) die("opening gntdev");
  const double start = now();
  for (int n = 0; n < rounds; n++) {
    void *base = map_refs(mapper, count, domain, refs, PROT_READ | PROT_WRITE);
    if (!base || unmap(mapper, base, count) != 0) die("mapping");
  }
  return (now() - start) / rounds;
}

struct segment {
  union {
    void *virt;
    struct {
      uint32_t ref;
      uint16_t offset, domid;
    } foreign;
  } source, dest;
  uint16_t len, flags;
  int16_t status;
};

// Microseconds to copy `count` pages in by one call, into memory that is allocated for it.
static double copy(uint32_t domain, uint32_t count, int rounds) {
  void *grants = library("libxengnttab.so.1");
  FIND(grants, void *(*)(void *, unsigned), open_tab, "xengnttab_open");
  FIND(grants, int (*)(void *, uint32_t, struct segment *), grant_copy, "xengnttab_grant_copy");
  uint32_t *refs = offer(grants, domain, count);
  void *mapper = open_tab(NULL, 0);
  struct segment *segments = calloc(count, sizeof *segments);
  if (!mapper || !segments) die("opening gntdev");
  const double start = now();
  for (int n = 0; n < rounds; n++) {
    uint8_t *memory = calloc(count, PAGE);
    if (!memory) die("memory");
    for (uint32_t i = 0; i < count; i++) {
      segments[i] = (struct segment){.len = PAGE, .flags = 1, .status = -1};
      segments[i].source.foreign.ref = refs[i];
      segments[i].source.foreign.domid = (uint16_t)domain;
      segments[i].dest.virt = memory + (size_t)i * PAGE;
    }
    if (grant_copy(mapper, count, segments) != 0) die("copying");
    for (uint32_t i = 0; i < count; i++)
      if (segments[i].status != 0) die("copying a page");
    free(memory);
  }
  return (now() - start) / rounds;
}

struct events {
  void *handle;
  int fd;
  int (*notify)(void *, uint32_t);
  int (*pending)(void *);
  int (*unmask)(void *, uint32_t);
};

static struct events open_events(void *library_handle) {
  FIND(library_handle, void *(*)(void *, unsigned), open_evtchn, "xenevtchn_open");
  FIND(library_handle, int (*)(void *), fd, "xenevtchn_fd");
  struct events events = {.handle = open_evtchn(NULL, 0)};
  if (!events.handle) die("opening evtchn");
  events.fd = fd(events.handle);
  *(void **)&events.notify = dlsym(library_handle, "xenevtchn_notify");
  *(void **)&events.pending = dlsym(library_handle, "xenevtchn_pending");
  *(void **)&events.unmask = dlsym(library_handle, "xenevtchn_unmask");
  return events;
}

// Waits for an event and unmasks the port; false after `ms` without an event.
static bool await_event(const struct events *events, int ms) {
  struct pollfd ready = {.fd = events->fd, .events = POLLIN};
  if (poll(&ready, 1, ms) <= 0) return false;
  const int port = events->pending(events->handle);
  return port >= 0 && events->unmask(events->handle, (uint32_t)port) == 0;
}

// Microseconds from a notify to the event in reply.
static double event_round_trip(uint32_t domain, uint32_t port, int rounds) {
  void *evtchn = library("libxenevtchn.so.1");
  FIND(evtchn, int (*)(void *, uint32_t, uint32_t), join, "xenevtchn_bind_interdomain");
  const struct events events = open_events(evtchn);
  const int local = join(events.handle, domain, port);
  if (local < 0) die("binding");
  // A port is pending as soon as it is bound, and the other domain replies to that event.
  while (await_event(&events, 50)) continue;
  const double start = now();
  for (int n = 0; n < rounds; n++) {
    events.notify(events.handle, (uint32_t)local);
    if (!await_event(&events, 5000)) die("no event came back");
  }
  return (now() - start) / rounds;
}

// Replies to every event of `domain` until its input ends; prints the port.
static double echo(uint32_t domain) {
  void *evtchn = library("libxenevtchn.so.1");
  FIND(evtchn, int (*)(void *, uint32_t), wait_for, "xenevtchn_bind_unbound_port");
  const struct events events = open_events(evtchn);
  const int port = wait_for(events.handle, domain);
  if (port < 0) die("binding");
  printf("%d\n", port);
  fflush(stdout);
  struct pollfd ready[] = {{.fd = events.fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
  while (poll(ready, 2, -1) > 0 && !ready[1].revents)
    if (await_event(&events, 0)) events.notify(events.handle, (uint32_t)port);
  exit(0);
}

// Microseconds of a request to xenstored.
static double store(bool writes, int rounds) {
  void *xenstore = library("libxenstore.so.4");
  FIND(xenstore, void *(*)(unsigned long), open_store, "xs_open");
  FIND(xenstore, void *(*)(void *, uint32_t, const char *, unsigned *), read_node, "xs_read");
  FIND(xenstore, bool (*)(void *, uint32_t, const char *, const void *, unsigned), write_node, "xs_write");
  FIND(xenstore, bool (*)(void *, uint32_t, const char *), remove_node, "xs_rm");
  static const char path[] = "data/netifspec-bench-c", value[] = "1";
  void *handle = open_store(0);
  if (!handle || !write_node(handle, 0, path, value, 1)) die("writing");
  const double start = now();
  for (int n = 0; n < rounds; n++) {
    unsigned length;
    if (writes) {
      if (!write_node(handle, 0, path, value, 1)) die("writing");
    } else {
      void *read = read_node(handle, 0, path, &length);
      if (!read) die("reading");
      free(read);
    }
  }
  const double each = (now() - start) / rounds;
  remove_node(handle, 0, path);
  return each;
}

struct errand {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int asked, answered, rounds;
  void *handle, *(*read_node)(void *, uint32_t, const char *, unsigned *);
};

static void *run_errands(void *given) {
  struct errand *errand = given;
  pthread_mutex_lock(&errand->mutex);
  while (errand->answered < errand->rounds) {
    while (errand->asked == errand->answered) pthread_cond_wait(&errand->changed, &errand->mutex);
    pthread_mutex_unlock(&errand->mutex);
    unsigned length;
    free(errand->read_node(errand->handle, 0, "domid", &length));
    pthread_mutex_lock(&errand->mutex);
    errand->answered++;
    pthread_cond_broadcast(&errand->changed);
  }
  pthread_mutex_unlock(&errand->mutex);
  return NULL;
}

// Microseconds of a read in another thread, as needed if the main thread must not block.
static double read_by_thread(int rounds) {
  void *xenstore = library("libxenstore.so.4");
  FIND(xenstore, void *(*)(unsigned long), open_store, "xs_open");
  FIND(xenstore, void *(*)(void *, uint32_t, const char *, unsigned *), read_node, "xs_read");
  struct errand errand = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, rounds, open_store(0), read_node};
  pthread_t thread;
  if (!errand.handle || pthread_create(&thread, NULL, run_errands, &errand) != 0) die("starting");
  const double start = now();
  pthread_mutex_lock(&errand.mutex);
  for (int n = 0; n < rounds; n++) {
    errand.asked++;
    pthread_cond_broadcast(&errand.changed);
    while (errand.answered < errand.asked) pthread_cond_wait(&errand.changed, &errand.mutex);
  }
  pthread_mutex_unlock(&errand.mutex);
  return (now() - start) / rounds;
}

static int packet_socket(const char *interface, struct sockaddr_ll *address) {
  *address = (struct sockaddr_ll){.sll_family = AF_PACKET, .sll_protocol = htons(LOCAL_EXPERIMENT)};
  address->sll_ifindex = (int)if_nametoindex(interface);
  const int fd = socket(AF_PACKET, SOCK_RAW, address->sll_protocol);
  if (fd < 0 || !address->sll_ifindex || bind(fd, (struct sockaddr *)address, sizeof *address) != 0) die(interface);
  return fd;
}

// Frames per second of the local experimental EtherType, from the first to the last before a silence. Prints "ready".
static double receive(const char *interface, int count) {
  struct sockaddr_ll address;
  const int fd = packet_socket(interface, &address);
  const int room = 16 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  printf("ready\n");
  fflush(stdout);
  double first = 0, last = 0;
  int frames = 0;
  char frame[65536];
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  while (frames < count && poll(&ready, 1, frames ? SILENCE_MS : 20000) > 0) {
    // Own outgoing frames are received too.
    struct sockaddr_ll from;
    socklen_t size = sizeof from;
    if (recvfrom(fd, frame, sizeof frame, 0, (struct sockaddr *)&from, &size) < 0) die("receiving");
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    last = now();
    if (frames++ == 0) first = last;
  }
  if (frames < 2) die("no frames came");
  return (frames - 1) / (last - first) * 1e6;
}

// Sends frames to a MAC as fast as the interface accepts them; prints frames per second.
static double send_frames(const char *interface, const char *mac, int count, int length) {
  struct sockaddr_ll address;
  const int fd = packet_socket(interface, &address);
  uint8_t frame[2048] = {0};
  unsigned byte[MAC_LENGTH];
  if (length < HEADER || length > (int)sizeof frame ||
      sscanf(mac, "%x:%x:%x:%x:%x:%x", byte, byte + 1, byte + 2, byte + 3, byte + 4, byte + 5) != MAC_LENGTH)
    die("length or MAC");
  for (int n = 0; n < MAC_LENGTH; n++) frame[n] = (uint8_t)byte[n];
  frame[MAC_LENGTH] = 2;
  frame[HEADER - 2] = LOCAL_EXPERIMENT >> 8;
  frame[HEADER - 1] = LOCAL_EXPERIMENT & 0xff;
  const double start = now();
  for (int n = 0; n < count; n++)
    while (send(fd, frame, (size_t)length, 0) < 0)
      if (errno != ENOBUFS) die("sending");
  return count / (now() - start) * 1e6;
}

static struct sockaddr_in internet(const char *address, uint32_t port) {
  struct sockaddr_in socket_address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, address, &socket_address.sin_addr) != 1) die(address);
  return socket_address;
}

// Accepts one TCP connection and reads it to its end; prints bytes per second. Prints "ready" first.
static double sink(uint32_t port) {
  const struct sockaddr_in any = internet("0.0.0.0", port);
  const int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (const struct sockaddr *)&any, sizeof any) != 0 || listen(listener, 1) != 0) die("listening");
  printf("ready\n");
  fflush(stdout);
  struct pollfd ready = {.fd = listener, .events = POLLIN};
  if (poll(&ready, 1, 20000) <= 0) die("nobody connects");
  const int fd = accept(listener, NULL, NULL);
  static char bytes[1 << 18];
  double start = now(), total = 0;
  for (ssize_t length; (length = read(fd, bytes, sizeof bytes)) != 0;) {
    if (length < 0) die("reading");
    total += (double)length;
  }
  return total / (now() - start) * 1e6;
}

// Connects to a sink and sends the given number of bytes; prints bytes per second.
static double pour(const char *address, uint32_t port, uint32_t count) {
  const struct sockaddr_in there = internet(address, port);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (const struct sockaddr *)&there, sizeof there) != 0) die(address);
  static const char bytes[1 << 16];
  const double start = now();
  for (uint32_t sent = 0; sent < count;) {
    const ssize_t length = write(fd, bytes, count - sent < sizeof bytes ? count - sent : sizeof bytes);
    if (length < 0) die("writing");
    sent += (uint32_t)length;
  }
  shutdown(fd, SHUT_WR);
  char end;
  if (read(fd, &end, 1) != 0) die("closing");
  return count / (now() - start) * 1e6;
}

static int usage(void) {
  fputs("bench map DOMID COUNT ROUNDS        microseconds to map and unmap COUNT grants\n"
        "bench copy DOMID COUNT ROUNDS       microseconds to copy COUNT granted pages\n"
        "bench echo DOMID                    prints a port and replies to its events\n"
        "bench events DOMID PORT ROUNDS      microseconds of a round trip to an echo\n"
        "bench read | write ROUNDS           microseconds of a request to xenstored\n"
        "bench thread ROUNDS                 microseconds of a read that a thread does\n"
        "bench send IFACE MAC COUNT LENGTH   frames per second\n"
        "bench receive IFACE COUNT           frames per second\n"
        "bench sink PORT                     bytes per second of one TCP connection\n"
        "bench pour ADDRESS PORT BYTES       bytes per second into a sink\n",
        stderr);
  return 2;
}

int main(int argc, char **argv) {
  const char *command = argc > 1 ? argv[1] : "";
  uint32_t number[4] = {0};
  for (int n = 2; n < argc && n < 6; n++) number[n - 2] = (uint32_t)strtoul(argv[n], NULL, 10);
  double result;
  if (!strcmp(command, "map") && argc == 5) result = map(number[0], number[1], (int)number[2]);
  else if (!strcmp(command, "copy") && argc == 5) result = copy(number[0], number[1], (int)number[2]);
  else if (!strcmp(command, "echo") && argc == 3) result = echo(number[0]);
  else if (!strcmp(command, "events") && argc == 5) result = event_round_trip(number[0], number[1], (int)number[2]);
  else if (!strcmp(command, "read") && argc == 3) result = store(false, (int)number[0]);
  else if (!strcmp(command, "write") && argc == 3) result = store(true, (int)number[0]);
  else if (!strcmp(command, "thread") && argc == 3) result = read_by_thread((int)number[0]);
  else if (!strcmp(command, "send") && argc == 6)
    result = send_frames(argv[2], argv[3], (int)number[2], (int)number[3]);
  else if (!strcmp(command, "receive") && argc == 4) result = receive(argv[2], (int)number[1]);
  else if (!strcmp(command, "sink") && argc == 3) result = sink(number[0]);
  else if (!strcmp(command, "pour") && argc == 5) result = pour(argv[2], number[1], number[2]);
  else return usage();
  printf("%.3f\n", result);
  return 0;
}
