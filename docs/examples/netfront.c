/* SPDX-License-Identifier: MIT */
/* A small netfront for netifspec.h: one queue, one event channel, no offloads. It shows what a driver's glue does. */
#include "netifspec.h"
#ifdef REFLECTOR
#include "reflector.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INITIALISING = 1, INIT_WAIT = 2, CONNECTED = 4, CLOSING = 5, CLOSED = 6 };
#define SLOTS 256
#define MAX_VIFS 64
#define LONGEST_FRAME 1518
#define RETRY_MS 100

/* Flags of slots (netif.h). */
enum { TX_MORE_DATA = 4, TX_EXTRA_INFO = 8 };
enum { RX_DATA_VALIDATED = 1, RX_CSUM_BLANK = 2, RX_MORE_DATA = 4, RX_EXTRA_INFO = 8 };

/* The head of a shared ring (ring.h); its slots begin at byte 64. */
struct shared {
    uint32_t req_prod, req_event, rsp_prod, rsp_event;
};
struct tx_request {
    uint32_t gref;
    uint16_t offset, flags, id, size;
};
struct tx_response {
    uint16_t id;
    int16_t status;
};
struct rx_request {
    uint16_t id, pad;
    uint32_t gref;
};
struct rx_response {
    uint16_t id, offset, flags;
    int16_t status;
};

/* One ring with a page and a grant for each of its slots. */
struct ring {
    struct shared *shared;
    int gref, grefs[SLOTS];
    unsigned char *pages;
    uint32_t req_prod, rsp_cons;
};

struct vif {
    int exists, connected, handle, domain, port;
    char path[64], backend[256], token[16];
    struct ring tx, rx;
    uint8_t mac[6];
    uint16_t free_ids[SLOTS];
    int free_count, skip_fragments;
};
static struct vif vifs[MAX_VIFS];

static void *slot(struct ring *ring, uint32_t index, size_t size)
{
    return (unsigned char *)ring->shared + 64 + index % SLOTS * size;
}

static int read_number(const char *folder, const char *key)
{
    char path[320], value[32];
    snprintf(path, sizeof path, "%s/%s", folder, key);
    return nifs_read(0, path, value, sizeof value) < 0 ? -1 : atoi(value);
}

static void read_mac(struct vif *vif)
{
    char path[96], text[32];
    snprintf(path, sizeof path, "%s/mac", vif->path);
    if (nifs_read(0, path, text, sizeof text) >= 0)
        sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &vif->mac[0], &vif->mac[1], &vif->mac[2], &vif->mac[3],
               &vif->mac[4], &vif->mac[5]);
}

static void write_number(struct vif *vif, const char *key, int number)
{
    char path[128], value[16];
    snprintf(path, sizeof path, "%s/%s", vif->path, key);
    snprintf(value, sizeof value, "%d", number);
    nifs_write(0, path, value);
}

static void open_ring(struct ring *ring, int domain, int read_only)
{
    ring->req_prod = ring->rsp_cons = 0;
    ring->shared = nifs_alloc_pages(1);
    ring->shared->req_event = ring->shared->rsp_event = 1;
    ring->gref = nifs_grant(domain, ring->shared, 0);
    ring->pages = nifs_alloc_pages(SLOTS);
    for (int n = 0; n < SLOTS; n++)
        ring->grefs[n] = nifs_grant(domain, ring->pages + n * NIFS_PAGE_SIZE, read_only);
}

/* Grants that the backend still used when they were to end. Like a kernel, tries again later. */
static struct {
    int gref;
    void *page;
} deferred[MAX_VIFS * 2 * (SLOTS + 1)];
static size_t deferred_count;

static void end_grant(int gref, void *page)
{
    if (nifs_end_grant(gref) == 0) {
        nifs_free_pages(page, 1);
    } else {
        deferred[deferred_count].gref = gref;
        deferred[deferred_count++].page = page;
    }
}

static void end_deferred(void)
{
    size_t count = deferred_count;
    deferred_count = 0;
    for (size_t n = 0; n < count; n++)
        end_grant(deferred[n].gref, deferred[n].page);
}

static void close_ring(struct ring *ring)
{
    for (int n = 0; n < SLOTS; n++)
        end_grant(ring->grefs[n], ring->pages + n * NIFS_PAGE_SIZE);
    end_grant(ring->gref, ring->shared);
}

/* Publishes the requests up to req_prod and notifies the backend if it asked for it (RING_PUSH_..._CHECK_NOTIFY). */
static void push(struct vif *vif, struct ring *ring)
{
    uint32_t before = ring->shared->req_prod;
    __atomic_store_n(&ring->shared->req_prod, ring->req_prod, __ATOMIC_SEQ_CST);
    nifs_barrier();
    uint32_t event = __atomic_load_n(&ring->shared->req_event, __ATOMIC_SEQ_CST);
    if (ring->req_prod - event < ring->req_prod - before)
        nifs_notify(vif->port);
}

static void post(struct ring *rx, uint16_t id)
{
    struct rx_request *request = slot(rx, rx->req_prod++, 8);
    *request = (struct rx_request){.id = id, .gref = rx->grefs[id]};
}

static void connect_vif(struct vif *vif)
{
    open_ring(&vif->tx, vif->domain, 1);
    open_ring(&vif->rx, vif->domain, 0);
    vif->port = nifs_bind_unbound(vif->domain);
    vif->skip_fragments = 0;
    for (vif->free_count = 0; vif->free_count < SLOTS; vif->free_count++)
        vif->free_ids[vif->free_count] = SLOTS - 1 - vif->free_count;
    for (int id = 0; id < SLOTS; id++)
        post(&vif->rx, id);
    vif->rx.shared->req_prod = vif->rx.req_prod;
    write_number(vif, "tx-ring-ref", vif->tx.gref);
    write_number(vif, "rx-ring-ref", vif->rx.gref);
    write_number(vif, "event-channel", vif->port);
    write_number(vif, "request-rx-copy", 1);
    write_number(vif, "feature-rx-notify", 1);
    write_number(vif, "state", CONNECTED);
    vif->connected = 1;
}

static void disconnect_vif(struct vif *vif)
{
    if (!vif->connected)
        return;
    vif->connected = 0;
    nifs_unbind(vif->port);
    close_ring(&vif->tx);
    close_ring(&vif->rx);
}

/* Follows the backend's state. */
static void follow(struct vif *vif)
{
    int backend = read_number(vif->backend, "state"), own = read_number(vif->path, "state");
    if (own < 0) {
        /* The toolstack has removed the vif. */
        disconnect_vif(vif);
        nifs_unwatch(vif->token);
        vif->exists = 0;
    } else if (backend == INIT_WAIT && own == INITIALISING) {
        if (read_number(vif->backend, "feature-rx-copy") > 0)
            connect_vif(vif);
    } else if (own != CLOSED && (backend == CLOSING || backend == CLOSED || backend < 0)) {
        disconnect_vif(vif);
        write_number(vif, "state", CLOSED);
    }
}

static void add_vif(int handle)
{
    char path[96], watched[300];
    struct vif *vif = NULL;
    for (struct vif *each = vifs; each < vifs + MAX_VIFS; each++) {
        if (each->exists && each->handle == handle)
            return;
        if (!each->exists)
            vif = each;
    }
    if (vif == NULL)
        return;
    memset(vif, 0, sizeof *vif);
    vif->handle = handle;
    snprintf(vif->path, sizeof vif->path, "device/vif/%d", handle);
    snprintf(vif->token, sizeof vif->token, "vif%d", handle);
    snprintf(path, sizeof path, "%s/backend", vif->path);
    vif->domain = read_number(vif->path, "backend-id");
    read_mac(vif);
    if (nifs_read(0, path, vif->backend, sizeof vif->backend) < 0 || vif->domain < 0)
        return;
    vif->exists = 1;
    snprintf(watched, sizeof watched, "%s/state", vif->backend);
    nifs_watch(watched, vif->token);
}

static void scan(void)
{
    char names[4096];
    int count = nifs_list(0, "device/vif", names, sizeof names);
    const char *name = names;
    for (int n = 0; n < count; n++, name += strlen(name) + 1)
        add_vif(atoi(name));
    for (struct vif *vif = vifs; vif < vifs + MAX_VIFS; vif++)
        if (vif->exists)
            follow(vif);
}

/* The end of the responses. A backend that claims more of them than there are requests gets no attention. */
static uint32_t rsp_end(struct ring *ring)
{
    uint32_t end = __atomic_load_n(&ring->shared->rsp_prod, __ATOMIC_ACQUIRE);
    return end - ring->rsp_cons > ring->req_prod - ring->rsp_cons ? ring->rsp_cons : end;
}

static void take_tx_responses(struct vif *vif)
{
    struct ring *tx = &vif->tx;
    while (tx->rsp_cons != rsp_end(tx)) {
        struct tx_response response = *(struct tx_response *)slot(tx, tx->rsp_cons++, 12);
        if (response.id < SLOTS && vif->free_count < SLOTS)
            vif->free_ids[vif->free_count++] = response.id;
        __atomic_store_n(&tx->shared->rsp_event, tx->rsp_cons + 1, __ATOMIC_SEQ_CST);
        nifs_barrier();
    }
}

static void transmit(struct vif *vif, const struct nifs_frame *frame)
{
    struct ring *tx = &vif->tx;
    if (vif->free_count == 0)
        return; /* a full queue drops */
    uint16_t id = vif->free_ids[--vif->free_count];
    memcpy(tx->pages + id * NIFS_PAGE_SIZE, frame->bytes, frame->length);
    /* The rest of the page may hold an earlier packet, which is no business of the backend. */
    memset(tx->pages + id * NIFS_PAGE_SIZE + frame->length, 0, NIFS_PAGE_SIZE - frame->length);
    struct tx_request *request = slot(tx, tx->req_prod++, 12);
    *request = (struct tx_request){.gref = tx->grefs[id], .id = id, .size = frame->length};
    push(vif, tx);
}

/* Passes a frame to the stack: netifspec's or, with -DREFLECTOR, the one in reflector.c. */
static void deliver(struct vif *vif, struct nifs_frame *frame)
{
#ifdef REFLECTOR
    static uint8_t reply[REFLECTOR_FRAME_MAX];
    frame->length = reflector_reply(vif->mac, frame->bytes, frame->length, frame->flags & NIFS_CSUM_BLANK, reply);
    frame->bytes = reply;
    if (frame->length > 0 && frame->length <= LONGEST_FRAME)
        transmit(vif, frame);
#else
    (void)vif;
    nifs_received(frame);
#endif
}

static void take_rx_responses(struct vif *vif)
{
    struct ring *rx = &vif->rx;
    while (rx->rsp_cons != rsp_end(rx)) {
        struct rx_response response = *(struct rx_response *)slot(rx, rx->rsp_cons++, 8);
        int whole = !vif->skip_fragments && !(response.flags & (RX_MORE_DATA | RX_EXTRA_INFO));
        vif->skip_fragments = (response.flags & RX_MORE_DATA) != 0;
        if (response.id >= SLOTS)
            continue;
        if (whole && response.status > 0 && response.offset + response.status <= NIFS_PAGE_SIZE) {
            struct nifs_frame frame = {
                .vif = vif->handle,
                .flags = (response.flags & RX_CSUM_BLANK ? NIFS_CSUM_BLANK : 0) |
                         (response.flags & RX_DATA_VALIDATED ? NIFS_DATA_VALIDATED : 0),
                .length = response.status,
                .bytes = rx->pages + response.id * NIFS_PAGE_SIZE + response.offset,
            };
            deliver(vif, &frame);
        }
        post(rx, response.id);
        push(vif, rx);
        __atomic_store_n(&rx->shared->rsp_event, rx->rsp_cons + 1, __ATOMIC_SEQ_CST);
        nifs_barrier();
    }
}

int main(void)
{
    struct nifs_event event;
    nifs_init();
#ifdef REFLECTOR
    nifs_describe(NIFS_OWN_STACK | NIFS_BARRIERS, LONGEST_FRAME);
#else
    nifs_describe(NIFS_BARRIERS, LONGEST_FRAME);
#endif
    nifs_watch("device/vif", "vifs");
    for (;;) {
        nifs_wait(deferred_count > 0 ? RETRY_MS : NIFS_FOREVER, &event);
        if (event.kind == NIFS_WATCH)
            scan();
        for (struct vif *vif = vifs; vif < vifs + MAX_VIFS; vif++) {
            if (!vif->exists || !vif->connected)
                continue;
            if (event.kind == NIFS_PORT && (int)event.port == vif->port) {
                take_tx_responses(vif);
                take_rx_responses(vif);
            } else if (event.kind == NIFS_FRAME && (int)event.frame.vif == vif->handle) {
                transmit(vif, &event.frame);
            }
        }
        end_deferred(); /* not before: the bytes of a frame are valid until the next call */
    }
}
