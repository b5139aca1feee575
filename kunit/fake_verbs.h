/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's half of rds_rdma's seam, in memory: every rv_* of transports/ib/verbs.h. A test says
 * what the devices can do, what fails, and what becomes of what was posted; the fake watches what
 * the transport does with it. What hardware or the DMA-API would not bear is a violation.
 *
 * A queue pair is driven by the test, request by request, or joined to another one here, between
 * which the bytes go by themselves. So is the connection manager: the test delivers each event, or
 * a thread does, and connects the two ends (start_cm).
 *
 * Addresses that are served: 10.96.0.1 to .15 and fd96::1 to ::f on device 0, the next sixteen on
 * device 1. Ids and queue pairs stay on their lists, marked, until the fake goes.
 */
#pragma once

#include "../transports/ib/module.h"
#include "../transports/ib/verbs.h"
#include "ib_bench.h"
#include "test.h"

constexpr u32 fv_net = 0x0a600000; /* 10.96.0.0 */
constexpr u32 fv_devices = 2;
constexpr u32 fv_most_sge = 8;
constexpr u32 fv_data_bytes = 196;

/* What can be made to fail. */
enum fv_point {
	FV_START,
	FV_LISTEN,
	FV_LISTEN6,
	FV_LOCAL_DEVICE,
	FV_MAP,
	FV_MAP_SG,
	FV_QUEUES,
	FV_POST,
	FV_POST_RECV,
	FV_MR_ALLOC,
	FV_MR_MAP,
	FV_MR_REGISTER,
	FV_MR_INVALIDATE, /* of each region */
	FV_ID_CREATE,
	FV_ID_DEVICE,
	FV_RESOLVE_ADDR,
	FV_RESOLVE_ROUTE,
	FV_CONNECT,
	FV_ACCEPT,
	FV_ALLOC, /* kernel_alloc(), GFP_ATOMIC only, as the next */
	FV_PIECES,
	FV_CONG_MAP,
	FV_POINTS,
};

/* The @nth use from now on, and those after it, @times in all. */
struct fv_fault {
	u32 nth = 0; /* 0: none */
	u32 times = 1;
	u32 uses = 0;
};

/* Memory that a device reaches; its lock. */
struct fv_map {
	fv_map *next;
	u64 addr;
	u32 len;
	u8 direction; /* fv_to_device ... */
	u32 posted; /* work requests that refer to it */
	u64 cpu[5]; /* what the CPU has, and what the device has written, in units of 16 bytes */
	u64 dirty[5];
	rv_mr *mr; /* a peer reaches it by that one */
};

/* A scatter list that is mapped, perhaps to fewer entries. */
struct fv_list {
	fv_list *next;
	const scatterlist *base;
	u32 nr, mapped;
	bool to_device;
	rv_sge sge[];
};

constexpr u8 fv_to_device = 0, fv_from_device = 1, fv_both = 2;

struct rv_device {
	u32 index;
	u32 refs;
	bool present; /* told to the transport, and not removed */
	rv_limits limits;
	void *user;
};

struct fv_send {
	rv_wr wr;
	rv_sge sge[fv_most_sge];
};

/* A queue pair with its completion queues. */
struct rv_queues {
	list_head item;
	rv_device *dev;
	rdma_cm_id *id;
	void *user;
	rv_sizes sizes;
	ib_tasklet *tasklet;
	rv_queues *peer; /* joined to it */
	bool failed, silenced, destroyed;
	bool held; /* what is joined: nothing moves */

	/* positions that only grow; lock */
	fv_send *sends;
	u64 posted, done, retired; /* retired: the transport has seen a completion of it */
	rv_recv *recvs;
	u64 recv_posted, recv_done, recv_retired;
	rv_wc *send_wcs;
	u64 *send_wc_pos; /* of the request that it completes */
	u64 send_wc_in, send_wc_out;
	rv_wc *recv_wcs;
	u64 recv_wc_in, recv_wc_out;
	bool send_armed, recv_armed, solicited_only;
	bool event; /* the tasklet is to say that it has broken */
	u32 flush_polls; /* of a drain, until what is left is flushed */

	/* ---- what the test does. Context: P ---- */

	u32 waiting() const { return static_cast<u32>(kernel::read_once(posted) - done); }
	u32 buffers() const { return static_cast<u32>(kernel::read_once(recv_posted) - recv_done); }
	/* The request @i of those that wait. */
	const fv_send &request(u32 i) const { return sends[(done + i) % sizes.send_wr]; }
	const rv_recv &buffer_at(u32 i) const { return recvs[(recv_done + i) % sizes.recv_wr]; }
	/* The oldest one ends so. One that was not signaled is only heard of if it failed. */
	void complete(rv_status status = RV_OK);
	void complete_all(rv_status status = RV_OK);
	/* A SEND arrives: @len bytes of header and payload. False: no buffer is posted for it. */
	bool arrive(const void *header, const void *payload, u32 len, bool solicited = true);
	/* A receive ends otherwise. */
	bool arrive_as(const rv_wc &wc);
	/* What is posted ends as flushed. */
	void flush();
	/* Everything that was announced has been looked at. */
	void settle();
	/* The tasklet runs, whether anything was announced or not. */
	void poll();
	void broken();
};

/* Bytes of work request @s, in order; as many as there are and @len. Return: how many. */
u32 fv_read(const fv_send &s, void *to, u32 len);
u32 fv_bytes(const fv_send &s);

struct rv_mr {
	list_head item;
	rv_device *dev;
	u32 pages;
	u32 key;
	u8 generation;
	u16 number;
	bool registered, unknown; /* unknown: what the device thinks of it */
	u32 access; /* of enum rv_access */
	u8 *paged; /* on demand: the memory itself, else null */
	u32 posted; /* requests of ours that name it; of one that is paged */
	void *user; /* of rv_mr_free_later(), while that is held */
	scatterlist *sg; /* mapped, null: none is */
	u32 nr;
	u64 iova, length;
};

struct rdma_cm_event {
	list_head item;
	rdma_cm_id *id;
	rv_event_kind kind;
	u8 data[fv_data_bytes];
	u32 len;
	u32 initiator_depth, responder_resources;
	bool by_peer;
	s32 reject_value;
};

struct rdma_cm_id {
	list_head item;
	void *context;
	ib_mutex *handler;
	rv_device *dev; /* known from the resolution of its address on */
	rv_queues *queues;
	rdma_cm_id *remote;
	bool destroyed, requested, established, told; /* told: that it is lost */
	in6_addr laddr, faddr;
	u32 if_index;
	bool v6;
	u8 tos, sl;
	/* how often the transport has called which */
	u32 resolves, routes, connects, accepts, rejects, disconnects;
	s32 reject_value;
	/* its offer */
	u8 data[fv_data_bytes];
	u32 len;
	u8 initiator_depth, responder_resources, retry_count;
};

struct fake_verbs : kernel::pinned {
	fake_verbs();
	~fake_verbs();

	/* ---- script ---- */

	rv_device devices[fv_devices];
	u32 nr_devices = 1; /* there from the start */
	fv_fault faults[FV_POINTS];
	u32 post_takes = 0; /* work requests of a post that fails */
	bool join = false; /* entries of a scatter list that follow each other become one */
	/* what rv_queues_fail() does to what is posted */
	enum { FLUSH_AT_ONCE, FLUSH_LATE, FLUSH_NEVER } flush_mode = FLUSH_AT_ONCE;
	u32 drain_ms = ~0u; /* at most */
	u32 answer_depth = 16; /* READs under way that a far end takes, and wants */

	void fail(fv_point point, u32 nth = 1, u32 times = 1)
	{
		faults[point].nth = nth;
		faults[point].times = times;
		faults[point].uses = 0;
	}
	/* Nothing fails from now on. Return: how often it was used meanwhile. */
	u32 heal(fv_point point)
	{
		faults[point].nth = 0;
		return kernel::read_once(faults[point].uses);
	}

	/* ---- devices come and go ---- */

	int add(u32 index);
	void remove(u32 index);

	/* ---- the connection manager, by hand ---- */

	/* An id that asks the listener. Null: no memory. */
	rdma_cm_id *request_from(const in6_addr &faddr, const in6_addr &laddr, u8 tos = 0);
	/* Return: the handler's. Not 0: the id is gone. */
	int deliver(rdma_cm_id *id, rdma_cm_event &event);
	int deliver(rdma_cm_id *id, rv_event_kind kind, const void *data = nullptr, u32 len = 0);
	int reject(rdma_cm_id *id, s32 value, bool by_peer = true);
	/* The newest id that connects from here; null: none that is alive. */
	rdma_cm_id *active_id();
	u32 living_ids();
	u32 living_queues();

	/* ---- by itself ---- */

	bool start_cm();
	void stop_cm();
	/* Returns when no event is being delivered; none is until it goes on. */
	void pause_cm();
	void resume_cm();
	bool cm_runs = false, cm_stop = false;
	bool cm_hold = false; /* events wait */
	bool cm_busy = false; /* one is being delivered; lock */
	bool drop_requests = false; /* they get lost on their way */

	/* ---- what it saw ---- */

	/* what rv_mr_free_later() was given, while hold_mr_ends was set */
	void let_mrs_end();
	bool hold_mr_ends = false;
	void violate(const char *what);
	kernel::spinlock lock{KERNEL_LOCK_TEST};
	kernel::list<rdma_cm_id, &rdma_cm_id::item> ids; /* lock */
	kernel::list<rv_queues, &rv_queues::item> queues; /* lock */
	kernel::list<rv_mr, &rv_mr::item> mrs; /* lock */
	kernel::list<rdma_cm_event, &rdma_cm_event::item> events; /* lock */
	u32 violations = 0;
	const char *violation = nullptr; /* the first */
	u32 maps = 0, unmaps = 0; /* ever; lock */
	u32 syncs[2][2] = {}; /* [to device][for device] */
	u32 mr_syncs[2] = {}; /* [for device] */
	u32 unpins = 0;
	u32 posts = 0, wrs = 0; /* calls, and requests */
	u32 mr_waits = 0;
	u32 mr_allocs = 0, mr_frees = 0, registers = 0, invalidates = 0;
	u16 mr_numbers = 0;
	bool started = false, listening[2] = {};

	/* ---- its parts ---- */

	bool fails(fv_point point);
	fv_map *find(u64 addr, u32 len, u8 direction, bool exact, bool posted);
	bool map(u64 addr, u32 len, u8 direction, rv_mr *mr);
	void unmap(u64 addr, u32 len, u8 direction);
	void sync(u64 addr, u32 len, u8 direction, bool for_device);
	void post_sge(const rv_sge &sge, u8 direction);
	void unpost_sge(const rv_sge &sge, u8 direction);
	void wrote(u64 addr, u32 len, u8 direction);
	rv_mr *paged_by(const rv_sge &sge);
	rv_mr *reached(const rv_device *dev, u32 key, u64 addr, u64 len);
	rdma_cm_id *make_id(void *context);
	bool post_event(rdma_cm_id *id, rv_event_kind kind, const void *data, u32 len, u32 padded);
	void lose(rdma_cm_id *id);
	void run_cm();
	fv_map *buckets[1024] = {};
	fv_list *lists = nullptr;
	bench_thread *cm_thread = nullptr;
};

/* The one that there is. */
extern fake_verbs *fv;

in6_addr fv_addr(u32 n, bool v6 = false);
/* Memory of the test's, as a user would name it: nobody but the device can follow that. */
u64 fv_user_address(const void *p);

extern "C" {
/* ib_hooks.h */
void *fv_kernel_alloc(size_t bytes, gfp_t gfp);
int fv_kernel_pieces_alloc(bio_vec *pieces, unsigned int max, size_t bytes, gfp_t gfp);
int fv_cong_recv_map(rds_connection *conn, rds_map_reader read, void *arg, int exact);
void fv_sg_unpin(scatterlist *sg);
}
