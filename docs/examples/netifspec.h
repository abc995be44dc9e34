/* SPDX-License-Identifier: MIT */
/* What a driver's program calls to run on netifspec's simulated Xen; see docs/driver-in-c.md.
 *
 * Results below 0 are negative errnos. Paths of xenstore are absolute or relative to the driver's domain. */
#ifndef NETIFSPEC_H
#define NETIFSPEC_H

#include <stddef.h>
#include <stdint.h>

#define NIFS_PAGE_SIZE 4096
#define NIFS_FOREVER 0xffffffffu

/* Opens the descriptors that netifspec passes to the program. Call it first. */
void nifs_init(void);

/* Describes the driver, before its first nifs_wait. By default it sends frames of up to 1518 bytes and has no flag. */
#define NIFS_CAN_CHECKSUM 1 /* sends frames whose checksum is blank */
#define NIFS_CAN_SEGMENT 2  /* sends frames with a GSO size */
#define NIFS_OWN_STACK 4    /* has a stack of its own: nifs_received is never called */
#define NIFS_NO_BRIDGE 8    /* is of a system that forwards no frames: tests that need a bridge are skipped */
#define NIFS_BARRIERS 16    /* calls nifs_barrier */
void nifs_describe(uint32_t flags, uint32_t longest_frame);

/* xenstore, outside (transaction 0) or inside a transaction. A value is cut at size - 1 bytes and ended with a 0; the
 * size is not 0, and the result is the whole length. Names of nifs_list are each ended with a 0; the result is their number. */
int nifs_read(uint32_t transaction, const char *path, char *value, size_t size);
int nifs_write(uint32_t transaction, const char *path, const char *value);
int nifs_remove(uint32_t transaction, const char *path);
int nifs_list(uint32_t transaction, const char *path, char *names, size_t size);
int nifs_transaction_start(void);
/* -EAGAIN: it has to be repeated from its start. */
int nifs_transaction_end(uint32_t transaction, int commit);
int nifs_watch(const char *path, const char *token);
int nifs_unwatch(const char *token);

/* Zeroed pages that can be granted; NULL if none are left. */
void *nifs_alloc_pages(size_t count);
void nifs_free_pages(void *pages, size_t count);

/* The reference of the new grant. Ending a grant fails with -EBUSY while the other domain maps the page. */
int nifs_grant(uint32_t domain, void *page, int read_only);
int nifs_end_grant(uint32_t ref);

/* Pages of another domain, at consecutive addresses; *handle is for the unmap. NULL if one of them can't be mapped. */
void *nifs_map(uint32_t domain, const uint32_t *refs, uint32_t count, int read_only, uint32_t *handle);
void nifs_unmap(uint32_t handle, void *pages, uint32_t count);
/* Grant copies within one page; the result is a GNTST status. */
int nifs_copy_from(uint32_t domain, uint32_t ref, uint32_t offset, void *to, uint32_t length);
int nifs_copy_to(uint32_t domain, uint32_t ref, uint32_t offset, const void *from, uint32_t length);

/* Event channels; the first two return the new port. */
int nifs_bind_unbound(uint32_t remote_domain);
int nifs_bind_interdomain(uint32_t remote_domain, uint32_t remote_port);
int nifs_unbind(uint32_t port);
int nifs_notify(uint32_t port);

/* Between the store of an index and the load after it: where a kernel has a full memory barrier (mb). The backend or
 * frontend may act there, so that lost wake-ups show. With NIFS_BARRIERS, call it at each such place. */
void nifs_barrier(void);

/* Milliseconds, modulo 2^31. */
int nifs_now(void);

/* A frame with the metadata of its slots. The stack sends what the vif is to transmit as NIFS_FRAME events. */
#define NIFS_CSUM_BLANK 1
#define NIFS_DATA_VALIDATED 2 /* the stack does not verify the checksum */
struct nifs_frame {
    uint32_t vif; /* the handle */
    uint32_t flags;
    uint32_t gso_size; /* 0: no GSO */
    uint32_t gso_type;
    uint32_t length;
    const void *bytes;
};
/* Passes a frame that has arrived to the guest's network stack. */
void nifs_received(const struct nifs_frame *frame);

enum nifs_kind { NIFS_TIMEOUT, NIFS_WATCH, NIFS_PORT, NIFS_FRAME };
struct nifs_event {
    enum nifs_kind kind;
    char token[64];  /* NIFS_WATCH */
    char path[1024]; /* NIFS_WATCH: what has changed */
    uint32_t port;   /* NIFS_PORT */
    struct nifs_frame frame; /* NIFS_FRAME; its bytes are valid until the next call */
};
/* Waits for an event, up to so many milliseconds. Nothing else lets time pass. */
void nifs_wait(uint32_t timeout_ms, struct nifs_event *event);

#endif
