/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the halves of rds_rdma: what its C++ asks of the kernel's verbs and connection manager
 * (verbs_device.c, verbs_queue.c, verbs_region.c, verbs_cm.c), and what those call back. The KUnit suite has a half of its
 * own in their place (kunit/fake_verbs.cc). Contexts as in include/rds/transport.h.
 */
#ifndef RDS_IB_VERBS_H
#define RDS_IB_VERBS_H

#include "rds/types.h"

struct ib_device;
struct page;
struct rdma_cm_event;
struct rdma_cm_id;
struct rv_device; /* a device that can do what RDS needs, with our protection domain */
struct rv_mr; /* a memory region of the device's, of so many pages at most */
struct rv_queues; /* a queue pair, its completion queues, and the tasklet that polls them */

#define RV_NO_ADDRESS (~0ull) /* could not be mapped */

struct rv_limits {
	u32 qp_wr, cqe;
	u32 send_sge, read_sge, recv_sge;
	u32 mrs, mr_pages;
	u32 initiator_depth, responder_resources;
	bool atomics, masked_atomics;
	bool on_demand, on_demand_atomics; /* memory that is paged in when it gets there */
};

/* What may be done with a memory region; what a peer may change the device may write, too. */
enum rv_access {
	RV_LOCAL_WRITE = 1, /* for a request of ours */
	RV_REMOTE_READ = 2,
	RV_REMOTE_WRITE = 4,
	RV_REMOTE_ATOMIC = 8,
};

/* As the kernel's struct ib_sge. */
struct rv_sge {
	u64 addr;
	u32 length;
	u32 lkey;
};

enum rv_op {
	RV_SEND,
	RV_WRITE,
	RV_READ,
	RV_CSWP,
	RV_FADD,
	RV_MASKED_CSWP,
	RV_MASKED_FADD,
};

/* One work request of the send queue. */
struct rv_wr {
	u64 id;
	const struct rv_sge *sge;
	u32 nr_sge;
	enum rv_op op;
	bool signaled, solicited, fence;
	/* RDMA and atomics */
	u32 rkey;
	u64 remote_addr;
	u64 compare_add, swap, compare_mask, swap_mask;
};

struct rv_recv {
	u64 id;
	struct rv_sge sge[2];
};

enum rv_status {
	RV_OK,
	RV_FLUSHED, /* the queue pair broke before it was its turn */
	RV_REMOTE_ACCESS,
	RV_ERROR,
};

struct rv_wc {
	u64 id;
	u32 bytes; /* received */
	enum rv_status status;
	u32 raw_status; /* the kernel's number, for the log */
	bool receive; /* it is what a receive ends with, not something else */
};

struct rv_sizes {
	u32 send_wr, recv_wr, send_cqe, recv_cqe, send_sge, recv_sge;
};

enum rv_event_kind {
	RV_EVENT_REQUEST,
	RV_EVENT_ADDR_RESOLVED,
	RV_EVENT_ROUTE_RESOLVED,
	RV_EVENT_ESTABLISHED,
	RV_EVENT_REJECTED,
	RV_EVENT_LOST, /* whatever else ends a connection, or its beginning */
	RV_EVENT_OTHER,
};

struct rv_event {
	enum rv_event_kind kind;
	const u8 *data; /* the peer's private data */
	u32 len;
	/* as the peer's offer limits us: READs that we may have under way, and that it may have */
	u32 initiator_depth, responder_resources;
	bool by_peer; /* REJECTED: by RDS there, not by its connection manager */
	s32 reject_value; /* then */
	const char *name;
};

/* What is known of a connection manager's id once its device is known. */
struct rv_route {
	struct in6_addr laddr, faddr; /* IPv4 is mapped */
	u32 if_index;
	bool v6;
	u8 sl;
	u8 sgid[16], dgid[16];
};

struct rv_offer {
	const u8 *data;
	u32 len;
	u8 initiator_depth, responder_resources;
	u8 retry_count; /* of the side that connects */
};

RDS_EXTERN_C_BEGIN

/* ---- devices: verbs_device.c ---- */

/**
 * rv_start, rv_stop - the kernel's devices, and those that come and go later
 * Each that will do is told with rds_ib_device_add(), in here or later; rv_stop() has each removed.
 * P. Return: 0 or errno.
 */
int rv_start(void);
void rv_stop(void);

const char *rv_device_name(const struct rv_device *dev);
void *rv_device_user(const struct rv_device *dev); /* what rds_ib_device_add() has returned */
struct rv_device *rv_device_get(struct rv_device *dev);
/** rv_device_tryget - false: rv_device_wait() is over; the caller knows that @dev is there. A. */
bool rv_device_tryget(struct rv_device *dev);
void rv_device_put(struct rv_device *dev); /* A */
/** rv_device_wait - until nobody holds it but the caller. P. */
void rv_device_wait(struct rv_device *dev);

/* Return: RV_NO_ADDRESS if it cannot be had. A. */
u64 rv_map(struct rv_device *dev, struct page *page, u32 off, u32 len, bool to_device);
void rv_unmap(struct rv_device *dev, u64 addr, u32 len, bool to_device);
void rv_sync_for_cpu(struct rv_device *dev, u64 addr, u32 len, bool to_device);
void rv_sync_for_device(struct rv_device *dev, u64 addr, u32 len, bool to_device);
u32 rv_lkey(const struct rv_device *dev); /* for what rv_map() gave */
/** rv_map_sg - Return: entries, not more than @nr; 0: none is mapped. A. */
u32 rv_map_sg(struct rv_device *dev, struct scatterlist *sg, u32 nr, bool to_device);
void rv_unmap_sg(struct rv_device *dev, struct scatterlist *sg, u32 nr, bool to_device);
/** rv_sg_next - describe the mapped entry @sg. Return: the one behind it. A. */
struct scatterlist *rv_sg_next(struct rv_device *dev, struct scatterlist *sg, struct rv_sge *sge);
void *rv_page_address(struct page *page);

/* ---- queue pairs: verbs_queue.c ---- */

/**
 * rv_queues_create - for the connection of @id; @user is told by rds_ib_poll(), rds_ib_broken()
 * P. Return: ERR_PTR.
 */
struct rv_queues *rv_queues_create(struct rv_device *dev, struct rdma_cm_id *id,
				   const struct rv_sizes *sizes, void *user);
void rv_queues_fail(struct rv_queues *q); /* what is posted is flushed; P */
/** rv_queues_poll_soon - as if a completion had come. A. */
void rv_queues_poll_soon(struct rv_queues *q);
/**
 * rv_queues_drain - poll until @empty(@user), for @ms at most: flushed requests need not be
 * announced (softroce.md 5). P. Return: it is.
 */
bool rv_queues_drain(struct rv_queues *q, bool (*empty)(void *user), u32 ms);
void rv_queues_silence(struct rv_queues *q); /* no rds_ib_poll() from here on; P */
/** rv_queues_destroy - the device has let go of everything when it returns. P, silenced. */
void rv_queues_destroy(struct rv_queues *q);

/** rv_post - in order. Return: how many were posted; the rest the device refused. A, one caller. */
u32 rv_post(struct rv_queues *q, const struct rv_wr *wrs, u32 nr);
u32 rv_post_recv(struct rv_queues *q, const struct rv_recv *recvs, u32 nr);
/* Return: completions. A, one caller for each queue. */
u32 rv_poll_send(struct rv_queues *q, struct rv_wc *wcs, u32 nr);
u32 rv_poll_recv(struct rv_queues *q, struct rv_wc *wcs, u32 nr);
/** rv_arm - the next one, or the next solicited one, is told. Return: look again first. A. */
bool rv_arm_send(struct rv_queues *q);
bool rv_arm_recv(struct rv_queues *q, bool solicited_only);

/* ---- memory regions: verbs_region.c. They need no connection: each device has a queue for them. ---- */

struct rv_mr *rv_mr_alloc(struct rv_device *dev, u32 pages); /* P. ERR_PTR */
void rv_mr_free(struct rv_mr *mr); /* P */
/**
 * rv_mr_map - what lies in the first page from @off on, @length bytes in all; the peer's address of
 * the first of them is @off. P. Return: 0 or errno.
 */
int rv_mr_map(struct rv_mr *mr, struct scatterlist *sg, u32 nr, u32 off, u64 length);
void rv_mr_unmap(struct rv_device *dev, struct scatterlist *sg, u32 nr);
void rv_mr_sync(struct rv_mr *mr, struct scatterlist *sg, u32 nr, int direction); /* A */
u32 rv_mr_key(const struct rv_mr *mr); /* for the peer */
u32 rv_mr_lkey(const struct rv_mr *mr); /* for requests of ours */
/**
 * rv_mr_register - under a new key. @access: of enum rv_access. P. Return: 0; errno: the region is
 * in an unknown state.
 */
int rv_mr_register(struct rv_mr *mr, u32 access);
/**
 * rv_mr_on_demand - a region of the current user's memory from @start on, @length bytes, paged in
 * when the device gets there; the address of its first byte is @iova. It is not mapped, not
 * registered, not invalidated: rv_mr_free() or rv_mr_free_later() is its end. P. Return: ERR_PTR.
 */
struct rv_mr *rv_mr_on_demand(struct rv_device *dev, u64 start, u64 length, u64 iova, u32 access);
/**
 * rv_mr_free_later - what may take as long as the memory's owner likes (a page that he serves is
 * being fetched): in a worker, which then tells rds_ib_mr_freed(@user). It takes the caller's
 * reference of the device. A.
 */
void rv_mr_free_later(struct rv_mr *mr, void *user);
/** rv_mr_wait - until all that rv_mr_free_later() was told is freed, but not for long. P. */
void rv_mr_wait(void);
/** rv_mr_invalidate - @failed: those in an unknown state. P. */
void rv_mr_invalidate(struct rv_device *dev, struct rv_mr *const *mrs, bool *failed, u32 nr);

/* ---- connection manager: verbs_cm.c ---- */

int rv_listen(bool v6); /* P */
void rv_unlisten(void); /* P */
/** rv_id_create - its events come with @context. P. ERR_PTR. */
struct rdma_cm_id *rv_id_create(void *context);
void rv_id_destroy(struct rdma_cm_id *id); /* no event comes from here on; P */
void *rv_id_context(const struct rdma_cm_id *id);
void rv_id_set_context(struct rdma_cm_id *id, void *context); /* in its handler */
/* Between events of @id. P. */
void rv_id_lock(struct rdma_cm_id *id);
void rv_id_unlock(struct rdma_cm_id *id);
/* The three steps of connecting. P. Return: 0 or errno. */
int rv_id_resolve_addr(struct rdma_cm_id *id, const struct in6_addr *laddr,
		       const struct in6_addr *faddr, u32 scope_id);
int rv_id_resolve_route(struct rdma_cm_id *id, u8 tos);
int rv_id_connect(struct rdma_cm_id *id, const struct rv_offer *offer, u8 sl); /* in its handler */
/** rv_id_accept - @id's events do not come meanwhile. P. */
int rv_id_accept(struct rdma_cm_id *id, const struct rv_offer *offer);
void rv_id_reject(struct rdma_cm_id *id, s32 value);
void rv_id_disconnect(struct rdma_cm_id *id); /* P */
/** rv_id_device - counted, or null: none, or none of ours. A. */
struct rv_device *rv_id_device(const struct rdma_cm_id *id);
void rv_id_route(const struct rdma_cm_id *id, struct rv_route *route);
void rv_event_read(struct rdma_cm_id *id, struct rdma_cm_event *event, struct rv_event *out);
/**
 * rv_local_device - the device that has this address; counted. P. Return: ERR_PTR(-EADDRNOTAVAIL)
 * and others.
 */
struct rv_device *rv_local_device(const struct in6_addr *addr, u32 scope_id);
bool rv_is_local(const struct in6_addr *addr, u32 if_index); /* an address of this host? A */
bool rv_net_is_initial(const struct net *net);
struct net *rv_net(void);

/* ---- C++, called by the above ---- */

/** rds_ib_device_add - Return: what rv_device_user() gives; ERR_PTR: it is not used. P. */
void *rds_ib_device_add(struct rv_device *dev, const struct rv_limits *limits);
/** rds_ib_device_remove - it goes: returns when nothing of ours is on it. P. */
void rds_ib_device_remove(void *user);
void rds_ib_poll(void *user); /* softirq, not twice at once for one */
void rds_ib_broken(void *user); /* the queue pair reports an error; softirq, as rds_ib_poll() */
void rds_ib_cq_event(void); /* a device's callback, for the counter; with interrupts off */
void rds_ib_mr_freed(void *user); /* what rv_mr_free_later() was given; P */
/** rds_ib_event - Return: not 0: @id is to be destroyed. P. */
int rds_ib_event(void *context, struct rdma_cm_id *id, struct rdma_cm_event *event);

RDS_EXTERN_C_END

#endif /* RDS_IB_VERBS_H */
