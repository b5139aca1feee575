/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A transport that does what a test says. It takes bytes as a wire would, piece by piece, records
 * whole messages (frames), and hands them to the reverse connection and acknowledges them when the
 * test wants. It watches the core meanwhile: calls that the contract excludes are violations.
 *
 * It serves 10.99.0.0/16 in slot 0 (IB). Script members are set by the test, before traffic or
 * with traffic stopped where nothing else is said; lists and counters are under lock.
 */
#pragma once

#include "bench.h"
#include "kernel/error.h"
#include "rds.h"

constexpr u32 fake_net = 0x0a630000; /* 10.99.0.0 */
constexpr unsigned int fake_type = 0;

/* One message as it came out of the wire. */
struct fake_frame {
	list_head item;
	rds_connection *conn; /* counted: the lane that sent it */
	rds_header hdr;
	u32 len;
	bool map;
	bool ack_required;
	bool retransmitted;
	u8 *data; /* may be from vmalloc */
};

struct fake_transport;

/* The transport's part of a connection. Counters are read by tests without a lock. */
struct fake_conn {
	list_head item;
	fake_transport *fake;
	rds_connection *conn;
	rds_connection *reverse; /* counted, while connected; NULL: the peer is far away */
	u32 xmitting; /* calls in xmit and its kin right now: never two */
	u32 managing; /* in conn_connect or conn_shutdown */
	u32 receiving; /* in recv: never two */
	bool connected;
	bool connecting; /* conn_connect returned 0, outcome pending */
	bool bracketed;
	/* the message on the wire */
	rds_message *current;
	u32 hdr_off, sg, off; /* as the next call must have them */
	fake_frame *partial;
	u32 filled;
	rds_message *operated; /* its operation was posted; header must follow */
	u32 connects, shutdowns, xmits, prepares;
};

enum fake_connect {
	FAKE_CONNECT_NOW, /* complete inside the call */
	FAKE_CONNECT_LATER, /* when the test calls complete() */
	FAKE_CONNECT_DROP, /* drop inside the call and return 0 */
};

struct fake_transport {
	fake_transport();

	/* ---- script ---- */

	fake_connect connect_mode = FAKE_CONNECT_NOW;
	u32 connect_failures = 0; /* of that many calls first */
	int connect_errno = -5; /* EIO */
	int alloc_errno = 0; /* of conn_alloc */

	u32 most = 0; /* bytes of one xmit call at most, but for maps; 0: all */
	s64 room = -1; /* bytes until full; below 0: never full */
	u32 errors = 0; /* that many xmit calls return error first */
	int error = 0;
	bool deliver = true; /* frames go up at once; set before connecting, or it costs a drop */
	bool ack = true; /* and are acknowledged at once */
	u32 drop_at = 0; /* drop the connection at that step, counted from 1 */

	/* Called first in each xmit. A non-zero or @handled result is that of the call. */
	int (*on_xmit)(fake_transport *f, rds_connection *conn, rds_message *rm, bool *handled);
	void (*on_bracket)(fake_transport *f, rds_connection *conn); /* xmit_prepare, _complete */
	void (*on_connect)(fake_transport *f, rds_connection *conn);
	void (*on_shutdown)(fake_transport *f, rds_connection *conn);
	int (*on_operation)(fake_transport *f, rds_connection *conn);
	void (*on_alloc)(fake_transport *f); /* conn_alloc */
	int (*on_recv)(fake_transport *f, rds_connection *conn); /* its result is that of recv */
	void *arg; /* the test's, for its hooks */
	rds_message *posted = nullptr; /* of on_operation: whose operation, and which */
	bool posted_atomic = false;

	/* ---- what the test does ---- */

	/* Outcome of a FAKE_CONNECT_LATER. */
	void complete(rds_connection *conn);
	/* Make room and tell the core. */
	void make_room(rds_connection *conn, s64 bytes);
	/* Hand up the oldest frame not yet delivered. Return: false: there is none. */
	bool deliver_one();
	void deliver_all();
	/* A message with this header has come from the peer of @conn. False: no memory. */
	bool inject(rds_connection *conn, const rds_header &hdr, const void *data);
	/* A congestion map has come from the peer of @conn. */
	int inject_map(rds_connection *conn, const u8 *bits, bool exact);
	void forget_frames();

	/* ---- what it saw ---- */

	kernel::spinlock lock{KERNEL_LOCK_TEST};
	kernel::list<fake_frame, &fake_frame::item> frames; /* not forgotten; lock */
	u32 nr_frames = 0; /* ever */
	u32 delivered = 0; /* of frames, from the front; lock */
	kernel::list<fake_conn, &fake_conn::item> conns; /* lock */
	u32 allocs = 0, frees = 0, incs = 0;
	u32 recvs = 0;
	u32 xmits = 0, connects = 0, shutdowns = 0, operations = 0, steps = 0;
	u32 violations = 0;
	const char *violation = nullptr; /* the last one */

	/* With t_xmit_atomic nothing here may wait for memory. */
	gfp_t gfp() const { return trans.t_xmit_atomic ? kernel::gfp_atomic : kernel::gfp_kernel; }

	rds_transport trans;
};

fake_conn *fake_of(rds_connection *conn);
/* Times that the exit hook of a fake transport was called, ever. */
u32 fake_exits();
/* IPv4 address @n of the fake network, mapped. */
in6_addr fake_addr(u32 n);
