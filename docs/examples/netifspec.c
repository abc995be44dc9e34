/* SPDX-License-Identifier: MIT */
/* The calls of netifspec.h: each is a message through a pipe and its answer through another one. */
#define _GNU_SOURCE
#include "netifspec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

enum { MEMORY = 3, CALLS = 4, ANSWERS = 5 };
enum { OFFLOADS, READ, WRITE, REMOVE, LIST, START, END, WATCH, UNWATCH, GRANT, END_GRANT, MAP, UNMAP, COPY_FROM,
       COPY_TO, BIND_UNBOUND, BIND_INTERDOMAIN, UNBIND, NOTIFY, NOW, WAIT, RECEIVED };

/* The driver's pages are the first ones of the memory. */
#define OWN_PAGES (64 * 1024)
#define BODY_MAX (128 * 1024)

static unsigned char *memory;
static unsigned char used[OWN_PAGES];

/* The body of a call, and then that of its answer. */
static unsigned char body[8 + BODY_MAX];
static size_t length, position;

static void die(const char *why)
{
    fprintf(stderr, "netifspec.c: %s\n", why);
    exit(1);
}

void nifs_init(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    memory = mmap(NULL, (size_t)OWN_PAGES * NIFS_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, MEMORY, 0);
    if (memory == MAP_FAILED)
        die("start this program with netifspec run --iut");
}

static void put(const void *bytes, size_t count)
{
    if (count > sizeof body - 8 - length)
        die("a call is too long");
    memcpy(body + 8 + length, bytes, count);
    length += count;
}

static void put_u32(uint32_t value)
{
    put(&value, 4);
}

static void put_bytes(const void *bytes, size_t count)
{
    put_u32(count);
    put(bytes, count);
}

static void put_text(const char *text)
{
    put_bytes(text, strlen(text));
}

static void transfer(int reading, unsigned char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t done = reading ? read(ANSWERS, bytes, count) : write(CALLS, bytes, count);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            exit(0); /* netifspec has ended */
        bytes += done;
        count -= done;
    }
}

/* Sends the call whose body was put, and returns its result. Its body can be taken then. */
static int call(uint32_t operation)
{
    uint32_t header[2] = {operation, length};
    int32_t result;

    memcpy(body, header, 8);
    transfer(0, body, 8 + length);
    transfer(1, body, 8);
    memcpy(&result, body, 4);
    memcpy(header, body, 8);
    if (header[1] > BODY_MAX)
        die("an answer is too long");
    transfer(1, body + 8, header[1]);
    length = position = 0;
    return result;
}

static uint32_t take_u32(void)
{
    uint32_t value;
    memcpy(&value, body + 8 + position, 4);
    position += 4;
    return value;
}

static const void *take_bytes(uint32_t *count)
{
    const void *bytes;
    *count = take_u32();
    bytes = body + 8 + position;
    position += *count;
    return bytes;
}

static void take_text(char *text, size_t size)
{
    uint32_t count;
    const void *bytes = take_bytes(&count);
    if (size == 0)
        return;
    if (count >= size)
        count = size - 1;
    memcpy(text, bytes, count);
    text[count] = 0;
}

static int call_1(uint32_t operation, uint32_t value)
{
    put_u32(value);
    return call(operation);
}

void nifs_offloads(uint32_t offloads, uint32_t longest_frame)
{
    put_u32(offloads);
    call_1(OFFLOADS, longest_frame);
}

static int ask(uint32_t operation, uint32_t transaction, const char *path, char *text, size_t size)
{
    int result;
    put_u32(transaction);
    put_text(path);
    result = call(operation);
    if (result >= 0)
        take_text(text, size);
    return result;
}

int nifs_read(uint32_t transaction, const char *path, char *value, size_t size)
{
    return ask(READ, transaction, path, value, size);
}

int nifs_list(uint32_t transaction, const char *path, char *names, size_t size)
{
    return ask(LIST, transaction, path, names, size);
}

int nifs_write(uint32_t transaction, const char *path, const char *value)
{
    put_u32(transaction);
    put_text(path);
    put_text(value);
    return call(WRITE);
}

int nifs_remove(uint32_t transaction, const char *path)
{
    put_u32(transaction);
    put_text(path);
    return call(REMOVE);
}

int nifs_transaction_start(void)
{
    return call(START);
}

int nifs_transaction_end(uint32_t transaction, int commit)
{
    put_u32(transaction);
    return call_1(END, commit != 0);
}

int nifs_watch(const char *path, const char *token)
{
    put_text(path);
    put_text(token);
    return call(WATCH);
}

int nifs_unwatch(const char *token)
{
    put_text(token);
    return call(UNWATCH);
}

void *nifs_alloc_pages(size_t count)
{
    size_t first = 0, n;
    for (n = 0; n < OWN_PAGES && n - first < count; n++)
        if (used[n])
            first = n + 1;
    if (n - first < count)
        return NULL;
    memset(used + first, 1, count);
    return memset(memory + first * NIFS_PAGE_SIZE, 0, count * NIFS_PAGE_SIZE);
}

void nifs_free_pages(void *pages, size_t count)
{
    memset(used + ((unsigned char *)pages - memory) / NIFS_PAGE_SIZE, 0, count);
}

int nifs_grant(uint32_t domain, void *page, int read_only)
{
    put_u32(domain);
    put_u32(((unsigned char *)page - memory) / NIFS_PAGE_SIZE);
    return call_1(GRANT, read_only != 0);
}

int nifs_end_grant(uint32_t ref)
{
    return call_1(END_GRANT, ref);
}

void *nifs_map(uint32_t domain, const uint32_t *refs, uint32_t count, int read_only, uint32_t *handle)
{
    int protection = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    unsigned char *pages;
    int result;

    put_u32(domain);
    put_u32(read_only != 0);
    put_u32(count);
    put(refs, count * 4);
    result = call(MAP);
    if (result < 0)
        return NULL;
    *handle = result;
    pages = mmap(NULL, (size_t)count * NIFS_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (uint32_t n = 0; pages != MAP_FAILED && n < count; n++) {
        void *page = mmap(pages + (size_t)n * NIFS_PAGE_SIZE, NIFS_PAGE_SIZE, protection, MAP_SHARED | MAP_FIXED,
                          MEMORY, (off_t)take_u32() * NIFS_PAGE_SIZE);
        if (page == MAP_FAILED)
            pages = MAP_FAILED;
    }
    if (pages == MAP_FAILED)
        die("mmap of granted pages failed");
    return pages;
}

void nifs_unmap(uint32_t handle, void *pages, uint32_t count)
{
    munmap(pages, (size_t)count * NIFS_PAGE_SIZE);
    call_1(UNMAP, handle);
}

int nifs_copy_from(uint32_t domain, uint32_t ref, uint32_t offset, void *to, uint32_t count)
{
    const void *bytes;
    int result;

    put_u32(domain);
    put_u32(ref);
    put_u32(offset);
    result = call_1(COPY_FROM, count);
    if (result == 0) {
        bytes = take_bytes(&count);
        memcpy(to, bytes, count);
    }
    return result;
}

int nifs_copy_to(uint32_t domain, uint32_t ref, uint32_t offset, const void *from, uint32_t count)
{
    put_u32(domain);
    put_u32(ref);
    put_u32(offset);
    put_bytes(from, count);
    return call(COPY_TO);
}

int nifs_bind_unbound(uint32_t remote_domain)
{
    return call_1(BIND_UNBOUND, remote_domain);
}

int nifs_bind_interdomain(uint32_t remote_domain, uint32_t remote_port)
{
    put_u32(remote_domain);
    return call_1(BIND_INTERDOMAIN, remote_port);
}

int nifs_unbind(uint32_t port)
{
    return call_1(UNBIND, port);
}

int nifs_notify(uint32_t port)
{
    return call_1(NOTIFY, port);
}

int nifs_now(void)
{
    return call(NOW);
}

void nifs_received(const struct nifs_frame *frame)
{
    put_u32(frame->vif);
    put_u32(frame->flags);
    put_u32(frame->gso_size);
    put_u32(frame->gso_type);
    put_bytes(frame->bytes, frame->length);
    call(RECEIVED);
}

void nifs_wait(uint32_t timeout_ms, struct nifs_event *event)
{
    event->kind = call_1(WAIT, timeout_ms);
    if (event->kind == NIFS_WATCH) {
        take_text(event->token, sizeof event->token);
        take_text(event->path, sizeof event->path);
    } else if (event->kind == NIFS_PORT) {
        event->port = take_u32();
    } else if (event->kind == NIFS_FRAME) {
        struct nifs_frame *frame = &event->frame;
        frame->vif = take_u32();
        frame->flags = take_u32();
        frame->gso_size = take_u32();
        frame->gso_type = take_u32();
        frame->bytes = take_bytes(&frame->length);
    }
}
