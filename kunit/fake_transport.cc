// SPDX-License-Identifier: GPL-2.0
/*
 * The scripted transport of the suites: see fake_transport.h. The core calls it as
 * include/rds/transport.h says; its own lock is a leaf, but for lists of frames.
 */
#include "fake_transport.h"

#include <linux/errno.h>

namespace {

constinit u32 exits = 0;

void violate(fake_transport *f, const char *what)
{
	kernel::add_return(f->violations, 1u);
	kernel::write_once(f->violation, what);
}

/* A point at which the connection may be lost. */
void step(fake_transport *f, rds_connection *conn)
{
	u32 n = kernel::add_return(f->steps, 1u);
	if (f->drop_at && n == f->drop_at)
		rds_conn_drop_why(conn, RDS_WHY_transport_error);
}

void free_frame(fake_frame *frame)
{
	if (!frame)
		return;
	kernel_big_free(frame->data);
	rds_conn_put(frame->conn);
	kernel::destroy(frame);
}

/*
 * ---- incomings ----
 */

struct fake_inc {
	rds_incoming inc;
	fake_transport *fake;
	u8 *data;
};

fake_inc *of(rds_incoming *inc)
{
	return kernel::container<fake_inc, rds_incoming>(inc, &fake_inc::inc);
}

int inc_copy_to_user(rds_incoming *inc, iov_iter *to)
{
	return bench_to_iter(of(inc)->data, inc->i_len, to);
}

void inc_free(rds_incoming *inc)
{
	fake_inc *fi = of(inc);
	kernel::add_return(fi->fake->incs, ~0u);
	kernel_free(fi->data);
	kernel::destroy(fi);
}

/* kvmalloc()ed data could not be freed in softirq; 4 MiB is the largest that kmalloc() has. */
fake_inc *make_inc(fake_transport *f, const rds_header &hdr, const void *data)
{
	u32 len = hdr.h_len.host();
	auto *fi = kernel::make<fake_inc>(f->gfp());
	if (!fi)
		return nullptr;
	fi->fake = f;
	if (len) {
		fi->data = static_cast<u8 *>(kernel_zalloc(len, f->gfp()));
		if (!fi->data) {
			kernel::destroy(fi);
			return nullptr;
		}
		if (data)
			__builtin_memcpy(fi->data, data, len);
	}
	kernel::add_return(f->incs, 1u);
	return fi;
}

void read_map(void *arg, unsigned int off, void *to, unsigned int len)
{
	__builtin_memcpy(to, static_cast<const u8 *>(arg) + off, len);
}

/* Return: false: no memory, try again. */
bool hand_up(fake_transport *f, rds_connection *reverse, const fake_frame *frame)
{
	if (frame->map)
		return !f->inject_map(reverse, frame->data, false);
	return f->inject(reverse, frame->hdr, frame->data);
}

/*
 * ---- connections ----
 */

int laddr_check(struct net *, __be32 addr)
{
	u32 host = kernel::be32::from_raw(addr).host();
	return host >> 16 == fake_net >> 16 ? 0 : -EADDRNOTAVAIL;
}

fake_transport *fake_of_trans(rds_connection *conn)
{
	return kernel::container<fake_transport, rds_transport>(conn->c_trans,
								&fake_transport::trans);
}

int conn_alloc(rds_connection *conn, gfp_t gfp)
{
	fake_transport *f = fake_of_trans(conn);
	bench_may_sleep();
	if (f->on_alloc)
		f->on_alloc(f);
	if (f->alloc_errno)
		return f->alloc_errno;
	auto *fc = kernel::make<fake_conn>(gfp);
	if (!fc)
		return -ENOMEM;
	fc->fake = f;
	fc->conn = conn;
	conn->c_transport_data = fc;
	kernel::add_return(f->allocs, 1u);
	kernel::guard hold(f->lock);
	f->conns.push_back(fc);
	return 0;
}

void conn_free(void *data)
{
	auto *fc = static_cast<fake_conn *>(data);
	fake_transport *f = fc->fake;
	bench_may_sleep(); /* X5 */
	if (fc->connected || fc->connecting)
		violate(f, "conn_free without conn_shutdown");
	if (fc->xmitting || fc->managing || fc->receiving)
		violate(f, "conn_free during another call");
	kernel::add_return(f->frees, 1u);
	{
		kernel::guard hold(f->lock);
		f->conns.remove(fc);
	}
	kernel::destroy(fc);
}

/* Connecting and shutting down, one at a time, without xmit and recv. */
struct managing_call : kernel::pinned {
	explicit managing_call(fake_conn *c) : fc(c)
	{
		bench_may_sleep();
		if (kernel::add_return(fc->managing, 1u) != 1)
			violate(fc->fake, "conn_connect or conn_shutdown twice at once");
		if (kernel::read_once(fc->xmitting))
			violate(fc->fake, "conn_connect or conn_shutdown during xmit");
		if (kernel::read_once(fc->receiving))
			violate(fc->fake, "conn_connect or conn_shutdown during recv");
	}
	~managing_call() { kernel::add_return(fc->managing, ~0u); }
	fake_conn *fc;
};

/* Data that was not whole is lost with the connection. */
void lose_partial(fake_conn *fc)
{
	free_frame(fc->partial);
	fc->partial = nullptr;
	fc->current = fc->operated = nullptr;
	fc->hdr_off = fc->sg = fc->off = fc->filled = 0;
}

int begin_connect(fake_transport *f, fake_conn *fc)
{
	rds_connection *conn = fc->conn;
	step(f, conn);
	if (f->on_connect)
		f->on_connect(f, conn);
	if (f->connect_failures) {
		f->connect_failures--;
		return f->connect_errno;
	}
	/* what is not delivered goes to a far host, which has no peers here */
	rds_connection *reverse = f->deliver ? rds_conn_reverse(conn) : nullptr;
	if (int err = kernel::pointer_error(reverse))
		return err;
	fc->reverse = reverse;
	kernel::write_once(fc->connecting, true);
	return 0;
}

int conn_connect(rds_connection *conn)
{
	fake_transport *f = fake_of_trans(conn);
	fake_conn *fc = fake_of(conn);
	int err;
	{
		managing_call call(fc);
		kernel::add_return(f->connects, 1u);
		fc->connects++;
		if (fc->connected || fc->connecting)
			violate(f, "conn_connect without conn_shutdown");
		err = begin_connect(f, fc);
	}
	/* an outcome may already let the core send: not part of the call any more */
	if (!err && f->connect_mode == FAKE_CONNECT_NOW)
		f->complete(conn);
	else if (!err && f->connect_mode == FAKE_CONNECT_DROP)
		rds_conn_drop_why(conn, RDS_WHY_connect_failed);
	bench_wake();
	return err;
}

void conn_shutdown(rds_connection *conn)
{
	fake_transport *f = fake_of_trans(conn);
	fake_conn *fc = fake_of(conn);
	{
		managing_call call(fc);
		kernel::add_return(f->shutdowns, 1u);
		fc->shutdowns++;
		if (f->on_shutdown)
			f->on_shutdown(f, conn);
		if (fc->bracketed)
			violate(f, "conn_shutdown between xmit_prepare and xmit_complete");
		lose_partial(fc);
		fc->connected = fc->connecting = false;
		if (fc->reverse)
			rds_conn_put(fc->reverse);
		fc->reverse = nullptr;
	}
	bench_wake();
}

/*
 * ---- transmit ----
 */

/* What xmit and its kin have in common: never two on one connection. */
struct xmit_call : kernel::pinned {
	explicit xmit_call(rds_connection *conn) : fc(fake_of(conn))
	{
		if (kernel::add_return(fc->xmitting, 1u) != 1)
			violate(fc->fake, "two in xmit of one connection");
		if (kernel::read_once(fc->managing))
			violate(fc->fake, "xmit during conn_connect or conn_shutdown");
		if (!fc->connected)
			violate(fc->fake, "xmit on a connection that is not up");
	}
	~xmit_call() { kernel::add_return(fc->xmitting, ~0u); }
	fake_conn *fc;
};

void xmit_prepare(rds_connection *conn)
{
	xmit_call call(conn);
	if (call.fc->bracketed)
		violate(call.fc->fake, "xmit_prepare twice");
	call.fc->bracketed = true;
	call.fc->prepares++;
	if (call.fc->fake->on_bracket)
		call.fc->fake->on_bracket(call.fc->fake, conn);
	step(call.fc->fake, conn);
}

void xmit_complete(rds_connection *conn)
{
	xmit_call call(conn);
	if (!call.fc->bracketed)
		violate(call.fc->fake, "xmit_complete without xmit_prepare");
	if (call.fc->fake->on_bracket)
		call.fc->fake->on_bracket(call.fc->fake, conn);
	call.fc->bracketed = false;
	step(call.fc->fake, conn);
}

u32 left_of(const fake_conn *fc, const rds_message *rm)
{
	return RDS_HEADER_BYTES + rm->m_len - fc->filled;
}

/* Is this call the continuation of the one before? */
void check_continuation(fake_conn *fc, rds_message *rm, u32 hdr_off, u32 sg, u32 off)
{
	fake_transport *f = fc->fake;
	if (!fc->bracketed)
		violate(f, "xmit outside xmit_prepare and xmit_complete");
	if (fc->current && fc->current != rm)
		violate(f, "another message before the last one was finished");
	if (hdr_off != fc->hdr_off || sg != fc->sg || off != fc->off)
		violate(f, "xmit does not go on where it stopped");
	if (hdr_off < RDS_HEADER_BYTES && (sg || off))
		violate(f, "payload before the header was out");
	if (rm->m_inc.i_hdr.h_len.host() != rm->m_len)
		violate(f, "header and payload disagree about the length");
}

fake_frame *begin_frame(rds_connection *conn, rds_message *rm)
{
	fake_transport *f = fake_of(conn)->fake;
	auto *frame = kernel::make<fake_frame>(f->gfp());
	if (!frame)
		return nullptr;
	if (rm->m_len) {
		void *room = f->trans.t_xmit_atomic ? kernel_zalloc(rm->m_len, f->gfp())
						    : kernel_big_zalloc(rm->m_len);
		frame->data = static_cast<u8 *>(room);
		if (!frame->data) {
			kernel::destroy(frame);
			return nullptr;
		}
	}
	rds_conn_get(conn);
	frame->conn = conn;
	frame->len = rm->m_len;
	frame->map = rm->m_flags & RDS_MSG_MAP;
	frame->ack_required = rm->m_ack_required;
	frame->retransmitted = rm->m_retransmitted;
	if (rm->m_retransmitted)
		rm->m_inc.i_hdr.h_flags |= RDS_FLAG_RETRANSMITTED;
	return frame;
}

/* Take @n bytes as a wire does: header bytes, then payload of one piece after the other. */
void take(fake_conn *fc, rds_message *rm, u32 n)
{
	u8 *hdr = reinterpret_cast<u8 *>(&fc->partial->hdr);
	const u8 *from = reinterpret_cast<const u8 *>(&rm->m_inc.i_hdr);
	for (; n && fc->hdr_off < RDS_HEADER_BYTES; n--, fc->hdr_off++, fc->filled++)
		hdr[fc->hdr_off] = from[fc->hdr_off];
	while (n) {
		const bio_vec &piece = rm->m_pieces[fc->sg];
		u32 part = piece.bv_len - fc->off;
		if (part > n)
			part = n;
		bench_from_piece(fc->partial->data + fc->filled - RDS_HEADER_BYTES, &piece, fc->off,
				 part);
		fc->off += part;
		fc->filled += part;
		n -= part;
		if (fc->off == piece.bv_len) {
			fc->sg++;
			fc->off = 0;
		}
	}
}

/* The last byte is out. */
void finish_frame(fake_conn *fc)
{
	fake_transport *f = fc->fake;
	fake_frame *frame = fc->partial;
	bool up = f->deliver && fc->reverse && rds_conn_alive(fc->reverse) &&
		  hand_up(f, fc->reverse, frame);
	bool lost = f->deliver && !up; /* as a wire that broke after the last byte */
	bool data = !frame->map;
	u64 sequence = frame->hdr.h_sequence.host();
	fc->partial = nullptr;
	lose_partial(fc);
	{
		kernel::guard hold(f->lock);
		f->frames.push_back(frame);
		kernel::write_once(f->nr_frames, f->nr_frames + 1);
		f->delivered += up || lost;
	}
	if (up && data && f->ack)
		rds_send_drop_acked(fc->conn, sequence, nullptr);
	if (lost)
		rds_conn_drop_why(fc->conn, RDS_WHY_peer_closed);
	bench_wake();
}

/* Return: bytes that this call takes; 0 or an errno as xmit. */
int allowance(fake_transport *f, const fake_conn *fc, const rds_message *rm)
{
	if (f->errors) {
		f->errors--;
		return f->error;
	}
	s64 n = left_of(fc, rm);
	if (f->most && n > f->most && !(rm->m_flags & RDS_MSG_MAP))
		n = f->most;
	s64 room = kernel::read_once(f->room);
	if (room >= 0 && n > room)
		n = room;
	if (room >= 0)
		kernel::write_once(f->room, room - n);
	return static_cast<int>(n);
}

int xmit(rds_connection *conn, rds_message *rm, unsigned int hdr_off, unsigned int sg,
	 unsigned int off)
{
	xmit_call call(conn);
	fake_conn *fc = call.fc;
	fake_transport *f = fc->fake;
	kernel::add_return(f->xmits, 1u);
	fc->xmits++;
	check_continuation(fc, rm, hdr_off, sg, off);
	step(f, conn);
	if (f->on_xmit) {
		bool handled = false;
		int ret = f->on_xmit(f, conn, rm, &handled);
		if (ret || handled)
			return ret;
	}
	int n = allowance(f, fc, rm);
	if (n <= 0) {
		bench_wake();
		return n;
	}
	if (!fc->partial)
		fc->partial = begin_frame(conn, rm);
	if (!fc->partial)
		return -ENOMEM;
	fc->current = rm;
	take(fc, rm, n);
	step(f, conn);
	if (!left_of(fc, rm)) {
		finish_frame(fc);
		step(f, conn);
	}
	return n;
}

int operate(rds_connection *conn, rds_message *rm, bool atomic)
{
	xmit_call call(conn);
	fake_conn *fc = call.fc;
	fake_transport *f = fc->fake;
	if (fc->current)
		violate(f, "operation in the middle of a message");
	if (rm->m_retransmitted)
		violate(f, "operation repeated after a reconnect");
	kernel::add_return(f->operations, 1u);
	f->posted = rm;
	f->posted_atomic = atomic;
	return f->on_operation ? f->on_operation(f, conn) : 0;
}

int xmit_rdma(rds_connection *conn, rm_rdma_op *op)
{
	return operate(conn, kernel::container<rds_message, rm_rdma_op>(op, &rds_message::m_rdma),
		       false);
}

int xmit_atomic(rds_connection *conn, rm_atomic_op *op)
{
	return operate(conn,
		       kernel::container<rds_message, rm_atomic_op>(op, &rds_message::m_atomic),
		       true);
}

int recv(rds_connection *conn)
{
	fake_conn *fc = fake_of(conn);
	fake_transport *f = fc->fake;
	bench_may_sleep();
	if (kernel::add_return(fc->receiving, 1u) != 1)
		violate(f, "two in recv of one connection");
	if (kernel::read_once(fc->managing) || !kernel::read_once(fc->connected))
		violate(f, "recv on a connection that is not up");
	kernel::add_return(f->recvs, 1u);
	int ret = f->on_recv ? f->on_recv(f, conn) : 0;
	kernel::add_return(fc->receiving, ~0u);
	bench_wake();
	return ret;
}

void exit_hook()
{
	kernel::add_return(exits, 1u);
}

} // namespace

fake_conn *fake_of(rds_connection *conn)
{
	return static_cast<fake_conn *>(conn->c_transport_data);
}

u32 fake_exits()
{
	return kernel::read_once(exits);
}

in6_addr fake_addr(u32 n)
{
	return rds::addr_mapped(kernel::be32(fake_net + n).raw());
}

fake_transport::fake_transport()
    : on_xmit(nullptr),
      on_bracket(nullptr),
      on_connect(nullptr),
      on_shutdown(nullptr),
      on_operation(nullptr),
      on_alloc(nullptr),
      on_recv(nullptr),
      arg(nullptr),
      trans{}
{
	__builtin_strcpy(trans.t_name, "fake");
	trans.t_type = fake_type;
	trans.laddr_check = laddr_check;
	trans.conn_alloc = conn_alloc;
	trans.conn_free = conn_free;
	trans.conn_connect = conn_connect;
	trans.conn_shutdown = conn_shutdown;
	trans.xmit_prepare = xmit_prepare;
	trans.xmit_complete = xmit_complete;
	trans.xmit = xmit;
	trans.xmit_rdma = xmit_rdma;
	trans.xmit_atomic = xmit_atomic;
	trans.recv = recv;
	trans.inc_copy_to_user = inc_copy_to_user;
	trans.inc_free = inc_free;
	trans.exit = exit_hook;
}

void fake_transport::complete(rds_connection *conn)
{
	fake_conn *fc = fake_of(conn);
	kernel::write_once(fc->connected, true);
	kernel::write_once(fc->connecting, false);
	step(this, conn);
	rds_connect_complete(conn);
	step(this, conn);
}

void fake_transport::make_room(rds_connection *conn, s64 bytes)
{
	kernel::write_once(room, bytes);
	rds_send_kick(conn);
}

bool fake_transport::inject(rds_connection *conn, const rds_header &hdr, const void *data)
{
	fake_inc *fi = make_inc(this, hdr, data);
	if (!fi)
		return false;
	rds_inc_init(&fi->inc, conn, &conn->c_faddr);
	fi->inc.i_hdr = hdr;
	rds_recv_incoming(conn, &conn->c_faddr, &conn->c_laddr, &fi->inc, gfp());
	rds_inc_put(&fi->inc);
	return true;
}

int fake_transport::inject_map(rds_connection *conn, const u8 *bits, bool exact)
{
	return rds_cong_recv_map(conn, read_map, const_cast<u8 *>(bits), exact);
}

/* One test thread delivers; frames are only forgotten by the same. */
bool fake_transport::deliver_one()
{
	fake_frame *frame;
	{
		kernel::guard hold(lock);
		frame = frames.front();
		for (u32 n = delivered; frame && n; n--)
			frame = frames.next(frame);
		if (!frame)
			return false;
		delivered++;
	}
	rds_connection *reverse = rds_conn_reverse(frame->conn);
	if (kernel::pointer_error(reverse))
		return false;
	bool done = hand_up(this, reverse, frame);
	rds_conn_put(reverse);
	return done;
}

void fake_transport::deliver_all()
{
	while (deliver_one())
		;
}

void fake_transport::forget_frames()
{
	kernel::list<fake_frame, &fake_frame::item> gone;
	{
		kernel::guard hold(lock);
		gone.splice_front(frames);
		delivered = 0;
	}
	while (fake_frame *frame = gone.pop_front())
		free_frame(frame);
}
