/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RDS over InfiniBand and RoCE: the objects of the transport, who owns them, which lock guards what.
 *
 *	module.c verbs_device.c verbs_queue.c verbs_region.c verbs_cm.c   kernel side, behind verbs.h and module.h
 *	transport.cc   struct rds_transport, counters, start and stop
 *	device.cc      devices, and their end with everything on them
 *	regions.cc     memory regions
 *	connect.cc     connecting, accepting, events of the connection manager, conn_shutdown
 *	link.cc        a queue pair with its rings, from its set-up to its end
 *	send.cc        xmit, acknowledgements, what completions of the send queue mean
 *	rdma.cc        xmit_rdma, xmit_atomic
 *	recv.cc        from completions to messages
 *	info.cc        what rds-info shows
 *
 * OWNERSHIP
 *
 *   rds_ib_device      one for each device that will do. Counted: from its coming to its going, and
 *                      by each region that the core has, or a worker ends.
 *   rds_ib_connection  one for each rds_connection, counted: from conn_alloc to conn_free, and by who
 *                      has found it by rds_ib_find(), as the core's reference does not keep it. Owns
 *                      the CM's id, a request of the peer's that waits, and its link.
 *   rds_ib_link        one queue pair. Owns its rings and what is in them, and holds its device: a
 *                      device goes when its links have gone, and those go in conn_shutdown.
 *   rds_ib_region      the core's from get_mr to free_mr, then its device's.
 *   rds_ib_incoming    counted by the core. A half received one belongs to its link.
 *
 * LOCKING, outer to inner
 *
 *   core's send_sem -> CM's own lock of an id -> connection's mutex -> spinlocks
 *   devices -> flush -> spinlocks
 *
 *   mutex        the id, the waiting request, the link's pointer. Events take it inside the CM's
 *                lock, so nobody destroys an id with it held.
 *   link         sending: send_sem. Receiving and completions: its tasklet; while `stalled`, the
 *                lane's receive work instead. The rings are between the two.
 *   conns lock   the list of connections and what each shows.
 *   device lock  connections that have a link on it, regions.
 */
#pragma once

#include <linux/errno.h>

#include "kernel/atomic.h"
#include "kernel/error.h"
#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/memory.h"
#include "kernel/ref.h"
#include "kernel/work.h"
#include "module.h"
#include "rds/ib_assembly.h"
#include "rds/ib_cm.h"
#include "rds/ib_credit.h"
#include "rds/ib_ring.h"
#include "rds/transport.h"
#include "verbs.h"

/* Counters, in the order of ib.md 22. */
enum rds_ib_counter {
	RDS_IB_CONNECT_RACED,
	RDS_IB_LISTEN_CLOSED_STALE,
	RDS_IB_EVT_HANDLER_CALL,
	RDS_IB_TASKLET_CALL,
	RDS_IB_TX_CQ_EVENT,
	RDS_IB_TX_RING_FULL,
	RDS_IB_TX_THROTTLE,
	RDS_IB_TX_SG_MAPPING_FAILURE,
	RDS_IB_TX_STALLED,
	RDS_IB_TX_CREDIT_UPDATES,
	RDS_IB_RX_CQ_EVENT,
	RDS_IB_RX_RING_EMPTY,
	RDS_IB_RX_REFILL_FROM_CQ,
	RDS_IB_RX_REFILL_FROM_THREAD,
	RDS_IB_RX_ALLOC_LIMIT,
	RDS_IB_RX_TOTAL_FRAGS,
	RDS_IB_RX_TOTAL_INCS,
	RDS_IB_RX_CREDIT_UPDATES,
	RDS_IB_ACK_SENT,
	RDS_IB_ACK_SEND_FAILURE,
	RDS_IB_ACK_SEND_DELAYED,
	RDS_IB_ACK_SEND_PIGGYBACKED,
	RDS_IB_ACK_RECEIVED,
	RDS_IB_RDMA_MR_8K_ALLOC,
	RDS_IB_RDMA_MR_8K_FREE,
	RDS_IB_RDMA_MR_8K_USED,
	RDS_IB_RDMA_MR_8K_POOL_FLUSH,
	RDS_IB_RDMA_MR_8K_POOL_WAIT,
	RDS_IB_RDMA_MR_8K_POOL_DEPLETED,
	RDS_IB_RDMA_MR_1M_ALLOC,
	RDS_IB_RDMA_MR_1M_FREE,
	RDS_IB_RDMA_MR_1M_USED,
	RDS_IB_RDMA_MR_1M_POOL_FLUSH,
	RDS_IB_RDMA_MR_1M_POOL_WAIT,
	RDS_IB_RDMA_MR_1M_POOL_DEPLETED,
	RDS_IB_RDMA_MR_8K_REUSED,
	RDS_IB_RDMA_MR_1M_REUSED,
	RDS_IB_ATOMIC_CSWP,
	RDS_IB_ATOMIC_FADD,
	RDS_IB_COUNTERS,
};

struct rds_ib_connection;
struct rds_ib_device;
struct rds_ib_link;

/* ---- memory regions: regions.cc ---- */

struct rds_ib_pool;

struct rds_ib_region {
	bool is_paged() const;

	list_head item; /* used, dirty or clean of its device; the device's lock */
	rds_ib_device *dev; /* counted while the core has it, or a worker */
	rds_ib_pool *pool;
	rv_mr *mr;
	scatterlist *sg; /* of one that is paged on demand, its charge */
	u32 nr; /* entries */
	bool released; /* paged, and its device waits for nobody any more; the device's lock */
	bool orphan; /* its device has gone, with mr and sg; the device's lock */
};

using rds_ib_region_list = kernel::list<rds_ib_region, &rds_ib_region::item>;

/* What a device that goes has of a region. */
struct rds_ib_leftover {
	rds_ib_region *owned; /* by nobody else any more; or null */
	rds_ib_pool *pool;
	rv_mr *mr;
	scatterlist *sg;
	u32 nr;
	bool is_paged;
};

/* Regions of one size. The device's lock. */
struct rds_ib_pool {
	u32 pages; /* of each, at most; 0: they are paged on demand, and each is made anew */
	u32 most; /* there may be */
	u32 nr; /* there are */
	bool large;
	rds_ib_region_list clean;
};

inline bool rds_ib_region::is_paged() const
{
	return !pool->pages;
}

/* Which of the counters that exist for both pools. */
enum rds_ib_pool_counter {
	RDS_IB_POOL_ALLOC,
	RDS_IB_POOL_FREE,
	RDS_IB_POOL_USED,
	RDS_IB_POOL_FLUSH,
	RDS_IB_POOL_WAIT,
	RDS_IB_POOL_DEPLETED,
	RDS_IB_POOL_REUSED,
};

/* ---- devices: device.cc ---- */

constexpr u32 rds_ib_most_sge = 8;
/* 1 MiB at any alignment */
constexpr u32 rds_ib_region_pages = RDS_MAX_MSG_SIZE / PAGE_BYTES + 1;

struct rds_ib_device {
	rds_ib_device(rv_device *d, const rv_limits &l);

	void get() { refs.get(); }
	void put();
	/* A reference to rv; false: the device is going. */
	[[nodiscard]] bool enter();
	void leave() { rv_device_put(rv); }
	[[nodiscard]] bool attach(rds_ib_connection *ic);
	void detach(rds_ib_connection *ic);
	void remove();

	/* regions.cc */
	rds_ib_region *register_pages(scatterlist *sg, u32 nr, const rds_region &want, int &err);
	rds_ib_region *register_on_demand(const rds_region &want, int &err);
	void release(rds_ib_region *r, bool soon);
	void freed(rds_ib_region *r);
	void flush();

	rv_device *const rv; /* whoever has entered, a link, and remove() */
	const rv_limits limits;
	const u32 send_sge; /* of one work request, at most rds_ib_most_sge */
	const u32 read_sge;

	kernel::refcount refs;
	list_head all_item; /* rds_ib_devices; its mutex */
	kernel::spinlock lock{KERNEL_LOCK_IB_DEVICE};
	list_head conns_head; /* lock */
	bool gone = false; /* lock */

	rds_ib_pool small, large, paged; /* lock */
	rds_ib_region_list used, dirty; /* lock */
	u32 dirty_pages = 0; /* lock */
	kernel::mutex flush_mutex{KERNEL_MUTEX_IB_FLUSH};
	kernel::work flush_work;

private:
	void end_regions();
	bool next_leftover(rds_ib_leftover &left);
	void end(const rds_ib_leftover &left);
	rds_ib_region *take_clean(rds_ib_pool &pool);
	rds_ib_region *make_region(rds_ib_pool &pool, const rds_region *want, int &err);
	rds_ib_region *find_region(rds_ib_pool &pool, const rds_region *want, int &err);
	u32 access_of(const rds_region &want, bool atomics) const;
	rv_mr *page_on_demand(const rds_region &want);
	void hand_out(rds_ib_region *r);
	void forget(rds_ib_region *r);
	void discard(rds_ib_region *r);
	void give_clean(rds_ib_region *r);
	void make_dirty(rds_ib_region *r, bool soon);
	u32 flush_some();
};

/* Every device that is there, for who flushes all. */
struct rds_ib_device_list {
	kernel::mutex mutex{KERNEL_MUTEX_IB_DEVICES};
	kernel::list<rds_ib_device, &rds_ib_device::all_item> all;
};

/* ---- one queue pair: link.cc, send.cc, rdma.cc, recv.cc ---- */

constexpr u64 rds_ib_ack_id = ~0ull; /* beside the ring's positions */
constexpr u32 rds_ib_batch = 16;
constexpr u32 rds_ib_fragment_pieces = 3;

/* A message on its way up. Payload is linear or in pieces, not both. */
struct rds_ib_incoming {
	rds_incoming inc; /* must be first */
	u32 linear_len; /* bytes that follow this struct */
	u32 nr, max; /* pieces that follow it */
	u32 filled; /* bytes of linear_len */

	u8 *linear() { return reinterpret_cast<u8 *>(this + 1); }
	const u8 *linear() const { return reinterpret_cast<const u8 *>(this + 1); }
	bio_vec *pieces() { return reinterpret_cast<bio_vec *>(this + 1); }
	const bio_vec *pieces() const { return reinterpret_cast<const bio_vec *>(this + 1); }
};

enum class slot_kind : u8 { fragment, rdma, atomic };

/*
 * In eighths of a second, for ib_tx_stalled, which counts what took longer than a half (ib.md 18); now
 * and then one that took 32 seconds is missed.
 */
inline u8 rds_ib_clock()
{
	return static_cast<u8>(kernel_ticks() / (TICKS_PER_SECOND / 8));
}
constexpr u8 rds_ib_stalls_after = 4;

/* A work request of the send queue. */
struct rds_ib_send_slot {
	rds_message *rm; /* counted; the last slot of a message, or of an operation */
	u64 addr[rds_ib_fragment_pieces]; /* of a fragment's payload */
	u32 len[rds_ib_fragment_pieces];
	u32 last; /* of an operation: where its last one is */
	u8 nr;
	slot_kind kind;
	u8 failed; /* rv_status of a part of the operation; RV_OK: none */
	u8 since; /* when it was posted, by rds_ib_clock() */
};

struct rds_ib_recv_slot {
	bio_vec piece; /* null page: none */
	u64 addr;
};

/* Headers of a ring, a page for each 85 of them. */
struct rds_ib_headers {
	[[nodiscard]] int make(rv_device *dev, u32 nr, bool to_device);
	void free(rv_device *dev);
	rds_header *at(u32 i) const;
	u64 addr(u32 i) const;

	struct page_of {
		bio_vec piece;
		u64 addr;
	};
	page_of *pages = nullptr;
	u32 nr_pages = 0;
	bool to_device = false;
};

struct rds_ib_link {
	explicit rds_ib_link(rds_ib_connection *c, rds_ib_device *d);
	~rds_ib_link();

	/* link.cc */
	[[nodiscard]] int start(rdma_cm_id *id, bool attach);
	void stop();
	void poll();
	void broken(rds_conn_why why);
	bool drained() const;

	/* send.cc */
	int xmit(rds_message *rm, u32 hdr_off, u32 sg, u32 off);
	void send_ack();
	void kick();

	/* rdma.cc */
	int xmit_rdma(rm_rdma_op *op);
	int xmit_atomic(rm_atomic_op *op);

	/* recv.cc */
	int receive();
	void establish(bool flow, u32 credit, u32 peer_reads);

	rds_ib_connection *const ic;
	rds_ib_device *const dev; /* has a reference to its rv */
	rv_queues *queues = nullptr;
	const bool wants_flow; /* as it was set when the link was made: its ring is large enough */
	bool attached = false;
	bool offers_flow = false; /* we have said that we want flow control */

	u32 flow = 0; /* credits count; set before `live`, as the next */
	u32 reads = 0; /* READs and atomics that may be under way at a time; of both ends */
	u32 live = 0; /* the connection stands: completions mean something */
	u32 closing = 0; /* nothing is delivered or refilled any more */
	u32 dead = 0; /* the peer has broken the protocol, or the queue pair broke */

	/* sending: send_sem, and whoever retires */
	rds::ib::ring send_ring;
	rds_ib_headers send_headers;
	rds_ib_send_slot *send_slots = nullptr;
	u32 full = 0; /* the core wants a kick */
	u32 unsignaled = 0; /* work requests since the last signaled one; send_sem */
	u32 never_told = 0; /* the newest slots, of which no completion comes; send_sem */
	u32 tx_done = 0; /* payload bytes posted of the message in hand; send_sem */
	rds::ib::credits credits;
	rv_wr wrs[rds_ib_batch]; /* send_sem, as the next */
	rv_sge sges[rds_ib_batch][rds_ib_most_sge];
	rv_wc sent[rds_ib_batch]; /* the tasklet */

	/* acknowledgements */
	rds_ib_headers ack_header;
	u64 next_ack = 0; /* the last message that was delivered; whoever receives */
	u32 ack_wanted = 0;
	u32 ack_busy = 0; /* its work request is posted */
	u64 acks = 0; /* by the peer, the newest of what was polled; whoever receives */
	u64 acked = 0; /* ... of what was polled before */

	/* receiving */
	rds::ib::ring recv_ring;
	rds_ib_headers recv_headers;
	rds_ib_recv_slot *recv_slots = nullptr;
	rds::ib::assembly assembly;
	rds_ib_incoming *partial = nullptr;
	rds_ib_incoming *whole = nullptr; /* complete, could not be delivered yet */
	rv_wc wcs[rds_ib_batch]; /* completions, of which wc_next comes next */
	u32 wc_next = 0, wc_nr = 0;
	u32 stalled = 0; /* no memory: the lane's receive work goes on, and the tasklet does not */
	rv_recv recvs[rds_ib_batch];

private:
	int make_rings(rdma_cm_id *id);
	void free_rings();
	void end_sends();
	void end_receives();
	bool poll_sends();
	bool poll_receives();

	void retire(u32 pos, rv_status status);
	void retire_operation(rds_ib_send_slot &slot, rv_status status);
	void send_completed(const rv_wc &wc);
	int fill_fragment(u32 pos, u32 i, const rds_message *rm, u32 &sg, u32 &off, u8 credit);
	void fill_header(u32 pos, const rds_message *rm, u8 credit);
	void unmap_fragment(rds_ib_send_slot &slot);
	u32 take_slots(u32 want, u32 &first);
	u32 take_credits(u32 got, u8 &said);
	bool wants_signal(bool last);
	bool take_wish();
	void wish_for_ack();
	bool post_ack();
	int refused(rds_message *rm, u32 first, u32 nr);
	u32 map_operand(const rm_rdma_op &op);
	void next_operand(const rm_rdma_op &op, scatterlist *&sg, rv_sge &sge);
	void unmap_operation(const rds_ib_send_slot &slot);
	void hold_operation(rds_message *rm, slot_kind kind, u32 first, u32 nr);

	int take(const rv_wc &wc, gfp_t gfp);
	int begin_message(const rds_header &hdr, gfp_t gfp);
	void keep(rds_ib_recv_slot &slot, u32 bytes);
	int deliver(gfp_t gfp);
	void consumed();
	static void forget(rds_ib_incoming *&in);
	int go_on(gfp_t gfp);
	int refill(gfp_t gfp, u32 most);
	void stall();
	void protocol_error(rds_drop_why why, const rds_header *hdr, const char *what);
};

/* ---- connections: connect.cc ---- */

/* A request of the peer's that is to be accepted. */
struct rds_ib_request {
	rdma_cm_id *id = nullptr;
	u16 version = 0;
	u32 credit = 0;
	u32 generation = 0;
	u32 initiator_depth = 0, responder_resources = 0;
};

/* What the lists of connections show of one that is up; zero otherwise. */
struct rds_ib_shown {
	bool up;
	u8 sl;
	u8 sgid[16], dgid[16];
	u32 send_wr, recv_wr, send_sge, mr_max, mr_size;
};

struct rds_ib_connection {
	explicit rds_ib_connection(rds_connection *c);
	void unlist();
	void get() { refs.get(); }
	void put();

	int connect();
	void shutdown();
	int receive();
	int requested(const rds_ib_request &request);
	int event(rdma_cm_id *cm_id, rdma_cm_event *cm_event, const rv_event &ev);
	void complete(rdma_cm_event *cm_event);
	int initiate();
	void step(int err);

	rds_connection *const conn;
	kernel::refcount refs;
	list_head all_item; /* conns lock */
	list_head device_item; /* the device's lock */
	rds_ib_shown shown{}; /* conns lock */

	kernel::mutex mutex{KERNEL_MUTEX_IB_CONN};
	rdma_cm_id *id = nullptr; /* mutex */
	/*
	 * Of a host that talks to itself by one address: the other end, where the messages arrive.
	 * Same rules as for `id` and `link`.
	 */
	rdma_cm_id *far_id = nullptr;
	rds_ib_link *far_link = nullptr;
	rds_ib_request waiting; /* mutex */
	rds_ib_request accepting; /* mutex: what `id` or `far_id` was, when the peer has asked */
	bool passive = false; /* mutex: the peer has asked */
	u16 version = 0; /* mutex */
	bool takes_only = false; /* mutex: the peer has got an offer of credits and made none */
	/*
	 * Changes under the mutex, in the states CONNECTING and DISCONNECTING; so the mutex, or being
	 * in a hook that conn_shutdown excludes, is enough.
	 */
	rds_ib_link *link = nullptr;

private:
	bool accept_waiting();
	void adopt(const rds_ib_request &request);
	int accept(rdma_cm_id *of, rds_ib_link *&made);
	int accept_far(const rds_ib_request &request);
	int far_event(const rv_event &ev);
	int make_link(rdma_cm_id *of, rds_ib_link *&made);
	bool to_self() const;
	int resolve_route();
	u32 introduce(u8 *to, u16 as, rds_ib_link &by) const;
	void lost(rds_conn_why why, const char *what);
	void show();
	void hide();
};

struct rds_ib_conn_list {
	kernel::spinlock lock{KERNEL_LOCK_IB_CONNS};
	kernel::list<rds_ib_connection, &rds_ib_connection::all_item> all;
};

using rds_ib_device_conns = kernel::list<rds_ib_connection, &rds_ib_connection::device_item>;

extern rds_transport rds_ib_transport;

/* transport.cc */
void rds_ib_count(rds_ib_counter counter, u64 n = 1);
rds_ib_conn_list &rds_ib_conns();
rds_ib_device_list &rds_ib_devices();

/* connect.cc */
/** rds_ib_find - of a connection that the caller holds; empty: it is being destroyed. A. */
kernel::ref<rds_ib_connection> rds_ib_find(const rds_connection *conn);
int rds_ib_handle_connect(rdma_cm_id *id, rdma_cm_event *event);
int rds_ib_initiate_connect(rdma_cm_id *id);

/* regions.cc */
void *rds_ib_get_mr(scatterlist *sg, unsigned long nr, rds_sock *rs, u32 *key, rds_connection *conn,
		    const rds_region *want);
void rds_ib_sync_mr(void *handle, int direction);
void rds_ib_free_mr(void *handle, int invalidate);
void rds_ib_flush_mrs();

/* recv.cc */
int rds_ib_inc_copy_to_user(rds_incoming *inc, iov_iter *to);
void rds_ib_inc_free(rds_incoming *inc);

/* info.cc */
int rds_ib_info_start(struct module *owner);
void rds_ib_info_stop();

inline rds_ib_connection *rds_ib_of(const rds_connection *conn)
{
	return static_cast<rds_ib_connection *>(conn->c_transport_data);
}
