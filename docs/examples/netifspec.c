/* SPDX-License-Identifier: MIT */
/* The calls of netifspec.h: each is a message through a pipe and its answer through another one. */
#include "netifspec.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MEMORY = 3, CALLS = 4, ANSWERS = 5 };
enum { DESCRIBE, READ, WRITE, REMOVE, LIST, START, END, WATCH, UNWATCH, GRANT, END_GRANT, MAP, UNMAP, COPY_FROM,
       COPY_TO, BIND_UNBOUND, BIND_INTERDOMAIN, UNBIND, NOTIFY, NOW, WAIT, RECEIVED,
       BARRIER };

/* The driver's pages are the first ones of the memory. */
#define OWN_PAGES (64 * 1024)
#define HEADER 8
#define BODY_MAX (128 * 1024)

static unsigned char *memory;
static unsigned char used[OWN_PAGES];

/* A call, and then its answer: the header and the body. */
static unsigned char message[HEADER + BODY_MAX];
/* The end of the call so far; the next byte to take of the answer. */
static size_t put_at, take_at;

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

static void put(const void *bytes, size_t count)
{
    if (count > sizeof message - put_at)
        die("a call is too long");
    memcpy(message + put_at, bytes, count);
    put_at += count;
}

static void put_u32(uint32_t value)
{
    put(&value, 4);
}

/* Makes a call with a field for each letter of `fields`: u is a u32; t a text; b bytes and their count; w words and
 * their count. Returns the result; the body of the answer can be taken then. */
static int call(uint32_t operation, const char *fields, ...)
{
    uint32_t header[2] = {operation};
    int32_t result;
    va_list values;

    put_at = take_at = HEADER;
    va_start(values, fields);
    for (; *fields; fields++) {
        if (*fields == 'u') {
            put_u32(va_arg(values, uint32_t));
        } else {
            const void *bytes = va_arg(values, const void *);
            uint32_t count = *fields == 't' ? strlen(bytes) : va_arg(values, uint32_t);
            put_u32(count);
            put(bytes, *fields == 'w' ? 4 * (size_t)count : count);
        }
    }
    va_end(values);
    header[1] = put_at - HEADER;
    memcpy(message, header, HEADER);
    transfer(0, message, put_at);
    transfer(1, message, HEADER);
    memcpy(&result, message, 4);
    memcpy(header, message, HEADER);
    if (header[1] > BODY_MAX)
        die("an answer is too long");
    transfer(1, message + HEADER, header[1]);
    return result;
}

static uint32_t take_u32(void)
{
    uint32_t value;
    memcpy(&value, message + take_at, 4);
    take_at += 4;
    return value;
}

static const void *take_bytes(uint32_t *count)
{
    *count = take_u32();
    take_at += *count;
    return message + take_at - *count;
}

static void take_text(char *text, size_t size)
{
    uint32_t count;
    const void *bytes = take_bytes(&count);
    if (count >= size)
        count = size - 1;
    memcpy(text, bytes, count);
    text[count] = 0;
}

void nifs_describe(uint32_t flags, uint32_t longest_frame)
{
    call(DESCRIBE, "uu", flags, longest_frame);
}

int nifs_read(uint32_t transaction, const char *path, char *value, size_t size)
{
    int result = call(READ, "ut", transaction, path);
    if (result >= 0)
        take_text(value, size);
    return result;
}

int nifs_list(uint32_t transaction, const char *path, char *names, size_t size)
{
    int result = call(LIST, "ut", transaction, path);
    if (result >= 0)
        take_text(names, size);
    return result;
}

int nifs_write(uint32_t transaction, const char *path, const char *value)
{
    return call(WRITE, "utt", transaction, path, value);
}

int nifs_remove(uint32_t transaction, const char *path)
{
    return call(REMOVE, "ut", transaction, path);
}

int nifs_transaction_start(void)
{
    return call(START, "");
}

int nifs_transaction_end(uint32_t transaction, int commit)
{
    return call(END, "uu", transaction, commit != 0);
}

int nifs_watch(const char *path, const char *token)
{
    return call(WATCH, "tt", path, token);
}

int nifs_unwatch(const char *token)
{
    return call(UNWATCH, "t", token);
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

static uint32_t page_number(const void *page)
{
    return ((const unsigned char *)page - memory) / NIFS_PAGE_SIZE;
}

void nifs_free_pages(void *pages, size_t count)
{
    memset(used + page_number(pages), 0, count);
}

int nifs_grant(uint32_t domain, void *page, int read_only)
{
    return call(GRANT, "uuu", domain, page_number(page), read_only != 0);
}

int nifs_end_grant(uint32_t ref)
{
    return call(END_GRANT, "u", ref);
}

void *nifs_map(uint32_t domain, const uint32_t *refs, uint32_t count, int read_only, uint32_t *handle)
{
    int result = call(MAP, "uuw", domain, read_only != 0, refs, count);
    if (result < 0)
        return NULL;
    *handle = result;
    unsigned char *pages = mmap(NULL, (size_t)count * NIFS_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (uint32_t n = 0; pages != MAP_FAILED && n < count; n++) {
        void *page = mmap(pages + (size_t)n * NIFS_PAGE_SIZE, NIFS_PAGE_SIZE,
                          read_only ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, MEMORY,
                          (off_t)take_u32() * NIFS_PAGE_SIZE);
        if (page == MAP_FAILED)
            pages = MAP_FAILED;
    }
    if (pages == MAP_FAILED)
        die("granted pages cannot be mapped");
    return pages;
}

void nifs_unmap(uint32_t handle, void *pages, uint32_t count)
{
    munmap(pages, (size_t)count * NIFS_PAGE_SIZE);
    call(UNMAP, "u", handle);
}

int nifs_copy_from(uint32_t domain, uint32_t ref, uint32_t offset, void *to, uint32_t count)
{
    int result = call(COPY_FROM, "uuuu", domain, ref, offset, count);
    if (result == 0) {
        const void *bytes = take_bytes(&count);
        memcpy(to, bytes, count);
    }
    return result;
}

int nifs_copy_to(uint32_t domain, uint32_t ref, uint32_t offset, const void *from, uint32_t count)
{
    return call(COPY_TO, "uuub", domain, ref, offset, from, count);
}

int nifs_bind_unbound(uint32_t remote_domain)
{
    return call(BIND_UNBOUND, "u", remote_domain);
}

int nifs_bind_interdomain(uint32_t remote_domain, uint32_t remote_port)
{
    return call(BIND_INTERDOMAIN, "uu", remote_domain, remote_port);
}

int nifs_unbind(uint32_t port)
{
    return call(UNBIND, "u", port);
}

int nifs_notify(uint32_t port)
{
    return call(NOTIFY, "u", port);
}

void nifs_barrier(void)
{
    __sync_synchronize();
    call(BARRIER, "");
}

int nifs_now(void)
{
    return call(NOW, "");
}

void nifs_received(const struct nifs_frame *frame)
{
    call(RECEIVED, "uuuub", frame->vif, frame->flags, frame->gso_size, frame->gso_type, frame->bytes, frame->length);
}

void nifs_wait(uint32_t timeout_ms, struct nifs_event *event)
{
    event->kind = call(WAIT, "u", timeout_ms);
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
